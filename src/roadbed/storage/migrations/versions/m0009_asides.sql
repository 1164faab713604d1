-- Money held for calls beside the path of a task. Whoever holds it settles it; what nobody settled until
-- `lapses_at` was held by a process that died, and is charged at its worst.
CREATE TABLE budget_aside (
    id         text PRIMARY KEY,
    use_case   text NOT NULL,
    periods    text[] NOT NULL,
    part       smallint NOT NULL,
    amount     numeric NOT NULL,
    lapses_at  timestamptz NOT NULL
);
CREATE INDEX budget_aside_lapses ON budget_aside (use_case, lapses_at);
