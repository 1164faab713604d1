-- name: live
SELECT use_case.live_version, use_case.state, use_case.state_since, use_case.state_reason,
       use_case.threshold, use_case.cautious, use_case.reference_rate AS rate, use_case.alarm_at,
       use_case.audit_at, use_case.bridges_left, behaviour.kinds, certificate.on_alarm,
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
-- One process at a time reads on; the next one finds what it has read.
SELECT pg_advisory_xact_lock(hashtext('running audit'), hashtext(%(use_case)s))

-- name: counted
-- How far the running audit has counted, and the first task that is still `under_way`.
SELECT kept.version, kept.since, kept.upto, kept.passed, kept.weight, kept.handled, kept.at,
       (SELECT min(in_flight.task_id) FROM in_flight JOIN task ON task.id = in_flight.task_id
        WHERE task.use_case = %(use_case)s) AS under_way
FROM (SELECT) AS one LEFT JOIN running_audit AS kept ON kept.use_case = %(use_case)s

-- name: missed
-- Whether an answer settled behind what was counted. Of values that it knows the planner takes an index.
SELECT EXISTS (SELECT FROM decision
               WHERE use_case = %(use_case)s AND decided_at > %(at)s AND version = %(version)s
                 AND route = 'automatic' AND task_id < %(upto)s) AS missed

-- name: relabelled
-- Verdicts given or taken back since a moment, and revisions decided: what each says of the first task of
-- its chain may differ from what was replayed. `uncounted` is a drawn answer that is not among the gaps,
-- because the clock of the process that decided it was slow.
SELECT new.mark, coalesce(task.revises, task.id) AS first,
       task.reference OR task.revises IS NOT NULL AS reference,
       task.reference AND task.id < %(upto)s AND decision.task_id IS NOT NULL
       AND (%(since)s::timestamptz IS NULL OR task.admitted_at > %(since)s)
       AND NOT EXISTS (SELECT FROM running_gap
                       WHERE running_gap.use_case = %(use_case)s AND running_gap.task_id = task.id)
       AS uncounted
FROM (
    SELECT id AS mark, task_id FROM verdict
    WHERE use_case = %(use_case)s AND id >= %(from_verdict)s
    UNION ALL
    SELECT id || ' undone ' || undone_at, task_id FROM verdict
    WHERE use_case = %(use_case)s AND undone_at >= %(from)s
    UNION ALL
    SELECT task_id, task_id FROM decision
    WHERE use_case = %(use_case)s AND version = %(version)s AND revision > 1
      AND task_id >= %(upto)s) AS new
JOIN task ON task.id = new.task_id
LEFT JOIN decision ON decision.task_id = task.id AND decision.version = %(version)s
     AND decision.route = 'automatic' AND decision.revision = 1

-- name: gaps
-- Automatic answers of a version that the coin did not draw, by the drawn one that comes after them; the
-- last ones have none yet. A task counts once, where its first such answer stands.
SELECT max(id) FILTER (WHERE reference) AS id,
       count(*) FILTER (WHERE NOT reference) AS passed,
       coalesce(sum(rate) FILTER (WHERE NOT reference), 0.0) AS weight
