-- name: seen
-- Verdicts on tasks outside the evidence of the guarantee; `same_code`: decided by the live code.
SELECT task.id AS task_id, task.input, decision.output AS decided, example.output AS right,
       verdict.given_at, coalesce(decision.confidence, 0.0) AS confidence,
       coalesce(made.folder_hash = live.folder_hash, false) AS same_code
FROM example
JOIN verdict ON verdict.id = example.verdict_id AND verdict.undone_at IS NULL
JOIN task ON task.id = example.task_id AND NOT task.reference
JOIN decision ON decision.task_id = task.id
JOIN use_case ON use_case.name = example.use_case
LEFT JOIN version ON version.id = decision.version
LEFT JOIN behaviour AS made ON made.hash = version.behaviour
LEFT JOIN version AS in_service ON in_service.id = use_case.live_version
LEFT JOIN behaviour AS live ON live.hash = in_service.behaviour
WHERE example.use_case = %(use_case)s AND example.purpose = 'learn'
  AND example.withdrawn_at IS NULL
ORDER BY example.id DESC LIMIT %(most)s

-- name: trained_until
SELECT behaviour.learned_until
FROM use_case
JOIN version ON version.id = use_case.live_version
JOIN behaviour ON behaviour.hash = version.behaviour
WHERE use_case.name = %(use_case)s

-- name: items
-- Without cases with an open second review, whose reviewer must not see an answer.
SELECT example.id, example.input, example.output, example.task_id, verdict.reviewer AS person,
       example.born_at
FROM example
LEFT JOIN verdict ON verdict.id = example.verdict_id
LEFT JOIN review ON review.id = verdict.review_id AND review.verdict = verdict.id
WHERE example.use_case = %(use_case)s AND example.purpose = 'learn'
  AND example.withdrawn_at IS NULL
  AND NOT answer_withheld(review.blind, review.closed_at, review.verdict)
ORDER BY example.id DESC LIMIT %(most)s

-- name: lock_proposals
SELECT pg_advisory_xact_lock(hashtext('proposals'), hashtext(%(use_case)s))

-- name: propose
-- A rejected proposal returns only with twice as many cases.
INSERT INTO proposal (id, use_case, kind, title, reason, support, cases, patch, fingerprint, rank,
                      made_at)
VALUES (%(id)s, %(use_case)s, %(kind)s, %(title)s, %(reason)s, %(support)s, %(cases)s, %(patch)s,
        %(fingerprint)s, %(rank)s, %(at)s)
ON CONFLICT (use_case, fingerprint) DO UPDATE
SET title = excluded.title, reason = excluded.reason, support = excluded.support,
    cases = excluded.cases, rank = excluded.rank, made_at = excluded.made_at,
    patch = jsonb_set(excluded.patch, '{id}', to_jsonb(proposal.id)), state = 'open',
    decided_by = NULL, decided_at = NULL, note = NULL, edited = false
WHERE proposal.state IN ('open', 'withdrawn')
   OR (proposal.state = 'rejected'
       AND (excluded.support ->> 'cases')::integer >= 2 * (proposal.support ->> 'cases')::integer)
RETURNING id

-- name: withdraw_others
UPDATE proposal SET state = 'withdrawn'
WHERE use_case = %(use_case)s AND state = 'open' AND kind <> 'prompt' AND NOT id = ANY (%(kept)s)

-- name: last_choice
SELECT (support ->> 'cases')::integer AS cases FROM proposal
WHERE use_case = %(use_case)s AND kind = 'examples' AND state IN ('accepted', 'rejected')
ORDER BY decided_at DESC LIMIT 1

-- name: proposals
-- Without cases with an open second review, whose reviewer must not see an answer.
SELECT id, use_case, kind, title, reason, support, shown.cases, patch, rank, state, made_at,
       decided_by, decided_at, note, edited
FROM proposal
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(said.one ORDER BY said.place), '[]') AS cases
    FROM jsonb_array_elements(proposal.cases) WITH ORDINALITY AS said (one, place)
    LEFT JOIN review ON review.task_id = said.one ->> 'task_id'
    WHERE NOT answer_withheld(review.blind, review.closed_at, review.verdict)) AS shown
WHERE use_case = %(use_case)s AND state = ANY (%(states)s)
ORDER BY rank DESC, (support ->> 'cases')::integer DESC, id LIMIT %(most)s

