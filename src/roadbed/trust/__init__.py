"""Whether the promise is kept: the running audit, the states it moves, what the pod is told."""
