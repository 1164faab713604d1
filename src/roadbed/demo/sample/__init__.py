"""Inquiries to Fernweg Outdoor, a made-up retailer: written for this project, nobody's mail."""
