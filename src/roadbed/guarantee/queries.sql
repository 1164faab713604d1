-- name: live
SELECT use_case.live_version, use_case.state, use_case.state_since, use_case.state_reason,
       use_case.threshold, use_case.cautious, use_case.reference_rate AS rate, use_case.alarm_at,
       use_case.audit_at, use_case.cautious_improvements_left, behaviour.kinds, certificate.on_alarm,
       certificate.detail -> 'grid' AS grid
FROM use_case
LEFT JOIN version ON version.id = use_case.live_version
LEFT JOIN behaviour ON behaviour.hash = version.behaviour
LEFT JOIN certificate ON certificate.id = version.certificate
WHERE use_case.name = %(use_case)s

-- name: lock
SELECT pg_advisory_xact_lock(hashtext('halt'), hashtext(%(use_case)s))

-- name: hold
SELECT live_version, state FROM use_case WHERE name = %(use_case)s FOR UPDATE

-- name: one_reader
-- One process at a time reads new evidence; the next one continues from there.
SELECT pg_advisory_xact_lock(hashtext('running audit'), hashtext(%(use_case)s))

-- name: counted
-- How far the running audit has counted, and the first task that is still `under_way`.
SELECT kept.version, kept.since, kept.upto, kept.passed, kept.weight, kept.handled, kept.at,
       (SELECT min(in_flight.task_id) FROM in_flight JOIN task ON task.id = in_flight.task_id
        WHERE task.use_case = %(use_case)s) AS under_way
FROM (SELECT) AS one LEFT JOIN running_audit AS kept ON kept.use_case = %(use_case)s

-- name: missed
-- not null: missed
-- Whether an answer settled behind what was counted. With known values the planner uses an index.
SELECT EXISTS (SELECT FROM decision
               WHERE use_case = %(use_case)s AND decided_at > %(at)s AND version = %(version)s
                 AND route = 'automatic' AND task_id < %(upto)s) AS missed

-- name: relabelled
-- not null: drawn, mark, uncounted
-- Verdicts given or taken back since a moment: what each says of its task may differ from what was
-- replayed. `uncounted` is a drawn answer that is not among the gaps, because the clock of the process that
-- decided it was slow.
SELECT new.mark, task.id AS task, coalesce(task.drawn, task.reference) AS drawn,
       coalesce(task.drawn, task.reference) AND task.id < %(upto)s AND decision.task_id IS NOT NULL
       AND (%(since)s::timestamptz IS NULL OR task.admitted_at > %(since)s)
       AND NOT EXISTS (SELECT FROM running_gap
                       WHERE running_gap.use_case = %(use_case)s AND running_gap.task_id = task.id)
       AS uncounted
FROM (
    SELECT id AS mark, task_id FROM verdict
    WHERE use_case = %(use_case)s AND id >= %(from_verdict)s
    UNION ALL
    SELECT id || ' undone ' || undone_at, task_id FROM verdict
    WHERE use_case = %(use_case)s AND undone_at >= %(from)s) AS new
JOIN task ON task.id = new.task_id
LEFT JOIN decision ON decision.task_id = task.id AND decision.version = %(version)s
     AND decision.route = 'automatic'

-- name: gaps
-- Automatic answers of a version that the coin did not draw, by the drawn one that comes after them; the
-- last ones have none yet. Revisions count like first tasks, each by its own coin.
SELECT max(id) FILTER (WHERE drawn) AS id,
       count(*) FILTER (WHERE NOT drawn) AS passed,
       coalesce(sum(rate) FILTER (WHERE NOT drawn), 0.0) AS weight
