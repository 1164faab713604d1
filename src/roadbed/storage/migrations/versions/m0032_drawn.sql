-- The coin of a revision, tossed when it is admitted: whether the running audit counts its answer. The coin of
-- a first task is `reference`. A revision of a sample task is a `reference` too, whatever its own coin says:
-- it is judged blind and never trained on. Null in a revision from before: the coin of the first holds for it.
ALTER TABLE task ADD COLUMN drawn boolean, ADD CHECK (drawn IS NULL OR revises IS NOT NULL),
    ADD CHECK (drawn IS NOT TRUE OR reference);

-- Until now a task counted once, with the worst of its revisions: count each answer, from the beginning.
DELETE FROM running_mark;
DELETE FROM running_gap;
DELETE FROM running_audit;
