-- A long job. The results of its steps are in the schema `dbos`, and go with `steps_kept`. `asked` is what a
-- process that runs jobs has yet to carry out.
CREATE TABLE job (
    id         text PRIMARY KEY,
    kind       text NOT NULL,
    key        text NOT NULL,
    use_case   text REFERENCES use_case (name),
    arguments  jsonb NOT NULL,
    state      text NOT NULL
        CHECK (state IN ('waiting', 'running', 'paused', 'done', 'failed', 'cancelled')),
    asked      text CHECK (asked IN ('start', 'pause', 'resume', 'cancel')),
    done       bigint NOT NULL CHECK (done >= 0),
    total      bigint CHECK (total >= 0),
    doing      text NOT NULL,
    reason     text,
    result     jsonb,
    asked_by   text NOT NULL,
    asked_at   timestamptz NOT NULL,
    started_at timestamptz,
    ended_at   timestamptz,
    steps_kept boolean NOT NULL DEFAULT true,
    CHECK ((ended_at IS NOT NULL) = (state IN ('done', 'failed', 'cancelled'))),
    CHECK ((reason IS NOT NULL) = (state = 'failed'))
);
CREATE UNIQUE INDEX job_unfinished ON job (kind, key) WHERE state IN ('waiting', 'running', 'paused');
CREATE INDEX job_asked ON job (asked_at) WHERE asked IS NOT NULL;
CREATE INDEX job_newest ON job (asked_at DESC, id DESC);
CREATE INDEX job_kept ON job (ended_at) WHERE steps_kept;
