"""Scoring: the proposed content, and the scorers that compare it with the right one.

Pure. Knows the kernel and ``risk`` only. Owns no table.
"""
