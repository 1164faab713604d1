"""A person's look at a task: queue, claim, verdict, undo."""
