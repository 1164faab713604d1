-- name: begin_stages
INSERT INTO stage_event (id, use_case, kind, stage, actor, at)
SELECT %(id)s, %(use_case)s, 'stage', 'idea', 'roadbed', %(at)s
WHERE NOT EXISTS (SELECT 1 FROM stage_event WHERE use_case = %(use_case)s)

-- name: automation_state
SELECT live_version, state, state_since, state_reason, threshold, cautious, reference_rate AS rate,
       alarm_at, audit_at, cautious_improvements_left, halted, halt_epoch, stage, release_epoch
FROM use_case WHERE name = %(use_case)s
FOR UPDATE

-- name: lock_releases
SELECT pg_advisory_xact_lock(hashtext('release'), hashtext(%(use_case)s))

-- name: notify
SELECT pg_notify('roadbed_service', %(use_case)s)

-- name: versions
SELECT version.id, version.number, version.behaviour, behaviour.learned_from,
       behaviour.learned_until, version.made_at, version.live_since, version.retired_at,
       to_jsonb(certificate.*) AS certificate
FROM version
JOIN behaviour ON behaviour.hash = version.behaviour
LEFT JOIN certificate ON certificate.id = version.certificate
WHERE version.use_case = %(use_case)s
ORDER BY version.number DESC LIMIT %(most)s

-- name: releases
SELECT release.*, base.number AS base_number, version.number AS version_number,
       to_jsonb(certificate.*) AS proof, authors_of(release.id) AS authors
FROM release
LEFT JOIN version AS base ON base.id = release.base
LEFT JOIN version ON version.id = release.version
LEFT JOIN certificate ON certificate.id = release.certificate
WHERE (%(id)s::text IS NULL OR release.id = %(id)s)
  AND (%(use_case)s::text IS NULL OR release.use_case = %(use_case)s)
  AND (%(steps)s::text[] IS NULL OR release.step = ANY (%(steps)s))
ORDER BY release.number DESC LIMIT %(most)s

-- name: sign_offs
SELECT sign_off.* FROM sign_off WHERE release = ANY (%(releases)s) ORDER BY given_at, id

-- name: plan_release
INSERT INTO release (id, use_case, number, behaviour, base, step, reason, author, proposals, plan,
                     planned_at)
SELECT %(id)s, name,
       (SELECT coalesce(max(number), 0) + 1 FROM release WHERE use_case = %(use_case)s),
       %(behaviour)s, live_version, 'planned', %(reason)s, %(author)s, %(proposals)s, %(plan)s,
       %(at)s
FROM use_case WHERE name = %(use_case)s

-- name: gate_release
UPDATE release SET base = %(base)s, version = %(version)s, certificate = %(certificate)s,
                   gate = %(gate)s, content = %(content)s, gated_at = %(at)s, trial = NULL
WHERE id = %(id)s

-- name: move_release
UPDATE release
SET step = %(step)s,
    shadow_at = CASE WHEN %(step)s::text = 'shadow' THEN %(at)s ELSE shadow_at END,
    canary_at = CASE WHEN %(step)s::text = 'canary' THEN %(at)s ELSE canary_at END,
    live_at = CASE WHEN %(step)s::text = 'live' THEN %(at)s ELSE live_at END,
    ended_at = CASE WHEN %(ends)s THEN %(at)s END,
    ended_by = CASE WHEN %(ends)s THEN %(actor)s END,
    ended_why = CASE WHEN %(ends)s THEN %(why)s END
WHERE id = %(id)s

-- name: live_release
SELECT id, number, base, version FROM release
WHERE use_case = %(use_case)s AND step = 'live' FOR UPDATE

-- name: release_of_version
SELECT id, number FROM release
WHERE use_case = %(use_case)s AND version = %(version)s AND step = 'retired'
ORDER BY number DESC LIMIT 1

-- name: record_event
INSERT INTO stage_event (id, use_case, kind, stage, waits_for, release, actor, detail, at)
VALUES (%(id)s, %(use_case)s, %(kind)s, %(stage)s, %(waits_for)s, %(release)s, %(actor)s,
        %(detail)s, %(at)s)

