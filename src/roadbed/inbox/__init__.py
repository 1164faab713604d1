"""Inbox: one list of what waits for whom, and the feed of notices.

May know every stage, the guarantee and releases; no stage knows it. Owns no table: an action item
is read from the row that causes it.
"""
