"""Reviews by people: queue, claim, verdict, undo, new labels, and checks of the reviewers.

May know examples and decisions. Owns the tables review, verdict, held_verdict, label and measure.
"""
