-- Names in braces are identifiers, quoted by psycopg.sql; values of a delivery request are never
-- used as identifiers.

-- name: limit
SELECT set_config('statement_timeout', %(limit)s, false)

-- name: upsert
INSERT INTO {table} ({columns}) VALUES ({values})
ON CONFLICT ({key}) DO UPDATE SET {changes}

-- name: insert_once
INSERT INTO {table} ({columns}) VALUES ({values})
ON CONFLICT ({key}) DO NOTHING

-- name: change
{column} = EXCLUDED.{column}

-- name: find
SELECT 1 FROM {table} WHERE {key} = %(key)s

-- name: remove
DELETE FROM {table} WHERE {key} = %(key)s
