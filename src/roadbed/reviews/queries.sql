-- name: open
-- A part of the statement that settles decisions: `fresh` are those it records.
INSERT INTO review (id, task_id, use_case, blind, priority, opened_at)
SELECT review_id, task_id, use_case, blind, priority, decided_at
FROM fresh WHERE review_id IS NOT NULL
ON CONFLICT DO NOTHING

-- name: open_where_they_differ
-- If live version and canary agree, neither is worse. If they differ, a person labels the task
-- without seeing either answer: only these labels judge the canary. If only a person can judge an
-- answer, it is shown, and the other answer has its own review.
INSERT INTO review (id, task_id, use_case, blind, priority, opened_at)
SELECT item.review_id, item.task_id, item.use_case, item.blind, 2, item.at
FROM json_to_recordset(%(items)s::json) AS item (
    id text, review_id text, task_id text, use_case text, blind boolean, at timestamptz)
WHERE item.review_id IS NOT NULL
ON CONFLICT DO NOTHING

-- name: supersede
-- A later revision was decided. A verdict on an earlier one at this moment is written before this, or
-- is refused. A blind review stays open: its verdict is evidence, and sends nothing any more.
UPDATE review
SET superseded_by = item.task_id,
    closed_at = CASE WHEN review.blind THEN NULL ELSE now() END,
    claimed_by = CASE WHEN review.blind THEN claimed_by END,
    claim_until = CASE WHEN review.blind THEN claim_until END
FROM json_to_recordset(%(items)s::json) AS item (id text, task_id text)
JOIN decision ON decision.task_id = item.task_id AND decision.id = item.id
CROSS JOIN LATERAL revisions_before(item.task_id) AS earlier
WHERE review.task_id = earlier.id AND review.closed_at IS NULL

-- name: claim
UPDATE review
SET claimed_by = item.reviewer,
    claim_until = now() + make_interval(secs => item.claim_seconds),
    claimed_at = CASE WHEN claimed_by = item.reviewer THEN claimed_at ELSE now() END,
    skipped_by = array_remove(skipped_by, item.reviewer)
FROM json_to_recordset(%(items)s::json) AS item (
    id text, review_id text, reviewer text, linker text, claim_seconds double precision)
WHERE review.id = item.review_id AND review.closed_at IS NULL AND NOT review.held
  AND (review.claimed_by IS NULL OR review.claimed_by = item.reviewer
       OR review.claim_until < now())
  AND may_review(review, item.reviewer, item.linker)

-- name: claimed
SELECT item.id, review.id AS review_id, review.closed_at, review.superseded_by, review.claimed_by,
       review.task_id, review.use_case, review.blind, review.priority, review.opened_at,
       review.claim_until, review.verdict AS verdict_id, task.input, decision.output,
       decision.actions, decision.provenance, decision.content_hash, decision.confidence, decision.evidence, decision.reason, decision.route, decision.version,
       NULL::jsonb AS verdict,
       reported_of(review.task_id) AS reported, review.outcome, senders_of(task.id) AS senders,
       coalesce(review.reserved_for = ANY (review.barred), false) AS nobody_else, review.held,
       review.barred, review.reserved_for, task.revises, measure.kind AS measured,
       measure.right_output AS known, measure.right_actions AS known_actions,
       measure.proposed_right
FROM json_to_recordset(%(items)s::json) AS item (id text, review_id text)
JOIN review ON review.id = item.review_id
JOIN task ON task.id = review.task_id
JOIN decision ON decision.task_id = review.task_id
LEFT JOIN measure ON measure.task_id = review.task_id

-- name: shown
-- What a verdict on this review is about, as at the claim. If it changes before the verdict is
-- written, the verdict is refused.
SELECT review.task_id, review.blind, review.closed_at, task.input,
       senders_of(task.id) AS senders, review.barred, review.reserved_for,
       decision.output, decision.actions, decision.provenance, decision.route,
       decision.confidence, decision.content_hash, measure.kind AS measured,
       measure.right_output AS known, measure.right_actions AS known_actions,
       measure.proposed_right, task.revises
FROM review
JOIN task ON task.id = review.task_id
JOIN decision ON decision.task_id = review.task_id
LEFT JOIN measure ON measure.task_id = review.task_id
WHERE review.id = %(id)s

