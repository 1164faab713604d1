-- name: find
-- not null: erased, reference, with_earlier
SELECT task.id AS task_id, task.use_case, coalesce(task.key, first.key) AS key, task.input,
       task.sent, task.source, task.reference_rate, task.admitted_at,
       -- A blind reviewer check looks like a task of the sample.
       task.reference OR coalesce(review.blind, false)
           AND EXISTS (SELECT FROM measure WHERE measure.task_id = task.id) AS reference,
       -- In the sample because an earlier revision is; its own coin did not draw it.
       CASE WHEN task.drawn THEN false
            ELSE EXISTS (SELECT FROM revisions_before(task.id) AS before
                         JOIN task AS earlier ON earlier.id = before.id AND earlier.reference
                         WHERE task.drawn IS NOT NULL) END AS with_earlier,
       task.body_hash = 'erased' AS erased, task.revises, task.revision, task.on_revision,
       review.superseded_by, review.closed_at,
       use_case.declaration,
       halt.asked_at AS halted_at, halt.actor AS halted_by, halt.reason AS halted_why,
       decision.id AS decision_id, decision.version, decision.certificate, decision.route,
       decision.reason_code, decision.reason, decision.rule, decision.output, decision.actions,
       decision.provenance, decision.content_hash, decision.confidence, decision.threshold,
       decision.evidence, decision.cost, decision.attempt, decision.decided_at,
       decision.decide_seconds, version.number AS version_number,
       to_jsonb(certificate.*) - 'detail' AS proof, certificate.detail -> 'weak' AS weak,
       review.id AS review_id, review.blind, review.opened_at, review.claimed_by,
       review.claim_until, look.review_id AS look, look.reserved_for, verdict.kind AS verdict,
       verdict.right_output, verdict.right_actions, verdict.agrees, verdict.loss,
       verdict.score_reason, verdict.note, verdict.reviewer, verdict.given_at, example.id AS example_id, example.purpose,
       (SELECT jsonb_agg(jsonb_build_object('reviewer', undone.reviewer, 'verdict', undone.kind,
                                            'undone_at', undone.undone_at) ORDER BY undone.given_at)
        FROM verdict AS undone
        WHERE undone.review_id = review.id AND undone.undone_at IS NOT NULL) AS undone
FROM task
JOIN use_case ON use_case.name = task.use_case
LEFT JOIN task AS first ON first.id = task.revises
LEFT JOIN decision ON decision.task_id = task.id
LEFT JOIN version ON version.id = decision.version
LEFT JOIN certificate ON certificate.id = decision.certificate
LEFT JOIN review ON review.task_id = task.id
LEFT JOIN verdict ON verdict.id = review.verdict
LEFT JOIN example ON example.verdict_id = verdict.id
LEFT JOIN LATERAL (
    SELECT again.id AS review_id, again.reserved_for
    FROM verdict AS label
    JOIN measure ON measure.of_verdict = label.id
    JOIN review AS again ON again.task_id = measure.task_id
    WHERE label.review_id = coalesce(first_look(task.id), review.id)
      AND again.verdict IS NULL AND again.id <> review.id
    ORDER BY again.id DESC LIMIT 1) AS look ON true
LEFT JOIN LATERAL (
    SELECT halt.asked_at, halt.actor, halt.reason FROM halt
    WHERE halt.use_case = task.use_case AND use_case.halted AND halt.kind = 'halt'
      AND halt.resumed_at IS NULL
    ORDER BY halt.asked_at DESC LIMIT 1) AS halt ON true
WHERE task.id = %(id)s

-- name: is_decided
SELECT true AS decided FROM decision WHERE task_id = %(id)s

-- name: revisions
-- not null: erased
-- A task and its revisions, the first one first.
SELECT task.id AS task, task.revision AS number, task.admitted_at AS at,
       task.source ->> 'by' AS by, task.source ->> 'reason' AS why, task.on_revision AS rule,
       task.effects, task.input, task.body_hash = 'erased' AS erased, decision.output,
       answer_withheld(task.reference OR review.blind, review.closed_at, review.verdict) AS withheld
FROM task AS named
JOIN task ON task.id = coalesce(named.revises, named.id)
          OR task.revises = coalesce(named.revises, named.id)
LEFT JOIN decision ON decision.task_id = task.id
LEFT JOIN review ON review.task_id = task.id
WHERE named.id = %(id)s
ORDER BY task.revision

-- name: deliveries
-- not null: attempts
SELECT id, destination, kind, state, reason, key, reference, approved_by, created_at, done_at,
       superseded_by,
       (SELECT count(*) FROM delivery_attempt WHERE delivery_id = delivery.id) AS attempts
