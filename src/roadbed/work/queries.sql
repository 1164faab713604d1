-- name: start
INSERT INTO job (id, kind, key, use_case, arguments, state, asked, done, doing, asked_by, asked_at)
VALUES (%(id)s, %(kind)s, %(key)s, %(use_case)s, %(arguments)s, 'waiting', 'start', 0, '',
        %(asked_by)s, %(at)s)
ON CONFLICT (kind, key) WHERE state IN ('waiting', 'running', 'paused') DO NOTHING
RETURNING id

-- name: unfinished
SELECT id FROM job
WHERE kind = %(kind)s AND key = %(key)s AND state IN ('waiting', 'running', 'paused')

-- name: newest
SELECT id FROM job WHERE kind = %(kind)s AND key = %(key)s ORDER BY asked_at DESC, id DESC LIMIT 1

-- name: any
-- not null: any
SELECT EXISTS (SELECT FROM job WHERE use_case = %(use_case)s) AS any

-- name: worked_on
-- not null: worked_on
-- Whether a process holds the lock that `work` takes, without taking it: that would be in its way.
SELECT EXISTS (
    SELECT FROM pg_locks, hashtextextended(%(lock)s, 15) AS key
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid::bigint = (key >> 32) & 4294967295 AND objid::bigint = key & 4294967295
) AS worked_on

-- name: shown
-- What a page shows of each job that is not ended.
SELECT id, kind, use_case, state, done, total, doing FROM job
WHERE state IN ('waiting', 'running', 'paused') ORDER BY id

-- name: work
-- Says that a process works on a kind of job, for as long as its connection lasts.
SELECT pg_advisory_lock_shared(hashtextextended(%(lock)s, 15))

-- name: get
SELECT id, kind, key, use_case, arguments, state, done, total, doing, reason, result, asked_by,
       asked_at, started_at, ended_at
FROM job WHERE id = %(id)s

-- name: list
SELECT id, kind, key, use_case, arguments, state, done, total, doing, reason, result, asked_by,
       asked_at, started_at, ended_at
FROM job WHERE %(use_cases)s::text[] IS NULL OR use_case = ANY (%(use_cases)s)
ORDER BY asked_at DESC, id DESC LIMIT %(limit)s

-- name: change
-- `asked` is carried out by a process that runs jobs.
UPDATE job SET state = %(state)s, asked = %(asked)s,
       ended_at = CASE WHEN %(state)s = 'cancelled' THEN %(at)s::timestamptz END
WHERE id = %(id)s AND state = ANY (%(from)s) RETURNING use_case, kind

-- name: asked
-- One process carries out what was asked; the others leave the row out.
SELECT id, kind, asked FROM job WHERE asked IS NOT NULL AND kind = ANY (%(kinds)s)
ORDER BY asked_at LIMIT 20 FOR UPDATE SKIP LOCKED

-- name: carried_out
UPDATE job SET asked = NULL WHERE id = %(id)s

-- name: begin
UPDATE job SET state = 'running', started_at = coalesce(started_at, %(at)s)
WHERE id = %(id)s AND state IN ('waiting', 'running') RETURNING kind, arguments

-- name: state
SELECT state FROM job WHERE id = %(id)s

-- name: report
UPDATE job SET done = %(done)s, total = %(total)s, doing = %(doing)s
WHERE id = %(id)s AND state IN ('running', 'paused')

-- name: end
UPDATE job SET state = %(state)s, reason = %(reason)s, result = %(result)s, ended_at = %(at)s,
       asked = NULL
WHERE id = %(id)s AND state IN ('waiting', 'running', 'paused')
RETURNING use_case, kind

-- name: open
-- What should be on its way in the engine.
SELECT id FROM job
WHERE state IN ('waiting', 'running') AND asked IS NULL AND kind = ANY (%(kinds)s)

-- name: ask_again
UPDATE job SET asked = 'start'
WHERE id = ANY (%(ids)s) AND state IN ('waiting', 'running') AND asked IS NULL

-- name: expired
SELECT id FROM job WHERE ended_at < %(before)s AND steps_kept ORDER BY ended_at LIMIT 100

-- name: forgotten
UPDATE job SET steps_kept = false WHERE id = ANY (%(ids)s)
