-- name: planned_by_decision
-- A part of the statement that settles decisions: `fresh` are those it records. Ids derive from theirs.
INSERT INTO delivery (id, use_case, task_id, destination, kind, arguments, after, state, reason,
                      needs_approval, created_at)
SELECT 'dlv_' || substr(fresh.id, 5) || '_' || planned.n, fresh.use_case, fresh.task_id,
       planned.destination, planned.kind, planned.arguments,
       'dlv_' || substr(fresh.id, 5) || '_' || planned.after, 'planned', planned.reason,
       planned.needs_approval, fresh.decided_at
FROM fresh
CROSS JOIN LATERAL (
    SELECT to_go.n::text, to_go.destination, 'result' AS kind, NULL::jsonb AS arguments,
           to_go.after::text, NULL AS reason, false AS needs_approval
    FROM jsonb_to_recordset(fresh.deliveries) AS to_go (n integer, destination text, after integer)
    UNION ALL
    SELECT 'a' || proposed.n, proposed.name, 'action', proposed.arguments,
           'a' || proposed.after, proposed.reason, proposed.decide = 'review'
    FROM jsonb_to_recordset(fresh.actions) AS proposed (
        n integer, name text, arguments jsonb, decide text, reason text, after integer)
    WHERE fresh.sends_actions AND proposed.decide <> 'refuse') AS planned
WHERE fresh.deliveries IS NOT NULL OR fresh.sends_actions
ON CONFLICT DO NOTHING

-- name: planned_by_verdict
-- Runs in the transaction of the verdict. A result that a person labelled is sent. If an automatic result
-- was wrong, the right one is held for a person. If it was right, the receiver is told so only if an
-- earlier verdict sent or stopped something else. Of the actions, those that the verdict calls right are
-- sent; an action that needs an approval is held, unless the reviewer may approve.
INSERT INTO delivery (id, use_case, task_id, destination, kind, arguments, of_verdict, after, state,
                      reason, needs_approval, approved_by, created_at, revised)
SELECT 'dlv_' || substr(verdict.id, 5) || '_' || planned.n, verdict.use_case, verdict.task_id,
       planned.destination, planned.kind, planned.arguments, verdict.id,
       'dlv_' || substr(verdict.id, 5) || '_' || planned.after, 'planned', planned.reason,
       planned.needs_approval OR coalesce(task.effects = 'asked', false),
       CASE WHEN planned.approved AND task.effects IS DISTINCT FROM 'asked' THEN verdict.reviewer END,
       verdict.given_at, task.revises IS NOT NULL
FROM json_to_recordset(%(items)s::json) AS item (id text, deliveries jsonb, actions jsonb)
JOIN verdict ON verdict.id = item.id AND verdict.right_output IS NOT NULL
JOIN decision ON decision.task_id = verdict.task_id
JOIN task ON task.id = verdict.task_id
CROSS JOIN LATERAL (
    SELECT to_go.n::text, to_go.destination,
           CASE decision.route WHEN 'automatic' THEN 'correction' ELSE 'result' END AS kind,
           NULL::jsonb AS arguments, to_go.after::text, NULL AS reason, false AS needs_approval,
           verdict.kind = 'accept' AS approved
    FROM jsonb_to_recordset(item.deliveries) AS to_go (n integer, destination text, after integer)
    WHERE decision.route <> 'automatic' OR NOT verdict.agrees
       OR EXISTS (SELECT FROM delivery AS earlier
                  WHERE earlier.task_id = verdict.task_id AND earlier.outdated
                    AND CASE WHEN earlier.of_verdict IS NULL THEN earlier.state <> 'delivered'
                             ELSE earlier.state IN ('sending', 'delivered', 'unknown', 'stuck',
                                                    'compensating') END)
    UNION ALL
    SELECT 'a' || proposed.n, proposed.name, 'action', proposed.arguments,
           'a' || proposed.after, proposed.reason,
           proposed.decide = 'review' AND NOT proposed.approved, proposed.approved
    FROM jsonb_to_recordset(item.actions) AS proposed (
        n integer, name text, arguments jsonb, decide text, reason text, after integer,
        approved boolean)
    WHERE decision.route <> 'automatic'
) AS planned
WHERE NOT EXISTS (SELECT 1 FROM measure WHERE measure.task_id IN (verdict.task_id, task.revises))
  AND (decision.route = 'automatic' OR task.effects IS DISTINCT FROM 'kept')
  AND revised_as(task.id) IS NULL
ON CONFLICT DO NOTHING

-- name: outdated_by_verdict
-- Runs in the transaction of the verdict, before it plans. If an automatic answer was wrong, its unsent
-- results are cancelled; a person decides on those that may have been sent.
UPDATE delivery
SET outdated = true, reason = 'A person found this answer wrong.',
    state = CASE WHEN delivery.state = 'sending' THEN 'sending'
                 WHEN maybe_made(delivery.id) THEN 'unknown' ELSE 'cancelled' END,
    done_at = CASE WHEN delivery.state <> 'sending' THEN verdict.given_at END
