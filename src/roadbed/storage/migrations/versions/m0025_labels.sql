-- A value of the output that somebody who may do so confirmed as new.
CREATE TABLE label (
    use_case      text NOT NULL,
    field         text NOT NULL,
    value         text NOT NULL,
    confirmed_by  text NOT NULL,
    confirmed_at  timestamptz NOT NULL,
    PRIMARY KEY (use_case, field, value)
);

-- A verdict with such a value, until it is confirmed. It is no row of `verdict`: no evidence, no
-- example and no delivery comes of it. `labels` is a list of {field, value}.
CREATE TABLE held_verdict (
    id            text PRIMARY KEY,
    review_id     text NOT NULL REFERENCES review (id),
    task_id       text NOT NULL,
    use_case      text NOT NULL,
    kind          text NOT NULL,
    output        jsonb,
    actions       jsonb,
    shown         text,
    note          text,
    new_kind      boolean NOT NULL,
    may_approve   boolean NOT NULL,
    labels        jsonb NOT NULL,
    reviewer      text NOT NULL,
    linker        text,
    given_at      timestamptz NOT NULL,
    ended         text CHECK (ended IN ('confirmed', 'refused', 'undone', 'lapsed')),
    ended_by      text,
    ended_at      timestamptz
);
CREATE UNIQUE INDEX held_verdict_waiting ON held_verdict (review_id) WHERE ended IS NULL;
CREATE INDEX held_verdict_of ON held_verdict (use_case) WHERE ended IS NULL;
CREATE INDEX held_verdict_task ON held_verdict (task_id);

-- Nobody is asked meanwhile.
ALTER TABLE review ADD COLUMN held boolean NOT NULL DEFAULT false;
