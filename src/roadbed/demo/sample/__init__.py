"""Inquiries to Fernweg Outdoor, an invented retailer: written for this project, not real mail."""