FROM json_to_recordset(%(items)s::json) AS item (id text)
JOIN verdict ON verdict.id = item.id AND NOT verdict.agrees AND verdict.undone_at IS NULL
JOIN decision ON decision.task_id = verdict.task_id AND decision.route = 'automatic'
WHERE delivery.task_id = verdict.task_id AND delivery.of_verdict IS NULL
  AND delivery.kind IN ('result', 'correction') AND delivery.superseded_by IS NULL
  AND delivery.state IN ('planned', 'waiting', 'sending', 'held', 'failed')
  AND revised_as(verdict.task_id) IS NULL

-- name: asked_by_verdict
-- As above, for actions. Unsent actions are held. If the verdict has no right answer, or an action is not
-- among the right ones, a person is asked to take back what was sent.
UPDATE delivery
SET take_back = delivery.state IN ('sending', 'delivered', 'unknown'),
    needs_approval = delivery.needs_approval OR delivery.state IN ('planned', 'waiting', 'sending'),
    approved_by = CASE WHEN delivery.state NOT IN ('planned', 'waiting', 'sending')
                       THEN delivery.approved_by END,
    approved_hash = CASE WHEN delivery.state NOT IN ('planned', 'waiting', 'sending')
                         THEN delivery.approved_hash END,
    state = CASE delivery.state WHEN 'waiting' THEN 'held' ELSE delivery.state END,
    reason = CASE WHEN delivery.state IN ('planned', 'waiting')
                  THEN 'A person found this answer wrong. Send this all the same?'
                  ELSE delivery.reason END,
    approve_until = CASE WHEN delivery.state = 'waiting'
                         THEN now() + make_interval(secs => item.approve_seconds)
                         ELSE delivery.approve_until END
FROM json_to_recordset(%(items)s::json) AS item (id text, approve_seconds double precision)
JOIN verdict ON verdict.id = item.id AND verdict.undone_at IS NULL
JOIN decision ON decision.task_id = verdict.task_id
WHERE delivery.task_id = verdict.task_id AND delivery.of_verdict IS DISTINCT FROM verdict.id
  AND delivery.kind IN ('result', 'action', 'correction') AND delivery.superseded_by IS NULL
  AND (delivery.state IN ('sending', 'delivered', 'unknown')
       OR delivery.state IN ('planned', 'waiting') AND delivery.kind = 'action')
  AND (delivery.outdated OR decision.route = 'automatic' AND NOT verdict.agrees)
  AND (verdict.right_output IS NULL
       OR delivery.kind = 'action' AND NOT EXISTS (
           SELECT FROM jsonb_array_elements(verdict.right_actions) AS one
           WHERE one ->> 'name' = delivery.destination
             AND one -> 'arguments' = delivery.arguments)
          AND (verdict.right_actions IS NOT NULL OR delivery.state IN ('planned', 'waiting')))
  AND revised_as(verdict.task_id) IS NULL

-- name: said_anew
-- Deliveries of a revision, for the decisions just recorded: none if what was sent is still right, or if
-- nothing was sent.
SELECT item.* FROM item
JOIN task ON task.id = item.task_id AND task.effects IS DISTINCT FROM 'kept'
JOIN decision ON decision.task_id = item.task_id AND decision.id = item.id
WHERE NOT EXISTS (SELECT FROM measure WHERE measure.task_id = task.revises)

-- name: of_revision
UPDATE delivery
SET revised = true, needs_approval = delivery.needs_approval OR task.effects = 'asked'
FROM json_to_recordset(%(items)s::json) AS item (id text, task_id text)
JOIN task ON task.id = item.task_id
WHERE delivery.task_id = item.task_id AND NOT delivery.revised

-- name: superseded
-- Runs in the transaction that ends a revision, before it plans. Unsent deliveries of earlier revisions
-- are cancelled, sent ones are taken back by the relay, and a person decides on those that may have been
-- sent.
UPDATE delivery
SET superseded_by = item.task_id, reason = 'A corrected input says something else.',
    take_back = delivery.state IN ('sending', 'delivered', 'unknown', 'stuck')
                OR delivery.state IN ('waiting', 'failed', 'held') AND maybe_made(delivery.id),
    state = CASE WHEN delivery.state = 'stuck' THEN 'delivered'
                 WHEN delivery.state NOT IN ('planned', 'waiting', 'held', 'failed')
                 THEN delivery.state
                 WHEN maybe_made(delivery.id) THEN 'unknown' ELSE 'cancelled' END,
    done_at = CASE WHEN delivery.state IN ('planned', 'waiting', 'held', 'failed') THEN now()
                   ELSE delivery.done_at END
FROM json_to_recordset(%(items)s::json) AS item (id text, task_id text)
JOIN task ON task.id = item.task_id AND task.effects = 'replaced'
CROSS JOIN LATERAL deliveries_before(task.id) AS before
WHERE delivery.id = before.id
  AND (delivery.superseded_by IS NULL AND delivery.state <> 'stuck'
       OR delivery.state = 'delivered' OR only_asked(delivery.id))

-- name: paused
-- If a person is asked first, unsent deliveries of earlier revisions are held too. The question of an
-- earlier revision is withdrawn.
UPDATE delivery
SET state = CASE WHEN delivery.state = 'held' THEN 'cancelled'
                 WHEN delivery.state = 'waiting' THEN 'held'
                 WHEN delivery.state = 'stuck' THEN 'delivered' ELSE delivery.state END,
    needs_approval = delivery.state <> 'stuck' OR delivery.needs_approval,
    approved_by = CASE WHEN delivery.state = 'stuck' THEN delivery.approved_by END,
    approved_hash = CASE WHEN delivery.state = 'stuck' THEN delivery.approved_hash END,
    superseded_by = CASE WHEN delivery.state = 'held' THEN item.task_id END,
    done_at = CASE WHEN delivery.state = 'held' THEN now() END,
    reason = CASE WHEN delivery.state <> 'stuck'
                  THEN 'A corrected input says something else. Send this all the same?' END,
    approve_until = now() + make_interval(secs => item.approve_seconds)
