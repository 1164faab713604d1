"""Insight: how a use case is doing and what it learned.

Monitoring, notebook, lessons, timeline, stage clock, failures of background work. Reads rows of
earlier stages; nothing but the surfaces reads it. Owns the table background_failure.
"""
