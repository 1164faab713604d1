"""Prompted deciders: a language model answers; the parts around the call are pure."""
