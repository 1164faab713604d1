"""Releases take a candidate through gate, sign-offs, shadow, canary and live, and roll it back.

May know versions, the guarantee and everything below. Owns the tables release, sign_off and
stage_event.
"""
