-- Processes that decide tasks with one commit (decisions/crash_detection.py). While one lives it holds the
-- advisory lock of its number; a row whose lock is free belongs to a process that was killed.
CREATE SEQUENCE process_number AS integer CYCLE;
CREATE TABLE process (
    number      integer PRIMARY KEY,
    started_at  timestamptz NOT NULL DEFAULT now(),
    lost_at     timestamptz  -- when somebody noticed that it ended without a word
);

-- Inputs that cut their process off are admitted before they are decided, whenever they come again.
CREATE INDEX decision_interrupted ON decision (decided_at) WHERE reason_code = 'interrupted';