-- name: proposal
-- As above.
SELECT id, use_case, kind, title, reason, support, shown.cases, patch, rank, state, made_at,
       decided_by, decided_at, note, edited
FROM proposal
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(said.one ORDER BY said.place), '[]') AS cases
    FROM jsonb_array_elements(proposal.cases) WITH ORDINALITY AS said (one, place)
    LEFT JOIN review ON review.task_id = said.one ->> 'task_id'
    WHERE NOT answer_withheld(review.blind, review.closed_at, review.verdict)) AS shown
WHERE id = %(id)s

-- name: decide_proposal
-- Whoever edits it writes it. So does whoever accepts a change of rules or data most of whose evidence
-- is their own: corrections on which nobody else gave a verdict. Else one person would be its author
-- and sign it. An undone verdict was theirs all the same.
WITH evidence AS (
    SELECT count(*) AS cases, count(*) FILTER (WHERE judged.alone) AS own
    FROM proposal
    CROSS JOIN LATERAL jsonb_array_elements(proposal.cases) AS said (one)
    CROSS JOIN LATERAL (
        SELECT bool_or(verdict.reviewer = %(person)s)
               AND NOT bool_or(verdict.reviewer <> %(person)s AND verdict.undone_at IS NULL) AS alone
        FROM verdict WHERE verdict.task_id = said.one ->> 'task_id') AS judged
    WHERE proposal.id = %(id)s AND proposal.kind IN ('rule', 'alias', 'record', 'superseded')
      AND said.one -> 'before' IS DISTINCT FROM said.one -> 'right')
UPDATE proposal
SET state = %(state)s, decided_by = %(person)s, decided_at = %(at)s, note = %(note)s,
    edited = %(edited)s, title = %(title)s, reason = %(reason)s, support = %(support)s,
    cases = coalesce(%(cases)s, proposal.cases), patch = %(patch)s,
    written_by = CASE WHEN (%(edited)s OR (%(state)s = 'accepted' AND 2 * own > evidence.cases))
                           AND NOT %(person)s = ANY (written_by)
                      THEN array_append(written_by, %(person)s) ELSE written_by END
FROM evidence
WHERE id = %(id)s AND state = 'open'
RETURNING %(person)s = ANY (written_by) AS wrote

-- name: reopen_proposal
UPDATE proposal SET state = 'open', decided_by = NULL, decided_at = NULL, note = NULL
WHERE id = %(id)s AND state IN ('accepted', 'rejected')
RETURNING id

-- name: accepted
SELECT patch FROM proposal
WHERE use_case = %(use_case)s AND state = 'accepted' AND patch IS NOT NULL
ORDER BY decided_at, id

-- name: rejected_rules
SELECT patch, (support ->> 'cases')::integer AS cases FROM proposal
WHERE use_case = %(use_case)s AND state = 'rejected' AND kind = 'rule'

-- name: last_suggested
SELECT max(made_at) AS at FROM proposal WHERE use_case = %(use_case)s

-- name: corrections_after
SELECT count(*) AS n FROM verdict
WHERE use_case = %(use_case)s AND id > %(after)s AND undone_at IS NULL AND NOT agrees
  AND NOT EXISTS (SELECT FROM measure WHERE measure.task_id = verdict.task_id)

-- name: proposal_use_case
SELECT use_case FROM proposal WHERE id = %(id)s

-- name: search_alone
SELECT pg_try_advisory_lock(hashtext('prompt search'), hashtext(%(use_case)s)) AS alone

-- name: erase_choice
-- Examples chosen for a prompt are whole inputs: the choice is deleted, and a new one can be made.
UPDATE proposal SET state = 'withdrawn', patch = NULL, cases = '[]'
WHERE kind = 'examples' AND EXISTS (
    SELECT FROM jsonb_array_elements(cases) AS each WHERE each ->> 'task_id' = ANY (%(ids)s))

-- name: erase_proposal
UPDATE proposal SET cases = (
    SELECT coalesce(jsonb_agg(each), '[]') FROM jsonb_array_elements(cases) AS each
    WHERE each ->> 'task_id' <> ALL (%(ids)s))
WHERE kind <> 'examples' AND EXISTS (
    SELECT FROM jsonb_array_elements(cases) AS each WHERE each ->> 'task_id' = ANY (%(ids)s))