FROM (
    SELECT task.id, task.reference, task.reference_rate AS rate,
           count(*) FILTER (WHERE task.reference) OVER (
               ORDER BY task.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS place
    FROM decision
    JOIN task ON task.id = decision.task_id
    WHERE decision.use_case = %(use_case)s AND decision.version = %(version)s
      AND decision.route = 'automatic' AND decision.task_id >= %(from_task)s
      AND (%(until)s::text IS NULL OR decision.task_id < %(until)s)
      AND (%(since)s::timestamptz IS NULL OR task.admitted_at > %(since)s)
      AND (decision.revision = 1 OR NOT EXISTS (
          SELECT FROM task AS before JOIN decision AS once ON once.task_id = before.id
          WHERE (before.id = task.revises OR before.revises = task.revises)
            AND before.revision < task.revision AND once.route = 'automatic'
            AND once.version = decision.version
            AND (%(since)s::timestamptz IS NULL OR before.admitted_at > %(since)s)))
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
-- Drawn automatic answers after a task, in the order drawn; ``passed`` counts those not drawn since the
-- one before. ``loss`` is null while the label may still come, and ``pending`` says that of a revision's.
-- Each with the worst that is known of any of its revisions.
SELECT gap.id, gap.passed, gap.weight, task.reference_rate AS rate,
       verdict.id IS NULL AND task.admitted_at < %(late_before)s AS late,
       verdict.agrees AND coalesce(again.agrees, true) AS agrees,
       CASE WHEN verdict.id IS NOT NULL
            THEN greatest(coalesce(verdict.loss, 1.0), again.loss)
            WHEN task.admitted_at < %(late_before)s THEN 1.0 END AS loss,
       coalesce(again.pending, false) AS pending
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
LEFT JOIN LATERAL (
    SELECT bool_and(told.agrees) FILTER (WHERE told.counts) AS agrees,
           max(told.loss) FILTER (WHERE told.counts) AS loss, bool_or(NOT told.counts) AS pending
    FROM (
        SELECT said.agrees IS TRUE AS agrees, coalesce(said.loss, 1.0) AS loss,
               said.id IS NOT NULL OR later.admitted_at < %(late_before)s AS counts
        FROM task AS later
        JOIN decision AS once_more ON once_more.task_id = later.id
             AND once_more.version = %(version)s AND once_more.route = 'automatic'
        LEFT JOIN review AS its ON its.task_id = later.id
        LEFT JOIN verdict AS said ON said.id = its.verdict
        WHERE later.revises = coalesce(task.revises, task.id)) AS told) AS again ON true
ORDER BY gap.id

-- name: kinds
-- Reviewed tasks that the version decided, in the order drawn, with their right outputs. Those that
-- somebody reported to be wrong were picked, not met: they sound no alarm. Cases made to measure
-- reviewers are no work that arrived. OFFSET keeps each look by its key: most tasks have no label.
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

-- name: move
UPDATE use_case
SET state = %(state)s, threshold = %(threshold)s, cautious = %(cautious)s,
    reference_rate = %(rate)s, bridges_left = %(bridges_left)s, state_since = %(at)s,
    state_reason = %(reason)s, halt_epoch = halt_epoch + 1,
    alarm_at = CASE WHEN %(alarm)s THEN %(at)s ELSE alarm_at END
WHERE name = %(use_case)s

-- name: announce
-- About one thing at most one notice stands until it is over.
INSERT INTO notice (id, use_case, kind, text, at, about)
VALUES (%(id)s, %(use_case)s, %(kind)s, %(text)s, %(at)s, %(about)s)
ON CONFLICT DO NOTHING

-- name: labels_over
-- No verdict waits any more for a label that a notice speaks of. Anything but a verdict that was held
-- changes nothing.
UPDATE notice SET over_at = %(at)s
WHERE use_case = (SELECT use_case FROM held_verdict WHERE id = %(verdict_id)s)
  AND about LIKE 'label %%' AND over_at IS NULL
  AND NOT EXISTS (
      SELECT FROM held_verdict CROSS JOIN jsonb_array_elements(held_verdict.labels) AS label
      WHERE held_verdict.use_case = notice.use_case AND held_verdict.ended IS NULL
        AND notice.about = 'label ' || (label ->> 'field') || ' ' || (label ->> 'value'))

-- name: state_over
-- What notices say of a state is over once it is another one.
UPDATE notice SET over_at = %(at)s
WHERE use_case = %(use_case)s AND kind IN ('tightened', 'cautious', 'halted') AND kind <> %(state)s
  AND over_at IS NULL

-- name: over
-- What a notice speaks of is over: nobody need see it any more.
UPDATE notice SET over_at = %(at)s
WHERE use_case = %(use_case)s AND about = %(about)s AND over_at IS NULL

-- name: refused
-- Runs in the transaction of an attempt that a destination refused for a cause that is not of one parcel.
INSERT INTO notice (id, use_case, kind, text, at, about)
SELECT item.notice, item.use_case, 'delivery', item.text, item.at, item.about
FROM json_to_recordset(%(items)s::json) AS item (
    id text, use_case text, notice text, text text, at timestamptz, about text)
JOIN delivery_attempt ON delivery_attempt.id = item.id
WHERE item.notice IS NOT NULL AND delivery_attempt.xmin = pg_current_xact_id()::xid
ON CONFLICT DO NOTHING

-- name: mended
-- Nothing that such a cause failed waits for a person any more.
UPDATE notice SET over_at = now()
WHERE use_case = %(use_case)s AND about LIKE 'delivery %%' AND over_at IS NULL
  AND NOT EXISTS (SELECT FROM delivery
                  WHERE delivery.use_case = notice.use_case AND delivery.state = 'failed'
                    AND delivery.destination = split_part(notice.about, ' ', 2)
                    AND delivery.cause = split_part(notice.about, ' ', 3))

-- name: tell
SELECT pg_notify('roadbed_service', %(use_case)s)

-- name: chase
-- Sample items that are late come first in the queue.
UPDATE review SET priority = 4
WHERE use_case = %(use_case)s AND verdict IS NULL AND closed_at IS NULL AND blind AND priority < 4
  AND opened_at < %(late_before)s
  AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = review.task_id)
RETURNING id

-- name: late_items
SELECT count(*) AS late FROM review
WHERE use_case = %(use_case)s AND verdict IS NULL AND closed_at IS NULL AND blind
  AND opened_at < %(late_before)s
  AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = review.task_id)