FROM delivery WHERE task_id = %(id)s ORDER BY created_at, id

-- name: outcomes
SELECT id, was_right AS "right", output, note, source, happened_at, reported_by, reported_at,
       withdrawn_at, withdrawn_by,
       withdrawn_at IS NULL AND row_number() OVER (
           PARTITION BY withdrawn_at IS NULL ORDER BY reported_at DESC, id DESC) = 1 AS counts
FROM outcome WHERE task_id = %(id)s ORDER BY reported_at, id

-- name: list
-- not null: task_id, use_case, input, reference, admitted_at, revision, hidden, erased
-- One of the two parts gives no rows: which one is known before a row is read. Each use case gives its
-- first rows by its index: one plan for all of them sorts every task while statistics are old.
-- `total` and `newer` are counted once, and at most so far.
WITH matching AS NOT MATERIALIZED (
    SELECT task.id AS task_id, task.use_case, task.key, task.input, task.reference,
           task.admitted_at, task.body_hash = 'erased' AS erased,
           decision.route, decision.reason_code, decision.reason, decision.output,
           decision.confidence, decision.decided_at, task.revision, task.on_revision,
           review.id AS review_id, review.closed_at, verdict.kind AS verdict,
           verdict.agrees, verdict.right_output, verdict.reviewer,
           task.source ->> 'by' AS sender,
           answer_withheld(task.reference OR review.blind, review.closed_at, review.verdict)
           AS hidden
    FROM task
    LEFT JOIN decision ON decision.task_id = task.id
    LEFT JOIN review ON review.task_id = task.id
    LEFT JOIN verdict ON verdict.id = review.verdict
    WHERE (%(use_case)s::text IS NULL OR task.use_case = %(use_case)s)
      AND task.use_case = ANY (%(served)s)
      AND (%(ids)s::text[] IS NULL OR task.id = ANY (%(ids)s))
      -- Hidden values must not be searchable: otherwise they could be found by repeated guesses.
      AND (%(route)s::text IS NULL OR decision.route = %(route)s)
      AND (%(verdict)s::text IS NULL OR verdict.kind = %(verdict)s)
      AND (coalesce(%(route)s::text, %(verdict)s::text) IS NULL
           OR NOT (task.reference AND review.verdict IS NULL)
              AND (review.id IS NULL OR NOT answer_withheld(
                  task.reference OR review.blind, review.closed_at, review.verdict)))
      AND (%(text)s::text IS NULL OR task.id = %(text)s OR task.key = %(text)s
           OR task.input::text ILIKE %(pattern)s
              AND coalesce((
                  -- As the reader sees it: turns without their texts.
                  SELECT (task.input || jsonb_build_object(unread.field, (
                              SELECT jsonb_agg(CASE WHEN jsonb_typeof(turn) = 'object'
                                                    THEN turn - 'text' ELSE turn END)
                              FROM jsonb_array_elements(task.input -> unread.field) AS turn
                          )))::text ILIKE %(pattern)s
                  FROM (SELECT %(unread)s::jsonb -> task.use_case ->> 'field' AS field,
                               %(unread)s::jsonb -> task.use_case -> 'senders' AS senders) AS unread
                  WHERE unread.senders @> to_jsonb(task.source ->> 'by')
                    AND jsonb_typeof(task.input -> unread.field) = 'array'), true))
), counts AS MATERIALIZED (
    SELECT (SELECT count(*) FROM (SELECT FROM matching LIMIT %(counted)s) AS every) AS total,
           (SELECT count(*) FROM (SELECT FROM matching WHERE task_id >= %(edge)s::text
                                  LIMIT %(counted)s) AS every) AS newer
)
(SELECT page.*, counts.total, counts.newer
 FROM counts, unnest(%(served)s::text[]) AS of (use_case)
 CROSS JOIN LATERAL (
     SELECT * FROM matching
     WHERE NOT %(oldest)s AND use_case = of.use_case
       AND task_id < coalesce(%(before)s::text, 'tsl') AND task_id > coalesce(%(after)s::text, '')
     ORDER BY task_id DESC LIMIT %(most)s) AS page
 ORDER BY task_id DESC LIMIT %(most)s)
UNION ALL
(SELECT page.*, counts.total, counts.newer
 FROM counts, unnest(%(served)s::text[]) AS of (use_case)
 CROSS JOIN LATERAL (
     SELECT * FROM matching
     WHERE %(oldest)s AND use_case = of.use_case
       AND task_id < coalesce(%(before)s::text, 'tsl') AND task_id > coalesce(%(after)s::text, '')
     ORDER BY task_id LIMIT %(most)s) AS page
 ORDER BY task_id LIMIT %(most)s)

