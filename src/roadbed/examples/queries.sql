-- name: born
-- Runs in the transaction of the verdict. The random draw at admission fixes the purpose. A task
-- counts once as evidence, with its first input; examples of later revisions of sample tasks only
-- judge.
INSERT INTO example (id, use_case, task_id, verdict_id, input, output, actions, purpose, reference,
                     origin, content_hash, born_at)
SELECT item.example_id, task.use_case, task.id, verdict.id, task.input, verdict.right_output,
       verdict.right_actions,
       CASE WHEN task.reference THEN 'judge' ELSE 'learn' END,
       task.reference AND task.revises IS NULL, 'review',
       task.body_hash, verdict.given_at
FROM json_to_recordset(%(items)s::json) AS item (id text, example_id text)
JOIN verdict ON verdict.id = item.id
JOIN task ON task.id = verdict.task_id
WHERE NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id IN (verdict.task_id, task.revises))
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
SELECT example.id, example.input, output, purpose, example.reference, born_at
FROM example
WHERE example.use_case = %(use_case)s AND purpose = %(purpose)s AND withdrawn_at IS NULL
ORDER BY example.id

-- name: corrected_answers
-- The newest examples that teach and whose right answer was written by a person, oldest first.
SELECT id, input, output FROM (
    SELECT example.id, example.input, example.output
    FROM example LEFT JOIN verdict ON verdict.id = example.verdict_id
    WHERE example.use_case = %(use_case)s AND example.purpose = 'learn'
      AND example.withdrawn_at IS NULL AND example.output ->> 'route' = 'answer'
      AND (example.origin = 'folder' OR verdict.kind = 'correct')
    ORDER BY example.id DESC LIMIT %(most)s) AS newest
ORDER BY id

-- name: cases
-- not null: drawn_at, sorted_at, sorted_by
-- `judge` examples and all corrections of reviewers. Rows of a folder have no order of drawing, and
-- a file may be sorted: the rows of a day get a random order.
SELECT example.id, example.task_id, example.input, example.output, example.actions,
       example.purpose, example.reference, true AS labelled, false AS overdue,
       coalesce(verdict.kind IN ('correct', 'reject'), false) AS corrected,
       coalesce(task.admitted_at, example.born_at) AS drawn_at,
       CASE WHEN example.origin = 'folder' THEN date_trunc('day', example.born_at)
            ELSE coalesce(task.admitted_at, example.born_at) END AS sorted_at,
       CASE WHEN example.origin = 'folder' THEN md5(example.id) ELSE example.id END AS sorted_by
FROM example
LEFT JOIN verdict ON verdict.id = example.verdict_id AND verdict.undone_at IS NULL
LEFT JOIN task ON task.id = example.task_id
WHERE example.use_case = %(use_case)s AND example.withdrawn_at IS NULL
  AND (example.purpose = 'judge' OR verdict.kind IN ('correct', 'reject'))
ORDER BY example.id

-- name: repeated
-- Rows of a folder whose input occurs more than once in it.
SELECT id, task_id, input, output, actions, purpose, reference, true AS labelled, false AS overdue,
       false AS corrected, born_at AS drawn_at
FROM (SELECT *, count(*) OVER (PARTITION BY input) AS times FROM example
      WHERE use_case = %(use_case)s AND origin = 'folder' AND withdrawn_at IS NULL) AS example
WHERE times > 1
ORDER BY id

-- name: outside_sample
-- not null: id, input
-- Inputs that are no part of the reference sample: of the newest tasks, else rows of a folder that only
-- teach. Repeated rows of a folder count in the sample.
SELECT id, input FROM (
    (SELECT id, input, 0 AS place
     FROM (SELECT id, input, reference, revises, body_hash FROM task
           WHERE use_case = %(use_case)s ORDER BY id DESC LIMIT 1000) AS task
     WHERE NOT reference AND revises IS NULL AND body_hash <> 'erased')
    UNION ALL
    (SELECT id, input, 1
     FROM (SELECT id, input, purpose, count(*) OVER (PARTITION BY input) AS times FROM example
           WHERE use_case = %(use_case)s AND origin = 'folder' AND withdrawn_at IS NULL) AS example
     WHERE times = 1 AND purpose = 'learn')) AS outside
ORDER BY place, hashtextextended(id, 0), id LIMIT %(most)s

