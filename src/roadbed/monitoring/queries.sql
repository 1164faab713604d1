-- name: volume
SELECT count(*) AS tasks,
       count(*) FILTER (WHERE route = 'automatic') AS automatic,
       count(*) FILTER (WHERE route = 'review') AS review,
       count(*) FILTER (WHERE route = 'refused') AS refused,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY decide_seconds) AS median_seconds,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY decide_seconds) AS p99_seconds
FROM (SELECT route, decide_seconds FROM decision
      WHERE use_case = %(use_case)s
        AND revision = 1
        AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = decision.task_id)
      ORDER BY decided_at DESC LIMIT %(most)s) AS newest

-- name: total
SELECT count(*) AS tasks, count(*) FILTER (WHERE route = 'automatic') AS automatic
FROM decision WHERE use_case = %(use_case)s
        AND revision = 1
        AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = decision.task_id)

-- name: reasons
SELECT reason_code, count(*) AS tasks
FROM (SELECT reason_code FROM decision WHERE use_case = %(use_case)s AND route <> 'automatic'
        AND revision = 1
        AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = decision.task_id)
      ORDER BY decided_at DESC LIMIT %(most)s) AS newest
GROUP BY reason_code ORDER BY tasks DESC, reason_code

-- name: audited
-- Automatic answers that a person has since judged blind: the sample behind the observed error.
-- A task counts once, as wrong if any of its revisions was.
SELECT count(DISTINCT coalesce(task.revises, task.id)) AS items,
       count(DISTINCT coalesce(task.revises, task.id)) FILTER (WHERE NOT verdict.agrees) AS wrong
FROM decision
JOIN task ON task.id = decision.task_id AND task.reference
JOIN verdict ON verdict.task_id = decision.task_id AND verdict.undone_at IS NULL
WHERE decision.use_case = %(use_case)s AND decision.route = 'automatic'

-- name: history
SELECT date_bin(make_interval(secs => %(seconds)s), decided_at, 'epoch') AS at,
       count(*) AS tasks, count(*) FILTER (WHERE route = 'automatic') AS automatic
FROM decision
WHERE use_case = %(use_case)s AND decided_at > %(since)s
  AND revision = 1
        AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = decision.task_id)
GROUP BY 1 ORDER BY 1

-- name: pulse
SELECT coalesce(max(position), 0) AS position FROM audit_entry

-- name: moved
SELECT coalesce(max(position), %(after)s) AS position,
       coalesce(bool_or(%(use_cases)s::text[] IS NULL OR use_case = ANY (%(use_cases)s)), false)
       AS moved
FROM audit_entry WHERE position > %(after)s
