"""Budgets: the worst case is reserved before a call, and the cost is settled after it.

Knows people and storage only. Owns the tables budget_charge, budget_aside and budget_alert.
"""
