"""Immutable versions: stored whole, named by content, compared, deployed in this process.

May know deciders, examples and evaluations. Owns the tables version, behaviour and artifact.
"""
