"""Inputs with their right output: purpose, sets, quality.

May know use cases and scoring. Owns the table example.
"""
