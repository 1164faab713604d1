"""The audit log's entries, written in the transaction of what they tell of."""
