"""Backup, restore, and the declaration of a restore, which repeats what must not be undone.

May know audit, halts, people and receipts. Owns the tables restoration and roadbed.
"""
