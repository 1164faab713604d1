-- A batch may be sent twice when a connection is lost while it commits. An entry is written only for
-- a row that this very transaction inserted (xmin), so the second time writes none.

-- name: decided
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT item.use_case, 'decided', item.task_id, 'roadbed', item.decided_at,
       jsonb_build_object('decision', item.id, 'route', item.route)
FROM json_to_recordset(%(items)s::json) AS item (
    id text, task_id text, use_case text, route text, decided_at timestamptz)
JOIN decision ON decision.task_id = item.task_id AND decision.id = item.id
WHERE decision.xmin = pg_current_xact_id()::xid

-- name: reviewed
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT verdict.use_case, 'reviewed', verdict.id, verdict.reviewer, verdict.given_at,
       jsonb_build_object('task', verdict.task_id, 'verdict', verdict.kind)
FROM json_to_recordset(%(items)s::json) AS item (id text)
JOIN verdict ON verdict.id = item.id
WHERE verdict.xmin = pg_current_xact_id()::xid

-- name: noted
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
VALUES (%(use_case)s, %(kind)s, %(subject)s, %(actor)s, %(at)s, %(detail)s)

-- name: sent
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT item.use_case, 'sent', item.delivery_id, item.worker, item.at,
       jsonb_build_object('attempt', item.number, 'outcome', item.outcome, 'state', item.state)
FROM json_to_recordset(%(items)s::json) AS item (
    id text, delivery_id text, use_case text, number integer, worker text, outcome text, state text,
    at timestamptz)
JOIN delivery_attempt ON delivery_attempt.id = item.id
WHERE delivery_attempt.xmin = pg_current_xact_id()::xid
