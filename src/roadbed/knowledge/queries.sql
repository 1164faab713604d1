-- name: lock_library
-- One transaction at a time writes documents of a use case, so that changes are numbered in the
-- order of their commits.
SELECT pg_advisory_xact_lock(hashtext('library'), hashtext(%(use_case)s))

-- name: known_documents
SELECT path, id, state, version, content_hash, reading, access_group FROM document
WHERE use_case = %(use_case)s AND (%(paths)s::text[] IS NULL OR path = ANY (%(paths)s))

-- name: put_document
-- The row of a document, with what its newest content gave.
INSERT INTO document (id, use_case, path, access_group, state, version, content_hash, reading,
                      reason, detail, added_at, changed_at)
VALUES (%(id)s, %(use_case)s, %(path)s, %(access_group)s, %(state)s, %(version)s, %(content_hash)s,
        %(reading)s, %(reason)s, %(detail)s, %(at)s, %(at)s)
ON CONFLICT (use_case, path) DO UPDATE
SET access_group = excluded.access_group, state = excluded.state,
    version = coalesce(excluded.version, document.version), content_hash = excluded.content_hash,
    reading = excluded.reading, reason = excluded.reason, detail = excluded.detail,
    changed_at = excluded.changed_at

-- name: same_document
SELECT id, version, state, content_hash, reading, access_group FROM document
WHERE use_case = %(use_case)s AND path = %(path)s

-- name: delete_document
UPDATE document SET state = 'deleted', reason = NULL, detail = NULL, changed_at = %(at)s
WHERE use_case = %(use_case)s AND path = %(path)s AND state <> 'deleted'
RETURNING id

-- name: move_to_group
UPDATE document SET access_group = %(access_group)s, changed_at = %(at)s
WHERE use_case = %(use_case)s AND path = %(path)s
RETURNING id

-- name: put_change
INSERT INTO document_change (use_case, document_id) VALUES (%(use_case)s, %(document_id)s)

-- name: put_version
INSERT INTO document_version (id, document_id, number, content_hash, bytes, format, title, pages,
                              words, readers, findings, doubtful, modified_at, read_at)
VALUES (%(id)s, %(document_id)s, %(number)s, %(content_hash)s, %(bytes)s, %(format)s, %(title)s,
        %(pages)s, %(words)s, %(readers)s, %(findings)s, %(doubtful)s, %(modified_at)s, %(at)s)

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
SELECT document.id, document.path, document.access_group, document.state, document.version,
       document.reason, document.detail, document.added_at, document.changed_at,
       document_version.format, document_version.title, document_version.pages,
       document_version.words, document_version.modified_at, document_version.read_at,
       document_version.findings, document_family.family, document_family.kind AS standing,
       document_family.rank, document_family.dated, document_family.evidence, document_family.why
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
       modified_at, read_at
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
SELECT document.id, document.path, document.access_group, document.state,
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
SELECT version_id, ordinal, text, position, kind FROM passage
WHERE version_id = ANY (%(version_ids)s) ORDER BY version_id, ordinal

-- name: passages
SELECT passage.version_id, passage.ordinal, passage.id, passage.part, passage.first, passage.last,
       passage.kind, passage.position, passage.text, passage.doubtful, document.id AS document_id,
       document.path, document.access_group, document_version.number AS version,
       document_version.title, document_version.modified_at
FROM jsonb_to_recordset(%(keys)s) AS key (version_id text, ordinal integer)
JOIN passage ON passage.version_id = key.version_id AND passage.ordinal = key.ordinal
JOIN document_version ON document_version.id = passage.version_id
JOIN document ON document.id = document_version.document_id

-- name: groups_of
SELECT access_group FROM access_group_member
WHERE use_case = %(use_case)s AND person = %(person)s

-- name: members
SELECT access_group, person, added_by, added_at FROM access_group_member
WHERE use_case = %(use_case)s ORDER BY access_group, person

-- name: add_member
INSERT INTO access_group_member (use_case, access_group, person, added_by, added_at)
VALUES (%(use_case)s, %(access_group)s, %(person)s, %(by)s, %(at)s)
ON CONFLICT DO NOTHING

-- name: remove_member
DELETE FROM access_group_member
WHERE use_case = %(use_case)s AND access_group = %(access_group)s AND person = %(person)s
RETURNING person

-- name: covers
-- The beginning of each document that can be searched.
SELECT document.id, document.path, document.access_group, left(document_part.text, 3000) AS cover,
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
SELECT document.id, document.path, document_version.id AS version_id, document_version.content_hash,
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
INSERT INTO document_fingerprint (version_id, runs, words)
VALUES (%(version_id)s, %(runs)s, %(words)s)
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
SELECT kind, contents, current FROM family_settlement WHERE use_case = %(use_case)s
ORDER BY settled_at DESC, id DESC

-- name: put_settlement
INSERT INTO family_settlement (id, use_case, kind, contents, current, settled_by, settled_at)
VALUES (%(id)s, %(use_case)s, %(kind)s, %(contents)s, %(current)s, %(by)s, %(at)s)

-- name: note_conflict
-- The row of two passages, also one that was there before.
INSERT INTO passage_conflict (id, use_case, first_document, first_passage, first_text,
                              second_document, second_passage, second_text, found_at)
VALUES (%(id)s, %(use_case)s, %(first_document)s, %(first_passage)s, %(first_text)s,
        %(second_document)s, %(second_passage)s, %(second_text)s, %(at)s)
ON CONFLICT (first_document, first_passage, second_document, second_passage) DO NOTHING

-- name: conflict_between
SELECT id, verdict FROM passage_conflict
WHERE first_document = %(first_document)s AND first_passage = %(first_passage)s
  AND second_document = %(second_document)s AND second_passage = %(second_passage)s

-- name: conflict_of
SELECT use_case FROM passage_conflict WHERE id = %(id)s

-- name: conflicts
-- Those whose passages stand in the newest versions of both documents, none of them superseded.
SELECT passage_conflict.id, passage_conflict.first_text, passage_conflict.second_text,
       passage_conflict.found_at, passage_conflict.verdict, passage_conflict.settled_by,
       passage_conflict.settled_at, passage_conflict.first_document,
       passage_conflict.second_document, one.path AS first_path, one.access_group AS first_group,
       other.path AS second_path, other.access_group AS second_group
FROM passage_conflict
JOIN document AS one ON one.id = passage_conflict.first_document
JOIN document AS other ON other.id = passage_conflict.second_document
WHERE passage_conflict.use_case = %(use_case)s
  AND one.state <> 'deleted' AND other.state <> 'deleted'
  AND EXISTS (SELECT FROM document_version
              JOIN passage ON passage.version_id = document_version.id
              WHERE document_version.document_id = one.id
                AND document_version.number = one.version
                AND passage.id = passage_conflict.first_passage)
  AND EXISTS (SELECT FROM document_version
              JOIN passage ON passage.version_id = document_version.id
              WHERE document_version.document_id = other.id
                AND document_version.number = other.version
                AND passage.id = passage_conflict.second_passage)
  AND NOT EXISTS (SELECT FROM document_family AS older
                  JOIN document_family AS newer
                    ON newer.family = older.family AND newer.rank > older.rank
                  WHERE older.document_id IN (one.id, other.id))
ORDER BY passage_conflict.found_at, passage_conflict.id

-- name: settle_conflict
UPDATE passage_conflict
SET verdict = %(verdict)s, settled_by = %(by)s, settled_at = %(at)s
WHERE id = %(id)s AND use_case = %(use_case)s
RETURNING first_document
