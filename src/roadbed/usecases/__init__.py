"""Use cases: the declarations of a pod, and their folder.

Knows the scorers and the kernel; nothing of tasks, versions or the database. Owns no table.
"""