-- name: incident_tasks
-- not null: id
-- Every task decided in the time, and every task whose effects were sent in it. Reviewer checks are
-- among them, as in every list, so that a comparison of lists does not reveal them.
SELECT task.id FROM decision JOIN task ON task.id = decision.task_id
WHERE decision.use_case = %(use_case)s AND decision.decided_at BETWEEN %(since)s AND %(until)s
UNION
SELECT delivery.task_id FROM delivery
JOIN delivery_attempt ON delivery_attempt.delivery_id = delivery.id
WHERE delivery.use_case = %(use_case)s AND delivery_attempt.at BETWEEN %(since)s AND %(until)s
ORDER BY 1 LIMIT %(most)s

-- name: incident_usual
SELECT decided_at AS at FROM decision
WHERE use_case = %(use_case)s AND decided_at BETWEEN %(since)s AND %(until)s
ORDER BY decided_at DESC OFFSET %(most)s - 1 LIMIT 1

-- name: incident_reach
-- not null: at
-- The earliest time since which at most so many tasks were decided or had effects sent; each event
-- counts.
SELECT at FROM (
    (SELECT decided_at AS at FROM decision
     WHERE use_case = %(use_case)s AND decided_at BETWEEN %(since)s AND %(until)s
     ORDER BY decided_at DESC LIMIT %(most)s)
    UNION ALL
    (SELECT delivery_attempt.at FROM delivery
     JOIN delivery_attempt ON delivery_attempt.delivery_id = delivery.id
     WHERE delivery.use_case = %(use_case)s AND delivery_attempt.at BETWEEN %(since)s AND %(until)s
     ORDER BY 1 DESC LIMIT %(most)s)) AS event
ORDER BY at DESC OFFSET %(most)s - 1 LIMIT 1

-- name: incident_deliveries
SELECT id, task_id, destination, kind, state, reason, key, reference, content_hash, attempt,
       first_sent_at, approved_by, created_at, done_at,
       (SELECT jsonb_agg(jsonb_build_object('outcome', outcome, 'detail', detail, 'at', at)
                         ORDER BY at)
        FROM delivery_attempt WHERE delivery_id = delivery.id) AS attempts,
       EXISTS (
           SELECT FROM task LEFT JOIN review ON review.task_id = task.id
           WHERE task.id = delivery.task_id
             AND answer_withheld(task.reference OR review.blind, review.closed_at, review.verdict)
       ) AS withheld
FROM delivery WHERE task_id = ANY (%(ids)s) ORDER BY id

-- name: incident_declared
SELECT actor, at, detail FROM audit_entry
WHERE subject = %(id)s AND kind = 'incident' AND use_case = %(use_case)s AND detail IS NOT NULL

-- name: incident_changes
SELECT at, kind, subject, actor, detail FROM audit_entry
WHERE use_case = %(use_case)s AND at BETWEEN %(since)s AND %(until)s
  -- An erasure names the reviewer checks that were made from its task.
  AND kind NOT IN ('decided', 'reviewed', 'undone', 'overturned', 'sent', 'reported',
                   'withdrawn', 'erased')
ORDER BY position

-- name: incident_halts
SELECT id, kind, reason, actor, asked_at, fenced_seconds, quiesced_seconds, in_flight,
       resume_asked_by, resume_reason, resumed_by, resumed_at
FROM halt WHERE use_case = %(use_case)s AND asked_at BETWEEN %(since)s AND %(until)s
ORDER BY asked_at

-- name: incident_pod
-- not null: pod
SELECT declaration -> 'pod' AS pod, declaration ->> 'purpose' AS purpose FROM use_case
WHERE name = %(use_case)s

-- name: copies
-- not null: id, use_case
-- The task with all its revisions, the first one first, and the reviewer checks made from them.
WITH own AS (
    SELECT task.id, task.use_case, task.input, task.body_hash, task.revision FROM task AS named
    JOIN task ON task.id = coalesce(named.revises, named.id)
              OR task.revises = coalesce(named.revises, named.id)
    WHERE named.id = %(task_id)s
)
SELECT id, use_case FROM (
    SELECT id, use_case, revision FROM own
    UNION
    SELECT copy.id, copy.use_case, NULL FROM own
    -- By value too: the database writes some numbers with other digits than the input had.
    JOIN task AS copy ON copy.use_case = own.use_case
                     AND (copy.body_hash = own.body_hash OR copy.input = own.input)
    JOIN measure ON measure.task_id = copy.id
    WHERE copy.id NOT IN (SELECT id FROM own)
) AS found ORDER BY revision

