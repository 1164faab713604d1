ALTER TABLE decision ADD COLUMN actions jsonb;  -- what was proposed, and what the rules said of it

-- Every effect on another system, from the transaction that decided it to its end. The relay is the
-- only one that sends. `position` is the order in which they were made ready.
CREATE TABLE delivery (
    id              text PRIMARY KEY,
    use_case        text NOT NULL,
    task_id         text NOT NULL,
    destination     text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('result', 'action', 'correction', 'approval',
                                                  'compensation')),
    arguments       jsonb,
    of_verdict      text,
    of_delivery     text,
    after           text,
    state           text NOT NULL CHECK (state IN (
                        'planned', 'waiting', 'sending', 'delivered', 'skipped', 'held', 'refused',
                        'failed', 'unknown', 'cancelled', 'compensating', 'compensated', 'stuck')),
    reason          text,
    needs_approval  boolean NOT NULL DEFAULT false,
    position        bigint,
    key             text,
    order_key       text,
    content         jsonb,
    content_hash    text,
    attempt         integer NOT NULL DEFAULT 0,
    next_at         timestamptz NOT NULL DEFAULT now(),
    lease_until     timestamptz,
    first_sent_at   timestamptz,
    look_first      boolean NOT NULL DEFAULT false,
    reference       text,
    approve_until   timestamptz,
    approved_by     text,
    approved_hash   text,
    created_at      timestamptz NOT NULL,
    done_at         timestamptz
) WITH (fillfactor = 70);
CREATE SEQUENCE delivery_position;
CREATE UNIQUE INDEX delivery_once ON delivery (use_case, destination, key) WHERE key IS NOT NULL;
CREATE INDEX delivery_planned ON delivery (use_case, id) WHERE state = 'planned';
CREATE INDEX delivery_due ON delivery (use_case, next_at) WHERE state = 'waiting';
CREATE INDEX delivery_sending ON delivery (use_case, lease_until) WHERE state = 'sending';
CREATE INDEX delivery_held ON delivery (use_case, approve_until) WHERE state = 'held';
CREATE INDEX delivery_in_order ON delivery (use_case, destination, order_key, position)
    WHERE order_key IS NOT NULL
      AND state IN ('planned', 'waiting', 'sending', 'held', 'failed', 'unknown');
CREATE INDEX delivery_of_task ON delivery (task_id);
CREATE INDEX delivery_after ON delivery (after) WHERE after IS NOT NULL;
CREATE INDEX delivery_newest ON delivery (use_case, id DESC);

CREATE TABLE delivery_attempt (
    id           text PRIMARY KEY,
    delivery_id  text NOT NULL,
    number       integer NOT NULL,
    worker       text NOT NULL,
    outcome      text NOT NULL CHECK (outcome IN ('delivered', 'temporary', 'refused', 'unknown',
                                                  'found', 'absent')),
    detail       text NOT NULL,
    seconds      double precision NOT NULL,
    at           timestamptz NOT NULL
);
CREATE INDEX delivery_attempt_of ON delivery_attempt (delivery_id, number);

-- Destinations that fail again and again are left alone for a while, by every worker.
CREATE TABLE circuit (
    use_case     text NOT NULL,
    destination  text NOT NULL,
    failures     integer NOT NULL DEFAULT 0,
    open_until   timestamptz,
    last_error   text,
    changed_at   timestamptz NOT NULL,
    PRIMARY KEY (use_case, destination)
);

CREATE TABLE halt (
    id                text PRIMARY KEY,
    use_case          text NOT NULL REFERENCES use_case (name),
    kind              text NOT NULL CHECK (kind IN ('halt', 'drill')),
    reason            text NOT NULL,
    actor             text NOT NULL,
    epoch             bigint NOT NULL,
    asked_at          timestamptz NOT NULL,
    fenced_seconds    double precision,
    quiesced_seconds  double precision,
    in_flight         jsonb NOT NULL DEFAULT '[]',
    resume_asked_by   text,
    resume_asked_at   timestamptz,
    resumed_by        text,
    resumed_at        timestamptz
);
CREATE INDEX halt_newest ON halt (use_case, asked_at DESC);
