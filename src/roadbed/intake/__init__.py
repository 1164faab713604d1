"""Intake: tasks arrive, are checked and drawn for the sample, and are stored with a lease.

Knows use cases, budgets and storage; nothing of decisions. Owns the tables ``task`` and
``in_flight``.
"""
