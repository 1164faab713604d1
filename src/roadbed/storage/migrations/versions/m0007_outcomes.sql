-- What somebody reports to have turned out, as it was said. Several may be reported of one task: the
-- newest that was not taken back counts. `was_right` is about the answer that was in force then: that
-- of `verdict`, or the decision's where it is empty.
CREATE TABLE outcome (
    id            text PRIMARY KEY,
    use_case      text NOT NULL,
    task_id       text NOT NULL,
    key           text,
    body_hash     text NOT NULL,
    was_right     boolean NOT NULL,
    output        jsonb,
    note          text,
    source        text,
    happened_at   timestamptz,
    verdict       text,
    reported_by   text NOT NULL,
    reported_at   timestamptz NOT NULL,
    withdrawn_at  timestamptz,
    withdrawn_by  text,
    UNIQUE (use_case, key)
);
CREATE INDEX outcome_of_task ON outcome (task_id, reported_at DESC, id DESC);
CREATE INDEX outcome_newest ON outcome (use_case, id DESC);
CREATE INDEX outcome_withdrawn ON outcome (use_case, withdrawn_at) WHERE withdrawn_at IS NOT NULL;

-- Which outcome opened it. These are not drawn at random: no evidence may count them.
ALTER TABLE review ADD COLUMN outcome text;

-- Whether an outcome says that `answer` is right; empty where it does not tell. `judged` is the answer
-- it was about.
CREATE FUNCTION outcome_agrees(was_right boolean, output jsonb, judged jsonb, answer jsonb)
RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN CASE WHEN output IS NOT NULL THEN output IS NOT DISTINCT FROM answer
            WHEN judged IS NOT DISTINCT FROM answer THEN was_right
            WHEN was_right THEN false END;

-- Whether somebody has still to judge a task blind, or a second time, and must not learn an answer.
CREATE FUNCTION answer_withheld(blind boolean, closed_at timestamptz, verdict text)
RETURNS boolean LANGUAGE sql STABLE
RETURN coalesce(blind AND closed_at IS NULL, false)
       OR EXISTS (SELECT FROM measure JOIN review AS again ON again.task_id = measure.task_id
                  WHERE measure.of_verdict = answer_withheld.verdict AND again.verdict IS NULL);

-- What is reported of a task, for whoever reviews it: the outcome that counts.
CREATE FUNCTION reported_of(task text) RETURNS jsonb LANGUAGE sql STABLE
RETURN (SELECT jsonb_build_object('right', was_right, 'output', output, 'note', note,
                                  'source', source, 'by', reported_by, 'at', reported_at)
        FROM outcome WHERE task_id = task AND withdrawn_at IS NULL
        ORDER BY reported_at DESC, id DESC LIMIT 1);
