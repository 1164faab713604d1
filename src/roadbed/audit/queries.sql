-- A batch may be sent twice when a connection is lost while it commits. An entry is written only
-- for a row that this transaction inserted (xmin), so the second attempt writes none.

-- name: decided
-- A part of the statement that settles decisions: `fresh` are those it records.
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT use_case, 'decided', task_id, 'roadbed', decided_at,
       jsonb_build_object('decision', id, 'route', route)
FROM fresh

-- name: decided_revision
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT item.use_case, 'decided', item.task_id, 'roadbed', item.decided_at,
       jsonb_build_object('decision', item.id, 'route', item.route)
FROM json_to_recordset(%(items)s::json) AS item (
    id text, task_id text, use_case text, route text, decided_at timestamptz)
JOIN decision ON decision.task_id = item.task_id AND decision.id = item.id
WHERE decision.xmin = pg_current_xact_id()::xid

-- name: revised
-- What a final revision did to reviews and effects of those before it.
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT task.use_case, 'revised', task.id, 'roadbed', now(),
       jsonb_build_object(
           'effects', task.effects,
           'reviews', (SELECT coalesce(jsonb_agg(review.id ORDER BY review.id), '[]')
                       FROM revisions_before(task.id) AS before
                       JOIN review ON review.task_id = before.id
                                  AND review.superseded_by = task.id),
           'deliveries', (SELECT coalesce(jsonb_agg(delivery.id ORDER BY delivery.id), '[]')
                          FROM deliveries_before(task.id) AS before
                          JOIN delivery ON delivery.id = before.id AND (
                              delivery.superseded_by = task.id
                              OR delivery.xmin = pg_current_xact_id()::xid)))
FROM json_to_recordset(%(items)s::json) AS item (id text, task_id text)
JOIN task ON task.id = item.task_id
JOIN decision ON decision.task_id = task.id
LEFT JOIN verdict ON verdict.id = item.id AND verdict.task_id = task.id
WHERE CASE WHEN verdict.id IS NULL
           THEN decision.id = item.id AND decision.xmin = pg_current_xact_id()::xid
           ELSE verdict.xmin = pg_current_xact_id()::xid END

-- name: reviewed
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT verdict.use_case, 'reviewed', verdict.id, verdict.reviewer, verdict.given_at,
       jsonb_build_object('task', verdict.task_id, 'verdict', verdict.kind)
FROM json_to_recordset(%(items)s::json) AS item (id text)
JOIN verdict ON verdict.id = item.id
WHERE verdict.xmin = pg_current_xact_id()::xid

-- name: undone
-- A verdict is no longer valid: its reviewer withdrew it, or another verdict replaced it.
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT use_case, %(kind)s, id, %(by)s, %(at)s,
       jsonb_build_object('task', task_id, 'review', review_id, 'reviewer', reviewer)
FROM (SELECT id, use_case, task_id, review_id, reviewer FROM verdict
      UNION ALL SELECT id, use_case, task_id, review_id, reviewer FROM held_verdict) AS said
WHERE id = %(verdict_id)s

-- name: reported
-- The hash binds the report; its text would reveal the answer to a blind reviewer.
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT outcome.use_case, 'reported', outcome.id, outcome.reported_by, outcome.reported_at,
       jsonb_build_object('task', outcome.task_id, 'content', outcome.body_hash)
FROM json_to_recordset(%(items)s::json) AS item (id text)
JOIN outcome ON outcome.id = item.id
WHERE outcome.xmin = pg_current_xact_id()::xid

-- name: noted
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
VALUES (%(use_case)s, %(kind)s, %(subject)s, %(actor)s, coalesce(%(at)s::timestamptz, now()),
        %(detail)s)

-- name: sent
INSERT INTO audit_entry (use_case, kind, subject, actor, at, detail)
SELECT item.use_case, 'sent', item.delivery_id, item.worker, item.at,
       jsonb_build_object('attempt', item.number, 'outcome', item.outcome, 'state', item.state)
FROM json_to_recordset(%(items)s::json) AS item (
    id text, delivery_id text, use_case text, number integer, worker text, outcome text, state text,
    at timestamptz)
JOIN delivery_attempt ON delivery_attempt.id = item.id
WHERE delivery_attempt.xmin = pg_current_xact_id()::xid

-- name: lock
-- Sealers wait for one another; writers of entries do not wait.
SELECT pg_advisory_xact_lock(hashtext('audit'), 0)

