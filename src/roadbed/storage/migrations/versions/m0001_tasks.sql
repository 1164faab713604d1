CREATE TABLE use_case (
    name           text PRIMARY KEY,
    declaration    jsonb NOT NULL,
    coin_seed      bytea NOT NULL,
    halted         boolean NOT NULL DEFAULT false,
    halt_epoch     bigint NOT NULL DEFAULT 0,
    live_version   text,
    registered_at  timestamptz NOT NULL
);

CREATE TABLE artifact (
    hash       text PRIMARY KEY,
    content    bytea NOT NULL,
    stored_at  timestamptz NOT NULL DEFAULT now()
);

-- What a certificate is about: the same code and the same trained state behave the same.
CREATE TABLE behaviour (
    hash           text PRIMARY KEY,
    use_case       text NOT NULL REFERENCES use_case (name),
    folder_hash    text NOT NULL,
    files          jsonb NOT NULL,
    artifacts      jsonb NOT NULL,
    learned_from   integer NOT NULL,
    learned_until  timestamptz,
    looks          integer NOT NULL DEFAULT 0,
    made_at        timestamptz NOT NULL
);

CREATE TABLE certificate (
    id           text PRIMARY KEY,
    use_case     text NOT NULL REFERENCES use_case (name),
    behaviour    text NOT NULL REFERENCES behaviour (hash),
    look         integer NOT NULL,
    threshold    double precision,
    risk_limit   double precision NOT NULL,
    certainty    double precision NOT NULL,
    items        integer NOT NULL,
    covered      integer NOT NULL,
    errors       integer NOT NULL,
    detail       jsonb NOT NULL,
    issued_at    timestamptz NOT NULL
);

CREATE TABLE version (
    id           text PRIMARY KEY,
    use_case     text NOT NULL REFERENCES use_case (name),
    behaviour    text NOT NULL REFERENCES behaviour (hash),
    certificate  text REFERENCES certificate (id),
    number       integer NOT NULL,
    made_at      timestamptz NOT NULL,
    live_since   timestamptz,
    retired_at   timestamptz,
    UNIQUE (use_case, number)
);
ALTER TABLE use_case ADD FOREIGN KEY (live_version) REFERENCES version (id);

-- The four tables every task writes (task, in_flight, decision, review) carry no foreign keys: each
-- check is a query and a row lock of its own, together a third of the cost of a decision. Their
-- statements insert by joining the row they refer to, so it is there.
CREATE TABLE task (
    id              text PRIMARY KEY,
    use_case        text NOT NULL,
    key             text,
    body_hash       text NOT NULL,
    input           jsonb NOT NULL,
    source          jsonb NOT NULL,
    reference       boolean NOT NULL,
    reference_rate  double precision NOT NULL,
    admitted_at     timestamptz NOT NULL,
    UNIQUE (use_case, key)
);
CREATE INDEX task_newest ON task (use_case, id DESC);

-- Tasks between admission and settlement. A row whose lease has run out belongs to nobody.
CREATE TABLE in_flight (
    task_id      text PRIMARY KEY,
    attempt      integer NOT NULL DEFAULT 1,
    lease_until  timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE decision (
    task_id         text PRIMARY KEY,
    id              text NOT NULL,
    use_case        text NOT NULL,
    version         text,
    certificate     text,
    route           text NOT NULL CHECK (route IN ('automatic', 'review', 'refused')),
    reason_code     text NOT NULL,
    reason          text NOT NULL,
    rule            text,
    output          jsonb,
    confidence      double precision,
    threshold       double precision,
    evidence        jsonb NOT NULL,
    cost            numeric,
    attempt         integer NOT NULL,
    decided_at      timestamptz NOT NULL,
    decide_seconds  double precision NOT NULL,
    halt_epoch      bigint NOT NULL
);
CREATE INDEX decision_by_time ON decision (use_case, decided_at);

CREATE TABLE review (
    id           text PRIMARY KEY,
    task_id      text NOT NULL UNIQUE,
    use_case     text NOT NULL,
    blind        boolean NOT NULL,
    priority     integer NOT NULL,
    opened_at    timestamptz NOT NULL,
    claimed_by   text,
    claim_until  timestamptz,
    skipped_by   text[] NOT NULL DEFAULT '{}',
    verdict      text,
    closed_at    timestamptz
);
CREATE INDEX review_queue ON review (use_case, priority DESC, id) WHERE closed_at IS NULL;

CREATE TABLE verdict (
    id            text PRIMARY KEY,
    review_id     text NOT NULL REFERENCES review (id),
    task_id       text NOT NULL REFERENCES task (id),
    use_case      text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('accept', 'correct', 'reject')),
    right_output  jsonb,
    agrees        boolean,
    note          text,
    reviewer      text NOT NULL,
    given_at      timestamptz NOT NULL,
    undone_at     timestamptz
);
CREATE INDEX verdict_by_review ON verdict (review_id);

CREATE TABLE example (
    id            text PRIMARY KEY,
    use_case      text NOT NULL REFERENCES use_case (name),
    task_id       text REFERENCES task (id),
    verdict_id    text REFERENCES verdict (id),
    input         jsonb NOT NULL,
    output        jsonb,
    purpose       text NOT NULL CHECK (purpose IN ('learn', 'judge')),
    reference     boolean NOT NULL,
    origin        text NOT NULL CHECK (origin IN ('review', 'folder')),
    content_hash  text NOT NULL,
    born_at       timestamptz NOT NULL,
    withdrawn_at  timestamptz
);
CREATE INDEX example_in_use ON example (use_case, purpose, id) WHERE withdrawn_at IS NULL;
CREATE UNIQUE INDEX example_of_verdict ON example (verdict_id);
CREATE UNIQUE INDEX example_of_folder ON example (use_case, content_hash) WHERE origin = 'folder';

CREATE TABLE audit_entry (
    position  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case  text,
    kind      text NOT NULL,
    subject   text NOT NULL,
    actor     text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    detail    jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE token (
    hash        text PRIMARY KEY,
    person      text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('link', 'session', 'api')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz,
    used_at     timestamptz,
    revoked_at  timestamptz
);
