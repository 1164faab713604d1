"""Classifies text: words and characters, a linear model, and second opinions on its answers."""
