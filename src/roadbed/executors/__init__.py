"""Executors: where deciders run, in threads of this process or in child processes.

Know deciders and their answers; nothing of tasks, routes or the database. Own no table.
"""