FROM json_to_recordset(%(items)s::json) AS item (
    id text, task_id text, approve_seconds double precision)
JOIN task ON task.id = item.task_id AND task.effects = 'asked'
CROSS JOIN LATERAL deliveries_before(task.id) AS before
WHERE delivery.id = before.id AND (
    delivery.superseded_by IS NULL AND (delivery.state IN ('planned', 'waiting', 'sending')
                                        OR delivery.state = 'held' AND delivery.revised)
    OR only_asked(delivery.id))

-- name: unasked
-- If a person is to be asked and the revision sends nothing to approve: the question is whether what was
-- sent is to be taken back, which is done by hand.
UPDATE delivery
SET state = 'stuck', superseded_by = item.task_id, done_at = now(),
    reason = 'A corrected input gives no result. Take this back by hand, or leave it.'
FROM json_to_recordset(%(items)s::json) AS item (id text, task_id text)
JOIN task ON task.id = item.task_id AND task.effects = 'asked'
CROSS JOIN LATERAL deliveries_before(task.id) AS before
WHERE delivery.id = before.id AND delivery.state = 'delivered' AND NOT delivery.take_back
  AND NOT EXISTS (SELECT FROM delivery AS own WHERE own.task_id = item.task_id)

-- name: superseded_by_approval
-- A person approved what a revision sends: what existed before is taken back, as in `superseded`.
UPDATE delivery
SET superseded_by = approved.task_id, reason = 'A corrected input says something else.',
    take_back = delivery.state IN ('sending', 'delivered', 'unknown', 'stuck')
                OR delivery.state IN ('waiting', 'failed', 'held') AND maybe_made(delivery.id),
    state = CASE WHEN delivery.state = 'stuck' THEN 'delivered'
                 WHEN delivery.state NOT IN ('planned', 'waiting', 'held', 'failed')
                 THEN delivery.state
                 WHEN maybe_made(delivery.id) THEN 'unknown' ELSE 'cancelled' END,
    done_at = CASE WHEN delivery.state IN ('planned', 'waiting', 'held', 'failed') THEN now()
                   ELSE delivery.done_at END
FROM delivery AS approved
JOIN task ON task.id = approved.task_id AND task.effects = 'asked'
CROSS JOIN LATERAL deliveries_before(task.id) AS before
WHERE approved.id = %(id)s AND delivery.id = before.id
  AND (delivery.superseded_by IS NULL AND delivery.state <> 'stuck'
       OR delivery.state = 'delivered' OR only_asked(delivery.id))
  AND (before.destination = approved.destination
       OR NOT EXISTS (SELECT FROM delivery AS own WHERE own.task_id = approved.task_id
                                                    AND own.destination = before.destination))

-- name: taken_back
-- A verdict was undone: its unsent deliveries are cancelled, and what is being sent now is not sent
-- again. What was sent stays until the next verdict. A key that no receiver has seen is free for that.
UPDATE delivery
SET outdated = true,
    key = CASE WHEN state IN ('planned', 'waiting', 'held')
                AND NOT EXISTS (SELECT FROM delivery_attempt WHERE delivery_id = delivery.id)
               THEN NULL ELSE key END,
    reason = CASE WHEN state IN ('planned', 'waiting', 'held', 'failed')
                  THEN 'Its verdict was taken back.' ELSE reason END,
    done_at = CASE WHEN state IN ('planned', 'waiting', 'held', 'failed') THEN %(at)s
                   ELSE done_at END,
    state = CASE WHEN state NOT IN ('planned', 'waiting', 'held', 'failed') THEN state
                 WHEN maybe_made(id) THEN 'unknown' ELSE 'cancelled' END
WHERE of_verdict = %(verdict_id)s AND kind IN ('result', 'action', 'correction')

-- name: asked_no_more
-- A take-back that the undone verdict asked for is left to the next verdict.
UPDATE delivery
SET take_back = false, superseded_by = NULL,
    state = CASE WHEN only_asked(delivery.id) THEN 'delivered' ELSE delivery.state END,
    reason = CASE WHEN only_asked(delivery.id) THEN NULL ELSE delivery.reason END
FROM verdict
WHERE verdict.id = %(verdict_id)s AND delivery.task_id = verdict.task_id
  AND (delivery.superseded_by = delivery.task_id
       OR delivery.take_back AND delivery.superseded_by IS NULL)

-- name: held_by_fall
-- A version was rolled back: its unsent automatic results are sent only if a person approves. What is
-- being sent now ends; a further attempt needs a person.
UPDATE delivery
SET state = CASE delivery.state WHEN 'waiting' THEN 'held' ELSE delivery.state END,
    needs_approval = true, approved_by = NULL, approved_hash = NULL, reason = %(reason)s,
    approve_until = now() + make_interval(secs => %(approve_seconds)s)
