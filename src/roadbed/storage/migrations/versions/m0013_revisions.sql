-- A revision is a task of its own: decision, review, deliveries and examples stay one to one with it.
-- `revises` is the id of the first, which alone has the key. `on_revision` is the rule that was declared
-- when it came. `effects` says what became of those of the revisions before: nothing was there (`new`),
-- it says the same (`kept`), a person is asked (`asked`), they were taken back (`replaced`).
ALTER TABLE task
    ADD COLUMN revises      text,
    ADD COLUMN revision     integer NOT NULL DEFAULT 1,
    ADD COLUMN on_revision  text CHECK (on_revision IN ('note', 're-decide', 'ask')),
    ADD COLUMN effects      text CHECK (effects IN ('new', 'kept', 'asked', 'replaced')),
    ADD CHECK ((revises IS NULL) = (revision = 1));
CREATE UNIQUE INDEX task_revision ON task (revises, revision) WHERE revises IS NOT NULL;

-- Beside the decision, so that what counts tasks need not read them.
ALTER TABLE decision ADD COLUMN revision integer NOT NULL DEFAULT 1;
CREATE INDEX decision_revised ON decision (use_case, version) WHERE revision > 1;

-- The revision that was decided while this waited. A blind one stays open all the same: it is evidence.
ALTER TABLE review ADD COLUMN superseded_by text;

-- `superseded_by` is the revision that says something else; `take_back` while that has still to be
-- done; `revised` marks what a revision sends.
ALTER TABLE delivery
    ADD COLUMN superseded_by  text,
    ADD COLUMN take_back      boolean NOT NULL DEFAULT false,
    ADD COLUMN revised        boolean NOT NULL DEFAULT false;
CREATE INDEX delivery_take_back ON delivery (use_case) WHERE take_back;

-- The newest later revision of a task that has been decided; null while there is none.
CREATE FUNCTION revised_as(of_task text) RETURNS text LANGUAGE sql STABLE
RETURN (SELECT newer.id FROM task AS own
        JOIN task AS newer ON newer.revises = coalesce(own.revises, own.id)
                          AND newer.revision > own.revision
        JOIN decision ON decision.task_id = newer.id
        WHERE own.id = of_task ORDER BY newer.revision DESC LIMIT 1);

-- The revisions before a task. Two looks, each by a key: one with OR would be planned as neither.
CREATE FUNCTION revisions_before(of_task text)
RETURNS TABLE (id text, revision integer) LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT first.id, first.revision
    FROM task AS own JOIN task AS first ON first.id = own.revises WHERE own.id = of_task
    UNION ALL
    SELECT earlier.id, earlier.revision
    FROM task AS own JOIN task AS earlier ON earlier.revises = own.revises
                                         AND earlier.revision < own.revision
    WHERE own.id = of_task;
END;

-- What the revisions before a task sent, or mean to.
CREATE FUNCTION deliveries_before(of_task text)
RETURNS TABLE (id text, destination text, state text, revision integer) LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT delivery.id, delivery.destination, delivery.state, earlier.revision
    FROM revisions_before(of_task) AS earlier
    JOIN delivery ON delivery.task_id = earlier.id
                 AND delivery.kind IN ('result', 'action', 'correction');
END;

-- What becomes of these now that a task has its last word, by itself or by a person. The same content as
-- the newest that stands leaves everything as it is; what a person refused stays refused.
CREATE FUNCTION effects_of(of_task text) RETURNS text LANGUAGE sql STABLE
RETURN (SELECT CASE
            WHEN standing.id IS NULL THEN
                CASE WHEN own.on_revision = 'ask' AND decision.route = 'automatic'
                     THEN 'asked' ELSE 'new' END
            WHEN standing.content = CASE decision.route WHEN 'automatic' THEN decision.content_hash
                                    ELSE verdict.right_hash END
                 AND NOT EXISTS (SELECT FROM deliveries_before(own.id) AS before
                                 JOIN delivery AS gone ON gone.id = before.id
                                                      AND gone.superseded_by = own.id)
            THEN 'kept'
            WHEN own.on_revision = 'ask' THEN 'asked'
            ELSE 'replaced' END
        FROM task AS own
        JOIN decision ON decision.task_id = own.id
        LEFT JOIN review ON review.task_id = own.id
        LEFT JOIN verdict ON verdict.id = review.verdict
        LEFT JOIN LATERAL (
            SELECT sent.id, CASE WHEN sent.of_verdict IS NULL THEN said.content_hash
                                 ELSE judged.right_hash END AS content
            FROM deliveries_before(own.id) AS before
            JOIN delivery AS sent ON sent.id = before.id AND sent.superseded_by IS NULL
            JOIN decision AS said ON said.task_id = sent.task_id
            LEFT JOIN verdict AS judged ON judged.id = sent.of_verdict
            WHERE NOT (sent.state = 'cancelled' AND judged.undone_at IS NOT NULL)
              AND NOT (sent.state = 'refused' AND sent.kind = 'correction')
            ORDER BY before.revision DESC, sent.created_at DESC LIMIT 1) AS standing ON true
        WHERE own.id = of_task);

-- Whether an attempt may have made the effect although nobody knows: it must be neither sent nor dropped.
-- Volatile, so that it sees an attempt that ended while its caller waited for the row. Clocks differ.
CREATE FUNCTION maybe_made(asked text) RETURNS boolean LANGUAGE sql VOLATILE
RETURN EXISTS (SELECT FROM delivery_attempt JOIN delivery ON delivery.id = delivery_attempt.delivery_id
               WHERE delivery.id = asked AND delivery_attempt.outcome = 'unknown'
                 AND delivery_attempt.at >= delivery.first_sent_at - interval '1 minute');

-- Whether a delivery is stuck only because a person was asked to take it back: nothing was tried yet, so
-- what a later revision says decides anew.
CREATE FUNCTION only_asked(asked text) RETURNS boolean LANGUAGE sql VOLATILE
RETURN EXISTS (SELECT FROM delivery WHERE id = asked AND state = 'stuck' AND superseded_by IS NOT NULL)
       AND NOT EXISTS (SELECT FROM delivery WHERE of_delivery = asked AND kind = 'compensation');
