"""Examples: inputs with their right output, by purpose, and their quality.

May know use cases and scoring. Owns the table example.
"""
