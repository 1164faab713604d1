-- name: lock_library
-- One transaction at a time writes documents of a use case, so that changes are numbered in the
-- order of their commits.
SELECT pg_advisory_xact_lock(hashtext('library'), hashtext(%(use_case)s))

-- name: known_documents
SELECT document.path, document.id, document.state, document.version, document.content_hash,
       document.reading, document.access_group, document.origin, document.address, document.reason,
       document.detail, document_version.content_hash AS version_hash,
       document_version.reading AS version_reading
FROM document
LEFT JOIN document_version ON document_version.document_id = document.id
                          AND document_version.number = document.version
WHERE document.use_case = %(use_case)s
  AND (%(paths)s::text[] IS NULL OR document.path = ANY (%(paths)s))

-- name: put_document
-- The row of a document, with what its newest content gave.
INSERT INTO document (id, use_case, path, access_group, state, version, content_hash, reading,
                      reason, detail, origin, address, added_at, changed_at)
VALUES (%(id)s, %(use_case)s, %(path)s, %(access_group)s, %(state)s, %(version)s, %(content_hash)s,
        %(reading)s, %(reason)s, %(detail)s, %(origin)s, %(address)s,
        coalesce(%(found_at)s::timestamptz, %(at)s), %(at)s)
ON CONFLICT (use_case, path) DO UPDATE
SET access_group = excluded.access_group, state = excluded.state,
    version = coalesce(excluded.version, document.version), content_hash = excluded.content_hash,
    reading = excluded.reading, reason = excluded.reason, detail = excluded.detail,
    origin = excluded.origin, address = excluded.address, changed_at = excluded.changed_at

-- name: same_document
SELECT document.id, document.version, document.state, document.content_hash, document.reading,
       document.access_group, document.origin, document.address, document.reason, document.detail,
       document_version.content_hash AS version_hash, document_version.reading AS version_reading
FROM document
LEFT JOIN document_version ON document_version.document_id = document.id
                          AND document_version.number = document.version
WHERE document.use_case = %(use_case)s AND document.path = %(path)s

-- name: delete_document
UPDATE document SET state = 'deleted', reason = NULL, detail = NULL, changed_at = %(at)s
WHERE use_case = %(use_case)s AND path = %(path)s AND state <> 'deleted'
RETURNING id

-- name: removed_documents
-- Nothing changes the row of a document while it is deleted.
SELECT path, changed_at AS removed_at FROM document
WHERE use_case = %(use_case)s AND path = ANY (%(paths)s) AND state = 'deleted'
ORDER BY path

-- name: move_document
UPDATE document SET access_group = %(access_group)s, origin = %(origin)s, address = %(address)s,
                    changed_at = %(at)s
WHERE use_case = %(use_case)s AND path = %(path)s
RETURNING id

-- name: restore_document
-- A page could not be fetched for a time, and has the content of its version in force.
UPDATE document SET state = 'current', reason = NULL, detail = NULL, content_hash = %(content_hash)s,
                    access_group = %(access_group)s, changed_at = %(at)s
WHERE use_case = %(use_case)s AND path = %(path)s AND version IS NOT NULL
RETURNING id

-- name: put_reading
-- A file was read again and says the same. Its version has the same reading if it is of that file.
WITH confirmed AS (UPDATE document_version SET reading = %(reading)s
                   WHERE document_id = %(document_id)s AND number = %(number)s)
UPDATE document SET reading = %(reading)s WHERE id = %(document_id)s

-- name: put_change
INSERT INTO document_change (use_case, document_id) VALUES (%(use_case)s, %(document_id)s)

-- name: put_version
INSERT INTO document_version (id, document_id, number, content_hash, bytes, format, title, pages,
                              words, readers, findings, doubtful, modified_at, read_at, reading)
VALUES (%(id)s, %(document_id)s, %(number)s, %(content_hash)s, %(bytes)s, %(format)s, %(title)s,
        %(pages)s, %(words)s, %(readers)s, %(findings)s, %(doubtful)s, %(modified_at)s, %(at)s,
        %(reading)s)