FROM decision
WHERE delivery.use_case = %(use_case)s AND delivery.kind IN ('result', 'action', 'correction')
  AND delivery.of_verdict IS NULL AND delivery.state IN ('planned', 'waiting', 'sending')
  AND decision.task_id = delivery.task_id AND decision.version = %(version)s
  AND decision.route = 'automatic'
RETURNING delivery.id

-- name: prepare_alone
-- One relay prepares at a time, so that the order of positions is the order of decisions.
SELECT pg_try_advisory_xact_lock(hashtext('prepare'), hashtext(%(use_case)s)) AS alone

-- name: planned
-- not null: restored, twins
-- `earlier`: deliveries of the task to the same destination before its verdict was changed, the newest
-- first. A replacement waits until they have ended.
SELECT delivery.id, delivery.use_case, delivery.task_id, delivery.destination, delivery.kind,
       delivery.arguments, delivery.of_verdict, delivery.needs_approval, delivery.reason,
       coalesce(task.key, first.key) AS task_key, task.input, decision.id AS decision_id,
       decision.route, decision.version, decision.confidence, decision.decided_at,
       coalesce(verdict.right_output, decision.output) AS output, verdict.reviewer,
       CASE WHEN verdict.id IS NULL OR verdict.kind = 'accept' THEN decision.provenance END
       AS provenance, task.revises, task.revision,
       coalesce(task.admitted_at < restored_at(), false) AND NOT delivery.restored AS restored,
       (SELECT max(CASE WHEN before.state = 'compensated' THEN 'taken back' ELSE 'there' END)
        FROM deliveries_before(delivery.task_id) AS before
        WHERE delivery.revised AND before.destination = delivery.destination
          AND before.state IN ('sending', 'delivered', 'unknown', 'stuck', 'compensating',
                               'compensated')) AS before,
       earlier.all AS earlier,
       CASE WHEN delivery.of_verdict IS NOT NULL AND delivery.kind = 'action' THEN
           (SELECT count(*) FROM delivery AS twin
            WHERE twin.of_verdict = delivery.of_verdict AND twin.task_id = delivery.task_id
              AND twin.destination = delivery.destination AND twin.arguments = delivery.arguments
              AND twin.id < delivery.id) ELSE 0 END AS twins
FROM delivery
JOIN task ON task.id = delivery.task_id
LEFT JOIN task AS first ON first.id = task.revises
JOIN decision ON decision.task_id = delivery.task_id
LEFT JOIN verdict ON verdict.id = delivery.of_verdict
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
               'id', said.id, 'state', said.state, 'key', said.key, 'verdict', said.of_verdict,
               'output', said.content -> 'output', 'action', said.content -> 'action')
               ORDER BY said.position DESC NULLS LAST) AS all,
           bool_or(said.outdated AND said.state IN ('waiting', 'sending', 'held', 'failed')
                   OR said.state = 'compensating') AS moving
    FROM delivery AS said
    WHERE delivery.of_verdict IS NOT NULL  -- of most deliveries nothing is looked up here
      AND said.task_id = delivery.task_id AND said.destination = delivery.destination
      AND said.kind IN ('result', 'action', 'correction')
      AND said.of_verdict IS DISTINCT FROM delivery.of_verdict
) AS earlier ON true
WHERE delivery.use_case = %(use_case)s AND delivery.state = 'planned' AND earlier.moving IS NOT TRUE
  AND (NOT delivery.revised OR NOT EXISTS (
      SELECT FROM deliveries_before(delivery.task_id) AS before
      JOIN delivery AS going ON going.id = before.id
      WHERE before.destination = delivery.destination
        AND (going.take_back OR going.state = 'compensating')))
ORDER BY delivery.id LIMIT %(most)s FOR UPDATE OF delivery

-- name: same_key
SELECT delivery.id, delivery.destination, delivery.key, delivery.content -> 'output' AS output,
       delivery.content -> 'action' AS action, delivery.state
FROM json_to_recordset(%(items)s::json) AS item (destination text, key text)
JOIN delivery ON delivery.use_case = %(use_case)s AND delivery.destination = item.destination
             AND delivery.key = item.key

-- name: made_today
SELECT destination, count(*) AS made FROM delivery
WHERE use_case = %(use_case)s AND kind = 'action' AND destination = ANY (%(names)s)
  AND created_at > %(since)s
  AND state NOT IN ('planned', 'held', 'refused', 'failed', 'cancelled', 'compensated')
GROUP BY destination

-- name: prepared
UPDATE delivery
SET state = item.state, reason = item.reason, key = item.key, order_key = item.order_key,
    kind = coalesce(item.kind, delivery.kind),
    content = item.content, content_hash = item.content_hash,
    position = nextval('delivery_position'),
    approved_hash = CASE WHEN approved_by IS NOT NULL THEN item.content_hash END,
    approve_until = CASE WHEN item.state = 'held' THEN
                        now() + make_interval(secs => %(approve_seconds)s) END,
    -- Not now(): this transaction may have begun before what it reads was decided.
    done_at = CASE WHEN item.state = 'skipped' THEN clock_timestamp() END
FROM (SELECT * FROM json_to_recordset(%(items)s::json) AS item (
          id text, state text, reason text, key text, order_key text, content jsonb,
          content_hash text, kind text) ORDER BY id) AS item
