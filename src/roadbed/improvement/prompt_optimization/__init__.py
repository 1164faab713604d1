"""The search for a better prompt text, on `learn` examples and within a budget."""