FROM (
    SELECT task.id, coalesce(task.drawn, task.reference) AS drawn, task.reference_rate AS rate,
           count(*) FILTER (WHERE coalesce(task.drawn, task.reference)) OVER (
               ORDER BY task.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS place
    FROM decision
    JOIN task ON task.id = decision.task_id
    WHERE decision.use_case = %(use_case)s AND decision.version = %(version)s
      AND decision.route = 'automatic' AND decision.task_id >= %(from_task)s
      AND (%(until)s::text IS NULL OR decision.task_id < %(until)s)
      AND (%(since)s::timestamptz IS NULL OR task.admitted_at > %(since)s)
) AS automatic
GROUP BY place ORDER BY place

-- name: keep_gaps
INSERT INTO running_gap (use_case, task_id, passed, weight)
SELECT %(use_case)s, gap.id, gap.passed, gap.weight
FROM json_to_recordset(%(gaps)s::json) AS gap (id text, passed bigint, weight double precision)
ON CONFLICT DO NOTHING

-- name: keep_count
INSERT INTO running_audit (use_case, version, since, upto, passed, weight, handled, at)
VALUES (%(use_case)s, %(version)s, %(since)s, %(upto)s, %(passed)s, %(weight)s, %(handled)s, %(at)s)
ON CONFLICT (use_case) DO UPDATE
SET version = excluded.version, since = excluded.since, upto = excluded.upto,
    passed = excluded.passed, weight = excluded.weight, handled = excluded.handled, at = excluded.at

-- name: forget_gaps
DELETE FROM running_gap WHERE use_case = %(use_case)s

-- name: forget_marks
-- Those of another basis, or at or after the first task whose label changed.
DELETE FROM running_mark
WHERE use_case = %(use_case)s AND kind = %(kind)s
  AND (basis <> %(basis)s OR last >= %(changed)s)

-- name: mark
SELECT last, state FROM running_mark
WHERE use_case = %(use_case)s AND kind = %(kind)s AND basis = %(basis)s
ORDER BY last DESC LIMIT 1

-- name: keep_marks
INSERT INTO running_mark (use_case, kind, basis, last, state)
SELECT %(use_case)s, %(kind)s, %(basis)s, mark.last, mark.state
FROM json_to_recordset(%(marks)s::json) AS mark (last text, state jsonb)
ON CONFLICT (use_case, kind, basis, last) DO UPDATE SET state = excluded.state

-- name: outcomes
-- not null: id, passed, weight, late
-- Drawn automatic answers after a task, in the order drawn; ``passed`` counts those not drawn since the
-- one before. ``loss`` is null while the label may still come.
SELECT gap.id, gap.passed, gap.weight, task.reference_rate AS rate,
       verdict.id IS NULL AND task.admitted_at < %(late_before)s AS late,
       verdict.agrees,
       CASE WHEN verdict.id IS NOT NULL THEN coalesce(verdict.loss, 1.0)
            WHEN task.admitted_at < %(late_before)s THEN 1.0 END AS loss
FROM (
    SELECT task_id AS id, passed, weight FROM running_gap
    WHERE use_case = %(use_case)s AND task_id > %(after)s
    UNION ALL
    SELECT id, passed, weight
    FROM json_to_recordset(%(tail)s::json) AS tail (
        id text, passed bigint, weight double precision)
    WHERE id > %(after)s
) AS gap
JOIN task ON task.id = gap.id
LEFT JOIN review ON review.task_id = task.id
LEFT JOIN verdict ON verdict.id = review.verdict
ORDER BY gap.id

-- name: kinds
-- Reviewed tasks that the version decided, in the order drawn, with their right outputs. Tasks that
-- somebody reported as wrong are not a random sample, so they raise no alarm. Reviewer checks did
-- not arrive as work. OFFSET makes the planner look up by key: most tasks have no label.
SELECT labelled.task_id AS id, labelled.new_kind, labelled.right_output
FROM (SELECT id, task_id, new_kind, right_output FROM verdict
      WHERE use_case = %(use_case)s AND undone_at IS NULL AND task_id > %(after)s OFFSET 0)
     AS labelled
CROSS JOIN LATERAL (
    SELECT FROM task
    JOIN decision ON decision.task_id = task.id AND decision.version = %(version)s
    JOIN review ON review.task_id = task.id AND review.verdict = labelled.id
               AND review.outcome IS NULL
    WHERE task.id = labelled.task_id
      AND (%(since)s::timestamptz IS NULL OR task.admitted_at > %(since)s)
      AND NOT EXISTS (SELECT FROM measure WHERE measure.task_id = task.id)
    OFFSET 0) AS met
ORDER BY labelled.task_id

-- name: announce
-- At most one notice per subject is open.
INSERT INTO notice (id, use_case, kind, text, at, about)
VALUES (%(id)s, %(use_case)s, %(kind)s, %(text)s, %(at)s, %(about)s)
ON CONFLICT DO NOTHING

-- name: labels_over
-- A notice about a label is over when no verdict waits for that label. A verdict that was never held
-- changes nothing.
UPDATE notice SET over_at = %(at)s
WHERE use_case = (SELECT use_case FROM held_verdict WHERE id = %(verdict_id)s)
  AND about LIKE 'label %%' AND over_at IS NULL
  AND NOT EXISTS (
      SELECT FROM held_verdict CROSS JOIN jsonb_array_elements(held_verdict.labels) AS label
      WHERE held_verdict.use_case = notice.use_case AND held_verdict.ended IS NULL
        AND notice.about = 'label ' || (label ->> 'field') || ' ' || (label ->> 'value'))

-- name: state_over
-- Notices about a state end when the state changes.
UPDATE notice SET over_at = %(at)s
WHERE use_case = %(use_case)s AND kind IN ('tightened', 'cautious', 'halted') AND kind <> %(state)s
  AND over_at IS NULL

-- name: over
-- The cause of a notice has ended: nobody needs to read it any more.
UPDATE notice SET over_at = %(at)s
WHERE use_case = %(use_case)s AND about = %(about)s AND over_at IS NULL

-- name: refused
-- Runs in the transaction of an attempt that a destination refused for a cause that concerns every
-- delivery.
INSERT INTO notice (id, use_case, kind, text, at, about)
SELECT item.notice, item.use_case, 'delivery', item.text, item.at, item.about
FROM json_to_recordset(%(items)s::json) AS item (
    id text, use_case text, notice text, text text, at timestamptz, about text)
JOIN delivery_attempt ON delivery_attempt.id = item.id
WHERE item.notice IS NOT NULL AND delivery_attempt.xmin = pg_current_xact_id()::xid
ON CONFLICT DO NOTHING

-- name: mended
-- No delivery that failed for such a cause waits for a person any more.
UPDATE notice SET over_at = now()
WHERE use_case = %(use_case)s AND about LIKE 'delivery %%' AND over_at IS NULL
  AND NOT EXISTS (SELECT FROM delivery
                  WHERE delivery.use_case = notice.use_case AND delivery.state = 'failed'
                    AND delivery.destination = split_part(notice.about, ' ', 2)
                    AND delivery.cause = split_part(notice.about, ' ', 3))

-- name: tell
SELECT pg_notify('roadbed_service', %(use_case)s)

-- name: measured_error
-- not null: of_version
-- Two rows: automatic answers of the sample by the live version since its audit began, and by any version.
-- Each answer that a coin drew counts when its label is known or late. The rules are those of the running
-- audit (`gaps`, `outcomes`).
WITH label AS (
    SELECT task_id, agrees, coalesce(loss, 1.0) AS loss
    FROM verdict
    WHERE use_case = %(use_case)s AND undone_at IS NULL
      AND EXISTS (SELECT FROM review WHERE review.verdict = verdict.id)
    UNION ALL
    SELECT task_id, NULL, NULL FROM review
    WHERE use_case = %(use_case)s AND verdict IS NULL AND blind
), drawn AS (
    SELECT 1.0 / task.reference_rate AS weight, task.admitted_at AS at, decision.version,
           label.loss IS NULL AND task.admitted_at < %(late_before)s AS late,
           CASE WHEN label.loss IS NULL
                THEN CASE WHEN task.admitted_at < %(late_before)s THEN 1.0 END
                WHEN %(mean)s OR label.agrees IS NULL THEN label.loss
                ELSE (NOT label.agrees)::integer END AS loss
    FROM label
    JOIN task ON task.id = label.task_id AND coalesce(task.drawn, task.reference)
    JOIN decision ON decision.task_id = task.id AND decision.route = 'automatic'
), counted AS (
    SELECT scope.of_version, drawn.loss, drawn.late, drawn.at, drawn.weight,
           drawn.loss IS NOT NULL AS known
    FROM drawn
    JOIN use_case ON use_case.name = %(use_case)s
    CROSS JOIN (VALUES (true), (false)) AS scope (of_version)
    WHERE NOT scope.of_version OR drawn.version = use_case.live_version
          AND (use_case.audit_at IS NULL OR drawn.at > use_case.audit_at)
)
SELECT scope.of_version, use_case.audit_at,
       count(*) FILTER (WHERE counted.known) AS n,
       count(*) FILTER (WHERE counted.known AND counted.loss > 0.0) AS wrong,
       count(*) FILTER (WHERE counted.known AND counted.late) AS late,
       count(*) FILTER (WHERE NOT counted.known) AS waiting,
       coalesce(sum(counted.weight) FILTER (WHERE counted.known), 0.0) AS weight,
       coalesce(sum(counted.weight * counted.loss) FILTER (WHERE counted.known), 0.0) AS loss,
       coalesce(sum(counted.weight * counted.weight) FILTER (WHERE counted.known), 0.0) AS squares,
       coalesce(sum(counted.loss) FILTER (WHERE counted.known), 0.0) AS lost,
       min(counted.at) FILTER (WHERE counted.known) AS since,
       max(counted.at) FILTER (WHERE counted.known) AS until
FROM use_case
CROSS JOIN (VALUES (true), (false)) AS scope (of_version)
LEFT JOIN counted ON counted.of_version = scope.of_version
WHERE use_case.name = %(use_case)s
GROUP BY scope.of_version, use_case.audit_at ORDER BY scope.of_version

-- name: late_items
SELECT count(*) AS late FROM review
WHERE use_case = %(use_case)s AND verdict IS NULL AND closed_at IS NULL AND blind
  AND opened_at < %(late_before)s
  AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = review.task_id)
  AND NOT EXISTS (SELECT FROM task WHERE task.id = review.task_id AND NOT task.drawn)

