-- name: fence
SELECT pg_advisory_xact_lock(hashtext('halt'), hashtext(%(use_case)s))

-- name: drill_alone
SELECT pg_try_advisory_xact_lock(hashtext('drill'), hashtext(%(use_case)s)) AS alone

-- name: drills
SELECT count(*) AS n, min(asked_at) AS oldest FROM halt
WHERE use_case = %(use_case)s AND kind = 'drill' AND actor <> 'roadbed' AND asked_at > %(after)s

-- name: known
SELECT name FROM use_case ORDER BY name

-- name: epoch
SELECT halt_epoch FROM use_case WHERE name = %(use_case)s

-- name: keep
INSERT INTO halt (id, use_case, kind, reason, actor, epoch, asked_at)
VALUES (%(id)s, %(use_case)s, %(kind)s, %(reason)s, %(actor)s, %(epoch)s, %(asked_at)s)

-- name: undeclared
-- not null: undeclared
SELECT EXISTS (SELECT FROM restoration WHERE declared_at IS NULL) AS undeclared

-- name: not_held
-- Use cases that the restore in force has not halted.
SELECT name FROM use_case
WHERE NOT EXISTS (SELECT FROM halt WHERE halt.use_case = use_case.name
                                     AND halt.restoration = %(restoration)s)
ORDER BY name

-- name: of_restoration
UPDATE halt SET restoration = %(restoration)s WHERE id = %(id)s

-- name: lift
-- The halts of a declared restore end. A halt that a person set before stays in force.
UPDATE halt SET resumed_by = %(actor)s, resumed_at = %(at)s
WHERE restoration = %(restoration)s AND resumed_at IS NULL

-- name: tell_all
SELECT pg_notify('roadbed_service', name) FROM use_case

-- name: measured
UPDATE halt SET fenced_seconds = %(fenced)s, quiesced_seconds = %(quiesced)s,
                in_flight = %(in_flight)s
WHERE id = %(id)s

-- name: under_way
SELECT id AS delivery, destination, kind, task_id AS task, attempt FROM delivery
WHERE use_case = %(use_case)s AND state = 'sending' AND lease_until > now()

-- name: tell
SELECT pg_notify('roadbed_service', %(use_case)s)

-- name: standing
SELECT halt.id, halt.epoch, halt.resume_asked_by FROM halt
JOIN use_case ON use_case.name = halt.use_case AND use_case.halted
WHERE halt.use_case = %(use_case)s AND halt.kind = 'halt' AND halt.resumed_at IS NULL
ORDER BY halt.asked_at DESC LIMIT 1

-- name: resume_first
UPDATE halt SET resume_asked_by = %(actor)s, resume_asked_at = %(at)s,
                resume_reason = nullif(%(reason)s, '')
WHERE id = %(id)s

-- name: resume_second
UPDATE halt SET resumed_by = %(actor)s, resumed_at = %(at)s
WHERE use_case = %(use_case)s AND kind = 'halt' AND resumed_at IS NULL

-- name: get
SELECT id, use_case, kind, reason, actor, asked_at, fenced_seconds, quiesced_seconds, in_flight,
       resume_asked_by, resume_reason, resumed_by, resumed_at
FROM halt WHERE id = %(id)s

-- name: history
SELECT id, use_case, kind, reason, actor, asked_at, fenced_seconds, quiesced_seconds, in_flight,
       resume_asked_by, resume_reason, resumed_by, resumed_at
FROM halt WHERE use_case = %(use_case)s ORDER BY asked_at DESC LIMIT %(most)s

-- name: last
SELECT max(asked_at) AS at FROM halt WHERE use_case = %(use_case)s

-- name: in_force
SELECT DISTINCT ON (halt.use_case) halt.id, halt.use_case, halt.kind, halt.reason, halt.actor,
       halt.asked_at, halt.fenced_seconds, halt.quiesced_seconds, halt.in_flight,
       halt.resume_asked_by, halt.resume_reason, halt.resumed_by, halt.resumed_at
FROM halt
JOIN use_case ON use_case.name = halt.use_case AND use_case.halted
WHERE halt.kind = 'halt' AND halt.resumed_at IS NULL
ORDER BY halt.use_case, halt.asked_at DESC