-- name: put_parts
INSERT INTO document_part (version_id, ordinal, position, text)
SELECT %(version_id)s, ordinal, position, text
FROM jsonb_to_recordset(%(parts)s) AS part (ordinal integer, position jsonb, text text)

-- name: put_passages
INSERT INTO passage (version_id, ordinal, id, part, first, last, kind, position, text, doubtful)
SELECT %(version_id)s, ordinal, id, part, first, last, kind, position, text, doubtful
FROM jsonb_to_recordset(%(passages)s) AS piece (ordinal integer, id text, part integer,
     first integer, last integer, kind text, position jsonb, text text, doubtful text[])

-- name: documents
-- not null: left_out, reports, damaged
SELECT document.id, document.path, document.access_group, document.state, document.version,
       document.reason, document.detail, document.added_at, document.changed_at, document.origin,
       document.address, document_version.content_hash, document_version.format,
       document_version.title, document_version.pages, document_version.words,
       document_version.modified_at, document_version.read_at, document_version.findings,
       document_version.erased_at, document_family.family, document_family.kind AS standing, document_family.rank,
       document_family.dated, document_family.evidence, document_family.why,
       document_left_out(document.id, document_version.content_hash) AS left_out,
       (SELECT count(*)::integer FROM document_report
        WHERE document_report.document_id = document.id AND document_report.state = 'open'
          AND document_report.content_hash = document_version.content_hash) AS reports,
       document.state = 'current'
       AND coalesce(document_version.findings @> '[{"kind": "damaged"}]', false)
       AND NOT EXISTS (SELECT FROM document_report
                       WHERE document_report.document_id = document.id
                         AND document_report.state <> 'open'
                         AND document_report.content_hash = document_version.content_hash) AS damaged
FROM document
LEFT JOIN document_version ON document_version.document_id = document.id
                          AND document_version.number = document.version
LEFT JOIN document_family ON document_family.document_id = document.id
WHERE document.use_case = %(use_case)s AND (%(path)s::text IS NULL OR document.path = %(path)s)
  AND (%(family)s::text IS NULL OR document_family.family = %(family)s)
  AND (document.state <> 'deleted' OR %(path)s::text IS NOT NULL)
ORDER BY document.path

-- name: document_of
SELECT use_case, path FROM document WHERE id = %(id)s

-- name: versions_of
SELECT id, number, content_hash, bytes, format, title, pages, words, readers, findings, doubtful,
       modified_at, read_at, reading, erased_at
FROM document_version WHERE document_id = %(document_id)s ORDER BY number DESC

-- name: parts_of
SELECT document_part.ordinal, document_part.position, document_part.text
FROM document_part JOIN document_version ON document_version.id = document_part.version_id
WHERE document_version.document_id = %(document_id)s AND document_version.number = %(number)s
  AND (%(ordinal)s::integer IS NULL OR document_part.ordinal = %(ordinal)s)
ORDER BY document_part.ordinal

-- name: newest_change
SELECT number, token FROM document_change WHERE use_case = %(use_case)s
ORDER BY number DESC LIMIT 1

-- name: change
SELECT token FROM document_change WHERE use_case = %(use_case)s AND number = %(number)s

-- name: changed_documents
-- not null: state
-- What is left out is for an index as if it were deleted.
SELECT document.id, document.path, document.access_group,
       CASE WHEN document_left_out(document.id, document_version.content_hash) THEN 'deleted'
            ELSE document.state END AS state,
       document_version.id AS version_id, document_version.number, document_version.title,
       document_change.number AS change, document_change.token
FROM (SELECT document_id, max(number) AS number FROM document_change
      WHERE use_case = %(use_case)s AND number > %(after)s GROUP BY document_id
      ORDER BY 2 LIMIT %(most)s) AS changed