-- name: judge
WITH item AS (
    SELECT * FROM json_to_recordset(%(items)s::json) AS item (
        id text, review_id text, kind text, output jsonb, right_actions jsonb, right_hash text,
        effect_hash text, output_hash text, shown text, loss double precision, agrees boolean,
        score_reason text, note text, new_kind boolean, reviewer text, linker text,
        given_at timestamptz, carries text)
), closed AS (
    UPDATE review SET verdict = item.id, closed_at = item.given_at, claimed_by = NULL,
                      claim_until = NULL
    FROM item, decision
    WHERE review.id = item.review_id AND review.closed_at IS NULL AND NOT review.held
      AND decision.task_id = review.task_id
      AND coalesce(decision.content_hash, item.shown) IS NOT DISTINCT FROM item.shown
      AND NOT (item.kind = 'accept' AND (review.blind OR decision.output IS NULL))
      AND (review.claimed_by IS NULL OR review.claimed_by = item.reviewer
           OR review.claim_until < now())
      AND may_review(review, item.reviewer, item.linker)
    RETURNING item.*, review.task_id, review.use_case,
              extract(epoch FROM item.given_at - review.claimed_at) AS dwell
)
INSERT INTO verdict (id, review_id, task_id, use_case, kind, right_output, right_actions, right_hash,
                     effect_hash, output_hash, content_hash, loss, agrees, score_reason, note,
                     new_kind, dwell_seconds, reviewer, given_at, carries)
SELECT id, review_id, task_id, use_case, kind, output, right_actions, right_hash, effect_hash,
       output_hash, shown, loss, agrees, score_reason, note, new_kind, greatest(dwell, 0), reviewer,
       given_at, carries
FROM closed
ON CONFLICT DO NOTHING

-- name: measured
-- A reviewer check: whether this verdict found the right answer.
UPDATE measure SET passed = item.passed
FROM json_to_recordset(%(items)s::json) AS item (id text, passed boolean)
JOIN verdict ON verdict.id = item.id
WHERE measure.task_id = verdict.task_id AND item.passed IS NOT NULL

-- name: judged
SELECT item.id, verdict.id AS verdict_id, review.closed_at, review.superseded_by, review.claimed_by,
       review.id AS review_id, review.held, decision.content_hash
FROM json_to_recordset(%(items)s::json) AS item (id text, review_id text)
JOIN review ON review.id = item.review_id
JOIN decision ON decision.task_id = review.task_id
LEFT JOIN verdict ON verdict.id = item.id

-- name: queue
SELECT review.id, review.task_id, review.use_case, review.blind, review.priority, review.opened_at,
       review.claimed_by, review.claim_until, review.closed_at, task.input,
       decision.output, decision.actions, decision.provenance, decision.content_hash,
       decision.confidence, decision.evidence, decision.reason, decision.route, decision.version,
       NULL::jsonb AS verdict,
       reported_of(review.task_id) AS reported, review.outcome,
       coalesce(review.reserved_for = ANY (review.barred), false) AS nobody_else
FROM review
JOIN task ON task.id = review.task_id
JOIN decision ON decision.task_id = review.task_id
WHERE review.use_case = %(use_case)s AND review.verdict IS NULL AND review.closed_at IS NULL
  AND NOT review.held
  AND (%(after_priority)s::integer IS NULL
       OR review.priority < %(after_priority)s
       OR (review.priority = %(after_priority)s AND review.id > %(after_id)s))
  AND NOT (%(reviewer)s = ANY (review.skipped_by) AND %(free_only)s)
  AND may_review(review, %(reviewer)s, %(linker)s)
  AND (NOT %(free_only)s OR review.claimed_by IS NULL OR review.claimed_by = %(reviewer)s
       OR review.claim_until < now())
ORDER BY review.priority DESC, review.id
LIMIT %(most)s

