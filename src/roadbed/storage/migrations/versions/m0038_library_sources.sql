-- Where the newest content of a document came from. `address` is that of a fetched page.
ALTER TABLE document
    ADD COLUMN origin text NOT NULL DEFAULT 'folder' CHECK (origin IN ('folder', 'upload', 'address')),
    ADD COLUMN address text,
    ADD CHECK ((origin = 'address') = (address IS NOT NULL));

-- The bytes of an uploaded file or fetched page, by their SHA-256. Kept while a file or a page has them.
CREATE TABLE source_content (
    use_case     text NOT NULL REFERENCES use_case (name),
    content_hash text NOT NULL,
    bytes        bigint NOT NULL,
    PRIMARY KEY (use_case, content_hash)
);

-- Pieces of at most 1 MiB, so that no value is as large as a file.
CREATE TABLE source_piece (
    use_case     text NOT NULL,
    content_hash text NOT NULL,
    ordinal      integer NOT NULL,
    content      bytea NOT NULL,
    PRIMARY KEY (use_case, content_hash, ordinal),
    FOREIGN KEY (use_case, content_hash) REFERENCES source_content ON DELETE CASCADE
);
-- Most documents are compressed already.
ALTER TABLE source_piece ALTER COLUMN content SET STORAGE EXTERNAL;

CREATE TABLE uploaded_file (
    use_case     text NOT NULL,
    path         text NOT NULL,
    content_hash text NOT NULL,
    uploaded_by  text NOT NULL,
    uploaded_at  timestamptz NOT NULL,
    PRIMARY KEY (use_case, path),
    FOREIGN KEY (use_case, content_hash) REFERENCES source_content
);
CREATE INDEX uploaded_file_content ON uploaded_file (use_case, content_hash);

-- An address of the list of a library, with its newest content. 'failed': it did not answer with a document when it
-- was asked last, and `detail` says why. 'gone': it answered 404 or 410.
CREATE TABLE fetched_page (
    use_case      text NOT NULL REFERENCES use_case (name),
    path          text NOT NULL,
    address       text NOT NULL,
    state         text NOT NULL CHECK (state IN ('fetched', 'failed', 'gone')),
    detail        text,
    content_hash  text,
    etag          text,
    last_modified text,
    modified_at   timestamptz,
    asked_at      timestamptz NOT NULL,
    PRIMARY KEY (use_case, path),
    FOREIGN KEY (use_case, content_hash) REFERENCES source_content,
    CHECK (state <> 'fetched' OR content_hash IS NOT NULL),
    CHECK ((state = 'fetched') = (detail IS NULL))
);
CREATE INDEX fetched_page_content ON fetched_page (use_case, content_hash);