JOIN document_change ON document_change.number = changed.number
JOIN document ON document.id = changed.document_id
LEFT JOIN document_version ON document_version.document_id = document.id
                          AND document_version.number = document.version
ORDER BY changed.number

-- name: passages_of
SELECT version_id, ordinal, part, text, position, kind FROM passage
WHERE version_id = ANY (%(version_ids)s) ORDER BY version_id, ordinal

-- name: pieces_of
SELECT ordinal, id, part, first, last, kind, position, text, doubtful FROM passage
WHERE version_id = %(version_id)s ORDER BY ordinal

-- name: passages
-- not null: left_out
SELECT passage.version_id, passage.ordinal, passage.id, passage.part, passage.first, passage.last,
       passage.kind, passage.position, passage.text, passage.doubtful, document.id AS document_id,
       document.path, document.access_group, document_version.number AS version,
       document_version.title, document_version.modified_at,
       document_left_out(document.id, document_version.content_hash) AS left_out
FROM jsonb_to_recordset(%(keys)s) AS key (version_id text, ordinal integer)
JOIN passage ON passage.version_id = key.version_id AND passage.ordinal = key.ordinal
JOIN document_version ON document_version.id = passage.version_id
JOIN document ON document.id = document_version.document_id

-- name: places_of
-- The documents of versions, also of those whose passages are erased.
SELECT document_version.id, document.path, document.access_group
FROM document_version JOIN document ON document.id = document_version.document_id
WHERE document_version.id = ANY (%(versions)s)

-- name: groups_of
SELECT access_group FROM access_group_member
WHERE use_case = %(use_case)s AND person = %(person)s

-- name: members
SELECT access_group, person, added_by, added_at FROM access_group_member
WHERE use_case = %(use_case)s ORDER BY access_group, person

-- name: groups_there
-- not null: access_group
-- Each access group that a document or a member has; a row for each member, one without a person for
-- the documents.
SELECT access_group, person FROM access_group_member WHERE use_case = %(use_case)s
UNION ALL
SELECT DISTINCT access_group, NULL FROM document
WHERE use_case = %(use_case)s AND access_group IS NOT NULL

-- name: answered_tasks
-- Who sent each task, what it asked, what a decider answered, and what a person said is right.
SELECT task.id, task.source ->> 'by' AS sender, task.input, decision.output,
       verdict.right_output AS "right"
FROM task
LEFT JOIN decision ON decision.task_id = task.id
LEFT JOIN review ON review.task_id = task.id
LEFT JOIN verdict ON verdict.id = review.verdict
WHERE task.id = ANY (%(ids)s)

-- name: add_member
INSERT INTO access_group_member (use_case, access_group, person, added_by, added_at)
VALUES (%(use_case)s, %(access_group)s, %(person)s, %(by)s, %(at)s)
ON CONFLICT DO NOTHING

-- name: remove_member
DELETE FROM access_group_member
WHERE use_case = %(use_case)s AND access_group = %(access_group)s AND person = %(person)s
RETURNING person

-- name: covers
-- The beginning of each document that is not deleted; what is left out is not searched.
-- not null: left_out
SELECT document.id, document.path, document.access_group, left(document_part.text, 3000) AS cover,
       document.added_at, document_version.content_hash, document_version.format,
       document_left_out(document.id, document_version.content_hash) AS left_out,
       document_family.family, document_family.kind, document_family.rank, document_family.dated
FROM document
JOIN document_version ON document_version.document_id = document.id
                     AND document_version.number = document.version
JOIN document_part ON document_part.version_id = document_version.id AND document_part.ordinal = 0
LEFT JOIN document_family ON document_family.document_id = document.id
WHERE document.use_case = %(use_case)s AND document.state <> 'deleted'
ORDER BY document.path

-- name: first_pages
-- The beginnings of the first two pages of each document that can be searched.
SELECT document.id, document.path, document.added_at, document_version.id AS version_id,
       document_version.content_hash, document_version.format,
       coalesce((SELECT array_agg(left(document_part.text, 3000) ORDER BY document_part.ordinal)
                 FROM document_part
                 WHERE document_part.version_id = document_version.id
                   AND document_part.ordinal < 2), '{}') AS pages
