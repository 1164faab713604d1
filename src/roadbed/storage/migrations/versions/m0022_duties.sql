-- Who sent a task, a revision of it, or the task that it was made from to measure reviewers.
CREATE FUNCTION senders_of(of_task text) RETURNS text[] LANGUAGE sql STABLE
RETURN (SELECT coalesce(array_agg(DISTINCT piece.source ->> 'by')
                        FILTER (WHERE piece.source ->> 'by' IS NOT NULL), '{}')
        FROM (SELECT of_task AS id
              UNION ALL
              SELECT verdict.task_id FROM measure JOIN verdict ON verdict.id = measure.of_verdict
              WHERE measure.task_id = of_task
              UNION ALL
              SELECT measure.of_case FROM measure WHERE measure.task_id = of_task) AS named
        JOIN task AS own ON own.id = named.id
        CROSS JOIN LATERAL (
            SELECT source FROM task WHERE task.id = coalesce(own.revises, own.id)
            UNION ALL
            SELECT source FROM task WHERE task.revises = coalesce(own.revises, own.id)) AS piece);

-- The twin of `people/duties.py`; a test compares the two.
CREATE FUNCTION may_decide(person text, linker text, senders text[], authors text[],
                           correctors text[], knows text[], only_for text)
RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN NOT (ARRAY[person, linker] && (senders || authors || correctors))
       AND coalesce(only_for = person, NOT (ARRAY[person, linker] && knows));

-- Whether somebody may judge a review.
CREATE FUNCTION may_review(asked review, person text, linker text)
RETURNS boolean LANGUAGE sql STABLE
RETURN may_decide(person, linker, senders_of(asked.task_id), '{}', '{}', asked.barred,
                  asked.reserved_for);

-- A name that a folder declares counts for a person whom an administrator made or confirmed.
-- `password_by` is who set the password, if that was somebody else.
ALTER TABLE person
    ADD COLUMN confirmed_at  timestamptz,
    ADD COLUMN confirmed_by  text,
    ADD COLUMN password_by   text,
    ADD COLUMN password_at   timestamptz;
UPDATE person SET confirmed_at = created_at, confirmed_by = created_by;

CREATE VIEW role_in_force AS
SELECT role_held.use_case, role_held.person, role_held.role, role_held.declared
FROM role_held JOIN person ON person.name = role_held.person
WHERE NOT role_held.declared OR person.confirmed_at IS NOT NULL;

-- Who made the link, password or token from which this one descends, if that was somebody else.
ALTER TABLE token
    ADD COLUMN let_in_by  text,
    ADD COLUMN let_in_at  timestamptz;
