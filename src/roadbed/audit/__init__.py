"""The audit log: entries in the transaction of their event, under a signed Merkle tree.

May know kernel and storage only; every package may call ``events.record``. Owns the audit_* tables.
"""
