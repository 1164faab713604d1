"""The joined record of one task: everything that is known about it, on one page."""