-- name: hold
-- not null: erased
-- A concurrent writer either adds to the task before this, or sees that it was erased.
SELECT id, body_hash = 'erased' AS erased FROM task WHERE id = ANY (%(ids)s) ORDER BY id FOR UPDATE

-- name: under_way
-- not null: n
SELECT (SELECT count(*) FROM in_flight WHERE task_id = ANY (%(ids)s))
     + (SELECT count(*) FROM delivery WHERE task_id = ANY (%(ids)s)
        AND state IN ('planned', 'waiting', 'sending', 'held', 'unknown', 'compensating', 'stuck'))
     + (SELECT count(*) FROM review
        WHERE task_id = ANY (%(ids)s) AND verdict IS NULL AND closed_at IS NULL) AS n

-- name: named
-- Tasks by their id or their key.
SELECT id, use_case, key FROM task
WHERE (id = %(text)s OR key = %(text)s) AND use_case = ANY (%(served)s)
ORDER BY id DESC LIMIT 5

-- name: entries_of
-- not null: position
-- Also those of a decision on examples for a prompt, which are whole inputs.
SELECT position FROM audit_entry
WHERE subject = ANY (ARRAY (
    SELECT unnest(%(ids)s::text[])
    UNION ALL SELECT id FROM decision WHERE task_id = ANY (%(ids)s)
    UNION ALL SELECT id FROM review WHERE task_id = ANY (%(ids)s)
    UNION ALL SELECT id FROM verdict WHERE task_id = ANY (%(ids)s)
    UNION ALL SELECT id FROM held_verdict WHERE task_id = ANY (%(ids)s)
    UNION ALL SELECT id FROM delivery WHERE task_id = ANY (%(ids)s)
    UNION ALL SELECT id FROM outcome WHERE task_id = ANY (%(ids)s)))
UNION
SELECT noted.position FROM task
JOIN proposal ON proposal.use_case = task.use_case AND proposal.kind = 'examples'
JOIN audit_entry AS noted ON noted.subject = proposal.id AND noted.kind = 'proposal'
WHERE task.id = ANY (%(ids)s) AND task.body_hash <> 'erased'
  AND noted.detail @> jsonb_build_object('patch', jsonb_build_object(
      'examples', jsonb_build_array(jsonb_build_object('input', task.input))))

-- name: use_case_of
SELECT use_case FROM task WHERE id = %(id)s

-- name: asked
-- not null: erased
-- What a person asked in the console, newest first.
SELECT task.id, task.input, task.admitted_at, task.body_hash = 'erased' AS erased,
       decision.route, decision.output, verdict.kind AS verdict, verdict.right_output
FROM task
LEFT JOIN decision ON decision.task_id = task.id
LEFT JOIN review ON review.task_id = task.id
LEFT JOIN verdict ON verdict.id = review.verdict
WHERE task.use_case = %(use_case)s AND task.source ->> 'surface' = 'console'
  AND task.source ->> 'by' = %(person)s AND task.revises IS NULL
ORDER BY task.id DESC LIMIT %(most)s

-- name: conversation
-- not null: erased
-- A question of a person and those before it in the same conversation, oldest first.
WITH RECURSIVE earlier AS (
    SELECT id, source ->> 'after' AS after, 1 AS turn FROM task
    WHERE id = %(id)s AND use_case = %(use_case)s AND source ->> 'by' = %(person)s
    UNION ALL
    SELECT task.id, task.source ->> 'after', earlier.turn + 1
    FROM earlier JOIN task ON task.id = earlier.after
    WHERE task.use_case = %(use_case)s AND task.source ->> 'by' = %(person)s
      AND earlier.turn < %(most)s
)
SELECT task.id, task.input, task.admitted_at, task.body_hash = 'erased' AS erased,
       decision.route, decision.output, decision.reason, decision.decided_at,
       CASE WHEN jsonb_typeof(decision.evidence -> 'support') = 'number'
            THEN (decision.evidence ->> 'support')::float8 END AS support,
       verdict.kind AS verdict, verdict.right_output, verdict.given_at,
       EXISTS (SELECT FROM outcome WHERE outcome.task_id = task.id AND outcome.withdrawn_at IS NULL
               AND outcome.reported_by = %(person)s AND NOT outcome.was_right
               AND outcome.verdict IS NOT DISTINCT FROM review.verdict) AS reported
FROM earlier
JOIN task ON task.id = earlier.id
LEFT JOIN decision ON decision.task_id = task.id
LEFT JOIN review ON review.task_id = task.id
LEFT JOIN verdict ON verdict.id = review.verdict
ORDER BY earlier.turn DESC
