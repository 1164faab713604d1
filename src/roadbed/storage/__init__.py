"""Storage: embedded PostgreSQL, connection pool, migrations and the group-commit writer.

Knows the kernel only, and no table of a stage. Owns the schema, not its rows.
"""