FROM document
JOIN document_version ON document_version.document_id = document.id
                     AND document_version.number = document.version
WHERE document.use_case = %(use_case)s AND document.state <> 'deleted'
ORDER BY document.id

-- name: fingerprints
SELECT version_id, runs, words FROM document_fingerprint WHERE version_id = ANY (%(version_ids)s)

-- name: texts_of
SELECT text FROM document_part WHERE version_id = %(version_id)s ORDER BY ordinal

-- name: put_fingerprint
-- A version that was erased meanwhile gets none.
INSERT INTO document_fingerprint (version_id, runs, words)
SELECT id, %(runs)s, %(words)s FROM document_version
WHERE id = %(version_id)s AND erased_at IS NULL FOR SHARE
ON CONFLICT DO NOTHING

-- name: families
SELECT document_id, family, kind, rank, dated, evidence, why FROM document_family
WHERE use_case = %(use_case)s

-- name: put_family
INSERT INTO document_family (document_id, use_case, family, kind, rank, dated, evidence, why, since)
VALUES (%(document_id)s, %(use_case)s, %(family)s, %(kind)s, %(rank)s, %(dated)s, %(evidence)s,
        %(why)s, %(at)s)
ON CONFLICT (document_id) DO UPDATE
SET family = excluded.family, kind = excluded.kind, rank = excluded.rank, dated = excluded.dated,
    evidence = excluded.evidence, why = excluded.why,
    since = CASE WHEN document_family.kind = excluded.kind THEN document_family.since
                 ELSE excluded.since END

-- name: delete_family
DELETE FROM document_family WHERE document_id = %(document_id)s

-- name: settlements
SELECT kind, contents, current, settled_by FROM family_settlement WHERE use_case = %(use_case)s
ORDER BY settled_at DESC, id DESC

-- name: put_settlement
INSERT INTO family_settlement (id, use_case, kind, contents, current, settled_by, settled_at)
VALUES (%(id)s, %(use_case)s, %(kind)s, %(contents)s, %(current)s, %(by)s, %(at)s)

-- name: put_removed_version
INSERT INTO removed_version (document_id, use_case, contents, removed_at)
SELECT document.id, document.use_case, %(contents)s, document.changed_at
FROM document
JOIN document_version ON document_version.document_id = document.id
                     AND document_version.number = document.version
WHERE document.id = %(document_id)s AND document.state = 'deleted'
  AND NOT EXISTS (SELECT FROM document AS other
                  JOIN document_version AS present ON present.document_id = other.id
                                                  AND present.number = other.version
                  WHERE other.use_case = document.use_case AND other.state <> 'deleted'
                    AND present.content_hash = document_version.content_hash)
ON CONFLICT (document_id) DO UPDATE
SET contents = excluded.contents, removed_at = excluded.removed_at

-- name: delete_removed_version
DELETE FROM removed_version WHERE document_id = %(document_id)s

-- name: newer_removed
-- The one that was removed last comes last.
-- not null: id, content_hash, removed_id, path, removed_at
SELECT id, content_hash, removed_id, path, access_group, removed_at FROM newer_removed
WHERE use_case = %(use_case)s
ORDER BY removed_at, removed_id

-- name: note_conflict
-- The row of two statements of two passages, once. Nothing of a document that left meanwhile.
INSERT INTO passage_conflict (id, use_case, first_document, first_passage, first_text,
                              second_document, second_passage, second_text, found_at)
SELECT %(id)s, %(use_case)s, %(first_document)s, %(first_passage)s, %(first_text)s,
       %(second_document)s, %(second_passage)s, %(second_text)s, %(at)s
WHERE NOT EXISTS (SELECT FROM document
                  WHERE id IN (%(first_document)s, %(second_document)s) AND state = 'deleted')
