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

-- Money. A use case's allowance of a period lies in eight parts, so that writers that reserve side by
-- side do not wait for one row. What was used is only added to `budget_charge`, and folded into the
-- parts when one of them runs short, and every second.
CREATE TABLE budget_part (
    use_case  text NOT NULL,
    period    text NOT NULL,  -- '2026-11' or '2026-11-21'
    part      smallint NOT NULL,
    cap       numeric NOT NULL,
    allotted  numeric NOT NULL,
    reserved  numeric NOT NULL DEFAULT 0,
    spent     numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (use_case, period, part)
) WITH (fillfactor = 50);
CREATE TABLE budget_charge (
    use_case  text NOT NULL,
    period    text NOT NULL,
    part      smallint NOT NULL,
    released  numeric NOT NULL,
    spent     numeric NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX budget_charge_of ON budget_charge (use_case, period);
CREATE TABLE budget_alert (
    use_case  text NOT NULL,
    period    text NOT NULL,
    percent   integer NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (use_case, period, percent)
);
ALTER TABLE in_flight
    ADD COLUMN reserved    numeric,  -- worst case of one attempt; null without a budget
    ADD COLUMN budget_day  date,
    ADD COLUMN budget_part smallint;

-- Fold what was charged into the parts. The caller holds them.
CREATE FUNCTION budget_fold(of_use_case text, of_period text) RETURNS void LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM budget_charge WHERE use_case = of_use_case AND period = of_period
        RETURNING part, released, spent
    ), summed AS (
        SELECT part, sum(released) AS released, sum(spent) AS spent FROM gone GROUP BY part
    )
    UPDATE budget_part SET reserved = budget_part.reserved - summed.released,
                           spent = budget_part.spent + summed.spent
    FROM summed
    WHERE budget_part.use_case = of_use_case AND budget_part.period = of_period
      AND budget_part.part = summed.part;
$$;

-- Reserve `amount` for as many of `wanted` as fit below `cap`; gives how many. Quick from one part;
-- when that runs short all parts are taken, folded and shared out anew.
CREATE FUNCTION budget_take(of_use_case text, of_period text, of_cap numeric, amount numeric,
                            wanted integer, of_part smallint) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    remaining numeric;
    granted integer;
BEGIN
    IF wanted = 0 OR amount = 0 THEN
        RETURN wanted;
    END IF;
    BEGIN
        UPDATE budget_part SET reserved = reserved + amount * wanted
        WHERE use_case = of_use_case AND period = of_period AND part = of_part AND cap = of_cap
          AND reserved + spent + amount * wanted <= allotted;
        IF FOUND THEN
            RETURN wanted;
        END IF;
        -- A row that was waited for and no longer fits stays locked, and whoever holds one part while
        -- it asks for all in their order waits in a circle. Rolling back lets go of it.
        RAISE SQLSTATE 'RB001';
    EXCEPTION WHEN SQLSTATE 'RB001' THEN
        NULL;
    END;
    INSERT INTO budget_part (use_case, period, part, cap, allotted)
    SELECT of_use_case, of_period, n, of_cap, 0 FROM generate_series(0, 7) AS n
    ON CONFLICT DO NOTHING;
    PERFORM 1 FROM budget_part WHERE use_case = of_use_case AND period = of_period
    ORDER BY part FOR UPDATE;
    PERFORM budget_fold(of_use_case, of_period);
    SELECT of_cap - sum(reserved + spent) INTO remaining FROM budget_part
    WHERE use_case = of_use_case AND period = of_period;
    granted := greatest(least(wanted, floor(remaining / amount)::integer), 0);
    UPDATE budget_part SET reserved = reserved + amount * granted
    WHERE use_case = of_use_case AND period = of_period AND part = of_part;
    remaining := greatest(remaining - amount * granted, 0);
    UPDATE budget_part SET cap = of_cap, allotted = reserved + spent + remaining / 8
    WHERE use_case = of_use_case AND period = of_period;
    RETURN granted;
END $$;

-- Reserve for tasks in flight, by month and, where there is one, by day; marks those that got it.
CREATE FUNCTION budget_reserve(of_use_case text, amount numeric, month_cap numeric, day_cap numeric,
                               ids text[], today date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    of_part smallint := pg_backend_pid() % 8;
    month_period text := to_char(today, 'YYYY-MM');
    by_month integer;
    granted integer;
BEGIN
    by_month := budget_take(of_use_case, month_period, month_cap, amount, cardinality(ids), of_part);
    granted := by_month;
    IF day_cap IS NOT NULL THEN
        granted := budget_take(of_use_case, today::text, day_cap, amount, by_month, of_part);
        IF granted < by_month THEN
            UPDATE budget_part SET reserved = reserved - amount * (by_month - granted)
            WHERE use_case = of_use_case AND period = month_period AND part = of_part;
        END IF;
    END IF;
    UPDATE in_flight SET reserved = amount, budget_day = today, budget_part = of_part
    WHERE task_id = ANY (ids[1:granted]);
    RETURN granted;
END $$;

-- The moment from which on `span` has passed until `at`, not counting the time a use case was halted:
-- a halt stops the clocks of those who review.
CREATE FUNCTION late_before(of_use_case text, span interval, at timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    found timestamptz := at - span;
    stopped interval;
BEGIN
    FOR step IN 1..8 LOOP
        SELECT coalesce(sum(upper(each) - lower(each)), interval '0') INTO stopped
        FROM unnest((
            SELECT range_agg(tstzrange(greatest(asked_at, found), coalesce(resumed_at, at)))
            FROM halt
            WHERE use_case = of_use_case AND kind = 'halt' AND asked_at < at
              AND coalesce(resumed_at, at) > found)) AS each;
        EXIT WHEN found = at - span - stopped;
        found := at - span - stopped;
    END LOOP;
    RETURN found;
END $$;
