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