-- name: pulse
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


-- name: reviewed_lately
-- How much was reviewed, and how many known cases were put among it.
SELECT count(*) FILTER (WHERE measure.task_id IS NULL) AS reviewed,
       (SELECT count(*) FROM measure WHERE use_case = %(use_case)s AND kind = 'check') AS checks
FROM verdict LEFT JOIN measure ON measure.task_id = verdict.task_id
WHERE verdict.use_case = %(use_case)s AND verdict.undone_at IS NULL

-- name: second_due
-- Labels of the sample that another pair of eyes must see: every error in an automatic answer, and
-- a share of the rest, picked by the label's own id; where there is a second person who labels and
-- knows no answer to it. `third` says that there is one beside the domain lead.
SELECT verdict.id AS verdict_id, verdict.reviewer, task.input, task.source, task.reference_rate,
       decision.*, review.blind AS first_blind, review.barred AS first_barred,
       EXISTS (SELECT 1 FROM verdict AS other
               WHERE other.use_case = %(use_case)s AND other.reviewer <> verdict.reviewer
                 AND other.reviewer <> %(lead)s AND NOT other.reviewer = ANY (review.barred)
                 AND other.given_at > %(others_since)s) AS third
FROM verdict
JOIN task ON task.id = verdict.task_id AND task.reference AND task.revises IS NULL
JOIN decision ON decision.task_id = task.id
JOIN review ON review.id = verdict.review_id
WHERE verdict.use_case = %(use_case)s AND verdict.undone_at IS NULL
  AND ((decision.route = 'automatic' AND NOT verdict.agrees)
       OR mod(abs(hashtextextended(verdict.id, 7)), 1000) < %(share)s * 1000)
  AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.of_verdict = verdict.id)
  AND verdict.given_at > %(since)s
  AND EXISTS (SELECT 1 FROM verdict AS other
              WHERE other.use_case = %(use_case)s AND other.reviewer <> verdict.reviewer
                AND NOT other.reviewer = ANY (review.barred || senders_of(verdict.task_id))
                AND other.given_at > %(others_since)s)
