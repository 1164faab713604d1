-- Of the text of a version, to find its family: hashes of runs of words, and the words of a short text. Derived.
CREATE TABLE document_fingerprint (
    version_id text PRIMARY KEY REFERENCES document_version (id),
    runs       bigint[] NOT NULL,
    words      text[] NOT NULL
);

-- What a document says of its age, and its place in its family. Derived from the documents and from settlements.
-- `family` is the smallest id of its documents. `rank` orders versions: the highest is in force.
CREATE TABLE document_family (
    document_id text PRIMARY KEY REFERENCES document (id),
    use_case    text NOT NULL REFERENCES use_case (name),
    family      text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('single', 'series', 'version', 'variant', 'separate', 'open')),
    rank        integer,
    dated       text,
    evidence    text NOT NULL,
    why         text,
    since       timestamptz NOT NULL,
    CHECK ((kind = 'open') = (why IS NOT NULL)),
    CHECK ((kind IN ('version', 'variant')) = (rank IS NOT NULL))
);
CREATE INDEX document_family_use_case ON document_family (use_case, family);
CREATE INDEX document_family_open ON document_family (use_case) WHERE kind = 'open';

-- What a person decided about a family. It names contents, so it holds after a file moved and not after it changed.
CREATE TABLE family_settlement (
    id         text PRIMARY KEY,
    use_case   text NOT NULL REFERENCES use_case (name),
    kind       text NOT NULL CHECK (kind IN ('current', 'series', 'separate')),
    contents   text[] NOT NULL,
    current    text,
    settled_by text NOT NULL,
    settled_at timestamptz NOT NULL,
    CHECK ((kind = 'current') = (current IS NOT NULL))
);
CREATE INDEX family_settlement_use_case ON family_settlement (use_case, settled_at DESC);

-- Two passages of documents that state different figures in the same words. The ids of passages say text and place,
-- so that a settlement holds while both stay as they are. `verdict` says which document is right.
CREATE TABLE passage_conflict (
    id              text PRIMARY KEY,
    use_case        text NOT NULL REFERENCES use_case (name),
    first_document  text NOT NULL REFERENCES document (id),
    first_passage   text NOT NULL,
    first_text      text NOT NULL,
    second_document text NOT NULL REFERENCES document (id),
    second_passage  text NOT NULL,
    second_text     text NOT NULL,
    found_at        timestamptz NOT NULL,
    verdict         text CHECK (verdict IN ('first', 'second', 'both')),
    settled_by      text,
    settled_at      timestamptz,
    UNIQUE (first_document, first_passage, second_document, second_passage),
    CHECK (first_document < second_document),
    CHECK ((verdict IS NULL) = (settled_by IS NULL) AND (verdict IS NULL) = (settled_at IS NULL))
);
CREATE INDEX passage_conflict_open ON passage_conflict (use_case) WHERE verdict IS NULL;
