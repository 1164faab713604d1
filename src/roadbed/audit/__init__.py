"""The audit log: entries written with what they tell of, under a signed Merkle tree."""
