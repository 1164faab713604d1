"""What a use case is doing and what it learnt: monitoring, notebook, timeline, stage clock.

Reads what other packages wrote. Owns the table background_failure.
"""
