-- name: lock_sources
-- One transaction at a time writes the sources of a use case, so that no content is removed that another one uses.
SELECT pg_advisory_xact_lock(hashtext('sources'), hashtext(%(use_case)s))

-- name: put_content
INSERT INTO source_content (use_case, content_hash, bytes)
VALUES (%(use_case)s, %(content_hash)s, %(bytes)s)
ON CONFLICT DO NOTHING

-- name: put_piece
INSERT INTO source_piece (use_case, content_hash, ordinal, content)
VALUES (%(use_case)s, %(content_hash)s, %(ordinal)s, %(content)s)

-- name: piece
SELECT content FROM source_piece
WHERE use_case = %(use_case)s AND content_hash = %(content_hash)s AND ordinal = %(ordinal)s

-- name: content_size
SELECT bytes FROM source_content WHERE use_case = %(use_case)s AND content_hash = %(content_hash)s

-- name: delete_unused_contents
DELETE FROM source_content
WHERE use_case = %(use_case)s
  AND NOT EXISTS (SELECT FROM uploaded_file WHERE uploaded_file.use_case = source_content.use_case
                  AND uploaded_file.content_hash = source_content.content_hash)
  AND NOT EXISTS (SELECT FROM fetched_page WHERE fetched_page.use_case = source_content.use_case
                  AND fetched_page.content_hash = source_content.content_hash)

-- name: uploads
SELECT uploaded_file.path, uploaded_file.content_hash, source_content.bytes,
       uploaded_file.uploaded_by, uploaded_file.uploaded_at
FROM uploaded_file
JOIN source_content ON source_content.use_case = uploaded_file.use_case
                   AND source_content.content_hash = uploaded_file.content_hash
WHERE uploaded_file.use_case = %(use_case)s
  AND (%(paths)s::text[] IS NULL OR uploaded_file.path = ANY (%(paths)s))
ORDER BY uploaded_file.path

-- name: unread_uploads
-- Files that are stored, and that no ingestion has read yet as they are now.
SELECT uploaded_file.path, uploaded_file.uploaded_by, uploaded_file.uploaded_at
FROM uploaded_file
WHERE uploaded_file.use_case = %(use_case)s
  AND NOT EXISTS (SELECT FROM document
                  WHERE document.use_case = uploaded_file.use_case
                    AND document.path = uploaded_file.path AND document.state <> 'deleted'
                    AND (document.content_hash = uploaded_file.content_hash
                         OR document.origin <> 'upload'))
ORDER BY uploaded_file.uploaded_at, uploaded_file.path

-- name: put_upload
INSERT INTO uploaded_file (use_case, path, content_hash, uploaded_by, uploaded_at)
VALUES (%(use_case)s, %(path)s, %(content_hash)s, %(by)s, %(at)s)
ON CONFLICT (use_case, path) DO UPDATE
SET content_hash = excluded.content_hash, uploaded_by = excluded.uploaded_by,
    uploaded_at = excluded.uploaded_at

-- name: delete_upload
DELETE FROM uploaded_file WHERE use_case = %(use_case)s AND path = %(path)s
RETURNING content_hash

-- name: origin_at
-- Where the document of a path came from that is in the library.
SELECT origin FROM document WHERE use_case = %(use_case)s AND path = %(path)s AND state <> 'deleted'

-- name: pages
SELECT fetched_page.path, fetched_page.address, fetched_page.state, fetched_page.detail,
       fetched_page.content_hash, source_content.bytes, fetched_page.etag,
       fetched_page.last_modified, fetched_page.modified_at, fetched_page.asked_at
FROM fetched_page
LEFT JOIN source_content ON source_content.use_case = fetched_page.use_case
                        AND source_content.content_hash = fetched_page.content_hash
WHERE fetched_page.use_case = %(use_case)s
  AND (%(paths)s::text[] IS NULL OR fetched_page.path = ANY (%(paths)s))
ORDER BY fetched_page.path

-- name: put_page
INSERT INTO fetched_page (use_case, path, address, state, content_hash, etag, last_modified,
                          modified_at, asked_at)
VALUES (%(use_case)s, %(path)s, %(address)s, 'fetched', %(content_hash)s, %(etag)s,
        %(last_modified)s, %(modified_at)s, %(at)s)
ON CONFLICT (use_case, path) DO UPDATE
SET address = excluded.address, state = 'fetched', detail = NULL,
    content_hash = excluded.content_hash, etag = excluded.etag,
    last_modified = excluded.last_modified, modified_at = excluded.modified_at,
    asked_at = excluded.asked_at

-- name: page_unchanged
UPDATE fetched_page SET state = 'fetched', detail = NULL, asked_at = %(at)s
WHERE use_case = %(use_case)s AND path = %(path)s AND content_hash IS NOT NULL

-- name: page_failed
-- The content that was fetched before stays.
INSERT INTO fetched_page (use_case, path, address, state, detail, asked_at)
VALUES (%(use_case)s, %(path)s, %(address)s, %(state)s, %(detail)s, %(at)s)
ON CONFLICT (use_case, path) DO UPDATE
SET address = excluded.address, state = excluded.state, detail = excluded.detail,
    asked_at = excluded.asked_at

-- name: delete_unlisted_pages
-- Of addresses that are not in the list any more, once their documents have left the library.
DELETE FROM fetched_page
WHERE use_case = %(use_case)s AND NOT path = ANY (%(paths)s::text[])
  AND NOT EXISTS (SELECT FROM document WHERE document.use_case = fetched_page.use_case
                  AND document.path = fetched_page.path AND document.state <> 'deleted')

-- name: erase_page
-- What was fetched for a document that left the library. A listed address is asked for again.
DELETE FROM fetched_page WHERE use_case = %(use_case)s AND path = %(path)s

-- name: any_of_folder
-- Whether a document of the folder is in the library.
-- not null: any
SELECT EXISTS (SELECT FROM document WHERE use_case = %(use_case)s AND origin = 'folder'
               AND state <> 'deleted') AS any
