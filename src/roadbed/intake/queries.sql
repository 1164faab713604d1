-- name: admit
INSERT INTO task (id, use_case, key, body_hash, input, source, reference, reference_rate, admitted_at)
SELECT id, use_case, key, body_hash, input, source, reference, reference_rate, admitted_at
FROM json_to_recordset(%(items)s::json) AS item (
    id text, use_case text, key text, body_hash text, input jsonb, source jsonb,
    reference boolean, reference_rate double precision, admitted_at timestamptz)
ON CONFLICT DO NOTHING

-- name: born
-- A part of the statement that admits and settles at once. What was decided in an epoch that is over
-- is not born, nor what comes under a key that stands already.
INSERT INTO task (id, use_case, key, body_hash, input, source, reference, reference_rate, admitted_at)
SELECT item.task_id, item.use_case, item.key, item.body_hash, item.input, item.source, item.reference,
       item.reference_rate, item.admitted_at
FROM item
JOIN use_case ON use_case.name = item.use_case AND use_case.halt_epoch = item.halt_epoch
ON CONFLICT DO NOTHING
RETURNING id

-- name: hold
-- Only tasks born in this very batch: a repeated key gets no second lease.
INSERT INTO in_flight (task_id, lease_until)
SELECT item.id, now() + make_interval(secs => item.lease_seconds)
FROM json_to_recordset(%(items)s::json) AS item (id text, lease_seconds double precision)
JOIN task ON task.id = item.id
WHERE NOT EXISTS (SELECT 1 FROM decision WHERE decision.task_id = item.id)
ON CONFLICT DO NOTHING

-- name: standing
-- What stands for each item: the task just stored, or the earlier one under the same key.
SELECT item.id, coalesce(own.id, earlier.id) AS task_id, earlier.body_hash, earlier.input,
       earlier.source, earlier.reference, earlier.reference_rate, earlier.admitted_at
FROM json_to_recordset(%(items)s::json) AS item (id text, use_case text, key text)
LEFT JOIN task AS own ON own.id = item.id
LEFT JOIN task AS earlier
    ON own.id IS NULL AND earlier.use_case = item.use_case AND earlier.key = item.key

-- name: free_key
-- A case that measures reviewers has a key like those of the work. Whoever really sends it, gets it.
UPDATE task SET key = NULL
WHERE id = %(id)s AND EXISTS (SELECT 1 FROM measure WHERE measure.task_id = task.id)
RETURNING id

-- name: standing_funded
-- The same where there is a budget: did the new task get its reservation?
SELECT item.id, coalesce(own.id, earlier.id) AS task_id, earlier.body_hash, earlier.input,
       earlier.source, earlier.reference, earlier.reference_rate, earlier.admitted_at,
       in_flight.reserved IS NOT NULL AS funded
FROM json_to_recordset(%(items)s::json) AS item (id text, use_case text, key text)
LEFT JOIN task AS own ON own.id = item.id
LEFT JOIN in_flight ON in_flight.task_id = item.id
LEFT JOIN task AS earlier
    ON own.id IS NULL AND earlier.use_case = item.use_case AND earlier.key = item.key

-- name: take_over
UPDATE in_flight
SET attempt = attempt + 1, lease_until = now() + make_interval(secs => %(lease_seconds)s)
FROM task
WHERE task.id = in_flight.task_id AND in_flight.task_id IN (
    SELECT expired.task_id FROM in_flight AS expired
    JOIN task AS of_task ON of_task.id = expired.task_id
    WHERE expired.lease_until < now() AND of_task.use_case = ANY (%(use_cases)s)
    ORDER BY expired.lease_until LIMIT %(most)s FOR UPDATE OF expired SKIP LOCKED)
RETURNING task.id, task.use_case, task.key, task.input, task.source, task.reference,
          task.reference_rate, task.admitted_at, in_flight.attempt

-- name: extend
UPDATE in_flight SET lease_until = now() + make_interval(secs => %(lease_seconds)s)
WHERE task_id = ANY (%(task_ids)s)

-- name: find
SELECT task.id, task.use_case, task.key, task.input, task.source, task.reference,
       task.reference_rate, task.admitted_at
FROM task WHERE id = %(id)s
