-- A database that was put back from a copy. While one is not declared every use case is halted and
-- nothing is sent. `how`: the restore command loaded it, or the witness outside knows a longer log.
-- `kept` entries of the log are here, the witness knows `lost`.
CREATE TABLE restoration (
    id           text PRIMARY KEY,
    how          text NOT NULL CHECK (how IN ('restored', 'behind')),
    found_at     timestamptz NOT NULL DEFAULT now(),
    kept         bigint,
    lost         bigint,
    lost_note    text,
    declared_at  timestamptz,
    declared_by  text,
    reason       text
);
CREATE UNIQUE INDEX restoration_open ON restoration ((true)) WHERE declared_at IS NULL;

-- The key that signs the log from here on, and the statement about it that both keys signed.
CREATE TABLE audit_handover (
    number   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    note     text NOT NULL,
    new_key  text NOT NULL,
    at       timestamptz NOT NULL
);

-- Which restore this halt belongs to: it ends with the declaration.
ALTER TABLE halt ADD COLUMN restoration text REFERENCES restoration (id);

-- It was there when a restore was declared: a person has decided, or will, what became of it.
ALTER TABLE delivery ADD COLUMN restored boolean NOT NULL DEFAULT false;

-- When the database was last found to be a copy; what came in before may have been sent already.
CREATE FUNCTION restored_at() RETURNS timestamptz LANGUAGE sql STABLE
RETURN (SELECT max(found_at) FROM restoration);
