"""Receipts: the joined record of one task, incidents, and erasure.

Reads the tables of all earlier stages; only the surfaces and recovery read it. Owns no table.
"""