WHERE delivery.id = item.id

-- name: not_prepared
-- The database, or the preparation, refuses this delivery. Approving it tries again.
UPDATE delivery
SET state = 'held', reason = %(reason)s, position = nextval('delivery_position'),
    approve_until = now() + make_interval(secs => %(approve_seconds)s)
WHERE id = %(id)s AND state = 'planned'

-- name: ask
-- Asks a person at the declared destination; the question is a delivery too.
INSERT INTO delivery (id, use_case, task_id, destination, kind, of_delivery, state, position, key,
                      content, content_hash, created_at)
SELECT held.id || '_ask', held.use_case, held.task_id, 'approvals', 'approval', held.id, 'waiting',
       nextval('delivery_position'), held.id || ':ask',
       held.content || jsonb_build_object(
           'approval', jsonb_build_object('what', held.destination, 'why', held.reason,
                                          'until', held.approve_until, 'hash', held.content_hash),
           'links', jsonb_build_array(jsonb_build_object(
               'text', 'Look and decide', 'url', %(address)s || '/deliveries/' || held.id))),
       '', now()
FROM delivery AS held
WHERE held.id = ANY (%(ids)s) AND held.state = 'held' AND held.content IS NOT NULL
ON CONFLICT DO NOTHING

-- name: gate
-- Shared with settlements and other senders, exclusive against a halt.
SELECT pg_advisory_xact_lock_shared(hashtext('halt'), hashtext(%(use_case)s))

-- name: claim
-- not null: key, content, first_sent_at
-- The longest due deliveries of each destination, as many as it has senders. An array and a state
-- that is looked up keep the planner from reading the whole table when much waits.
UPDATE delivery
SET state = 'sending', attempt = attempt + 1, first_sent_at = coalesce(first_sent_at, now()),
    lease_until = now() + make_interval(secs => %(lease_seconds)s)
WHERE id = ANY (ARRAY (
    SELECT found.id
    FROM json_to_recordset(%(rooms)s::json) AS place (destination text, room integer)
    CROSS JOIN LATERAL (
        SELECT due.id FROM delivery AS due
        JOIN use_case ON use_case.name = due.use_case AND NOT use_case.halted
        WHERE due.use_case = %(use_case)s AND due.destination = place.destination
          AND due.state = 'waiting' AND due.next_at <= now() AND NOT due.take_back
          AND NOT due.outdated
          AND (NOT due.revised OR NOT EXISTS (
              SELECT FROM deliveries_before(due.task_id) AS before
              JOIN delivery AS going ON going.id = before.id
              WHERE before.destination = due.destination
                AND (going.take_back OR going.state = 'compensating')))
          AND (NOT due.needs_approval OR due.approved_hash = due.content_hash)
          AND (due.after IS NULL OR (SELECT before.state FROM delivery AS before
                                     WHERE before.id = due.after) IN ('delivered', 'skipped'))
          AND (due.order_key IS NULL OR NOT EXISTS (
              SELECT 1 FROM delivery AS earlier
              WHERE earlier.use_case = due.use_case AND earlier.destination = due.destination
                AND earlier.order_key = due.order_key AND earlier.position < due.position
                AND earlier.state IN ('planned', 'waiting', 'sending', 'held', 'failed', 'unknown')))
        ORDER BY due.next_at LIMIT place.room FOR UPDATE OF due SKIP LOCKED) AS found))
RETURNING id, use_case, task_id, destination, kind, of_delivery, key, content, approved_hash, attempt,
          first_sent_at, look_first, reference,
          (SELECT reference FROM delivery AS made WHERE made.id = delivery.of_delivery)
          AS of_reference

-- name: finish
-- Only the relay that holds the attempt may record its result.
WITH item AS (
    SELECT * FROM json_to_recordset(%(items)s::json) AS item (
        id text, delivery_id text, number integer, worker text, state text, outcome text,
        detail text, wait double precision, look_first boolean, reference text,
        seconds double precision, at timestamptz, cause text)
), moved AS (
    UPDATE delivery
    SET state = CASE WHEN item.state = 'waiting' AND delivery.needs_approval
                      AND delivery.approved_hash IS DISTINCT FROM delivery.content_hash
                     THEN 'held' ELSE item.state END,
        lease_until = NULL, look_first = item.look_first,
        reference = coalesce(item.reference, delivery.reference), cause = item.cause,
        next_at = now() + make_interval(secs => item.wait),
        reason = CASE WHEN item.state = 'delivered' THEN NULL ELSE item.detail END,
        done_at = CASE WHEN item.state IN ('delivered', 'failed', 'unknown') THEN item.at END
    FROM item
    WHERE delivery.id = item.delivery_id AND delivery.state = 'sending'
      AND delivery.attempt = item.number
    RETURNING item.*
)
INSERT INTO delivery_attempt (id, delivery_id, number, worker, outcome, detail, seconds, at)
SELECT id, delivery_id, number, worker, outcome, detail, seconds, at FROM moved
ON CONFLICT DO NOTHING

-- name: taken_back_of
-- A compensation that was made, or failed, decides the state of the delivery that it takes back.
UPDATE delivery SET state = CASE item.state WHEN 'delivered' THEN 'compensated' ELSE 'stuck' END,
                    reason = CASE item.state WHEN 'delivered' THEN delivery.reason
                             ELSE 'It could not be taken back: ' || item.detail END,
                    done_at = item.at
