"""A version on its way into service: gate, sign-offs, shadow, canary, live, rollback.

May know versions and the guarantee. Owns the tables release, sign_off and stage_event.
"""
