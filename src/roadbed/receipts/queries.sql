-- name: find
SELECT task.id AS task_id, task.use_case, task.key, task.input, task.source, task.reference,
       task.reference_rate, task.admitted_at, use_case.declaration,
       halt.asked_at AS halted_at, halt.actor AS halted_by, halt.reason AS halted_why,
       decision.id AS decision_id, decision.version, decision.certificate, decision.route,
       decision.reason_code, decision.reason, decision.rule, decision.output, decision.confidence,
       decision.threshold, decision.evidence, decision.cost, decision.attempt, decision.decided_at,
       decision.decide_seconds, version.number AS version_number,
       to_jsonb(certificate.*) - 'detail' AS proof, certificate.detail -> 'weak' AS weak,
       review.id AS review_id, review.blind, review.opened_at, review.claimed_by,
       review.claim_until, look.review_id AS look, look.reserved_for, verdict.kind AS verdict, verdict.right_output, verdict.agrees,
       verdict.note, verdict.reviewer, verdict.given_at, example.id AS example_id, example.purpose,
       (SELECT jsonb_agg(jsonb_build_object('reviewer', undone.reviewer, 'verdict', undone.kind,
                                            'undone_at', undone.undone_at) ORDER BY undone.given_at)
        FROM verdict AS undone
        WHERE undone.review_id = review.id AND undone.undone_at IS NOT NULL) AS undone
FROM task
JOIN use_case ON use_case.name = task.use_case
LEFT JOIN decision ON decision.task_id = task.id
LEFT JOIN version ON version.id = decision.version
LEFT JOIN certificate ON certificate.id = decision.certificate
LEFT JOIN review ON review.task_id = task.id
LEFT JOIN verdict ON verdict.id = review.verdict
LEFT JOIN example ON example.verdict_id = verdict.id
LEFT JOIN LATERAL (
    SELECT again.id AS review_id, again.reserved_for
    FROM measure JOIN review AS again ON again.task_id = measure.task_id
    WHERE measure.of_verdict = verdict.id AND again.verdict IS NULL
    ORDER BY again.id DESC LIMIT 1) AS look ON true
LEFT JOIN LATERAL (
    SELECT halt.asked_at, halt.actor, halt.reason FROM halt
    WHERE halt.use_case = task.use_case AND use_case.halted AND halt.kind = 'halt'
      AND halt.resumed_at IS NULL
    ORDER BY halt.asked_at DESC LIMIT 1) AS halt ON true
WHERE task.id = %(id)s

-- name: deliveries
SELECT id, destination, kind, state, reason, key, reference, approved_by, created_at, done_at,
       (SELECT count(*) FROM delivery_attempt WHERE delivery_id = delivery.id) AS attempts
FROM delivery WHERE task_id = %(id)s ORDER BY created_at, id

-- name: list
SELECT task.id AS task_id, task.use_case, task.key, task.input, task.reference, task.admitted_at,
       decision.route, decision.reason_code, decision.reason, decision.output, decision.confidence,
       decision.decided_at, review.id AS review_id, review.closed_at, verdict.kind AS verdict,
       verdict.agrees, verdict.reviewer,
       task.reference AND review.closed_at IS NULL
       OR EXISTS (SELECT 1 FROM measure JOIN review AS again ON again.task_id = measure.task_id
                  WHERE measure.of_verdict = verdict.id AND again.verdict IS NULL) AS hidden
FROM task
LEFT JOIN decision ON decision.task_id = task.id
LEFT JOIN review ON review.task_id = task.id
LEFT JOIN verdict ON verdict.id = review.verdict
WHERE (%(use_case)s::text IS NULL OR task.use_case = %(use_case)s)
  AND task.use_case = ANY (%(served)s) AND decision.reason_code IS DISTINCT FROM 'measured'
  AND (%(before)s::text IS NULL OR task.id < %(before)s)
  AND (%(route)s::text IS NULL OR decision.route = %(route)s
       AND NOT (task.reference AND review.closed_at IS NULL))
  AND (%(verdict)s::text IS NULL OR verdict.kind = %(verdict)s)
  AND (%(text)s::text IS NULL OR task.id = %(text)s OR task.key = %(text)s
       OR task.input::text ILIKE %(pattern)s)
ORDER BY task.id DESC
LIMIT %(most)s

-- name: bar
-- Whoever has read a colleague's answer cannot be the one who looks a second time.
UPDATE review SET barred = array_append(barred, %(viewer)s)
WHERE id = %(look)s AND verdict IS NULL AND NOT %(viewer)s = ANY (barred)
RETURNING id