FROM json_to_recordset(%(items)s::json) AS item (
    id text, delivery_id text, state text, detail text, at timestamptz)
JOIN delivery AS taker ON taker.id = item.delivery_id AND taker.kind = 'compensation'
WHERE delivery.id = taker.of_delivery AND delivery.state = 'compensating'
  AND item.state IN ('delivered', 'failed', 'unknown')

-- name: finished
SELECT item.id, delivery_attempt.id IS NOT NULL AS counted
FROM json_to_recordset(%(items)s::json) AS item (id text)
LEFT JOIN delivery_attempt ON delivery_attempt.id = item.id

-- name: lost
-- not null: first_sent_at
-- Lost senders: their deliveries may have been made or not.
SELECT id, use_case, destination, kind, attempt, first_sent_at
FROM delivery
WHERE use_case = %(use_case)s AND state = 'sending' AND lease_until < now()
LIMIT %(most)s

-- name: expire
-- A question without an answer in time is refused. While a use case is halted, the time does not
-- run.
UPDATE delivery SET state = 'refused', done_at = now(), reason = 'Nobody approved it in time.'
WHERE use_case = %(use_case)s AND state = 'held' AND approve_until < now()
  AND NOT (SELECT halted FROM use_case WHERE name = %(use_case)s)
RETURNING id, task_id

-- name: broken
-- Delivered steps whose next step failed, and steps that can never be sent.
SELECT before.id, before.destination, before.state,
       coalesce(before.created_at < restored_at(), false) AS restored
FROM delivery AS ended
JOIN delivery AS before ON before.id = ended.after AND before.state = 'delivered'
WHERE ended.use_case = %(use_case)s AND ended.after IS NOT NULL
  AND ended.state IN ('failed', 'refused', 'cancelled', 'compensated', 'stuck')
  AND ended.kind <> 'compensation' AND ended.superseded_by IS NULL AND NOT ended.outdated
  AND before.superseded_by IS NULL
LIMIT 100

-- name: not_again
-- Superseded by a corrected input or a changed verdict while it was being sent, and did not happen
-- according to a person.
UPDATE delivery
SET state = CASE WHEN maybe_made(id) THEN 'unknown' ELSE 'cancelled' END,
    take_back = take_back AND maybe_made(id), done_at = now(),
    reason = CASE WHEN superseded_by IS NULL THEN 'Its task says something else by now.'
                  ELSE 'A corrected input says something else.' END
WHERE use_case = %(use_case)s AND (take_back OR outdated) AND state IN ('waiting', 'held', 'failed')

-- name: ask_back
-- Sent, wrong according to a verdict, and without a replacement.
UPDATE delivery
SET state = 'stuck', take_back = false, superseded_by = task_id, done_at = now(),
    reason = 'A person found this wrong after it went out. Take it back by hand, or leave it.'
WHERE use_case = %(use_case)s AND take_back AND superseded_by IS NULL AND state = 'delivered'

-- name: to_take_back
-- Sent, and superseded by a corrected input, the last step of a chain first. ``again``: the replacement
-- is planned.
SELECT made.id, made.destination, coalesce(made.created_at < restored_at(), false) AS restored,
       EXISTS (SELECT FROM delivery AS own
               WHERE own.task_id = made.superseded_by AND own.destination = made.destination
                 AND own.state <> 'cancelled') AS again
FROM delivery AS made
WHERE made.use_case = %(use_case)s AND made.take_back AND made.state = 'delivered'
  AND made.superseded_by IS NOT NULL
  AND NOT EXISTS (SELECT FROM delivery AS later
                  WHERE later.after = made.id
                    AND (later.take_back OR later.state IN ('sending', 'compensating')))
LIMIT 100

-- name: left_there
-- It cannot be taken back; a person is asked about its replacement.
UPDATE delivery SET take_back = false WHERE id = %(id)s AND state = 'delivered'

-- name: left_alone
-- The replacement of something that still exists is not sent after all: a person has to decide.
UPDATE delivery
SET state = 'stuck', superseded_by = own.task_id, done_at = now(),
    reason = 'A corrected input sends nothing here. Take this back by hand, or leave it.'
FROM delivery AS own CROSS JOIN LATERAL deliveries_before(own.task_id) AS before
WHERE own.id = ANY (%(ids)s) AND delivery.id = before.id AND delivery.state = 'delivered'
  AND NOT delivery.take_back
  AND before.destination = own.destination

-- name: left_by_verdict
-- The same after a changed verdict, within one task.
UPDATE delivery
SET state = 'stuck', superseded_by = own.task_id, done_at = now(),
    reason = 'The verdict was changed, and sends nothing here. Take this back by hand, or leave it.'
FROM delivery AS own
WHERE own.id = ANY (%(ids)s) AND delivery.task_id = own.task_id AND delivery.state = 'delivered'
  AND delivery.destination = own.destination AND delivery.kind IN ('result', 'correction')
  AND delivery.of_verdict IS DISTINCT FROM own.of_verdict AND NOT delivery.take_back

-- name: never_sent
UPDATE delivery SET state = 'cancelled', done_at = now(),
                    reason = 'The delivery it comes after ended ' || before.state || '.'
