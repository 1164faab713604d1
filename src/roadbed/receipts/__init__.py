"""Receipts: the joined record of one task; incidents; erasure of a task's content.

May know every stage before it and reads their tables. Owns no table: erasure runs queries of the
owners.
"""