-- name: open_waits
-- not null: waits_for
SELECT waits_for FROM (
    SELECT DISTINCT ON (waits_for) waits_for, kind FROM stage_event
    WHERE use_case = %(use_case)s AND kind IN ('wait_began', 'wait_ended')
    ORDER BY waits_for, at DESC, id DESC) AS last
WHERE kind = 'wait_began'

-- name: sign
INSERT INTO sign_off (id, release, role, person, content, verdict, note, given_at, expires_at)
VALUES (%(id)s, %(release)s, %(role)s, %(person)s, %(content)s, %(verdict)s, %(note)s, %(at)s,
        %(expires_at)s)

-- name: withdraw_sign_off
UPDATE sign_off SET withdrawn_at = %(at)s
WHERE release = %(release)s AND person = %(person)s AND withdrawn_at IS NULL
RETURNING id, role, verdict

-- name: version_named
SELECT id, number, behaviour, certificate FROM version
WHERE use_case = %(use_case)s AND (id = %(name)s OR number::text = %(name)s)

-- name: declared_by
SELECT declaration FROM behaviour WHERE hash = %(behaviour)s

-- name: certificate
SELECT * FROM certificate WHERE id = %(id)s

-- name: damaged_file
-- not null: name
-- Files of a version that are missing or damaged.
SELECT file.name FROM behaviour
CROSS JOIN LATERAL (SELECT key AS name, value AS hash FROM jsonb_each_text(behaviour.files)
                    UNION ALL
                    SELECT key, value FROM jsonb_each_text(behaviour.artifacts)) AS file
LEFT JOIN artifact ON artifact.hash = file.hash
WHERE behaviour.hash = %(behaviour)s
  AND (artifact.hash IS NULL OR encode(sha256(artifact.content), 'hex') <> file.hash)
ORDER BY file.name LIMIT 1

-- name: lock_gate
SELECT pg_try_advisory_lock(hashtext('gate'), hashtext(%(release)s)) AS alone

-- name: lock_settlements
SELECT pg_advisory_xact_lock(hashtext('halt'), hashtext(%(use_case)s))

-- name: approve_within
SELECT (declaration ->> 'approve_within_hours')::double precision AS hours
FROM use_case WHERE name = %(use_case)s

-- name: declared_of
SELECT behaviour.declaration FROM version JOIN behaviour ON behaviour.hash = version.behaviour
WHERE version.id = %(version)s

-- name: release_at
SELECT id FROM release WHERE use_case = %(use_case)s AND step = ANY (%(steps)s)
ORDER BY number DESC LIMIT 1

-- name: comparisons
-- In portions, by task, because a long trial has too many rows for one query.
-- Withheld: a blind or a second review is open, and the reviewer must not see an answer.
SELECT comparison.task_id, comparison.live_output, comparison.live_actions,
       comparison.live_content, comparison.live_reason, comparison.live_seconds,
       comparison.live_cost, comparison.candidate_output, comparison.candidate_actions,
       comparison.candidate_content, comparison.candidate_reason, comparison.candidate_seconds,
       comparison.candidate_cost, comparison.at, task.input,
       verdict.id AS verdict, verdict.right_output, verdict.right_actions, verdict.given_at,
       (SELECT jsonb_object_agg(said.content_hash, said.loss)
        FROM (SELECT own.* FROM verdict AS own WHERE own.task_id = comparison.task_id
              UNION ALL
              SELECT asked.* FROM measure JOIN verdict AS asked ON asked.task_id = measure.task_id
              WHERE measure.of_case = comparison.task_id AND measure.kind = 'answer') AS said
        WHERE said.undone_at IS NULL AND said.content_hash IS NOT NULL
          AND said.loss IS NOT NULL) AS losses,
       reported.output AS outcome, reported.reported_at,
       answer_withheld(review.blind, review.closed_at, review.verdict) AS withheld
