-- What a process cannot do in the background now (insight/failures.py). A row that its process has
-- not written again for two minutes is over.
CREATE TABLE background_failure (
    process   text NOT NULL,
    work      text NOT NULL,
    about     text NOT NULL,
    use_case  text,
    problem   text NOT NULL,
    since     timestamptz NOT NULL,
    last_at   timestamptz NOT NULL,
    times     bigint NOT NULL,
    PRIMARY KEY (process, work, about)
);
