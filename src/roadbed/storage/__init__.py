"""PostgreSQL: the embedded server, the pool, migrations and the group-commit writer."""
