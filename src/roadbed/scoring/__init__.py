"""Scoring: the content that is proposed, and the scorers that compare it with what is right.

Pure. Knows the kernel and ``risk`` only. Owns no table.
"""
