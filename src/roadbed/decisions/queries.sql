-- name: guard
-- Shared with other settlements, exclusive against a halt (halts/queries.sql takes the same lock).
SELECT pg_advisory_xact_lock_shared(hashtext('halt'), hashtext(use_case))
FROM (SELECT DISTINCT use_case
      FROM json_to_recordset(%(items)s::json) AS item (use_case text) ORDER BY 1) AS named

-- name: record
-- Only whoever holds the current attempt may settle, and only in the epoch it decided in.
WITH item AS (
    SELECT * FROM json_to_recordset(%(items)s::json) AS item (
        id text, task_id text, use_case text, version text, certificate text, route text,
        reason_code text, reason text, rule text, output jsonb, confidence double precision,
        threshold double precision, evidence jsonb, cost numeric, attempt integer, actions jsonb,
        provenance jsonb, content_hash text, decided_at timestamptz, decide_seconds double precision, halt_epoch bigint, revision integer)
), released AS (
    DELETE FROM in_flight USING item
    JOIN use_case ON use_case.name = item.use_case AND use_case.halt_epoch = item.halt_epoch
    WHERE in_flight.task_id = item.task_id AND in_flight.attempt = item.attempt
    RETURNING item.*
)
INSERT INTO decision (
    id, task_id, use_case, version, certificate, route, reason_code, reason, rule, output,
    confidence, threshold, evidence, cost, attempt, decided_at, decide_seconds, halt_epoch, actions,
    provenance, content_hash, revision)
SELECT id, task_id, use_case, version, certificate, route, reason_code, reason, rule, output,
       confidence, threshold, evidence, cost, attempt, decided_at, decide_seconds, halt_epoch, actions,
       provenance, content_hash, revision
FROM released
ON CONFLICT DO NOTHING

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

-- name: find
SELECT * FROM decision WHERE task_id = %(task_id)s