ON CONFLICT (first_document, first_passage, second_document, second_passage, md5(first_text),
             md5(second_text)) DO NOTHING

-- name: conflict_between
SELECT id, verdict FROM passage_conflict
WHERE first_document = %(first_document)s AND first_passage = %(first_passage)s
  AND second_document = %(second_document)s AND second_passage = %(second_passage)s
  AND first_text = %(first_text)s AND second_text = %(second_text)s

-- name: settled_copy
-- The newest decision about the same two statements, in other documents: one of them is a copy.
-- not null: swapped
SELECT verdict, first_passage <> %(first_passage)s AS swapped FROM passage_conflict
WHERE use_case = %(use_case)s AND verdict IS NOT NULL
  AND (first_passage, first_text, second_passage, second_text)
   IN ((%(first_passage)s, %(first_text)s, %(second_passage)s, %(second_text)s),
       (%(second_passage)s, %(second_text)s, %(first_passage)s, %(first_text)s))
ORDER BY settled_at DESC, id DESC LIMIT 1

-- name: conflict_of
SELECT use_case, verdict, settled_by FROM passage_conflict WHERE id = %(id)s

-- name: conflicts
-- not null: id, first_text, second_text, found_at, first_document, second_document
-- not null: first_path, second_path
SELECT id, first_text, second_text, found_at, verdict, settled_by, settled_at, first_document,
       second_document, first_path, first_group, second_path, second_group
FROM present_conflict
WHERE use_case = %(use_case)s
ORDER BY found_at, id

-- name: settle_conflict
UPDATE passage_conflict
SET verdict = %(verdict)s, settled_by = %(by)s, settled_at = %(at)s
WHERE id = %(id)s AND use_case = %(use_case)s
  AND (%(seen)s::text IS NULL OR coalesce(verdict, '') = %(seen)s)
RETURNING first_document

-- name: prepare_vectors
-- not null: ready
SELECT prepare_vectors() AS ready

-- name: vector_collection
-- The number of the vectors of a library by one embedding model; a new one gets a number.
-- not null: id
WITH fresh_collection AS (
    INSERT INTO vector_collection (use_case, model, digest, dimensions)
    VALUES (%(use_case)s, %(name)s, %(digest)s, %(dimensions)s)
    ON CONFLICT (use_case, digest) DO NOTHING RETURNING id)
SELECT id FROM fresh_collection
UNION ALL
SELECT id FROM vector_collection WHERE use_case = %(use_case)s AND digest = %(digest)s

-- name: vectors_lacking
-- Passages in force that have no vector of a collection.
SELECT passage.version_id, passage.ordinal, passage.text, passage.position
FROM document
JOIN document_version ON document_version.document_id = document.id
                     AND document_version.number = document.version
JOIN passage ON passage.version_id = document_version.id
WHERE document.use_case = %(use_case)s AND document.state <> 'deleted'
  AND NOT EXISTS (SELECT FROM roadbed_vectors.passage_vector AS item
                  WHERE item.collection = %(collection)s AND item.version_id = passage.version_id
                    AND item.ordinal = passage.ordinal)
ORDER BY passage.version_id, passage.ordinal LIMIT %(most)s

-- name: count_vectors
-- The passages in force of a use case, and how many of them have a vector of a collection.
SELECT count(*) AS passages, count(item.ordinal) AS vectors
FROM document
JOIN document_version ON document_version.document_id = document.id
                     AND document_version.number = document.version
JOIN passage ON passage.version_id = document_version.id
LEFT JOIN roadbed_vectors.passage_vector AS item
       ON item.collection = %(collection)s AND item.version_id = passage.version_id
      AND item.ordinal = passage.ordinal
WHERE document.use_case = %(use_case)s AND document.state <> 'deleted'

-- name: copy_vectors
-- Give passages of a new version the vectors that the same text at the same place had before.
INSERT INTO roadbed_vectors.passage_vector (collection, version_id, ordinal, embedding)
SELECT DISTINCT ON (fresh_passage.version_id, fresh_passage.ordinal)
       item.collection, fresh_passage.version_id, fresh_passage.ordinal, item.embedding
