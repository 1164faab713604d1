"""Corrections become examples, examples become candidates."""