ORDER BY verdict.id LIMIT %(most)s

-- name: disagreements
-- Second looks and the labels they are about: where the two differ, somebody else decides.
SELECT measure.task_id AS second_task, first.id AS verdict_id, first.reviewer AS first_reviewer,
       second.id AS word, second.reviewer AS second_reviewer,
       review.barred || its.barred || senders_of(measure.task_id) AS barred,
       senders_of(measure.task_id) AS senders, task.input, task.source, task.reference_rate,
       decision.*, review.blind AS first_blind, first.undone_at IS NOT NULL AS withdrawn,
       first.right_output AS first_output, first.right_actions AS first_actions,
       first.loss AS first_loss, second.right_output AS second_output,
       second.right_actions AS second_actions, second.loss AS second_loss
FROM measure
JOIN verdict AS second ON second.task_id = measure.task_id AND second.undone_at IS NULL
JOIN review AS its ON its.id = second.review_id
JOIN verdict AS first ON first.id = measure.of_verdict
JOIN task ON task.id = first.task_id
JOIN decision ON decision.task_id = task.id
JOIN review ON review.id = first.review_id
WHERE measure.use_case = %(use_case)s AND measure.kind = 'second' AND measure.settled_at IS NULL

-- name: labellers
-- Who labels in this use case.
SELECT DISTINCT reviewer FROM verdict
WHERE use_case = %(use_case)s AND given_at > %(since)s ORDER BY reviewer

-- name: lead_decided
-- `withdrawn`: the first label was taken back by who gave it. One that an earlier word on this
-- dispute replaced, which was taken back since, waits for the next.
SELECT measure.task_id, first.review_id, lead.id AS word, lead.reviewer, task.input,
       first.undone_at IS NULL AS stands,
       first.undone_at IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM verdict AS carried JOIN verdict AS earlier ON earlier.id = carried.carries
           WHERE carried.review_id = first.review_id AND earlier.task_id = measure.task_id)
       AS withdrawn,
       first.right_output AS first_output, first.right_actions AS first_actions,
       first.loss AS first_loss, lead.right_output AS lead_output,
       lead.right_actions AS lead_actions, lead.loss AS lead_loss
FROM measure
JOIN verdict AS lead ON lead.task_id = measure.task_id AND lead.undone_at IS NULL
JOIN verdict AS first ON first.id = measure.of_verdict
JOIN task ON task.id = first.task_id
WHERE measure.use_case = %(use_case)s AND measure.kind = 'lead' AND measure.settled_at IS NULL

-- name: settled
-- Unless the word it rests on was taken back meanwhile.
WITH word AS (SELECT id FROM verdict WHERE id = %(word)s AND undone_at IS NULL FOR UPDATE)
UPDATE measure SET settled_at = %(at)s, passed = %(passed)s FROM word
WHERE measure.task_id = %(task_id)s

-- name: unsettled
-- The word of a second look or of who decides was taken back: the next one counts.
UPDATE measure SET settled_at = NULL, passed = NULL
FROM verdict
WHERE verdict.id = %(verdict_id)s AND measure.task_id = verdict.task_id
  AND measure.kind IN ('second', 'lead')

-- name: like_these
-- Recent tasks: a known case takes its sender, its cost and the shape of its key from one of them.
SELECT task.source, task.key, decision.cost FROM task
LEFT JOIN decision ON decision.task_id = task.id
WHERE task.use_case = %(use_case)s AND task.revises IS NULL
  AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = task.id)
ORDER BY task.id DESC LIMIT 50