FROM document
JOIN document_version AS newest ON newest.document_id = document.id
                               AND newest.number = document.version
JOIN document_version AS older ON older.document_id = document.id AND older.number < newest.number
JOIN passage AS fresh_passage ON fresh_passage.version_id = newest.id
JOIN passage AS older_passage ON older_passage.version_id = older.id
                             AND older_passage.id = fresh_passage.id
JOIN roadbed_vectors.passage_vector AS item
  ON item.collection = %(collection)s AND item.version_id = older_passage.version_id
 AND item.ordinal = older_passage.ordinal
WHERE document.use_case = %(use_case)s AND document.state <> 'deleted'
ON CONFLICT DO NOTHING

-- name: drop_old_vectors
-- Remove the vectors of versions that are not in force, and of models that are not in use.
DELETE FROM roadbed_vectors.passage_vector AS item
USING document_version JOIN document ON document.id = document_version.document_id
WHERE document_version.id = item.version_id AND document.use_case = %(use_case)s
  AND (document.state = 'deleted' OR document.version <> document_version.number
       OR item.collection <> %(collection)s)

-- name: put_vectors
SELECT put_vectors(%(collection)s, %(versions)s, %(ordinals)s, %(vectors)s) AS stored

-- name: stored_vectors
-- How many vectors a collection has, and whether their index is built.
-- not null: vectors
SELECT (SELECT count(*) FROM roadbed_vectors.passage_vector WHERE collection = %(collection)s) AS vectors,
       to_regclass('roadbed_vectors.nearest_' || %(collection)s::integer) IS NOT NULL AS indexed

-- name: index_vectors
SELECT index_vectors(%(collection)s, %(dimensions)s) AS built

-- name: nearest_passages
-- not null: document_id, version_id, ordinal, similarity
SELECT document_id, version_id, ordinal, similarity
FROM nearest_passages(%(collection)s, %(dimensions)s, %(vector)s, %(use_case)s, %(groups)s,
                      %(documents)s, %(most)s)

-- name: same_passages
-- Where cited passages stand now: the same text at the same place, else the same text, in the version in
-- force of the same document.
SELECT cited.version_id AS cited_version, cited.ordinal AS cited_ordinal, now.version_id, now.ordinal
FROM jsonb_to_recordset(%(keys)s) AS key (version_id text, ordinal integer)
JOIN passage AS cited ON cited.version_id = key.version_id AND cited.ordinal = key.ordinal
JOIN document_version AS before ON before.id = cited.version_id
JOIN document ON document.id = before.document_id AND document.use_case = %(use_case)s
             AND document.state <> 'deleted'
JOIN document_version AS present ON present.document_id = document.id
                                AND present.number = document.version
CROSS JOIN LATERAL (
    SELECT passage.version_id, passage.ordinal FROM passage
    WHERE passage.version_id = present.id AND (passage.id = cited.id OR passage.text = cited.text)
    ORDER BY passage.id <> cited.id, passage.ordinal LIMIT 1) AS now
WHERE NOT document_left_out(document.id, present.content_hash)

-- name: passages_of_document
SELECT passage.version_id, passage.ordinal, passage.position
FROM document
JOIN document_version ON document_version.document_id = document.id
                     AND document_version.number = document.version
JOIN passage ON passage.version_id = document_version.id
WHERE document.use_case = %(use_case)s AND document.path = %(path)s AND document.state <> 'deleted'
  AND NOT document_left_out(document.id, document_version.content_hash)
ORDER BY passage.ordinal

-- name: replace_report
DELETE FROM document_report
WHERE document_id = %(document_id)s AND reported_by = %(by)s AND state = 'open'

-- name: report_document
INSERT INTO document_report (id, use_case, document_id, version, content_hash, reason, state,
                             reported_by, reported_at)