FROM delivery AS before
WHERE delivery.use_case = %(use_case)s AND before.id = delivery.after
  AND delivery.state IN ('planned', 'waiting', 'held')
  AND before.state IN ('failed', 'refused', 'cancelled', 'compensated', 'stuck')

-- name: compensate
INSERT INTO delivery (id, use_case, task_id, destination, kind, of_delivery, state, position, key,
                      content, content_hash, created_at)
SELECT made.id || '_back', made.use_case, made.task_id, made.destination, 'compensation', made.id,
       'waiting', nextval('delivery_position'), made.key || ':back', made.content, '', now()
FROM delivery AS made WHERE made.id = %(id)s AND made.state = 'delivered'
ON CONFLICT DO NOTHING

-- name: compensating
UPDATE delivery SET state = %(state)s, reason = %(reason)s, take_back = false
WHERE id = %(id)s AND state = 'delivered'

-- name: places
-- not null: destination
-- Destinations with a due delivery and a closed circuit, the longest due first: two index look-ups each.
WITH RECURSIVE place AS (
    (SELECT destination FROM delivery
     WHERE use_case = %(use_case)s AND state = 'waiting' ORDER BY destination LIMIT 1)
    UNION ALL
    SELECT (SELECT next.destination FROM delivery AS next
            WHERE next.use_case = %(use_case)s AND next.state = 'waiting'
              AND next.destination > place.destination
            ORDER BY next.destination LIMIT 1)
    FROM place WHERE place.destination IS NOT NULL)
SELECT destination FROM (
    SELECT destination, (SELECT due.next_at FROM delivery AS due
                         WHERE due.use_case = %(use_case)s AND due.state = 'waiting'
                           AND due.destination = place.destination
                         ORDER BY due.next_at LIMIT 1) AS next_at
    FROM place WHERE destination IS NOT NULL) AS known
WHERE next_at <= now() AND NOT EXISTS (
    SELECT 1 FROM circuit
    WHERE circuit.use_case = %(use_case)s AND circuit.destination = known.destination
      AND circuit.open_until > now())
ORDER BY next_at

-- name: trip
INSERT INTO circuit (use_case, destination, failures, open_until, last_error, changed_at)
VALUES (%(use_case)s, %(destination)s, %(failures)s,
        CASE WHEN %(wait)s > 0 THEN now() + make_interval(secs => %(wait)s) END, %(error)s, now())
ON CONFLICT (use_case, destination) DO UPDATE
SET failures = EXCLUDED.failures, open_until = EXCLUDED.open_until,
    last_error = EXCLUDED.last_error, changed_at = now()

-- name: find
-- Withheld: a person still has to label the task blind, or a second time, and must not know the answer.
SELECT delivery.*, senders_of(task.id) AS senders, verdict.reviewer,
       task.body_hash = 'erased' AS erased,
       answer_withheld(task.reference OR review.blind, review.closed_at, review.verdict) AS withheld
FROM delivery
JOIN task ON task.id = delivery.task_id
LEFT JOIN review ON review.task_id = delivery.task_id
LEFT JOIN verdict ON verdict.id = delivery.of_verdict
WHERE delivery.id = %(id)s AND delivery.use_case = ANY (%(served)s)

-- name: attempts
SELECT delivery_id, number, worker, outcome, detail, seconds, at FROM delivery_attempt
WHERE delivery_id = ANY (%(ids)s) ORDER BY delivery_id, at

-- name: of_task
SELECT delivery.*,
       answer_withheld(task.reference OR review.blind, review.closed_at, review.verdict) AS withheld
FROM delivery
JOIN task ON task.id = delivery.task_id
LEFT JOIN review ON review.task_id = delivery.task_id
WHERE delivery.task_id = %(task_id)s ORDER BY delivery.id

-- name: list
SELECT delivery.*,
       answer_withheld(task.reference OR review.blind, review.closed_at, review.verdict) AS withheld
FROM delivery
JOIN task ON task.id = delivery.task_id
LEFT JOIN review ON review.task_id = delivery.task_id
WHERE delivery.use_case = %(use_case)s
  AND (%(states)s::text[] IS NULL OR delivery.state = ANY (%(states)s))
  AND (%(before)s::text IS NULL OR delivery.id < %(before)s)
ORDER BY delivery.id DESC LIMIT %(most)s

-- name: page
-- not null: id, use_case, task_id, input, destination, kind, state, attempt, created_at, withheld
-- One of the two parts gives no rows; `total` and `newer` are counted once, and at most so far.
WITH matching AS NOT MATERIALIZED (
    SELECT delivery.id, delivery.use_case, delivery.task_id, task.input, delivery.destination,
           delivery.kind, delivery.state, delivery.reason, delivery.attempt, delivery.approve_until,
           delivery.approved_by, delivery.created_at, delivery.done_at,
           answer_withheld(task.reference OR review.blind, review.closed_at, review.verdict)
           AS withheld
    FROM delivery
    JOIN task ON task.id = delivery.task_id
    LEFT JOIN review ON review.task_id = delivery.task_id
    WHERE delivery.use_case = %(use_case)s AND delivery.state = ANY (%(states)s)
      AND (%(ids)s::text[] IS NULL OR delivery.id = ANY (%(ids)s))
), counts AS MATERIALIZED (
    SELECT (SELECT count(*) FROM (SELECT FROM matching LIMIT %(counted)s) AS every) AS total,
           (SELECT count(*) FROM (SELECT FROM matching WHERE id >= %(edge)s::text
                                  LIMIT %(counted)s) AS every) AS newer
)
(SELECT matching.*, counts.total, counts.newer FROM matching, counts
 WHERE NOT %(oldest)s AND id < coalesce(%(before)s::text, 'dlw')
   AND id > coalesce(%(after)s::text, '')
 ORDER BY id DESC LIMIT %(most)s)