-- name: pulse
-- not null: undone
SELECT (SELECT max(id) FROM verdict WHERE use_case = %(use_case)s) AS verdict,
       (SELECT count(*) FROM verdict WHERE use_case = %(use_case)s AND undone_at IS NOT NULL)
       AS undone,
       (SELECT live_version FROM use_case WHERE name = %(use_case)s) AS version

-- name: notices
SELECT id, use_case, kind, text, at, seen_by, seen_at, over_at
FROM notice
WHERE use_case = %(use_case)s AND (seen_at IS NULL AND over_at IS NULL OR %(all)s)
ORDER BY id DESC LIMIT %(most)s

-- name: seen
UPDATE notice SET seen_by = %(person)s, seen_at = %(at)s WHERE id = %(id)s AND seen_at IS NULL
RETURNING use_case

-- name: changes
SELECT at, detail FROM audit_entry
WHERE use_case = %(use_case)s AND kind IN ('state', 'live') ORDER BY position DESC LIMIT %(most)s

-- name: volume
SELECT count(*) AS tasks, count(review.id) AS reviews, min(decision.decided_at) AS first
FROM decision LEFT JOIN review ON review.task_id = decision.task_id
WHERE decision.use_case = %(use_case)s AND decision.decided_at > %(since)s
  AND decision.revision = 1


