"""Outcomes: what later turned out to be true or happened, as other systems report it.

Knows tasks, decisions and scorers. A report never changes a verdict; it may open a review. Owns the
table ``outcome``.
"""
