-- name: guard
-- Shared with other settlements, exclusive against a halt (halts/queries.sql takes the same lock).
SELECT pg_advisory_xact_lock_shared(hashtext('halt'), hashtext(use_case))
FROM (SELECT DISTINCT use_case
      FROM json_to_recordset(%(items)s::json) AS item (use_case text) ORDER BY 1) AS named

-- The next ones are parts of one statement (transactions.py): `item` is the batch, `fresh` the part of it
-- that is written in this transaction. If a batch is sent twice, `fresh` is empty the second time.

-- name: decided_items
SELECT * FROM json_to_recordset(%(items)s::json) AS item (
        id text, task_id text, use_case text, version text, certificate text, route text,
        reason_code text, reason text, rule text, output jsonb, confidence double precision,
        threshold double precision, evidence jsonb, cost numeric, attempt integer, actions jsonb,
        provenance jsonb, content_hash text, effect_hash text, output_hash text, decided_at timestamptz,
        decide_seconds double precision, halt_epoch bigint, deliveries jsonb, sends_actions boolean,
        review_id text, blind boolean, priority integer)

-- name: whole_items
-- The same with the task itself, if it is admitted and settled in one commit.
SELECT * FROM json_to_recordset(%(items)s::json) AS item (
        id text, task_id text, use_case text, version text, certificate text, route text,
        reason_code text, reason text, rule text, output jsonb, confidence double precision,
        threshold double precision, evidence jsonb, cost numeric, attempt integer, actions jsonb,
        provenance jsonb, content_hash text, effect_hash text, output_hash text, decided_at timestamptz,
        decide_seconds double precision, halt_epoch bigint, deliveries jsonb, sends_actions boolean,
        review_id text, blind boolean, priority integer,
        key text, body_hash text, input jsonb, sent jsonb, source jsonb, reference boolean,
        reference_rate double precision, admitted_at timestamptz)

-- name: born_here
-- Looked up in a hash table: a join would compare every item with every other.
SELECT * FROM item WHERE (task_id IN (SELECT id FROM born)) IS TRUE

-- name: record
INSERT INTO decision (
    id, task_id, use_case, version, certificate, route, reason_code, reason, rule, output,
    confidence, threshold, evidence, cost, attempt, decided_at, decide_seconds, halt_epoch, actions,
    provenance, content_hash, effect_hash, output_hash)
SELECT id, task_id, use_case, version, certificate, route, reason_code, reason, rule, output,
       confidence, threshold, evidence, cost, attempt, decided_at, decide_seconds, halt_epoch, actions,
       provenance, content_hash, effect_hash, output_hash
FROM fresh

-- name: settled_at_once
-- Stored now, or by a first attempt that lost its connection during the commit.
SELECT id FROM fresh
UNION ALL
SELECT item.id FROM item
JOIN decision ON decision.task_id = item.task_id AND decision.id = item.id

-- name: fresh_of_revision
-- The decisions that an earlier statement of the same transaction recorded.
SELECT item.* FROM item
JOIN decision ON decision.task_id = item.task_id AND decision.id = item.id

-- name: revised
UPDATE decision SET revision = task.revision
FROM json_to_recordset(%(items)s::json) AS item (id text, task_id text)
JOIN task ON task.id = item.task_id
WHERE decision.task_id = item.task_id AND decision.id = item.id
  AND decision.revision <> task.revision  -- not by a batch that is sent a second time

-- name: settled
SELECT item.id, decision.id AS decision_id, use_case.halt_epoch, in_flight.attempt
FROM json_to_recordset(%(items)s::json) AS item (id text, task_id text, use_case text)
JOIN use_case ON use_case.name = item.use_case
LEFT JOIN decision ON decision.task_id = item.task_id
LEFT JOIN in_flight ON in_flight.task_id = item.task_id

-- name: compare
INSERT INTO comparison (
    task_id, release, use_case, decided_by, live_output, live_actions, live_content,
    live_confidence, live_route, live_reason, live_seconds, live_cost, candidate_output,
    candidate_actions, candidate_content, candidate_confidence, candidate_route, candidate_reason,
    candidate_seconds, candidate_cost, at)
SELECT task_id, release, use_case, decided_by, live_output, live_actions, live_content,
       live_confidence, live_route, live_reason, live_seconds, live_cost, candidate_output,
       candidate_actions, candidate_content, candidate_confidence, candidate_route,
       candidate_reason, candidate_seconds, candidate_cost, at
FROM json_to_recordset(%(items)s::json) AS item (
    task_id text, release text, use_case text, decided_by text, live_output jsonb,
    live_actions jsonb, live_content text, live_confidence double precision, live_route text,
    live_reason text, live_seconds double precision, live_cost numeric, candidate_output jsonb,
    candidate_actions jsonb, candidate_content text, candidate_confidence double precision,
    candidate_route text, candidate_reason text, candidate_seconds double precision,
    candidate_cost numeric, at timestamptz)
ON CONFLICT DO NOTHING

-- name: compared
SELECT item.id FROM json_to_recordset(%(items)s::json) AS item (id text)

-- name: number
-- The lock comes first, so that a row without its lock belongs to a process that has ended.
SELECT number, pg_advisory_lock(hashtext('process'), number)
FROM (SELECT nextval('process_number')::integer AS number) AS given

-- name: mark
INSERT INTO process (number, machine, address) VALUES (%(number)s, %(machine)s, %(address)s)

-- name: addresses
-- Addresses of processes that hold their lock, the newest first.
SELECT address FROM process
WHERE machine = %(machine)s AND address IS NOT NULL AND lost_at IS NULL
  AND NOT pg_try_advisory_xact_lock_shared(hashtext('process'), number)
ORDER BY started_at DESC

-- name: unmark
DELETE FROM process WHERE number = %(number)s

-- name: notice
UPDATE process SET lost_at = now()
WHERE lost_at IS NULL AND number <> %(number)s
  AND pg_try_advisory_xact_lock(hashtext('process'), number)

-- name: lost
SELECT EXISTS (SELECT FROM process
               WHERE lost_at > now() - make_interval(secs => %(seconds)s)) AS lost

-- name: forget
DELETE FROM process WHERE lost_at < now() - interval '1 day'

-- name: interrupted
SELECT body_hash FROM task
WHERE id IN (SELECT task_id FROM in_flight WHERE attempt > 1)
   OR id IN (SELECT task_id FROM decision WHERE reason_code = 'interrupted' OR attempt > 1
             ORDER BY decided_at DESC LIMIT 10000)

-- name: find
SELECT * FROM decision WHERE task_id = %(task_id)s

-- name: erase_decision
-- A hash of a short text could be guessed.
UPDATE decision SET output = NULL, evidence = '{}', reason = 'erased', actions = NULL,
                    provenance = NULL, content_hash = NULL, effect_hash = NULL, output_hash = NULL
WHERE task_id = ANY (%(ids)s)

-- name: erase_comparison
UPDATE comparison SET live_output = NULL, live_actions = NULL, live_content = NULL,
                      candidate_output = NULL, candidate_actions = NULL, candidate_content = NULL
WHERE task_id = ANY (%(ids)s)
