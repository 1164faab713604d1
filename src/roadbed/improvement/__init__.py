"""Improvement: proposals from corrections (mining, prompt optimization), training of candidates.

Knows examples, decisions and use cases; ``releases`` puts candidates in service. Owns the table
proposal.
"""
