"""Knowledge: documents read into text with positions, and cut into passages."""
