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

-- name: failures_over
-- What no longer fails in this process, and what others left behind when they ended.
DELETE FROM background_failure
WHERE process = %(process)s AND (work, about) NOT IN (
          SELECT item.work, item.about
          FROM json_to_recordset(%(items)s::json) AS item (work text, about text))
   OR last_at < now() - interval '1 hour'

-- name: failures_keep
INSERT INTO background_failure (process, work, about, use_case, problem, since, last_at, times)
SELECT %(process)s, item.work, item.about, item.use_case, item.problem, item.since, item.last_at,
       item.times
FROM json_to_recordset(%(items)s::json) AS item (
    work text, about text, use_case text, problem text, since timestamptz, last_at timestamptz,
    times bigint)
ON CONFLICT (process, work, about) DO UPDATE
SET problem = EXCLUDED.problem, last_at = EXCLUDED.last_at, times = EXCLUDED.times

-- name: failures_list
SELECT work, about, use_case, problem, process, since, last_at, times FROM background_failure
WHERE last_at > now() - make_interval(secs => %(over_seconds)s)
  AND (use_case IS NULL OR use_case = ANY (%(use_cases)s))
ORDER BY since, work, about LIMIT 100

-- name: moved
SELECT coalesce(max(position), %(after)s) AS position,
       coalesce(bool_or(%(use_cases)s::text[] IS NULL OR use_case = ANY (%(use_cases)s)), false)
       AS moved
FROM audit_entry WHERE position > %(after)s