-- name: use_case_of
SELECT use_case FROM notice WHERE id = %(id)s

-- name: known_wrong
-- Reviewer checks with a wrong answer: how many there were, and how many were accepted.
SELECT count(*) AS cases, count(*) FILTER (WHERE NOT measure.passed) AS misses
FROM measure JOIN verdict ON verdict.task_id = measure.task_id AND verdict.undone_at IS NULL
WHERE measure.use_case = %(use_case)s AND measure.kind = 'check' AND NOT measure.proposed_right
  AND measure.passed IS NOT NULL

-- name: tried
-- not null: versions, tries
-- Versions certified on the sample, with this one: all, and those since the last that passed and came
-- into service. One that passes and is withdrawn is a try as well, or it would set the count back.
WITH served AS (
    SELECT proof.behaviour, min(proof.issued_at) AS passed_at FROM certificate AS proof
    WHERE proof.use_case = %(use_case)s AND proof.behaviour <> %(behaviour)s
      AND proof.threshold IS NOT NULL
      AND EXISTS (SELECT FROM version WHERE version.behaviour = proof.behaviour
                                        AND version.live_since IS NOT NULL)
    GROUP BY proof.behaviour
)
SELECT 1 + count(DISTINCT behaviour)::integer AS versions,
       1 + (count(DISTINCT behaviour) FILTER (
               WHERE issued_at > (SELECT coalesce(max(passed_at), '-infinity') FROM served)
                 AND behaviour NOT IN (SELECT behaviour FROM served)))::integer AS tries