SELECT %(id)s, document.use_case, document.id, document_version.number,
       document_version.content_hash, %(reason)s, 'open', %(by)s, %(at)s
FROM document
JOIN document_version ON document_version.document_id = document.id
                     AND document_version.number = document.version
WHERE document.id = %(document_id)s AND document.use_case = %(use_case)s

-- name: settle_reports
UPDATE document_report
SET state = %(state)s, note = %(note)s, settled_by = %(by)s, settled_at = %(at)s
FROM document
JOIN document_version ON document_version.document_id = document.id
                     AND document_version.number = document.version
WHERE document.id = %(document_id)s AND document.use_case = %(use_case)s
  AND document_report.document_id = document.id
  AND document_report.content_hash = document_version.content_hash
RETURNING document_report.id

-- name: document_reports
-- Those on the version in force of a document, or all open ones of a use case.
SELECT document_report.id, document_report.document_id, document.path, document.access_group,
       document_report.version, document_report.reason, document_report.state,
       document_report.reported_by, document_report.reported_at, document_report.note,
       document_report.settled_by, document_report.settled_at
FROM document_report
JOIN document ON document.id = document_report.document_id
JOIN document_version ON document_version.document_id = document.id
                     AND document_version.number = document.version
                     AND document_version.content_hash = document_report.content_hash
WHERE CASE WHEN %(document_id)s::text IS NOT NULL THEN document.id = %(document_id)s
           ELSE document_report.use_case = %(use_case)s AND document_report.state = 'open'
                AND document.state <> 'deleted' END
ORDER BY document_report.reported_at DESC, document_report.id DESC

-- name: gap_questions
-- not null: task_id, question, at
-- Questions of which a person said that no document answers them. A question that waits for a
-- second review is left out: whoever gives it must not know the first label.
SELECT asked.task_id, task.input ->> %(field)s AS question, task.source ->> 'by' AS asked_by,
       max(asked.at) AS at
FROM (
    SELECT verdict.task_id, verdict.given_at AS at
    FROM verdict JOIN review ON review.id = verdict.review_id
    WHERE verdict.use_case = %(use_case)s AND verdict.undone_at IS NULL
      AND verdict.right_output ->> 'route' = 'not_in_documents'
      AND NOT answer_withheld(true, review.closed_at, verdict.id)
      AND NOT EXISTS (SELECT FROM measure WHERE measure.task_id = verdict.task_id)
    UNION ALL
    SELECT task_id, reported_at FROM gap_report WHERE use_case = %(use_case)s) AS asked
JOIN task ON task.id = asked.task_id AND task.body_hash <> 'erased'
WHERE task.input ->> %(field)s IS NOT NULL
GROUP BY asked.task_id, task.input, task.source
ORDER BY max(asked.at) DESC, asked.task_id DESC LIMIT %(most)s

-- name: confirmed_answers
-- not null: question
-- Questions with a right answer that cites a document.
SELECT task.input ->> %(field)s AS question, verdict.given_at AS at
FROM verdict
JOIN review ON review.id = verdict.review_id
JOIN task ON task.id = verdict.task_id AND task.body_hash <> 'erased'
WHERE verdict.use_case = %(use_case)s AND verdict.undone_at IS NULL
  AND verdict.right_output ->> 'route' = 'answer'
  AND jsonb_typeof(verdict.right_output -> 'citations') = 'array'
  AND jsonb_array_length(verdict.right_output -> 'citations') > 0
  AND task.input ->> %(field)s IS NOT NULL
  AND NOT answer_withheld(true, review.closed_at, verdict.id)
  AND NOT EXISTS (SELECT FROM measure WHERE measure.task_id = verdict.task_id)
ORDER BY verdict.given_at DESC LIMIT %(most)s

-- name: gap_decisions
SELECT task_id, state, note, decided_by, decided_at FROM gap_decision WHERE use_case = %(use_case)s

