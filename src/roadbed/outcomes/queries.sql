-- name: tasks
-- not null: erased
-- The named tasks, with the answer in force: a person's, or else the decision's.
SELECT task.id, task.key, task.input, task.admitted_at, task.body_hash = 'erased' AS erased,
       decision.id IS NOT NULL AS decided, decision.output, decision.actions,
       decision.provenance, verdict.id AS verdict, verdict.right_output, verdict.right_actions,
       answer_withheld(review.blind, review.closed_at, review.verdict) AS withheld
FROM task
LEFT JOIN decision ON decision.task_id = task.id
LEFT JOIN review ON review.task_id = task.id
LEFT JOIN verdict ON verdict.id = review.verdict
WHERE task.use_case = %(use_case)s AND (task.id = ANY (%(ids)s) OR task.key = ANY (%(keys)s))

-- name: record
-- A report is evaluated against the verdict that it names. If another verdict is in force by now, nothing
-- is stored, and it is evaluated again. An erasure at the same moment waits for this, or this for it: an
-- erased task gets nothing new.
INSERT INTO outcome (id, use_case, task_id, key, body_hash, was_right, decided_right, output, note,
                     source, happened_at, verdict, reported_by, reported_at)
SELECT item.id, task.use_case, task.id, item.key, item.body_hash, item.was_right,
       item.decided_right, item.output, item.note, item.source, item.happened_at, item.verdict,
       item.reported_by, item.reported_at
FROM json_to_recordset(%(items)s::json) AS item (
    id text, task_id text, key text, body_hash text, was_right boolean, decided_right boolean,
    contradicts_itself boolean, output jsonb, note text, source text, happened_at timestamptz,
    verdict text, reported_by text, reported_at timestamptz)
JOIN task ON task.id = item.task_id AND task.body_hash <> 'erased'
JOIN decision ON decision.task_id = task.id
LEFT JOIN review ON review.task_id = task.id
WHERE review.verdict IS NOT DISTINCT FROM item.verdict AND NOT item.contradicts_itself
FOR SHARE OF task
ON CONFLICT DO NOTHING

-- name: recorded
-- The outcome of each item: the one just stored, or the earlier one with the same key.
SELECT item.id, coalesce(own.id, earlier.id) AS outcome_id,
       coalesce(own.body_hash, earlier.body_hash) AS body_hash,
       task.body_hash = 'erased' AS erased
FROM json_to_recordset(%(items)s::json) AS item (id text, use_case text, key text, task_id text)
JOIN task ON task.id = item.task_id
LEFT JOIN outcome AS own ON own.id = item.id
LEFT JOIN LATERAL (
    -- OFFSET keeps the condition on the own outcome in front: without a repeated key nothing is read.
    SELECT * FROM outcome
    WHERE own.id IS NULL AND outcome.use_case = item.use_case AND outcome.key = item.key OFFSET 0
) AS earlier ON true

