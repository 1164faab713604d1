-- What a version declares, as the page of differences reads it; and who made it, why. Its files are
-- stored as artifacts by their hashes, so that any version can be run again.
ALTER TABLE behaviour
    ADD COLUMN declaration  jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN made_by      text NOT NULL DEFAULT 'roadbed',
    ADD COLUMN reason       text NOT NULL DEFAULT '';

-- A stage of the use case and when it was reached. The release epoch moves with every change of what
-- decides: live, canary, rolled back.
ALTER TABLE use_case
    ADD COLUMN stage          text NOT NULL DEFAULT 'idea' CHECK (stage IN (
                                  'idea', 'proof', 'gate', 'shadow', 'canary', 'live', 'retired')),
    ADD COLUMN release_epoch  bigint NOT NULL DEFAULT 0;
UPDATE use_case SET stage = 'proof' WHERE live_version IS NOT NULL;
UPDATE use_case SET stage = 'live' WHERE threshold IS NOT NULL;

-- What improvement suggests. Only a person's word makes one a part of the next version.
CREATE TABLE proposal (
    id           text PRIMARY KEY,
    use_case     text NOT NULL REFERENCES use_case (name),
    kind         text NOT NULL CHECK (kind IN ('model', 'examples', 'prompt', 'rule', 'alias',
                                               'record', 'superseded')),
    title        text NOT NULL,
    reason       text NOT NULL,
    support      jsonb NOT NULL,
    cases        jsonb NOT NULL,
    patch        jsonb,
    fingerprint  text NOT NULL,
    rank         double precision NOT NULL,
    state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'rejected',
                                                               'withdrawn')),
    made_at      timestamptz NOT NULL,
    decided_by   text,
    decided_at   timestamptz,
    note         text,
    edited       boolean NOT NULL DEFAULT false,
    UNIQUE (use_case, fingerprint)
);

-- One candidate version on its way through the release steps. What it must reach is fixed before anybody knows
-- what it reaches: `plan` is written when the row is born.
CREATE TABLE release (
    id           text PRIMARY KEY,
    use_case     text NOT NULL REFERENCES use_case (name),
    number       integer NOT NULL,
    behaviour    text NOT NULL REFERENCES behaviour (hash),
    base         text REFERENCES version (id),        -- live when it was planned
    version      text REFERENCES version (id),        -- known from the gate on
    certificate  text REFERENCES certificate (id),
    step         text NOT NULL CHECK (step IN ('planned', 'gated', 'failed', 'shadow', 'canary',
                                               'live', 'retired', 'rolled_back', 'withdrawn')),
    reason       text NOT NULL,
    author       text NOT NULL,
    proposals    text[] NOT NULL DEFAULT '{}',
    plan         jsonb NOT NULL,
    gate         jsonb,
    content      text,                                -- the hash that sign-offs bind
    trial        jsonb,                               -- the newest reading of shadow or canary
    planned_at   timestamptz NOT NULL,
    gated_at     timestamptz,
    shadow_at    timestamptz,
    canary_at    timestamptz,
    live_at      timestamptz,
    ended_at     timestamptz,
    ended_by     text,
    ended_why    text,
    UNIQUE (use_case, number)
);
-- One at a time: two candidates on one stream of traffic would judge each other.
CREATE UNIQUE INDEX release_under_way ON release (use_case)
WHERE step IN ('planned', 'gated', 'shadow', 'canary');

CREATE TABLE sign_off (
    id            text PRIMARY KEY,
    release       text NOT NULL REFERENCES release (id),
    role          text NOT NULL,
    person        text NOT NULL,
    content       text NOT NULL,
    verdict       text NOT NULL CHECK (verdict IN ('approve', 'refuse')),
    note          text,
    given_at      timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    withdrawn_at  timestamptz
);
CREATE INDEX sign_off_of ON sign_off (release);

-- Live version and candidate on one task. One of the two decided it, the other only answered.
CREATE TABLE comparison (
    task_id               text NOT NULL,
    release               text NOT NULL,
    use_case              text NOT NULL,
    decided_by            text NOT NULL CHECK (decided_by IN ('live', 'candidate')),
    live_output           jsonb,
    live_confidence       double precision,
    live_route            text NOT NULL,
    live_reason           text NOT NULL,
    live_seconds          double precision NOT NULL,
    live_cost             numeric,
    candidate_output      jsonb,
    candidate_confidence  double precision,
    candidate_route       text NOT NULL,
    candidate_reason      text NOT NULL,
    candidate_seconds     double precision NOT NULL,
    candidate_cost        numeric,
    at                    timestamptz NOT NULL,
    PRIMARY KEY (release, task_id)
);

-- Stages and waits with their times: the stage clock.
CREATE TABLE stage_event (
    id         text PRIMARY KEY,
    use_case   text NOT NULL REFERENCES use_case (name),
    kind       text NOT NULL CHECK (kind IN ('stage', 'wait_began', 'wait_ended', 'step')),
    stage      text,            -- for `stage` the new one, for `step` the release's
    waits_for  text,            -- a role, `traffic`, `labels`
    release    text REFERENCES release (id),
    actor      text NOT NULL,
    detail     text NOT NULL DEFAULT '',
    at         timestamptz NOT NULL
);
CREATE INDEX stage_event_of ON stage_event (use_case, id);
INSERT INTO stage_event (id, use_case, kind, stage, actor, at)
SELECT 'stg_' || md5(name), name, 'stage', stage, 'roadbed', registered_at FROM use_case;