-- name: waiting
SELECT EXISTS (SELECT FROM audit_pending) AS waiting

-- name: take
WITH taken AS (
    DELETE FROM audit_pending
    WHERE ctid = ANY (ARRAY (SELECT ctid FROM audit_pending LIMIT %(most)s))
    RETURNING position, commitment
)
SELECT coalesce(array_agg(position ORDER BY position, commitment), '{}') AS positions,
       coalesce(string_agg(commitment, '' ORDER BY position, commitment), '') AS commitments
FROM taken

-- name: last_bundle
SELECT index, positions, commitments FROM audit_bundle ORDER BY index DESC LIMIT 1

-- name: tiles
SELECT level, index, hashes
FROM audit_tile JOIN unnest(%(levels)s::smallint[], %(indexes)s::bigint[]) AS wanted (level, index)
     USING (level, index)

-- name: put_bundle
INSERT INTO audit_bundle (index, positions, commitments)
VALUES (%(index)s, %(positions)s, %(commitments)s)
ON CONFLICT (index) DO UPDATE
SET positions = excluded.positions, commitments = excluded.commitments

-- name: put_tile
INSERT INTO audit_tile (level, index, hashes) VALUES (%(level)s, %(index)s, %(hashes)s)
ON CONFLICT (level, index) DO UPDATE SET hashes = excluded.hashes

-- name: put_checkpoint
INSERT INTO audit_checkpoint (size, root, note, at)
VALUES (%(size)s, %(root)s, %(note)s, %(at)s)

-- name: newest
SELECT size, root, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1

-- name: checkpoints
SELECT size, root, note FROM audit_checkpoint WHERE size > %(after)s ORDER BY size

-- name: tiles_from
SELECT level, index, hashes FROM audit_tile
WHERE level = %(level)s AND index >= %(first)s AND index < %(first)s + %(most)s ORDER BY index

-- name: bundles_from
SELECT index, positions, commitments FROM audit_bundle
WHERE index >= %(first)s AND index < %(first)s + %(most)s ORDER BY index

-- name: irrevocable
-- Entries of some kinds among the leaves of bundles, with their positions in the log.
SELECT (bundle.index * 256 + leaf.place - 1) AS leaf, entry.kind, entry.use_case, entry.subject,
       entry.detail
FROM audit_bundle AS bundle
CROSS JOIN LATERAL unnest(bundle.positions) WITH ORDINALITY AS leaf (position, place)
JOIN audit_entry AS entry ON entry.position = leaf.position AND entry.kind = ANY (%(kinds)s)
WHERE bundle.index >= %(first)s AND bundle.index < %(first)s + %(most)s
  AND bundle.index * 256 + leaf.place - 1 >= %(before)s
  AND bundle.index * 256 + leaf.place - 1 < %(size)s
ORDER BY 1

-- name: of_size
-- The checkpoint of a size, the largest checkpoint, and the number of leaves.
SELECT (SELECT note FROM audit_checkpoint WHERE size = %(size)s) AS note,
       (SELECT coalesce(max(size), 0) FROM audit_checkpoint) AS largest,
       coalesce((SELECT index * 256 + cardinality(positions) FROM audit_bundle
                 ORDER BY index DESC LIMIT 1), 0) AS leaves

-- name: handed_over
SELECT note, new_key FROM audit_handover ORDER BY number DESC LIMIT 1

-- name: handovers
SELECT handover.note, handover.at, entry.actor, entry.detail ->> 'reason' AS reason
FROM audit_handover AS handover
LEFT JOIN audit_entry AS entry ON entry.kind IN ('restored', 'key rotated')
                              AND entry.subject = handover.new_key
ORDER BY handover.number

-- name: hand_over
INSERT INTO audit_handover (note, new_key, at) VALUES (%(note)s, %(new_key)s, %(at)s)

-- name: undeclared
SELECT EXISTS (SELECT FROM restoration WHERE declared_at IS NULL) AS undeclared

-- name: erase
UPDATE audit_entry SET salt = NULL, detail = NULL
WHERE position = ANY (%(positions)s) AND kind <> 'erased' AND salt IS NOT NULL
RETURNING position