-- name: outcomes
-- not null: id, task_id, use_case, right, reported_by, reported_at, withheld, input
-- One or many: those of `ids`, or of a use case; `contradicting` only if there is a verdict that they
-- could contradict. One of the two parts gives no rows; `total` and `newer` are counted once, and at
-- most so far.
WITH matching AS NOT MATERIALIZED (
    SELECT outcome.id, outcome.task_id, outcome.use_case, outcome.was_right AS "right",
           outcome.output, outcome.note, outcome.source, outcome.happened_at, outcome.reported_by,
           outcome.reported_at, outcome.withdrawn_at, outcome.withdrawn_by,
           outcome.id = newest.id AS counts, opened.id AS review,
           answer_withheld(review.blind, review.closed_at, review.verdict) AS withheld,
           verdict.id IS NOT NULL AND outcome.id = newest.id AND task.body_hash <> 'erased'
           AS judged, task.input,
           verdict.right_output, verdict.right_actions,
           CASE WHEN about.id IS NULL THEN decision.output ELSE about.right_output END
           AS about_output,
           CASE WHEN about.id IS NULL THEN decision.actions ELSE about.right_actions END
           AS about_actions
    FROM outcome
    JOIN task ON task.id = outcome.task_id
    JOIN decision ON decision.task_id = outcome.task_id
    LEFT JOIN review ON review.task_id = outcome.task_id
    LEFT JOIN verdict ON verdict.id = review.verdict
    LEFT JOIN verdict AS about ON about.id = outcome.verdict
    LEFT JOIN review AS opened ON opened.task_id = outcome.task_id AND opened.outcome = outcome.id
    LEFT JOIN LATERAL (
        SELECT id FROM outcome AS standing
        WHERE standing.task_id = outcome.task_id AND standing.withdrawn_at IS NULL
        ORDER BY reported_at DESC, id DESC LIMIT 1) AS newest ON true
    WHERE outcome.id = ANY (%(ids)s)
          AND (%(use_case)s::text IS NULL OR outcome.use_case = %(use_case)s)
       OR outcome.use_case = %(use_case)s AND %(ids)s::text[] IS NULL
          AND (%(since)s::timestamptz IS NULL OR outcome.reported_at > %(since)s)
), counts AS MATERIALIZED (
    SELECT (SELECT count(*) FROM (SELECT FROM matching LIMIT %(counted)s) AS every) AS total,
           (SELECT count(*) FROM (SELECT FROM matching WHERE id >= %(edge)s::text
                                  LIMIT %(counted)s) AS every) AS newer
)
(SELECT matching.*, number.total, number.newer FROM matching, counts AS number
 WHERE NOT %(oldest)s AND (NOT %(contradicting)s OR judged AND NOT withheld)
   AND id < coalesce(%(before)s::text, 'ouu') AND id > coalesce(%(after)s::text, '')
 ORDER BY id DESC LIMIT %(most)s)
UNION ALL
(SELECT matching.*, number.total, number.newer FROM matching, counts AS number
 WHERE %(oldest)s AND (NOT %(contradicting)s OR judged AND NOT withheld)
   AND id < coalesce(%(before)s::text, 'ouu') AND id > coalesce(%(after)s::text, '')
 ORDER BY id LIMIT %(most)s)

-- name: summary
-- not null: automatic
-- The newest outcome of each automatic answer, compared with what was decided when it was reported.
SELECT (SELECT count(*) FROM decision
        WHERE use_case = %(use_case)s AND route = 'automatic' AND decided_at > %(since)s
          AND revision = 1)
       AS automatic,
       count(*) AS reported, count(*) FILTER (WHERE withheld) AS waiting,
       count(*) FILTER (WHERE decided_right IS NOT NULL AND NOT withheld) AS told,
       count(*) FILTER (WHERE decided_right AND NOT withheld) AS "right"
FROM (
    SELECT newest.decided_right,
           review.id IS NOT NULL  -- most have no review; a look-up for each one would be slow
           AND answer_withheld(review.blind, review.closed_at, review.verdict) AS withheld
    FROM (SELECT DISTINCT ON (task_id) * FROM outcome
          WHERE use_case = %(use_case)s AND withdrawn_at IS NULL AND reported_at > %(since)s
          ORDER BY task_id, reported_at DESC, id DESC) AS newest
    JOIN decision ON decision.task_id = newest.task_id AND decision.route = 'automatic'
         AND decision.decided_at > %(since)s AND decision.revision = 1
    LEFT JOIN review ON review.task_id = newest.task_id
) AS told_of

-- name: use_case_of
SELECT use_case FROM outcome WHERE id = %(id)s

-- name: withdraw
UPDATE outcome SET withdrawn_at = %(at)s, withdrawn_by = %(by)s
WHERE id = %(id)s AND withdrawn_at IS NULL
RETURNING use_case, task_id

-- name: erase_outcome
-- A hash of a short text could be guessed, and a key may be a name.
UPDATE outcome SET output = NULL, note = NULL, source = NULL, key = NULL, body_hash = 'erased'
WHERE task_id = ANY (%(ids)s)
