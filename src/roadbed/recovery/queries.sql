-- name: open
SELECT id, how, found_at, kept, lost FROM restoration WHERE declared_at IS NULL

-- name: hold
SELECT id, how, found_at, kept, lost FROM restoration WHERE declared_at IS NULL FOR UPDATE

-- name: found
INSERT INTO restoration (id, how, kept, lost, lost_note)
VALUES (%(id)s, 'behind', %(kept)s, %(lost)s, %(note)s)
ON CONFLICT DO NOTHING
RETURNING id

-- name: declared_about
-- The number of the handover that a declaration made about a checkpoint which is not here.
SELECT kept, lost FROM restoration WHERE lost_note = %(note)s AND declared_at IS NOT NULL

-- name: declare
UPDATE restoration
SET declared_at = %(at)s, declared_by = %(by)s, reason = %(reason)s, kept = %(kept)s,
    lost = %(lost)s, lost_note = %(lost_note)s
WHERE id = %(id)s

-- name: use_cases
SELECT name FROM use_case ORDER BY name

-- name: checkpoints
SELECT size, note FROM audit_checkpoint WHERE size = ANY (%(sizes)s)

-- name: newest
SELECT size, root, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1

-- name: snapshot
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: export
-- not null: snapshot, server, number, schema, entries, tasks
SELECT pg_export_snapshot() AS snapshot, current_setting('server_version') AS server,
       current_setting('server_version_num')::integer AS number,
       (SELECT version_num FROM roadbed.alembic_version) AS schema,
       (SELECT count(*) FROM roadbed.audit_entry) AS entries,
       (SELECT count(*) FROM roadbed.task) AS tasks

-- name: standing
-- not null: number, others
-- The conditions of a restore: other connections of Roadbed, and whether there is a schema.
SELECT current_setting('server_version_num')::integer AS number,
       (SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'roadbed'
          AND pid <> pg_backend_pid()) AS others,
       to_regclass('roadbed.audit_entry') IS NOT NULL AS made

-- name: in_use
-- not null: in_use
SELECT EXISTS (SELECT FROM roadbed.audit_entry) OR EXISTS (SELECT FROM roadbed.use_case)
       OR EXISTS (SELECT FROM roadbed.person) AS in_use

-- name: clear
-- Runs before the dump is loaded, in the same transaction. A backup does not hold the results of
-- steps of jobs, so the jobs in it start over; results of what is dropped must not end them.
DROP SCHEMA IF EXISTS roadbed, dbos CASCADE;

-- name: mark
-- Runs after the dump is loaded, in the same transaction: from here on the database is a copy.
INSERT INTO roadbed.restoration (id, how, kept)
SELECT 'rst_' || replace(gen_random_uuid()::text, '-', ''), 'restored',
       coalesce((SELECT max(size) FROM roadbed.audit_checkpoint), 0)
ON CONFLICT DO NOTHING;
