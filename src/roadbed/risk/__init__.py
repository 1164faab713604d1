"""The statistics of the guarantee: pure functions, no I/O. Method and sources: ``docs/explanation``."""
