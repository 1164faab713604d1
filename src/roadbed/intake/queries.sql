-- name: admit
INSERT INTO task (id, use_case, key, body_hash, input, sent, source, reference, reference_rate,
                  admitted_at)
SELECT id, use_case, key, body_hash, input, sent, source, reference, reference_rate, admitted_at
FROM json_to_recordset(%(items)s::json) AS item (
    id text, use_case text, key text, body_hash text, input jsonb, sent jsonb, source jsonb,
    reference boolean, reference_rate double precision, admitted_at timestamptz)
ON CONFLICT DO NOTHING

-- name: born
-- A part of the statement that admits and settles in one commit. A decision made in an old epoch is
-- not stored, nor a task whose key exists already.
INSERT INTO task (id, use_case, key, body_hash, input, sent, source, reference, reference_rate,
                  admitted_at)
SELECT item.task_id, item.use_case, item.key, item.body_hash, item.input, item.sent, item.source,
       item.reference, item.reference_rate, item.admitted_at
FROM item
JOIN use_case ON use_case.name = item.use_case AND use_case.halt_epoch = item.halt_epoch
ON CONFLICT DO NOTHING
RETURNING id

-- name: hold
-- Only tasks stored in this batch: a repeated key gets no second lease.
INSERT INTO in_flight (task_id, lease_until)
SELECT item.id, now() + make_interval(secs => item.lease_seconds)
FROM json_to_recordset(%(items)s::json) AS item (id text, lease_seconds double precision)
JOIN task ON task.id = item.id
WHERE NOT EXISTS (SELECT 1 FROM decision WHERE decision.task_id = item.id)
ON CONFLICT DO NOTHING

-- name: standing
-- The task of each item: the one just stored, or the earlier one with the same key.
SELECT item.id, coalesce(own.id, earlier.id) AS task_id, earlier.body_hash, earlier.input, earlier.sent,
       earlier.source, earlier.reference, earlier.reference_rate, earlier.admitted_at
FROM json_to_recordset(%(items)s::json) AS item (id text, use_case text, key text)
LEFT JOIN task AS own ON own.id = item.id
LEFT JOIN LATERAL (
    -- OFFSET keeps the condition on the own task in front: without a repeated key nothing is read.
    SELECT * FROM task
    WHERE own.id IS NULL AND task.use_case = item.use_case AND task.key = item.key OFFSET 0
) AS earlier ON true

-- name: free_key
-- A reviewer check has a key like those of real tasks. A real task takes the key over.
UPDATE task SET key = NULL
WHERE id = %(id)s AND EXISTS (SELECT 1 FROM measure WHERE measure.task_id = task.id)
RETURNING id

-- name: standing_funded
-- The same with a budget: did the new task get its reservation?
SELECT item.id, coalesce(own.id, earlier.id) AS task_id, earlier.body_hash, earlier.input, earlier.sent,
       earlier.source, earlier.reference, earlier.reference_rate, earlier.admitted_at,
       in_flight.reserved IS NOT NULL AS funded
FROM json_to_recordset(%(items)s::json) AS item (id text, use_case text, key text)
LEFT JOIN task AS own ON own.id = item.id
LEFT JOIN in_flight ON in_flight.task_id = item.id
LEFT JOIN LATERAL (
    -- OFFSET keeps the condition on the own task in front: without a repeated key nothing is read.
    SELECT * FROM task
    WHERE own.id IS NULL AND task.use_case = item.use_case AND task.key = item.key OFFSET 0
) AS earlier ON true

-- name: take_over
UPDATE in_flight
SET attempt = attempt + 1, lease_until = now() + make_interval(secs => %(lease_seconds)s)
FROM task
WHERE task.id = in_flight.task_id AND in_flight.task_id IN (
    SELECT expired.task_id FROM in_flight AS expired
    JOIN task AS of_task ON of_task.id = expired.task_id
    WHERE expired.lease_until < now() AND of_task.use_case = ANY (%(use_cases)s)
    ORDER BY expired.lease_until LIMIT %(most)s FOR UPDATE OF expired SKIP LOCKED)
