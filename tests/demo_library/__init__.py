"""Writes the library of the demo: documents of a made-up company, in the formats of an office."""
