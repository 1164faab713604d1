"""Decisions: the path of one task, from its admission to the commit that settles it.

Knows intake, executors and use cases; nothing of reviews, versions or releases. Owns the tables
``decision``, ``comparison`` (trials) and ``process`` (crash detection).
"""
