"""Halts: stop use cases at once, resume with two people. Each move raises the halt epoch.

A decision of an older epoch cannot be settled. May know people and audit. Owns the table halt.
"""
