"""Statistics of the guarantee: certificates, the running audit, sampling, tests and intervals.

Pure functions and records of arrays; no I/O, clock or randomness. Imports nothing but the kernel.
Owns no table.
"""
