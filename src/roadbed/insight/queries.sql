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

-- name: history
-- not null: at
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
-- Work that no longer fails in this process, and failures of processes that ended.
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
-- not null: position
SELECT coalesce(max(position), %(after)s) AS position,
       coalesce(array_agg(DISTINCT use_case), '{}') AS use_cases
FROM audit_entry WHERE position > %(after)s

-- name: happened
-- not null: newest
-- The newest entry of each use case after a position, and the newest that is not traffic.
SELECT use_case, max(position) AS newest,
       max(position) FILTER (WHERE kind <> ALL (%(traffic)s)) AS act
FROM audit_entry WHERE position > %(after)s
GROUP BY use_case

-- name: events
SELECT id, kind, stage, waits_for, release, actor, detail, at FROM stage_event
WHERE use_case = %(use_case)s ORDER BY at, id

-- name: noted_verdicts
-- not null: agrees
-- Verdicts, without reviewer checks, erased tasks, and tasks with an open second review.
SELECT verdict.task_id, task.input, decision.output AS decided, verdict.right_output AS right,
       verdict.agrees, version.number AS version, decision.decided_at, verdict.given_at,
       verdict.note
FROM verdict
JOIN task ON task.id = verdict.task_id AND task.body_hash <> 'erased'
JOIN decision ON decision.task_id = verdict.task_id
LEFT JOIN version ON version.id = decision.version
WHERE verdict.use_case = %(use_case)s AND verdict.undone_at IS NULL AND verdict.agrees IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = verdict.task_id)
  AND NOT EXISTS (SELECT 1 FROM measure JOIN review AS again ON again.task_id = measure.task_id
                  WHERE measure.of_verdict = verdict.id AND again.verdict IS NULL)
ORDER BY verdict.id DESC LIMIT %(most)s

-- name: noted_proposals
SELECT id, kind, title, reason, support, cases, state, made_at, decided_by, decided_at, note, edited
FROM proposal WHERE use_case = %(use_case)s AND state <> 'withdrawn' ORDER BY id

-- name: noted_releases
SELECT release.id, release.number, release.step, release.reason, release.author, release.proposals,
       jsonb_build_object('cases', release.gate -> 'cases') AS gate, release.live_at,
       release.ended_at, release.ended_by, release.ended_why, version.number AS version_number
FROM release LEFT JOIN version ON version.id = release.version
WHERE release.use_case = %(use_case)s ORDER BY release.number

-- name: noted_versions
-- not null: live, released
SELECT version.number, version.live_since, behaviour.made_by, behaviour.reason,
       behaviour.learned_until, use_case.live_version = version.id AS live,
       EXISTS (SELECT 1 FROM release
               WHERE release.version = version.id AND release.live_at IS NOT NULL) AS released
FROM version
JOIN behaviour ON behaviour.hash = version.behaviour
JOIN use_case ON use_case.name = version.use_case
WHERE version.use_case = %(use_case)s ORDER BY version.number

-- name: noted_halts
SELECT kind, reason, actor, asked_at, fenced_seconds, resume_asked_by, resumed_by, resumed_at
FROM halt WHERE use_case = %(use_case)s ORDER BY asked_at

-- name: noted_audit
SELECT kind, actor, at, detail FROM audit_entry
WHERE use_case = %(use_case)s AND kind IN ('state', 'incident') ORDER BY position

-- name: noted_recent
SELECT count(*) AS tasks, count(*) FILTER (WHERE route = 'automatic') AS automatic
FROM (SELECT route FROM decision
      WHERE use_case = %(use_case)s AND revision = 1
        AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = decision.task_id)
      ORDER BY decided_at DESC LIMIT 1000) AS newest
