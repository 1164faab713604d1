-- A deleted document that was a newer version of others. `contents` are the content hashes of those, so that a row
-- holds while they stay as they are. A person who confirms the older one deletes it.
CREATE TABLE removed_version (
    document_id text PRIMARY KEY REFERENCES document (id),
    use_case    text NOT NULL REFERENCES use_case (name),
    contents    text[] NOT NULL,
    removed_at  timestamptz NOT NULL
);
CREATE INDEX removed_version_use_case ON removed_version (use_case);

-- The documents of which a newer version was removed, with that version.
CREATE VIEW newer_removed AS
SELECT document.use_case, document.id, document_version.content_hash, gone.id AS removed_id, gone.path,
       gone.access_group, removed_version.removed_at
FROM removed_version
JOIN document AS gone ON gone.id = removed_version.document_id AND gone.state = 'deleted'
JOIN document ON document.use_case = removed_version.use_case AND document.state <> 'deleted'
JOIN document_version ON document_version.document_id = document.id
                     AND document_version.number = document.version
                     AND document_version.content_hash = ANY (removed_version.contents);
