"""The stop: an epoch that only rises. A decision made in an older epoch cannot be settled."""