-- name: find
SELECT review.id, review.task_id, review.use_case, review.blind, review.priority, review.opened_at,
       review.claimed_by, review.claim_until, review.closed_at, task.input,
       decision.output, decision.actions, decision.provenance, decision.content_hash,
       decision.confidence, decision.evidence, decision.reason, decision.route, decision.version,
       to_jsonb(verdict.*) AS verdict,
       reported_of(review.task_id) AS reported, review.outcome,
       coalesce(review.reserved_for = ANY (review.barred), false) AS nobody_else
FROM review
JOIN task ON task.id = review.task_id
JOIN decision ON decision.task_id = review.task_id
LEFT JOIN verdict ON verdict.id = review.verdict
WHERE review.id = %(id)s

-- name: claim_next
UPDATE review
SET claimed_by = %(reviewer)s,
    claim_until = now() + make_interval(secs => %(claim_seconds)s),
    claimed_at = CASE WHEN claimed_by = %(reviewer)s THEN claimed_at ELSE now() END
WHERE id IN (
    SELECT id FROM review AS free
    WHERE free.use_case = %(use_case)s AND free.verdict IS NULL AND free.closed_at IS NULL
      AND NOT free.held AND NOT %(reviewer)s = ANY (free.skipped_by)
      AND (free.claimed_by IS NULL OR free.claimed_by = %(reviewer)s OR free.claim_until < now())
      AND may_review(free, %(reviewer)s, %(linker)s) AND NOT free.id = ANY (%(without)s)
    ORDER BY free.priority DESC, free.id
    LIMIT %(most)s FOR UPDATE SKIP LOCKED)
RETURNING id

-- name: claim_left
-- Reviews that the reviewer skipped and that no other reviewer can take: all others skipped them
-- too, or must not judge them. First those that the reviewer holds since the skip: a page claims
-- one ahead. Then the longest skipped, so that all are offered in turn.
WITH other AS MATERIALIZED (
    SELECT DISTINCT held.person
    FROM role_in_force AS held
    JOIN person ON person.name = held.person AND person.disabled_at IS NULL
    WHERE held.use_case = %(use_case)s AND held.role = ANY (%(roles)s)
      AND held.person <> %(reviewer)s),
free AS MATERIALIZED (
    SELECT id, claimed_by IS NOT DISTINCT FROM %(reviewer)s AS in_hand, claimed_at, priority
    FROM review
    WHERE use_case = %(use_case)s AND verdict IS NULL AND closed_at IS NULL
      AND NOT held AND %(reviewer)s = ANY (skipped_by)
      AND (claimed_by IS NULL OR claimed_by = %(reviewer)s OR claim_until < now())
      AND may_review(review, %(reviewer)s, %(linker)s) AND NOT id = ANY (%(without)s)
      AND NOT EXISTS (SELECT FROM other WHERE NOT other.person = ANY (review.skipped_by)
                                          AND may_review(review, other.person, NULL))
    ORDER BY in_hand DESC, claimed_at NULLS FIRST, priority DESC, id
    LIMIT %(most)s FOR UPDATE SKIP LOCKED),
taken AS (
    UPDATE review
    SET claimed_by = %(reviewer)s,
        claim_until = now() + make_interval(secs => %(claim_seconds)s),
        claimed_at = CASE WHEN free.in_hand THEN review.claimed_at ELSE now() END
    FROM free WHERE review.id = free.id
    RETURNING review.id)
SELECT id FROM free JOIN taken USING (id)
ORDER BY in_hand DESC, claimed_at NULLS FIRST, priority DESC, id

-- name: release_claims
-- Claims of a reviewer on reviews that are not for them.
UPDATE review SET claimed_by = NULL, claim_until = NULL
WHERE id = ANY (%(ids)s) AND claimed_by = %(reviewer)s AND closed_at IS NULL

-- name: skip
UPDATE review
SET claimed_by = NULL, claim_until = NULL,
    skipped_by = array_append(array_remove(skipped_by, %(reviewer)s), %(reviewer)s)
WHERE id = %(id)s AND closed_at IS NULL AND NOT held
  AND (claimed_by IS NULL OR claimed_by = %(reviewer)s OR claim_until < now())
RETURNING id

-- name: unskip
-- A reviewer undoes a skip and gets the review back.
UPDATE review
SET skipped_by = array_remove(skipped_by, %(reviewer)s), claimed_by = %(reviewer)s,
    claim_until = now() + make_interval(secs => %(claim_seconds)s), claimed_at = now()
