"""Deliveries: an outbox that is written with the decision, and the relay that sends.

Knows decisions and reviews by their rows; only the relay holds connectors. Owns the tables
``delivery``, ``delivery_attempt`` and ``circuit``.
"""
