"""Text classifier: a linear model over words and characters, checked by further base models."""