UNION ALL
(SELECT matching.*, counts.total, counts.newer FROM matching, counts
 WHERE %(oldest)s AND id < coalesce(%(before)s::text, 'dlw')
   AND id > coalesce(%(after)s::text, '')
 ORDER BY id LIMIT %(most)s)

-- name: counts
SELECT destination, state, count(*) AS n FROM delivery
WHERE use_case = %(use_case)s GROUP BY destination, state

-- name: circuit_states
SELECT destination, failures, open_until, last_error FROM circuit
WHERE use_case = %(use_case)s AND failures > 0

-- name: decide
-- Whether it was ready is what the person saw: what was made ready meanwhile has content to be read.
UPDATE delivery
SET state = CASE WHEN %(state)s::text = 'waiting' AND NOT %(approves)s AND needs_approval
                  AND approved_hash IS DISTINCT FROM content_hash
                 THEN 'held' ELSE %(state)s END,
    reason = %(reason)s, next_at = now(),
    approved_by = CASE WHEN %(approves)s AND key IS NOT NULL THEN %(person)s ELSE approved_by END,
    approved_hash = CASE WHEN %(approves)s THEN content_hash ELSE approved_hash END,
    attempt = CASE WHEN %(state)s = 'waiting' THEN 0 ELSE attempt END,
    first_sent_at = CASE WHEN %(state)s = 'waiting' THEN NULL ELSE first_sent_at END,
    done_at = CASE WHEN %(state)s IN ('waiting', 'planned') THEN NULL ELSE now() END
WHERE id = %(id)s AND state = ANY (%(from)s) AND (key IS NOT NULL) = %(ready)s
  AND (%(hash)s::text IS NULL OR content_hash = %(hash)s)
  AND (NOT %(approves)s OR key IS NULL OR may_decide(
      %(person)s, NULL, senders_of(task_id), '{}',
      ARRAY (SELECT reviewer FROM verdict WHERE verdict.id = delivery.of_verdict), '{}', NULL))
RETURNING id, use_case, task_id

-- name: replay
-- Sends again everything that failed at a destination since a moment: at most so many per transaction,
-- in order, so that what fails again meanwhile is not taken twice.
UPDATE delivery
SET state = CASE WHEN key IS NULL THEN 'planned'
                 WHEN needs_approval AND approved_hash IS DISTINCT FROM content_hash THEN 'held'
                 ELSE 'waiting' END,
    reason = %(reason)s, next_at = now(), attempt = 0, first_sent_at = NULL, done_at = NULL
WHERE id = ANY (ARRAY (
    SELECT failed.id FROM delivery AS failed
    JOIN task ON task.id = failed.task_id AND task.body_hash <> 'erased'
    WHERE failed.use_case = %(use_case)s AND failed.destination = %(destination)s
      AND failed.state = 'failed' AND NOT failed.outdated AND NOT failed.take_back
      AND (%(since)s::timestamptz IS NULL OR failed.done_at >= %(since)s)
      AND failed.id > %(after)s
    ORDER BY failed.id LIMIT %(most)s FOR UPDATE OF failed))
RETURNING id, task_id

-- name: known_destination
SELECT 1 FROM delivery
WHERE use_case = %(use_case)s AND destination = %(destination)s LIMIT 1

-- name: after_restore
-- The database was restored from a copy. A delivery that was due may have been sent since, and one
-- that was being taken back may be gone: both wait until a person decides.
UPDATE delivery
SET state = CASE WHEN state IN ('compensating', 'delivered') THEN 'stuck' ELSE 'unknown' END,
    restored = true, lease_until = NULL, done_at = %(at)s,
    take_back = take_back AND state <> 'delivered',
    reason = CASE WHEN state IN ('compensating', 'delivered')
                  THEN 'The database was restored from a copy. Whether this was taken back since is '
                       'not known: look there.'
                  ELSE 'The database was restored from a copy. This may have been sent since: look '
                       'there.' END
WHERE state IN ('planned', 'waiting', 'sending', 'held', 'compensating')
   OR state = 'delivered' AND take_back
RETURNING use_case

-- name: use_case_of
SELECT use_case FROM delivery WHERE id = %(id)s

-- name: erase_delivery
-- Keys are made of fields of the input, and a hash of a short text could be guessed. A delivery
-- that was ready keeps a key, so that it still counts as ready.
UPDATE delivery SET content = NULL, arguments = NULL, reason = NULL, order_key = NULL,
                    content_hash = NULL, approved_hash = NULL,
                    key = CASE WHEN key IS NOT NULL THEN 'erased:' || id END
WHERE task_id = ANY (%(ids)s)

-- name: erase_attempt
UPDATE delivery_attempt SET detail = 'erased'
FROM delivery WHERE delivery.id = delivery_attempt.delivery_id
  AND delivery.task_id = ANY (%(ids)s)
