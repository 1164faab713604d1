-- What is in force for a use case: the promise's state, moved by labelled evidence alone.
ALTER TABLE use_case
    ADD COLUMN state           text NOT NULL DEFAULT 'shadow',
    ADD COLUMN state_since     timestamptz,
    ADD COLUMN state_reason    text,
    ADD COLUMN threshold       double precision,
    ADD COLUMN cautious        boolean NOT NULL DEFAULT false,
    ADD COLUMN reference_rate  double precision NOT NULL DEFAULT 0.5,
    ADD COLUMN alarm_at        timestamptz,  -- evidence drawn before it no longer counts
    ADD COLUMN audit_at        timestamptz,  -- the running audit begins here
    ADD COLUMN bridges_left    integer NOT NULL DEFAULT 0;

UPDATE use_case SET state = 'open', threshold = certificate.threshold, reference_rate = 0.12,
                    state_since = version.live_since, state_reason = 'A certificate opened it.'
FROM version
JOIN certificate ON certificate.id = version.certificate
WHERE version.id = use_case.live_version AND certificate.threshold IS NOT NULL;

-- The outputs a version was trained on; a reviewer's label outside them is a new kind of work.
ALTER TABLE behaviour ADD COLUMN kinds jsonb;

-- bridged: the threshold is that of cautious mode. It is not proven and never shown as a proof.
ALTER TABLE certificate
    ADD COLUMN bridged   boolean NOT NULL DEFAULT false,
    ADD COLUMN on_alarm  double precision;

ALTER TABLE verdict ADD COLUMN new_kind boolean NOT NULL DEFAULT false;
CREATE INDEX verdict_newest ON verdict (use_case, id);

CREATE INDEX decision_by_version ON decision (use_case, version, task_id);

-- What the pod must know; stays until somebody says that they have seen it.
CREATE TABLE notice (
    id        text PRIMARY KEY,
    use_case  text NOT NULL REFERENCES use_case (name),
    kind      text NOT NULL,
    text      text NOT NULL,
    at        timestamptz NOT NULL,
    seen_by   text,
    seen_at   timestamptz
);
CREATE INDEX notice_open ON notice (use_case, id) WHERE seen_at IS NULL;

-- The queue is read by `verdict IS NULL`, single reviews are closed by `closed_at IS NULL`. Both say
-- the same; with one wording the planner would look a single review up by walking the whole queue.
DROP INDEX review_queue;
CREATE INDEX review_queue ON review (use_case, priority DESC, id) WHERE verdict IS NULL;

-- Tasks made to measure reviewers: cases whose right answer is known, and second looks. They pass
-- through the queue like any other, so that nobody can tell; `measured` in decision.reason_code
-- keeps them out of every count.
CREATE TABLE measure (
    task_id       text PRIMARY KEY,
    use_case      text NOT NULL REFERENCES use_case (name),
    kind          text NOT NULL CHECK (kind IN ('check', 'second', 'lead')),
    of_verdict    text REFERENCES verdict (id),
    right_output  jsonb,
    proposed_right boolean,
    settled_at    timestamptz,
    made_at       timestamptz NOT NULL
);
CREATE INDEX measure_of ON measure (use_case, kind);
CREATE UNIQUE INDEX measure_once ON measure (of_verdict, kind) WHERE of_verdict IS NOT NULL;
ALTER TABLE review
    ADD COLUMN claimed_at timestamptz,
    ADD COLUMN barred     text[] NOT NULL DEFAULT '{}',  -- who know a colleague's answer to it
    ADD COLUMN reserved_for text;                         -- the only person who may have it
ALTER TABLE verdict ADD COLUMN dwell_seconds double precision;