-- name: some_cases
-- Some of the `judge` examples, chosen by salt. The database hashes all of them and returns only
-- these.
SELECT example.id, example.task_id, example.input, example.output, example.actions,
       example.purpose, example.reference, true AS labelled, false AS overdue,
       false AS corrected, example.born_at AS drawn_at
FROM example
WHERE example.use_case = %(use_case)s AND example.purpose = 'judge'
  AND example.withdrawn_at IS NULL
ORDER BY hashtextextended(example.id, %(salt)s) LIMIT %(most)s

-- name: unlabelled
-- not null: overdue
-- Drawn for the reference sample and not labelled yet.
SELECT task.id, task.id AS task_id, task.input, NULL::jsonb AS output, NULL::jsonb AS actions,
       'judge' AS purpose, true AS reference, false AS labelled, false AS corrected,
       task.admitted_at < %(before)s AS overdue, task.admitted_at AS drawn_at,
       task.admitted_at AS sorted_at, task.id AS sorted_by
FROM review JOIN task ON task.id = review.task_id
WHERE review.use_case = %(use_case)s AND review.verdict IS NULL AND task.reference
  AND task.revises IS NULL AND task.body_hash <> 'erased'

-- name: erased
-- Drawn for the reference sample, and erased since. It stays a part of the sample, or whoever erases what
-- was found wrong would make a version look better.
SELECT task.id, task.id AS task_id, task.input, NULL::jsonb AS output, NULL::jsonb AS actions,
       'judge' AS purpose, true AS reference, false AS labelled, false AS corrected,
       true AS overdue, task.admitted_at AS drawn_at, task.admitted_at AS sorted_at,
       task.id AS sorted_by, true AS erased
FROM review JOIN task ON task.id = review.task_id
WHERE review.use_case = %(use_case)s AND task.reference AND task.revises IS NULL
  AND task.body_hash = 'erased'

-- name: judged_answers
-- not null: of_case, content_hash, loss
-- Verdicts on single answers: on decided ones, and on others that people were asked about.
SELECT coalesce(measure.of_case, verdict.task_id) AS of_case, verdict.content_hash, verdict.loss
FROM verdict LEFT JOIN measure ON measure.task_id = verdict.task_id
WHERE verdict.use_case = %(use_case)s AND verdict.undone_at IS NULL
  AND verdict.content_hash IS NOT NULL AND verdict.loss IS NOT NULL
ORDER BY verdict.id

-- name: counts
SELECT count(*) FILTER (WHERE purpose = 'learn') AS learn,
       count(*) FILTER (WHERE purpose = 'judge') AS judge,
       count(*) FILTER (WHERE reference) AS reference
FROM example WHERE use_case = %(use_case)s AND withdrawn_at IS NULL

-- name: written_answers
-- Right answers that people wrote, by their use. Answers of the sample never teach. Where only
-- answers with a citation teach (`cited`), the others are of no use for learning.
SELECT count(*) FILTER (WHERE use = 'prove') AS prove, count(*) FILTER (WHERE use = 'teach') AS teach,
       count(*) FILTER (WHERE use = 'unused') AS unused
FROM verdict
JOIN example ON example.verdict_id = verdict.id AND example.withdrawn_at IS NULL
CROSS JOIN LATERAL (
    SELECT CASE WHEN example.purpose = 'judge' THEN 'prove'
                WHEN NOT %(cited)s OR (example.output ->> 'route' = 'answer' AND jsonb_path_exists(
                    example.output, '$.citations[*].document', '{}', true)) THEN 'teach'
                ELSE 'unused' END AS use) AS use
WHERE verdict.use_case = %(use_case)s AND verdict.kind = 'correct' AND verdict.undone_at IS NULL

-- name: written_answer
-- not null: use
SELECT CASE WHEN example.purpose = 'judge' THEN 'prove'
            WHEN NOT %(cited)s OR (example.output ->> 'route' = 'answer' AND jsonb_path_exists(
                example.output, '$.citations[*].document', '{}', true)) THEN 'teach'
            ELSE 'unused' END AS use
FROM example
WHERE verdict_id = %(verdict_id)s AND withdrawn_at IS NULL

-- name: erase_example
UPDATE example SET input = '{}', output = NULL, actions = NULL, content_hash = id, withdrawn_at = %(at)s
WHERE task_id = ANY (%(ids)s)

-- name: late_before
-- not null: moment
SELECT late_before(%(use_case)s, make_interval(secs => %(seconds)s), %(at)s) AS moment
