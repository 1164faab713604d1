-- name: born
-- Runs in the transaction of the verdict. The coin tossed at admission fixes the purpose for good.
INSERT INTO example (id, use_case, task_id, verdict_id, input, output, purpose, reference, origin,
                     content_hash, born_at)
SELECT item.example_id, task.use_case, task.id, verdict.id, task.input, verdict.right_output,
       CASE WHEN task.reference THEN 'judge' ELSE 'learn' END, task.reference, 'review',
       task.body_hash, verdict.given_at
FROM json_to_recordset(%(items)s::json) AS item (id text, example_id text)
JOIN verdict ON verdict.id = item.id
JOIN task ON task.id = verdict.task_id
WHERE NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = verdict.task_id)
ON CONFLICT DO NOTHING

-- name: withdraw
UPDATE example SET withdrawn_at = %(at)s WHERE verdict_id = %(verdict_id)s

-- name: import_folder
INSERT INTO example (id, use_case, input, output, purpose, reference, origin, content_hash, born_at)
SELECT id, %(use_case)s, input, output, purpose, reference, 'folder', content_hash, born_at
FROM json_to_recordset(%(items)s::json) AS item (
    id text, input jsonb, output jsonb, purpose text, reference boolean, content_hash text,
    born_at timestamptz)
ON CONFLICT DO NOTHING
RETURNING id

-- name: in_use
SELECT example.id, example.input, output, purpose, example.reference, born_at, false AS overdue,
       coalesce(task.admitted_at, born_at) AS drawn_at
FROM example LEFT JOIN task ON task.id = example.task_id
WHERE example.use_case = %(use_case)s AND purpose = %(purpose)s AND withdrawn_at IS NULL
ORDER BY example.id

-- name: overdue
-- Drawn for the reference sample, and without a label for too long.
SELECT task.id, task.input, NULL::jsonb AS output, task.admitted_at AS born_at, true AS overdue,
       task.admitted_at AS drawn_at
FROM review JOIN task ON task.id = review.task_id
WHERE review.use_case = %(use_case)s AND review.verdict IS NULL AND task.reference
  AND task.admitted_at < %(before)s

-- name: counts
SELECT count(*) FILTER (WHERE purpose = 'learn') AS learn,
       count(*) FILTER (WHERE purpose = 'judge') AS judge,
       count(*) FILTER (WHERE reference) AS reference
FROM example WHERE use_case = %(use_case)s AND withdrawn_at IS NULL
