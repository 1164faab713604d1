"""Use cases: what a pod declares, and the folder in which it declares it.

Knows the scorers and the kernel; nothing of tasks, versions or the database. Owns no table.
"""
