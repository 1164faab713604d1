-- name: decided
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT item.use_case, 'decided', item.task_id, 'roadbed', item.decided_at,
       jsonb_build_object('decision', item.id, 'route', item.route)
FROM jsonb_to_recordset(%(items)s::jsonb) AS item (
    id text, task_id text, use_case text, route text, decided_at timestamptz)
JOIN decision ON decision.id = item.id
ON CONFLICT DO NOTHING

-- name: reviewed
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT item.use_case, 'reviewed', item.id, item.reviewer, item.given_at,
       jsonb_build_object('task', item.task_id, 'verdict', item.kind)
FROM jsonb_to_recordset(%(items)s::jsonb) AS item (
    id text, task_id text, use_case text, reviewer text, kind text, given_at timestamptz)
JOIN verdict ON verdict.id = item.id
ON CONFLICT DO NOTHING

-- name: noted
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
VALUES (%(use_case)s, %(kind)s, %(subject)s, %(actor)s, %(at)s, %(detail)s)
ON CONFLICT DO NOTHING
