"""Versions: made of a folder and what was learnt, proven by a certificate, taken live."""
