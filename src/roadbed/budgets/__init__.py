"""Money: reserved at its worst before a call, settled after it, never more than the pod said."""