RETURNING task.id, task.use_case, task.input, task.sent, task.source, task.reference,
          task.reference_rate, task.admitted_at, task.revises, task.revision, in_flight.attempt,
          coalesce(task.key, (SELECT key FROM task AS first WHERE first.id = task.revises)) AS key

-- name: extend
UPDATE in_flight SET lease_until = now() + make_interval(secs => %(lease_seconds)s)
WHERE task_id = ANY (%(task_ids)s)

-- name: find
SELECT task.id, task.use_case, task.key, task.input, task.source, task.reference,
       task.reference_rate, task.admitted_at
FROM task WHERE id = %(id)s

-- name: first
-- not null: erased
-- The first revision of a task, locked: revisions are stored one after the other, and none while the
-- task is erased.
SELECT first.id, first.use_case, first.key, first.body_hash = 'erased' AS erased,
       EXISTS (SELECT FROM measure WHERE measure.task_id = first.id) AS measured
FROM task AS named JOIN task AS first ON first.id = coalesce(named.revises, named.id)
WHERE named.id = %(id)s
FOR UPDATE OF first

-- name: newest
SELECT id, revises, revision, body_hash, input, sent, source, admitted_at, on_revision, reference,
       reference_rate
FROM task
WHERE id = %(first)s OR revises = %(first)s
ORDER BY revision DESC LIMIT 1

-- name: revise
INSERT INTO task (id, use_case, body_hash, input, sent, source, reference, reference_rate,
                  admitted_at, revises, revision, on_revision, drawn)
VALUES (%(id)s, %(use_case)s, %(body_hash)s, %(input)s, %(sent)s, %(source)s, %(reference)s,
        %(reference_rate)s, %(admitted_at)s, %(revises)s, %(revision)s, %(rule)s,
        %(drawn)s)

-- name: hold_revision
INSERT INTO in_flight (task_id, lease_until)
VALUES (%(id)s, now() + make_interval(secs => %(lease_seconds)s))

-- name: ahead
-- Whether an earlier revision of the same task is still being decided.
SELECT task.id FROM task JOIN in_flight ON in_flight.task_id = task.id
WHERE (task.id = %(revises)s OR task.revises = %(revises)s) AND task.revision < %(revision)s

-- name: effects
-- Runs in the transaction that ends a revision, a decision or a verdict: what happens to the deliveries
-- of the revisions before it.
UPDATE task SET effects = effects_of(task.id)
FROM json_to_recordset(%(items)s::json) AS item (id text, task_id text)
JOIN decision ON decision.task_id = item.task_id
LEFT JOIN verdict ON verdict.id = item.id AND verdict.task_id = item.task_id
WHERE task.id = item.task_id AND revised_as(task.id) IS NULL
  AND CASE WHEN verdict.id IS NULL
           THEN decision.id = item.id AND decision.route <> 'review'
                AND decision.xmin = pg_current_xact_id()::xid
           ELSE decision.route <> 'automatic' AND verdict.xmin = pg_current_xact_id()::xid END

-- name: erase_task
UPDATE task SET input = '{}', sent = NULL, source = '{}', key = NULL, body_hash = 'erased'
WHERE id = ANY (%(ids)s)

-- name: release_lost
UPDATE in_flight SET reserved = NULL WHERE task_id = ANY (%(ids)s)

-- name: released
-- Only the holder of the current attempt may settle, and only in the epoch of its decision.
DELETE FROM in_flight USING item
JOIN use_case ON use_case.name = item.use_case AND use_case.halt_epoch = item.halt_epoch
WHERE in_flight.task_id = item.task_id AND in_flight.attempt = item.attempt
RETURNING item.*

-- name: stop_deciding
-- No process decides these tasks again. `charge_erased` of budgets runs before this.
DELETE FROM in_flight WHERE task_id = ANY (%(ids)s)