FROM certificate
WHERE use_case = %(use_case)s AND behaviour <> %(behaviour)s

-- name: last_certificate
SELECT * FROM certificate WHERE behaviour = %(behaviour)s ORDER BY issued_at DESC, id DESC LIMIT 1

-- name: first_look
-- not null: grid, starts, shares
-- The first certificate of a behaviour that could have proven something.
SELECT detail -> 'grid' AS grid, detail -> 'starts' AS starts, detail -> 'shares' AS shares
FROM certificate WHERE behaviour = %(behaviour)s AND items >= %(items)s AND detail ? 'shares'
ORDER BY issued_at, id LIMIT 1

-- name: store_certificate
INSERT INTO certificate (id, use_case, behaviour, look, threshold, cautious, on_alarm, risk_limit,
                         certainty, items, covered, errors, detail, issued_at)
VALUES (%(id)s, %(use_case)s, %(behaviour)s, %(look)s, %(threshold)s, %(cautious)s, %(on_alarm)s,
        %(risk_limit)s, %(certainty)s, %(items)s, %(covered)s, %(errors)s, %(detail)s,
        %(issued_at)s)

-- name: store_weak_examples
-- Of a task that was erased while the certificate was made nothing is kept.
INSERT INTO weak_example (certificate, spot, place, task_id, input, answered, "right")
SELECT %(certificate)s, one.spot, one.place, one.task_id, one.input, one.answered, one."right"
FROM json_to_recordset(%(examples)s::json) AS one (
    spot integer, place integer, task_id text, input text, answered jsonb, "right" jsonb)
WHERE NOT EXISTS (SELECT FROM task WHERE task.id = one.task_id AND task.body_hash = 'erased')

-- name: weak_examples
-- Without those that somebody has still to judge a second time, who must not see an answer.
SELECT spot, weak_example.task_id, weak_example.input, answered, "right" FROM weak_example
LEFT JOIN task ON task.id = weak_example.task_id
LEFT JOIN review ON review.task_id = task.id
WHERE certificate = %(certificate)s
  AND NOT answer_withheld(task.reference OR review.blind, review.closed_at, review.verdict)
ORDER BY spot, place

-- name: erase_weak_examples
DELETE FROM weak_example WHERE task_id = ANY (%(ids)s)
