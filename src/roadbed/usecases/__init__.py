"""What a pod declares: the use case, its people, limits and decider."""
