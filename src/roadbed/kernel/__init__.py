"""Kernel: ids, clock, errors, settings, JSON and figures, for use in every package.

Imports no other package of Roadbed and does no I/O. Owns no table.
"""
