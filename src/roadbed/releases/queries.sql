-- name: register
INSERT INTO use_case (name, declaration, coin_seed, registered_at)
VALUES (%(name)s, %(declaration)s, %(coin_seed)s, %(at)s)
ON CONFLICT (name) DO UPDATE SET declaration = excluded.declaration

-- name: begin
INSERT INTO stage_event (id, use_case, kind, stage, actor, at)
SELECT %(id)s, %(use_case)s, 'stage', 'idea', 'roadbed', %(at)s
WHERE NOT EXISTS (SELECT 1 FROM stage_event WHERE use_case = %(use_case)s)

-- name: reach
-- A use case that is live stays so while a later version is made.
WITH moved AS (
    UPDATE use_case SET stage = %(stage)s
    WHERE name = %(use_case)s AND stage <> %(stage)s AND NOT (stage = 'live' AND %(stage)s = 'proof')
    RETURNING name
)
INSERT INTO stage_event (id, use_case, kind, stage, actor, at)
SELECT %(event)s, name, 'stage', %(stage)s, %(actor)s, %(at)s FROM moved

-- name: service
SELECT use_case.coin_seed, use_case.halted, use_case.halt_epoch, use_case.live_version,
       use_case.state, use_case.threshold, use_case.cautious, use_case.reference_rate AS rate,
       use_case.alarm_at, use_case.bridges_left, use_case.stage, version.behaviour,
       version.certificate, behaviour.folder_hash, behaviour.artifacts,
       certificate.detail -> 'pooling' AS pooling, to_jsonb(trial.*) AS trial
FROM use_case
LEFT JOIN version ON version.id = use_case.live_version
LEFT JOIN certificate ON certificate.id = version.certificate
LEFT JOIN behaviour ON behaviour.hash = version.behaviour
LEFT JOIN LATERAL (
    -- The candidate beside it, with its own proof, which an alarm since then voids.
    SELECT release.id, release.step, release.plan, release.behaviour, release.version,
           proof.id AS certificate, proof.detail -> 'pooling' AS pooling,
           CASE WHEN proof.bridged OR use_case.state IN ('halted', 'cautious')
                  OR (proof.detail ->> 'alarm_at')::timestamptz IS DISTINCT FROM use_case.alarm_at
                THEN NULL ELSE proof.threshold END AS threshold
    FROM release LEFT JOIN certificate AS proof ON proof.id = release.certificate
    WHERE release.use_case = use_case.name AND release.step IN ('shadow', 'canary')
) AS trial ON true
WHERE use_case.name = %(name)s

-- name: standing
SELECT live_version, state, state_since, state_reason, threshold, cautious, reference_rate AS rate,
       alarm_at, audit_at, bridges_left, halted, halt_epoch, stage, release_epoch
FROM use_case WHERE name = %(use_case)s
FOR UPDATE

-- name: stand
UPDATE use_case
SET state = %(state)s, threshold = %(threshold)s, cautious = %(cautious)s,
    reference_rate = %(rate)s, bridges_left = %(bridges_left)s, audit_at = %(audit_at)s,
    state_since = CASE WHEN state = %(state)s THEN state_since ELSE %(at)s END,
    -- What halted it stays said until something opens it.
    state_reason = CASE WHEN %(state)s = 'halted' THEN state_reason ELSE %(reason)s END
WHERE name = %(use_case)s

-- name: artifact
SELECT content FROM artifact WHERE hash = %(hash)s

-- name: lock
SELECT pg_advisory_xact_lock(hashtext('release'), hashtext(%(use_case)s))

-- name: store_artifact
-- Once more over what is there: it may have been damaged since.
INSERT INTO artifact (hash, content) VALUES (%(hash)s, %(content)s)
ON CONFLICT (hash) DO UPDATE SET content = EXCLUDED.content
WHERE artifact.content <> EXCLUDED.content

-- name: store_behaviour
INSERT INTO behaviour (hash, use_case, folder_hash, files, artifacts, kinds, learned_from,
                       learned_until, made_at, declaration, made_by, reason)
VALUES (%(hash)s, %(use_case)s, %(folder_hash)s, %(files)s, %(artifacts)s, %(kinds)s,
        %(learned_from)s, %(learned_until)s, %(made_at)s, %(declaration)s, %(made_by)s, %(reason)s)
ON CONFLICT DO NOTHING

