-- `outdated`: its own task says something else by now, because a verdict was taken back or finds the
-- automatic answer wrong. It is never sent again; what was sent stands until a person decides.
ALTER TABLE delivery ADD COLUMN outdated boolean NOT NULL DEFAULT false;
UPDATE delivery SET outdated = true
FROM verdict WHERE verdict.id = delivery.of_verdict AND verdict.undone_at IS NOT NULL;
-- A key that no receiver has seen is free for what takes its place.
UPDATE delivery SET key = NULL
WHERE outdated AND state = 'cancelled' AND key IS NOT NULL
  AND NOT EXISTS (SELECT FROM delivery_attempt WHERE delivery_id = delivery.id);
CREATE INDEX delivery_outdated ON delivery (use_case)
    WHERE outdated AND state IN ('waiting', 'held', 'failed');

-- What a destination refuses of everything: `401`, `secret` and the like. The pod is told once.
ALTER TABLE delivery ADD COLUMN cause text;
CREATE INDEX delivery_refused ON delivery (use_case, destination, cause)
    WHERE state = 'failed' AND cause IS NOT NULL;

-- `about` names what a notice speaks of, so that it is told once; `over_at` is when that was over.
ALTER TABLE notice ADD COLUMN about text, ADD COLUMN over_at timestamptz;
CREATE UNIQUE INDEX notice_about ON notice (use_case, about) WHERE about IS NOT NULL AND over_at IS NULL;

-- Large histories. What was undone is counted without reading every verdict.
CREATE INDEX verdict_undone ON verdict (use_case, undone_at) WHERE undone_at IS NOT NULL;

-- What the running audit has read of the live version, so that a look reads what came since. Automatic
-- answers before `upto` are counted: those that the sample did not draw as gaps before each one that it
-- drew, and `passed` after the last of these. `handled` are the labels that were new at the last look.
CREATE TABLE running_audit (
    use_case  text PRIMARY KEY REFERENCES use_case (name),
    version   text NOT NULL,
    since     timestamptz,
    upto      text NOT NULL,
    passed    bigint NOT NULL,
    weight    double precision NOT NULL,
    handled   jsonb NOT NULL,
    at        timestamptz NOT NULL
);
CREATE TABLE running_gap (
    use_case  text NOT NULL,
    task_id   text NOT NULL,
    passed    bigint NOT NULL,
    weight    double precision NOT NULL,
    PRIMARY KEY (use_case, task_id)
);
-- Where a replay of the labels stood after the task `last`. A label that changes before it drops it.
CREATE TABLE running_mark (
    use_case  text NOT NULL,
    kind      text NOT NULL CHECK (kind IN ('audit', 'kinds')),
    basis     text NOT NULL,
    last      text NOT NULL,
    state     jsonb NOT NULL,
    PRIMARY KEY (use_case, kind, basis, last)
);
