"""Differences between two versions in sentences and lines. Pure; owns no table."""