WHERE id = %(id)s AND closed_at IS NULL AND NOT held AND %(reviewer)s = ANY (skipped_by)
  AND (claimed_by IS NULL OR claimed_by = %(reviewer)s OR claim_until < now())
  AND may_review(review, %(reviewer)s, %(linker)s)
RETURNING id

-- name: left_by
SELECT closed_at, superseded_by, claimed_by FROM review
WHERE id = %(id)s AND %(reviewer)s = ANY (skipped_by)

-- name: undo_verdict
-- The reviewer of a check has seen its right answer: that verdict stays. A verdict that was carried
-- here from another review is withdrawn there.
UPDATE verdict SET undone_at = %(at)s
FROM review
WHERE review.id = %(id)s AND verdict.id = review.verdict AND verdict.reviewer = %(reviewer)s
  AND verdict.carries IS NULL
  AND NOT EXISTS (SELECT 1 FROM measure
                  WHERE measure.task_id = review.task_id AND measure.kind = 'check')
RETURNING verdict.id

-- name: undo_carried
-- A verdict that was carried to another review is withdrawn with the verdict that it came from.
UPDATE verdict SET undone_at = %(at)s
WHERE carries = %(verdict_id)s AND undone_at IS NULL
RETURNING id, review_id

-- name: await_word
-- This review is not offered: the next verdict on the dispute closes it. Without one the task counts
-- as not labelled.
UPDATE review SET verdict = NULL WHERE id = %(id)s

-- name: reopen
-- After a blind verdict its reviewer sees the answer of the decider, so cannot give another one.
UPDATE review SET verdict = NULL, closed_at = NULL,
    claimed_by = CASE WHEN NOT blind THEN %(reviewer)s END,
    claim_until = CASE WHEN NOT blind THEN now() + make_interval(secs => %(claim_seconds)s) END,
    reserved_for = CASE WHEN NOT blind THEN reserved_for END,
    barred = CASE WHEN blind AND NOT %(reviewer)s = ANY (barred)
                  THEN array_append(barred, %(reviewer)s) ELSE barred END
WHERE id = %(id)s

-- name: word
-- The verdict that is to be carried; locked, so that it is not withdrawn meanwhile.
SELECT id FROM verdict WHERE id = %(word)s AND undone_at IS NULL FOR UPDATE

-- name: overturn
-- The deciding answer replaces a verdict that was not upheld.
UPDATE verdict SET undone_at = %(at)s
FROM review WHERE review.id = %(id)s AND verdict.id = review.verdict
RETURNING verdict.id

-- name: hand_over
UPDATE review SET verdict = NULL, closed_at = NULL, claimed_by = NULL, claim_until = NULL,
                  reserved_for = %(by)s
WHERE id = %(id)s

-- name: is_reviewer_check
SELECT 1 FROM review JOIN measure ON measure.task_id = review.task_id AND measure.kind = 'check'
WHERE review.id = %(id)s

-- name: waiting
SELECT count(*) AS waiting, count(*) FILTER (WHERE blind) AS blind, min(opened_at) AS oldest
FROM review WHERE use_case = %(use_case)s AND verdict IS NULL AND closed_at IS NULL AND NOT held

-- name: standing
-- The current verdict of a review, as its reviewer gave it.
SELECT verdict.id, verdict.kind, verdict.right_hash, verdict.right_actions IS NULL AS actions_unsaid,
       verdict.note, verdict.new_kind, verdict.loss, verdict.agrees, verdict.score_reason
FROM review JOIN verdict ON verdict.id = review.verdict
WHERE review.id = %(id)s AND verdict.reviewer = %(reviewer)s AND verdict.carries IS NULL

-- name: known_labels
-- not null: field, value
-- How often each text was given as right, in the newest examples.
SELECT field.name AS field, said.value, count(*) AS times
FROM (SELECT output FROM example
      WHERE use_case = %(use_case)s AND withdrawn_at IS NULL AND output IS NOT NULL
      ORDER BY id DESC LIMIT %(most)s) AS newest