-- name: gap_mark
-- not null: mark
SELECT concat_ws(' ',
    (SELECT count(*) || ' ' || coalesce(max(given_at)::text, '') FROM verdict
     WHERE use_case = %(use_case)s AND undone_at IS NULL
       AND right_output ->> 'route' IN ('answer', 'not_in_documents')),
    (SELECT count(*) FROM measure WHERE use_case = %(use_case)s AND settled_at IS NULL),
    (SELECT count(*) FROM gap_report WHERE use_case = %(use_case)s),
    (SELECT max(decided_at) FROM gap_decision WHERE use_case = %(use_case)s)) AS mark

-- name: report_gap
-- not null: fresh
WITH reported AS (
    INSERT INTO gap_report (task_id, use_case, reported_by, reported_at)
    SELECT task.id, task.use_case, %(by)s, %(at)s
    FROM task LEFT JOIN review ON review.task_id = task.id
    WHERE task.id = %(task_id)s AND task.use_case = %(use_case)s AND task.body_hash <> 'erased'
      AND NOT answer_withheld(task.reference OR coalesce(review.blind, false), review.closed_at,
                              review.verdict)
    ON CONFLICT (task_id) DO NOTHING
    RETURNING task_id)
SELECT true AS fresh FROM reported
UNION ALL
SELECT false FROM gap_report WHERE task_id = %(task_id)s AND use_case = %(use_case)s

-- name: decide_gap
INSERT INTO gap_decision (task_id, use_case, state, note, decided_by, decided_at)
VALUES (%(task_id)s, %(use_case)s, %(state)s, %(note)s, %(by)s, %(at)s)
ON CONFLICT (task_id) DO UPDATE
SET state = excluded.state, note = excluded.note, decided_by = excluded.decided_by,
    decided_at = excluded.decided_at

-- name: deleted_documents
SELECT document.id, document.path, document.access_group, document.origin,
       document.changed_at AS removed_at, document.version, document_version.erased_at
FROM document
LEFT JOIN document_version ON document_version.document_id = document.id
                          AND document_version.number = document.version
WHERE document.use_case = %(use_case)s AND document.state = 'deleted'
ORDER BY document.changed_at DESC, document.path

-- name: erase_parts
DELETE FROM document_part WHERE version_id = ANY (%(versions)s)

-- name: erase_passages
DELETE FROM passage WHERE version_id = ANY (%(versions)s)

-- name: erase_fingerprints
DELETE FROM document_fingerprint WHERE version_id = ANY (%(versions)s)

-- name: erase_vectors
SELECT erase_vectors(%(versions)s) AS erased

-- name: erase_versions
-- Number, content hash and times stay: answers name the version.
UPDATE document_version
SET title = NULL, findings = '[]', doubtful = '[]', modified_at = NULL, erased_at = %(at)s
WHERE id = ANY (%(versions)s)

-- name: erase_conflicts
-- They quote both documents.
DELETE FROM passage_conflict
WHERE first_document = %(document_id)s OR second_document = %(document_id)s

-- name: erase_reports
-- What people wrote may quote the document. What they decided stays: it is about the content.
UPDATE document_report SET reason = '', note = NULL WHERE document_id = %(document_id)s

-- name: quoting_entries
-- Entries of the audit log that hold what people wrote about a document.
SELECT position FROM audit_entry
WHERE subject = %(document_id)s AND salt IS NOT NULL
  AND kind IN ('document reported', 'document left out', 'document kept')

-- name: outdate_indexes
-- No search index has these tokens, so each machine builds its index anew.
UPDATE document_change SET token = gen_random_uuid() WHERE use_case = %(use_case)s

-- name: contents_elsewhere
-- Documents in the library with the content of a version of another document.
SELECT DISTINCT document.path, document.access_group
FROM document
JOIN document_version ON document_version.document_id = document.id
                     AND document_version.number = document.version
WHERE document.use_case = %(use_case)s AND document.state <> 'deleted'
  AND document_version.content_hash IN (
      SELECT content_hash FROM document_version WHERE document_id = %(document_id)s)
ORDER BY document.path
