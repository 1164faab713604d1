-- name: service
SELECT use_case.coin_seed, use_case.halted, use_case.halt_epoch, use_case.live_version,
       use_case.state, use_case.threshold, use_case.cautious, use_case.reference_rate AS rate,
       use_case.alarm_at, use_case.cautious_improvements_left, use_case.stage, version.behaviour,
       version.number, version.certificate, behaviour.folder_hash, behaviour.artifacts,
       certificate.threshold AS proven_threshold, certificate.detail -> 'pooling' AS pooling, to_jsonb(trial.*) AS trial
FROM use_case
LEFT JOIN version ON version.id = use_case.live_version
LEFT JOIN certificate ON certificate.id = version.certificate
LEFT JOIN behaviour ON behaviour.hash = version.behaviour
LEFT JOIN LATERAL (
    -- The candidate, with its own proof, which an alarm since then makes void.
    SELECT release.id, release.step, release.plan, release.behaviour, release.version,
           (SELECT number FROM version AS tried WHERE tried.id = release.version) AS number,
           proof.id AS certificate, proof.threshold AS proven_threshold,
           proof.detail -> 'pooling' AS pooling,
           CASE WHEN proof.cautious OR use_case.state IN ('halted', 'cautious')
                  OR (proof.detail ->> 'alarm_at')::timestamptz IS DISTINCT FROM use_case.alarm_at
                THEN NULL ELSE proof.threshold END AS threshold
    FROM release LEFT JOIN certificate AS proof ON proof.id = release.certificate
    WHERE release.use_case = use_case.name AND release.step IN ('shadow', 'canary')
) AS trial ON true
WHERE use_case.name = %(name)s

-- name: artifact
SELECT content FROM artifact WHERE hash = %(hash)s

-- name: store_artifact
-- Overwrites the stored content, which may be damaged.
INSERT INTO artifact (hash, content) VALUES (%(hash)s, %(content)s)
ON CONFLICT (hash) DO UPDATE SET content = EXCLUDED.content
WHERE artifact.content <> EXCLUDED.content

-- name: store_behaviour
INSERT INTO behaviour (hash, use_case, folder_hash, files, artifacts, kinds, learned_from,
                       learned_until, made_at, declaration, made_by, reason)
VALUES (%(hash)s, %(use_case)s, %(folder_hash)s, %(files)s, %(artifacts)s, %(kinds)s,
        %(learned_from)s, %(learned_until)s, %(made_at)s, %(declaration)s, %(made_by)s, %(reason)s)
ON CONFLICT DO NOTHING

-- name: behaviour
SELECT * FROM behaviour WHERE hash = %(hash)s

-- name: made_versions
SELECT version.id, version.number, version.behaviour, behaviour.learned_from,
       behaviour.learned_until, version.made_at, version.live_since, version.retired_at,
       behaviour.made_by, behaviour.reason, use_case.live_version = version.id AS live,
       to_jsonb(certificate.*) - 'detail'
           || jsonb_build_object('counted', certificate.detail -> 'counted') AS certificate
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
       certificate.detail -> 'pooling' AS pooling, to_jsonb(certificate.*) - 'detail'
           || jsonb_build_object('counted', certificate.detail -> 'counted') AS certificate
FROM version
JOIN use_case ON use_case.name = version.use_case
JOIN behaviour ON behaviour.hash = version.behaviour
LEFT JOIN certificate ON certificate.id = version.certificate
WHERE version.use_case = %(use_case)s
  AND (version.id = %(version)s OR version.number::text = %(version)s)

-- name: why_patched
SELECT patch ->> 'id' AS id, title, reason, decided_by, note FROM proposal
WHERE use_case = %(use_case)s AND patch ->> 'id' = ANY (%(ids)s)

-- name: noted_use_case
SELECT name, declaration, stage, state, threshold, halted, live_version FROM use_case
WHERE name = %(use_case)s

-- name: in_service
SELECT version.id, version.number, version.behaviour, behaviour.learned_from,
       behaviour.learned_until, version.made_at, version.live_since, version.retired_at,
       to_jsonb(certificate.*) AS certificate
FROM use_case
JOIN version ON version.id = use_case.live_version
JOIN behaviour ON behaviour.hash = version.behaviour
LEFT JOIN certificate ON certificate.id = version.certificate
WHERE use_case.name = %(use_case)s

-- name: forget_candidates
-- Deletes trained state of erased tasks that was never in service and is in no open release: it may
-- contain their words, and it is not needed. Files that other behaviours use are kept.
WITH learnt AS (
    SELECT use_case, min(born_at) AS born_at FROM example WHERE task_id = ANY (%(ids)s)
    GROUP BY use_case
), never_served AS (
    SELECT behaviour.hash, behaviour.artifacts FROM behaviour
    JOIN learnt ON learnt.use_case = behaviour.use_case
               AND learnt.born_at <= coalesce(behaviour.learned_until, behaviour.made_at)
    WHERE NOT EXISTS (SELECT FROM version WHERE version.behaviour = behaviour.hash
                                            AND version.live_since IS NOT NULL)
      AND NOT EXISTS (SELECT FROM release WHERE release.behaviour = behaviour.hash
                        AND release.step IN ('planned', 'gated', 'shadow', 'canary', 'live'))
      AND (EXISTS (SELECT FROM release WHERE release.behaviour = behaviour.hash)
           OR EXISTS (SELECT FROM behaviour AS newer
                      WHERE newer.use_case = behaviour.use_case
                        AND newer.made_at > behaviour.made_at))
)
DELETE FROM artifact USING never_served, jsonb_each_text(never_served.artifacts) AS file
WHERE artifact.hash = file.value
  AND NOT EXISTS (
      SELECT FROM behaviour AS other, jsonb_each_text(other.artifacts) AS its
      WHERE its.value = artifact.hash AND other.hash NOT IN (SELECT hash FROM never_served))

-- name: count_inspection
-- Counted and committed before the inspection: an inspection that crashed counts, too.
UPDATE behaviour SET looks = looks + 1 WHERE hash = %(hash)s RETURNING looks

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