FROM comparison
JOIN task ON task.id = comparison.task_id
LEFT JOIN review ON review.task_id = comparison.task_id
LEFT JOIN verdict ON verdict.id = review.verdict
LEFT JOIN LATERAL (
    -- Authors of the candidate neither report nor withdraw an outcome here.
    SELECT outcome.output, outcome.reported_at FROM outcome
    WHERE outcome.task_id = comparison.task_id AND NOT outcome.reported_by = ANY (%(authors)s)
      AND (outcome.withdrawn_at IS NULL OR outcome.withdrawn_by = ANY (%(authors)s))
    ORDER BY outcome.reported_at DESC, outcome.id DESC LIMIT 1) AS reported ON true
WHERE comparison.release = %(release)s AND comparison.at >= %(since)s
  AND comparison.task_id > %(after)s
ORDER BY comparison.task_id LIMIT %(most)s

-- name: inputs
SELECT id, input FROM task WHERE id = ANY (%(ids)s)

-- name: store_trial
UPDATE release SET trial = %(trial)s WHERE id = %(id)s

-- name: trial_changes
-- Counts that change when a running trial has new tasks, verdicts or outcomes.
SELECT release.id, release.step,
       (SELECT count(*) FROM comparison WHERE comparison.release = release.id) AS compared,
       (SELECT max(verdict.id) FROM verdict WHERE verdict.use_case = release.use_case) AS verdict,
       (SELECT count(*) FROM verdict
        WHERE verdict.use_case = release.use_case AND verdict.undone_at >= release.planned_at)
       AS undone,
       (SELECT max(outcome.id) FROM outcome WHERE outcome.use_case = release.use_case) AS outcome,
       (SELECT count(*) FROM outcome
        WHERE outcome.use_case = release.use_case AND outcome.withdrawn_at >= release.planned_at)
       AS withdrawn
FROM release WHERE use_case = %(use_case)s AND step IN ('shadow', 'canary')

-- name: recertify_release
UPDATE release SET version = %(version)s, certificate = %(certificate)s WHERE id = %(id)s

-- name: release_use_case
SELECT use_case FROM release WHERE id = %(id)s

-- name: stage_reached
INSERT INTO stage_event (id, use_case, kind, stage, actor, at)
VALUES (%(event)s, %(use_case)s, 'stage', %(stage)s, %(actor)s, %(at)s)

-- name: erase_reports
-- Reports of gates and trials show inputs and answers.
UPDATE release
SET gate = jsonb_set(jsonb_set(jsonb_set(own.gate, '{cases,fixed}', kept.fixed, false),
                               '{cases,broken}', kept.broken, false),
                     '{unknown,cases}', kept.unknown, false) || '{"erased": true}',
    trial = jsonb_set(own.trial, '{differ}', kept.differ, false)
FROM release AS own
CROSS JOIN LATERAL (
    SELECT (SELECT coalesce(jsonb_agg(one), '[]') FROM jsonb_array_elements(own.gate #> '{cases,fixed}')
            AS said (one) WHERE NOT coalesce(one ->> 'task' = ANY (%(ids)s), false)) AS fixed,
           (SELECT coalesce(jsonb_agg(one), '[]') FROM jsonb_array_elements(own.gate #> '{cases,broken}')
            AS said (one) WHERE NOT coalesce(one ->> 'task' = ANY (%(ids)s), false)) AS broken,
           (SELECT coalesce(jsonb_agg(one), '[]') FROM jsonb_array_elements(own.gate #> '{unknown,cases}')
            AS said (one) WHERE NOT coalesce(one ->> 'task' = ANY (%(ids)s), false)) AS unknown,
           (SELECT coalesce(jsonb_agg(one), '[]') FROM jsonb_array_elements(own.trial -> 'differ')
            AS said (one) WHERE NOT coalesce(one ->> 'task' = ANY (%(ids)s), false)) AS differ) AS kept
WHERE own.id = release.id
  AND EXISTS (SELECT FROM unnest(%(ids)s::text[]) AS gone (id)
              WHERE strpos(own.gate::text, to_json(gone.id)::text) > 0
                 OR strpos(own.trial::text, to_json(gone.id)::text) > 0)

-- name: withheld
-- Those of the tasks whose answer somebody must not see, who has still to judge it.
SELECT review.task_id FROM review JOIN task ON task.id = review.task_id
WHERE review.task_id = ANY (%(tasks)s)
  AND answer_withheld(task.reference OR review.blind, review.closed_at, review.verdict)
