-- Who is away until when, and who answers meanwhile what would wait for them.
CREATE TABLE absence (
    person   text PRIMARY KEY REFERENCES person (name),
    until    timestamptz NOT NULL,
    stand_in text REFERENCES person (name),
    set_at   timestamptz NOT NULL,
    CHECK (stand_in <> person)
);
CREATE INDEX proposal_open ON proposal (use_case) WHERE state = 'open';
CREATE INDEX delivery_for_people ON delivery (use_case) WHERE state = ANY ('{stuck,unknown,failed}');