-- name: of_task
SELECT position FROM audit_entry
WHERE subject = ANY (ARRAY (
    SELECT %(task)s::text
    UNION ALL SELECT id FROM decision WHERE task_id = %(task)s
    UNION ALL SELECT id FROM review WHERE task_id = %(task)s
    UNION ALL SELECT verdict.id FROM review JOIN verdict ON verdict.review_id = review.id
              WHERE review.task_id = %(task)s
    UNION ALL SELECT id FROM held_verdict WHERE task_id = %(task)s
    UNION ALL SELECT id FROM delivery WHERE task_id = %(task)s
    UNION ALL SELECT id FROM outcome WHERE task_id = %(task)s))

-- name: erasures
SELECT position FROM audit_entry
WHERE kind = 'erased' AND EXISTS (
    SELECT FROM unnest(%(positions)s::bigint[]) AS each
    WHERE detail -> 'positions' @> to_jsonb(each))

-- name: places
SELECT entry.position, audit_payload(entry) AS payload, entry.salt, bundle.index, leaf.place,
       substring(bundle.commitments FROM (leaf.place - 1) * 32 + 1 FOR 32) AS commitment
FROM audit_entry AS entry
LEFT JOIN audit_bundle AS bundle
     ON audit_span(bundle.positions) @> entry.position AND entry.position = ANY (bundle.positions)
LEFT JOIN LATERAL (SELECT array_position(bundle.positions, entry.position)) AS leaf (place) ON true
WHERE entry.position = ANY (%(positions)s)
ORDER BY entry.position, bundle.index

-- name: snapshot
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: by_key
-- The planner has no estimate of the size of a bundle's entries; each is looked up by its position.
SELECT set_config('enable_hashjoin', %(joins)s, true), set_config('enable_mergejoin', %(joins)s, true),
       set_config('jit', 'off', true)

-- name: leaves
-- The payload is written out here, not by audit_payload(): what is stored in the database cannot
-- change what is verified.
SELECT bundle.index, bundle.positions, bundle.commitments, tile.hashes, said.preimages
FROM audit_bundle AS bundle
LEFT JOIN audit_tile AS tile ON tile.level = 0 AND tile.index = bundle.index
CROSS JOIN LATERAL (
    SELECT array_agg(entry.salt || convert_to(jsonb_build_array(
               'roadbed/1', entry.position, entry.use_case, entry.kind, entry.subject, entry.actor,
               (extract(epoch FROM entry.at) * 1000000)::bigint, entry.detail)::text, 'UTF8')
               ORDER BY leaf.place) AS preimages
    FROM unnest(bundle.positions) WITH ORDINALITY AS leaf (position, place)
    LEFT JOIN audit_entry AS entry ON entry.position = leaf.position) AS said
ORDER BY bundle.index

-- name: waiting_leaves
SELECT pending.position, pending.commitment,
       entry.salt || convert_to(jsonb_build_array(
           'roadbed/1', entry.position, entry.use_case, entry.kind, entry.subject, entry.actor,
           (extract(epoch FROM entry.at) * 1000000)::bigint, entry.detail)::text, 'UTF8') AS preimage
FROM audit_pending AS pending
LEFT JOIN audit_entry AS entry ON entry.position = pending.position
ORDER BY pending.position

-- name: erased
SELECT position, detail FROM audit_entry WHERE kind = 'erased' ORDER BY position

-- name: described
SELECT position, kind, subject, at, salt IS NULL AS unsalted, detail IS NULL AS blank
FROM audit_entry WHERE position = ANY (%(positions)s)

-- name: count
SELECT count(*) AS entries FROM audit_entry

-- name: astray
-- Every entry is in the log once: in one bundle, or among the pending ones.
SELECT coalesce(entry.position, place.position) AS position, coalesce(place.places, 0) AS places
FROM audit_entry AS entry
FULL JOIN (
    SELECT position, count(*) AS places
    FROM (SELECT unnest(positions) AS position FROM audit_bundle
          UNION ALL SELECT position FROM audit_pending) AS every
    GROUP BY position) AS place ON place.position = entry.position
WHERE entry.position IS NULL OR coalesce(place.places, 0) <> 1
ORDER BY 1

-- name: higher_tiles
SELECT level, index, hashes FROM audit_tile WHERE level > 0 ORDER BY level, index

-- name: stray_tiles
SELECT tile.index FROM audit_tile AS tile
WHERE tile.level = 0 AND NOT EXISTS (SELECT FROM audit_bundle WHERE index = tile.index)
ORDER BY 1

-- name: every_checkpoint
SELECT size, root, note FROM audit_checkpoint ORDER BY size
