-- A document of a library, by its place in its source. `state` is 'unreadable' if the newest content gave no
-- text: an older version that was read stays in force. The newest content is `content_hash`.
CREATE TABLE document (
    id           text PRIMARY KEY,
    use_case     text NOT NULL REFERENCES use_case (name),
    path         text NOT NULL,
    access_group text,
    state        text NOT NULL CHECK (state IN ('current', 'unreadable', 'deleted')),
    version      integer,
    content_hash text NOT NULL,
    reading      integer NOT NULL,
    reason       text,
    detail       text,
    added_at     timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL,
    UNIQUE (use_case, path),
    CHECK (state <> 'current' OR version IS NOT NULL),
    CHECK ((state = 'unreadable') = (reason IS NOT NULL))
);
CREATE INDEX document_unreadable ON document (use_case) WHERE state = 'unreadable';

-- What a document said at a time. Answers cite versions, so none is ever changed or removed with its document.
CREATE TABLE document_version (
    id           text PRIMARY KEY,
    document_id  text NOT NULL REFERENCES document (id),
    number       integer NOT NULL CHECK (number >= 1),
    content_hash text NOT NULL,
    bytes        bigint NOT NULL,
    format       text NOT NULL,
    title        text,
    pages        integer,
    words        integer NOT NULL,
    readers      text[] NOT NULL,
    findings     jsonb NOT NULL,
    doubtful     jsonb NOT NULL,
    modified_at  timestamptz,
    read_at      timestamptz NOT NULL,
    UNIQUE (document_id, number)
);

-- A page, slide, sheet or message body of a version.
CREATE TABLE document_part (
    version_id text NOT NULL REFERENCES document_version (id),
    ordinal    integer NOT NULL,
    position      jsonb NOT NULL,
    text       text NOT NULL,
    PRIMARY KEY (version_id, ordinal)
);

-- What is searched and cited: characters of a part.
CREATE TABLE passage (
    version_id text NOT NULL REFERENCES document_version (id),
    ordinal    integer NOT NULL,
    id         text NOT NULL,
    part       integer NOT NULL,
    first      integer NOT NULL,
    last       integer NOT NULL,
    kind       text NOT NULL,
    position      jsonb NOT NULL,
    text       text NOT NULL,
    doubtful   text[] NOT NULL,
    PRIMARY KEY (version_id, ordinal)
);

-- Which documents changed, in the order of their commits: one transaction at a time writes for a use case.
-- Indexes catch up from it. `token` tells the rows of a restored copy from those that were there before.
CREATE TABLE document_change (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case    text NOT NULL,
    document_id text NOT NULL REFERENCES document (id),
    token       uuid NOT NULL DEFAULT gen_random_uuid()
);
CREATE INDEX document_change_use_case ON document_change (use_case, number);

-- People who may read documents of a group that a library declares.
CREATE TABLE access_group_member (
    use_case     text NOT NULL REFERENCES use_case (name),
    access_group text NOT NULL,
    person       text NOT NULL REFERENCES person (name),
    added_by     text NOT NULL,
    added_at     timestamptz NOT NULL,
    PRIMARY KEY (use_case, access_group, person)
);
CREATE INDEX access_group_member_person ON access_group_member (person);