CROSS JOIN unnest(%(fields)s::text[]) AS field (name)
CROSS JOIN LATERAL (
    SELECT newest.output ->> field.name AS value
    WHERE jsonb_typeof(newest.output -> field.name) = 'string'
    UNION ALL
    SELECT element #>> '{}'
    FROM jsonb_array_elements(CASE WHEN jsonb_typeof(newest.output -> field.name) = 'array'
                                   THEN newest.output -> field.name ELSE '[]' END) AS element
    WHERE jsonb_typeof(element) = 'string') AS said
GROUP BY field.name, said.value

-- name: labelled_outputs
-- not null: output
SELECT task_id, output FROM example
WHERE use_case = %(use_case)s AND withdrawn_at IS NULL AND output IS NOT NULL
ORDER BY id DESC LIMIT %(most)s

-- name: held_outputs
-- not null: output
-- The outputs of verdicts that wait for a label.
SELECT task_id, output FROM held_verdict
WHERE use_case = %(use_case)s AND ended IS NULL AND output IS NOT NULL

-- name: ever_given
-- not null: given
-- Whether a text was given as right in any example.
SELECT EXISTS (
    SELECT FROM example
    WHERE use_case = %(use_case)s AND withdrawn_at IS NULL
      AND (output -> %(field)s = to_jsonb(%(value)s::text)
           OR output -> %(field)s @> to_jsonb(ARRAY[%(value)s::text]))) AS given

-- name: confirmed_labels
SELECT field, value, confirmed_by, confirmed_at FROM label WHERE use_case = %(use_case)s
ORDER BY field, value

-- name: confirm_label
INSERT INTO label (use_case, field, value, confirmed_by, confirmed_at)
VALUES (%(use_case)s, %(field)s, %(value)s, %(by)s, %(at)s)
ON CONFLICT DO NOTHING
RETURNING value

-- name: set_aside
-- The review of a held verdict is not offered to others. The same conditions as `judge`.
UPDATE review SET held = true, claimed_by = NULL, claim_until = NULL
FROM decision
WHERE review.id = %(review_id)s AND review.closed_at IS NULL AND NOT review.held
  AND decision.task_id = review.task_id
  AND coalesce(decision.content_hash, %(shown)s) IS NOT DISTINCT FROM %(shown)s
  AND (review.claimed_by IS NULL OR review.claimed_by = %(reviewer)s
       OR review.claim_until < now())
  AND may_review(review, %(reviewer)s, %(linker)s)
RETURNING review.id

-- name: hold
INSERT INTO held_verdict (id, review_id, task_id, use_case, kind, output, actions, shown, note,
                          new_kind, may_approve, labels, reviewer, linker, given_at)
VALUES (%(id)s, %(review_id)s, %(task_id)s, %(use_case)s, %(kind)s, %(output)s, %(actions)s,
        %(shown)s, %(note)s, %(new_kind)s, %(may_approve)s, %(labels)s, %(reviewer)s, %(linker)s,
        %(at)s)

-- name: held_on
SELECT id, kind, output, actions, note, new_kind, labels, reviewer FROM held_verdict
WHERE review_id = %(review_id)s AND ended IS NULL

-- name: held_with
-- not null: still_approves
-- The verdicts that wait for a label, the earliest first. A reviewer who may no longer approve
-- releases nothing with a held verdict.
SELECT held_verdict.*, may_approve AND EXISTS (
           SELECT FROM role_in_force
           JOIN person ON person.name = role_in_force.person AND person.disabled_at IS NULL
           WHERE role_in_force.person = held_verdict.reviewer
             AND role_in_force.use_case = held_verdict.use_case
             AND role_in_force.role = ANY (%(approvers)s)) AS still_approves
FROM held_verdict
WHERE use_case = %(use_case)s AND ended IS NULL
  AND labels @> jsonb_build_array(jsonb_build_object('field', %(field)s::text,
                                                     'value', %(value)s::text))
ORDER BY id

-- name: end_held
UPDATE held_verdict SET ended = %(ended)s, ended_by = %(by)s, ended_at = %(at)s
WHERE id = %(id)s AND ended IS NULL
RETURNING review_id

-- name: lapse
-- Its input was corrected meanwhile, so its review has ended.
UPDATE held_verdict SET ended = 'lapsed' WHERE id = %(id)s