-- name: known_wrong
-- How many known mistakes reviewers were shown in all, and how many of them they let pass.
SELECT count(*) AS cases,
       count(*) FILTER (WHERE verdict.right_output IS DISTINCT FROM measure.right_output) AS misses
FROM measure JOIN verdict ON verdict.task_id = measure.task_id AND verdict.undone_at IS NULL
WHERE measure.use_case = %(use_case)s AND measure.kind = 'check' AND NOT measure.proposed_right

-- name: look
-- Counted before anybody looks, and committed: a look that crashed is a look all the same.
UPDATE behaviour SET looks = looks + 1 WHERE hash = %(hash)s RETURNING looks

-- name: behaviour
SELECT * FROM behaviour WHERE hash = %(hash)s

-- name: last_certificate
SELECT * FROM certificate WHERE behaviour = %(behaviour)s ORDER BY issued_at DESC, id DESC LIMIT 1

-- name: store_certificate
INSERT INTO certificate (id, use_case, behaviour, look, threshold, bridged, on_alarm, risk_limit,
                         certainty, items, covered, errors, detail, issued_at)
VALUES (%(id)s, %(use_case)s, %(behaviour)s, %(look)s, %(threshold)s, %(bridged)s, %(on_alarm)s,
        %(risk_limit)s, %(certainty)s, %(items)s, %(covered)s, %(errors)s, %(detail)s,
        %(issued_at)s)

-- name: store_version
INSERT INTO version (id, use_case, behaviour, certificate, number, made_at)
VALUES (%(id)s, %(use_case)s, %(behaviour)s, %(certificate)s,
        (SELECT coalesce(max(number), 0) + 1 FROM version WHERE use_case = %(use_case)s), %(at)s)
ON CONFLICT (id) DO UPDATE SET certificate = coalesce(excluded.certificate, version.certificate)

-- name: retire
UPDATE version SET retired_at = %(at)s
WHERE use_case = %(use_case)s AND retired_at IS NULL AND live_since IS NOT NULL AND id <> %(id)s

-- name: go_live
UPDATE version SET live_since = %(at)s, retired_at = NULL WHERE id = %(id)s
RETURNING id, number

-- name: point
UPDATE use_case SET live_version = %(id)s, release_epoch = release_epoch + 1
WHERE name = %(use_case)s

-- name: tell
SELECT pg_notify('roadbed_service', %(use_case)s)

-- name: made_versions
SELECT version.id, version.number, version.behaviour, behaviour.learned_from,
       behaviour.learned_until, version.made_at, version.live_since, version.retired_at,
       behaviour.made_by, behaviour.reason, use_case.live_version = version.id AS live,
       to_jsonb(certificate.*) - 'detail' AS certificate
FROM version
JOIN use_case ON use_case.name = version.use_case
JOIN behaviour ON behaviour.hash = version.behaviour
LEFT JOIN certificate ON certificate.id = version.certificate
WHERE version.use_case = %(use_case)s
  AND (%(before)s::integer IS NULL OR version.number < %(before)s)
ORDER BY version.number DESC LIMIT %(most)s

-- name: one_version
SELECT version.id, version.number, version.behaviour, version.made_at, version.live_since,
       version.retired_at, use_case.live_version = version.id AS live, behaviour.files,
       behaviour.artifacts, behaviour.declaration, behaviour.learned_from, behaviour.learned_until,
       behaviour.made_by, behaviour.reason, use_case.declaration -> 'budget' AS budget,
       certificate.detail -> 'pooling' AS pooling, to_jsonb(certificate.*) - 'detail' AS certificate
FROM version
JOIN use_case ON use_case.name = version.use_case
JOIN behaviour ON behaviour.hash = version.behaviour
LEFT JOIN certificate ON certificate.id = version.certificate
WHERE version.use_case = %(use_case)s
  AND (version.id = %(version)s OR version.number::text = %(version)s)

-- name: why_patched
SELECT patch ->> 'id' AS id, title, reason, decided_by, note FROM proposal
WHERE use_case = %(use_case)s AND patch ->> 'id' = ANY (%(ids)s)

-- name: versions
SELECT version.id, version.number, version.behaviour, behaviour.learned_from,
       behaviour.learned_until, version.made_at, version.live_since, version.retired_at,
       to_jsonb(certificate.*) AS certificate
FROM version
JOIN behaviour ON behaviour.hash = version.behaviour
LEFT JOIN certificate ON certificate.id = version.certificate
WHERE version.use_case = %(use_case)s
ORDER BY version.number DESC LIMIT %(most)s
