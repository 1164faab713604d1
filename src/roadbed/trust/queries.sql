-- name: live
SELECT use_case.live_version, use_case.state, use_case.state_since, use_case.state_reason,
       use_case.threshold, use_case.cautious, use_case.reference_rate AS rate, use_case.alarm_at,
       use_case.audit_at, use_case.bridges_left, behaviour.kinds, certificate.on_alarm,
       certificate.detail -> 'grid' AS grid
FROM use_case
LEFT JOIN version ON version.id = use_case.live_version
LEFT JOIN behaviour ON behaviour.hash = version.behaviour
LEFT JOIN certificate ON certificate.id = version.certificate
WHERE use_case.name = %(use_case)s

-- name: lock
SELECT pg_advisory_xact_lock(hashtext('halt'), hashtext(%(use_case)s))

-- name: hold
SELECT live_version, state FROM use_case WHERE name = %(use_case)s FOR UPDATE

-- name: outcomes
-- Automatic answers of a version that the coin drew, in the order drawn; ``passed`` counts those it
-- did not draw since the one before. ``wrong`` is null while the label may still come.
SELECT id, rate, wrong, late,
       (before - coalesce(lag(before) OVER (ORDER BY id), 0))::integer AS passed,
       weight_before - coalesce(lag(weight_before) OVER (ORDER BY id), 0.0) AS weight
FROM (
    SELECT task.id, task.reference, task.reference_rate AS rate,
           verdict.id IS NULL AND task.admitted_at < %(late_before)s AS late,
           CASE WHEN verdict.id IS NOT NULL THEN NOT verdict.agrees
                WHEN task.admitted_at < %(late_before)s THEN true END AS wrong,
           count(*) FILTER (WHERE NOT task.reference) OVER (ORDER BY task.id) AS before,
           coalesce(sum(task.reference_rate) FILTER (WHERE NOT task.reference)
                    OVER (ORDER BY task.id), 0.0) AS weight_before
    FROM decision
    JOIN task ON task.id = decision.task_id
    LEFT JOIN review ON review.task_id = task.id
    LEFT JOIN verdict ON verdict.id = review.verdict
    WHERE decision.use_case = %(use_case)s AND decision.version = %(version)s
      AND decision.route = 'automatic'
      AND (%(since)s::timestamptz IS NULL OR task.admitted_at > %(since)s)
) AS automatic
WHERE reference
ORDER BY id

-- name: after
-- Automatic answers since the last one drawn.
SELECT count(*) AS passed, coalesce(sum(task.reference_rate), 0.0) AS weight
FROM decision JOIN task ON task.id = decision.task_id
WHERE decision.use_case = %(use_case)s AND decision.version = %(version)s
  AND decision.route = 'automatic' AND NOT task.reference AND task.id > %(last)s
  AND (%(since)s::timestamptz IS NULL OR task.admitted_at > %(since)s)

-- name: kinds
-- Reviewed tasks that the version decided, in the order drawn: was it of a kind it never saw?
SELECT verdict.new_kind
       OR coalesce(NOT %(kinds)s::jsonb
                   @> jsonb_build_array(coalesce(verdict.right_output, 'null'::jsonb)), false)
       AS unknown
FROM decision
JOIN task ON task.id = decision.task_id
JOIN review ON review.task_id = task.id
JOIN verdict ON verdict.id = review.verdict
WHERE decision.use_case = %(use_case)s AND decision.version = %(version)s
  AND (%(since)s::timestamptz IS NULL OR task.admitted_at > %(since)s)
ORDER BY task.id

-- name: move
UPDATE use_case
SET state = %(state)s, threshold = %(threshold)s, cautious = %(cautious)s,
    reference_rate = %(rate)s, bridges_left = %(bridges_left)s, state_since = %(at)s,
    state_reason = %(reason)s, halt_epoch = halt_epoch + 1,
    alarm_at = CASE WHEN %(alarm)s THEN %(at)s ELSE alarm_at END
WHERE name = %(use_case)s

-- name: announce
INSERT INTO notice (id, use_case, kind, text, at)
VALUES (%(id)s, %(use_case)s, %(kind)s, %(text)s, %(at)s)

-- name: tell
SELECT pg_notify('roadbed_service', %(use_case)s)

-- name: chase
-- Sample items that are late come first in the queue.
UPDATE review SET priority = 4
WHERE use_case = %(use_case)s AND verdict IS NULL AND blind AND priority < 4
  AND opened_at < %(late_before)s
RETURNING id

-- name: pulse
SELECT (SELECT max(id) FROM verdict WHERE use_case = %(use_case)s) AS verdict,
       (SELECT count(*) FROM verdict WHERE use_case = %(use_case)s AND undone_at IS NOT NULL)
       AS undone,
       (SELECT live_version FROM use_case WHERE name = %(use_case)s) AS version

-- name: notices
SELECT id, use_case, kind, text, at, seen_by, seen_at
FROM notice WHERE use_case = %(use_case)s AND (seen_at IS NULL OR %(all)s)
ORDER BY id DESC LIMIT %(most)s

-- name: seen
UPDATE notice SET seen_by = %(person)s, seen_at = %(at)s WHERE id = %(id)s AND seen_at IS NULL
RETURNING use_case

-- name: changes
SELECT at, detail FROM audit_entry
WHERE use_case = %(use_case)s AND kind IN ('state', 'live') ORDER BY position DESC LIMIT %(most)s

-- name: volume
SELECT count(*) AS tasks, count(review.id) AS reviews, min(decision.decided_at) AS first
FROM decision LEFT JOIN review ON review.task_id = decision.task_id
WHERE decision.use_case = %(use_case)s AND decision.decided_at > %(since)s
