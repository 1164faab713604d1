"""Immutable versions: stored whole, named by content, compared, replayed and deployed.

May know deciders, examples, budgets and evaluations. Owns the tables version, behaviour and
artifact.
"""