-- name: ask_again
-- parameter: at timestamptz
-- A review whose verdict no longer waits; `keep` is the reviewer who then has the claim.
UPDATE review
SET held = false, claimed_by = %(keep)s,
    claim_until = CASE WHEN %(keep)s::text IS NOT NULL
                       THEN now() + make_interval(secs => %(claim_seconds)s) END,
    claimed_at = CASE WHEN %(given_at)s::timestamptz IS NULL THEN claimed_at
                      ELSE %(at)s - (%(given_at)s - claimed_at) END
WHERE id = %(review_id)s AND held

-- name: labels_waiting
-- not null: field, value, since, reviewers, tasks
SELECT label ->> 'field' AS field, label ->> 'value' AS value, count(*) AS verdicts,
       min(held_verdict.given_at) AS since,
       array_agg(DISTINCT held_verdict.reviewer) AS reviewers,
       (array_agg(held_verdict.task_id ORDER BY held_verdict.id))[1:5] AS tasks
FROM held_verdict
JOIN review ON review.id = held_verdict.review_id AND review.closed_at IS NULL
CROSS JOIN jsonb_array_elements(held_verdict.labels) AS label
WHERE held_verdict.use_case = %(use_case)s AND held_verdict.ended IS NULL
GROUP BY 1, 2 ORDER BY since, 1, 2

-- name: use_case_of
SELECT use_case FROM review WHERE id = %(id)s

-- name: senders
-- Who sent the tasks of some reviews, and what a verdict on each is about, also of blind ones.
SELECT review.id, task.source ->> 'by' AS sender,
       decision.output, decision.actions, decision.provenance
FROM review
JOIN task ON task.id = review.task_id
JOIN decision ON decision.task_id = review.task_id
WHERE review.id = ANY (%(ids)s)

-- name: reviewed_lately
-- not null: checks
-- How many tasks were reviewed, and how many reviewer checks among them.
SELECT count(*) FILTER (WHERE measure.task_id IS NULL) AS reviewed,
       (SELECT count(*) FROM measure WHERE use_case = %(use_case)s AND kind = 'check') AS checks
FROM verdict LEFT JOIN measure ON measure.task_id = verdict.task_id
WHERE verdict.use_case = %(use_case)s AND verdict.undone_at IS NULL

-- name: second_due
-- Labels of the sample that need a second review: every error in an automatic answer, and a share of
-- the rest, picked by the label's id; where there is a second person who labels and knows no answer
-- to it. `third` says that there is one beside the domain lead.
SELECT verdict.id AS verdict_id, verdict.reviewer, task.input, task.source, task.reference_rate,
       decision.*, review.blind AS first_blind, review.barred AS first_barred,
       EXISTS (SELECT 1 FROM verdict AS other
               WHERE other.use_case = %(use_case)s AND other.reviewer <> verdict.reviewer
                 AND other.reviewer <> %(lead)s AND NOT other.reviewer = ANY (review.barred)
                 AND other.given_at > %(others_since)s) AS third
FROM verdict
JOIN task ON task.id = verdict.task_id AND task.reference AND task.drawn IS NOT FALSE
JOIN decision ON decision.task_id = task.id
JOIN review ON review.id = verdict.review_id
WHERE verdict.use_case = %(use_case)s AND verdict.undone_at IS NULL
  AND ((decision.route = 'automatic' AND NOT verdict.agrees)
       OR mod(abs(hashtextextended(verdict.id, 7)), 1000000) < %(share)s * 1000000)
  AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.of_verdict = verdict.id)
  AND verdict.given_at > %(since)s
  AND EXISTS (SELECT 1 FROM verdict AS other
              WHERE other.use_case = %(use_case)s AND other.reviewer <> verdict.reviewer
                AND NOT other.reviewer = ANY (review.barred || senders_of(verdict.task_id))
                AND other.given_at > %(others_since)s)
ORDER BY verdict.id LIMIT %(most)s

