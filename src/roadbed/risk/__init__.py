"""The statistics of the guarantee: pure functions, no I/O."""