-- name: other_answers
-- Compared in a canary, and nobody was asked yet about the answer that was not the decision.
SELECT * FROM (
    SELECT comparison.task_id, task.input, authors_of(comparison.release) AS authors,
           CASE decided_by WHEN 'live' THEN candidate_output ELSE live_output END AS output,
           CASE decided_by WHEN 'live' THEN candidate_actions ELSE live_actions END AS actions,
           CASE decided_by WHEN 'live' THEN candidate_content ELSE live_content END AS content,
           CASE decided_by WHEN 'live' THEN candidate_confidence ELSE live_confidence END
           AS confidence
    FROM comparison JOIN task ON task.id = comparison.task_id
    WHERE comparison.use_case = %(use_case)s AND comparison.release = %(release)s
      AND live_content IS DISTINCT FROM candidate_content) AS differing
WHERE output IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM measure JOIN decision ON decision.task_id = measure.task_id
    WHERE measure.of_case = differing.task_id AND measure.kind = 'answer'
      AND decision.content_hash = differing.content)
ORDER BY task_id LIMIT 50

-- name: taken_keys
SELECT key FROM task WHERE use_case = %(use_case)s AND key = ANY (%(keys)s)

-- name: reserve
-- Whoever sent the task that a case was made from knows it again.
UPDATE review SET barred = %(barred)s::text[] || senders_of(%(origin)s),
                  reserved_for = %(reserved_for)s, skipped_by = %(skipped_by)s
WHERE id = %(review_id)s

-- name: make_measure
-- One answer on one case is asked about once.
INSERT INTO measure (task_id, use_case, kind, of_verdict, of_case, right_output, right_actions,
                     proposed_right, made_at)
SELECT %(task_id)s, %(use_case)s, %(kind)s, %(of_verdict)s, %(of_case)s, %(right_output)s,
       %(right_actions)s, %(proposed_right)s, %(at)s
WHERE %(of_case)s::text IS NULL OR NOT EXISTS (
    SELECT 1 FROM measure AS asked JOIN decision ON decision.task_id = asked.task_id
    WHERE asked.of_case = %(of_case)s AND asked.kind = 'answer'
      AND decision.content_hash = %(content_hash)s)
ON CONFLICT DO NOTHING
RETURNING task_id

-- name: checks_passed
SELECT verdict.reviewer, NOT measure.proposed_right AS known_wrong, measure.passed, count(*) AS n
FROM measure JOIN verdict ON verdict.task_id = measure.task_id AND verdict.undone_at IS NULL
WHERE measure.use_case = %(use_case)s AND measure.kind = 'check' AND measure.passed IS NOT NULL
GROUP BY 1, 2, 3

-- name: pace
-- How each reviewer works. An item may have been claimed while another was still being looked at, so
-- the time spent on it begins with the later of its claim and the reviewer's last verdict.
SELECT reviewer, count(*) AS verdicts, count(*) FILTER (WHERE kind = 'accept') AS accepted,
       count(*) FILTER (WHERE agrees) AS agreed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS median_seconds,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE kind = 'accept')
       AS median_accept_seconds,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY words) FILTER (WHERE kind = 'accept')
       AS median_accept_words,
       count(*) FILTER (WHERE overturned) AS overturned, count(*) FILTER (WHERE looked_at) AS second
FROM (
    SELECT verdict.reviewer, verdict.kind, verdict.agrees,
           least(verdict.dwell_seconds, extract(epoch FROM verdict.given_at
               - lag(verdict.given_at) OVER (
                   PARTITION BY verdict.reviewer ORDER BY verdict.given_at))) AS seconds,
           array_length(regexp_split_to_array(task.input::text, '\s+'), 1) AS words,
           second.task_id IS NOT NULL AS looked_at,
           second.passed IS FALSE AS overturned
    FROM verdict
    JOIN task ON task.id = verdict.task_id
    LEFT JOIN measure AS second ON second.of_verdict = verdict.id AND second.kind = 'lead'
    WHERE verdict.use_case = %(use_case)s AND verdict.given_at > %(since)s
) AS given
GROUP BY reviewer ORDER BY verdicts DESC

-- name: use_case_of
SELECT use_case FROM notice WHERE id = %(id)s