-- name: disagreements
-- not null: barred
-- Second reviews with the first labels: if the two differ, another person decides.
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
-- `withdrawn`: the first label was taken back by its reviewer. A label that an earlier deciding
-- verdict replaced, which was taken back since, waits for the next one.
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
-- Unless the deciding verdict was withdrawn meanwhile.
WITH word AS (SELECT id FROM verdict WHERE id = %(word)s AND undone_at IS NULL FOR UPDATE)
UPDATE measure SET settled_at = %(at)s, passed = %(passed)s FROM word
WHERE measure.task_id = %(task_id)s

-- name: like_these
-- Recent tasks: a reviewer check takes its sender, its cost and the shape of its key from one of them.
SELECT task.source, task.key, decision.cost FROM task
LEFT JOIN decision ON decision.task_id = task.id
WHERE task.use_case = %(use_case)s AND task.revises IS NULL
  AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = task.id)
ORDER BY task.id DESC LIMIT 50

-- name: other_answers
-- not null: output
-- Compared in a canary, without a review yet of the answer that was not the decision.
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
-- The sender of the task that a check was made from would recognise it.
UPDATE review SET barred = %(barred)s::text[] || senders_of(%(origin)s),
                  reserved_for = %(reserved_for)s, skipped_by = %(skipped_by)s
WHERE id = %(review_id)s

-- name: make_measure
-- There is one question per answer and case.
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
-- How each reviewer works. An item may have been claimed while another was still open, so
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

-- name: erase_verdict
UPDATE verdict SET right_output = NULL, right_actions = NULL, right_hash = NULL,
                   effect_hash = NULL, output_hash = NULL, content_hash = NULL, score_reason = NULL,
                   note = NULL
WHERE task_id = ANY (%(ids)s)

-- name: erase_held
UPDATE held_verdict SET output = NULL, actions = NULL, shown = NULL, note = NULL, labels = '[]'
WHERE task_id = ANY (%(ids)s)

-- name: erase_measure
UPDATE measure SET right_output = NULL, right_actions = NULL WHERE task_id = ANY (%(ids)s)

-- name: erase_open
UPDATE review SET closed_at = coalesce(closed_at, now()), claimed_by = NULL, claim_until = NULL,
                  superseded_by = coalesce(superseded_by, task_id)
WHERE task_id = ANY (%(ids)s) AND verdict IS NULL

-- name: bar
-- A person who has read the answer of the decider or of a colleague gives no blind label of the task
-- any more: not in its own review, if its verdict is taken back, and not in a second review.
UPDATE review SET barred = array_append(barred, %(viewer)s)
FROM (SELECT coalesce(first_look(%(id)s), %(review)s) AS id) AS first
WHERE NOT %(viewer)s = ANY (barred)
  AND (review.id = first.id AND review.blind
       OR review.task_id IN (SELECT measure.task_id FROM verdict
                             JOIN measure ON measure.of_verdict = verdict.id
                             WHERE verdict.review_id = first.id))
RETURNING review.id

-- name: unsettled
-- The verdict of a second review or of the domain lead was taken back: the next one counts.
UPDATE measure SET settled_at = NULL, passed = NULL
FROM verdict
WHERE verdict.id = %(verdict_id)s AND measure.task_id = verdict.task_id
  AND measure.kind IN ('second', 'lead')

-- name: chase
-- Sample items that are late come first in the queue: those that the test or the running audit counts.
UPDATE review SET priority = 4
WHERE use_case = %(use_case)s AND verdict IS NULL AND closed_at IS NULL AND blind AND priority < 4
  AND opened_at < %(late_before)s
  AND NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id = review.task_id)
  AND NOT EXISTS (SELECT FROM task WHERE task.id = review.task_id AND NOT task.drawn)
RETURNING id

-- name: open_for_outcome
-- A review where an unreviewed answer was reported wrong. Never for the sample, which is reviewed blind.
INSERT INTO review (id, task_id, use_case, blind, priority, opened_at, outcome)
SELECT item.review_id, outcome.task_id, outcome.use_case, false, 2, outcome.reported_at, outcome.id
FROM json_to_recordset(%(items)s::json) AS item (id text, review_id text)
JOIN outcome ON outcome.id = item.id AND NOT outcome.was_right AND outcome.withdrawn_at IS NULL
JOIN task ON task.id = outcome.task_id AND NOT task.reference
ON CONFLICT DO NOTHING
