-- An entry's salt and detail are empty once it was erased; its commitment stays and keeps its place.
ALTER TABLE audit_entry
    ADD COLUMN salt bytea DEFAULT uuid_send(gen_random_uuid()),
    ALTER COLUMN detail DROP NOT NULL;
CREATE INDEX audit_entry_subject ON audit_entry (subject);
CREATE INDEX audit_entry_erased ON audit_entry (position) WHERE kind = 'erased';

-- What is committed to. Nothing in it depends on a session's settings. audit/queries.sql says the
-- same once more, so that whoever changes this function does not change what is verified.
CREATE FUNCTION audit_payload(entry audit_entry) RETURNS text LANGUAGE sql STABLE
RETURN jsonb_build_array('roadbed/1', entry.position, entry.use_case, entry.kind, entry.subject,
                         entry.actor, (extract(epoch FROM entry.at) * 1000000)::bigint,
                         entry.detail)::text;

-- Commitments that no checkpoint covers yet. A queue: read whole, and emptied every second.
CREATE TABLE audit_pending (
    position    bigint NOT NULL,
    commitment  bytea NOT NULL CHECK (octet_length(commitment) = 32)
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 5000);

-- Leaves of the tree, 256 a row, in the order they were sealed in; the last row may be partial.
CREATE TABLE audit_bundle (
    index        bigint PRIMARY KEY,
    positions    bigint[] NOT NULL,
    commitments  bytea NOT NULL
);
-- Positions come nearly in order, so hardly more than one bundle spans any of them.
CREATE FUNCTION audit_span(positions bigint[]) RETURNS int8range LANGUAGE sql IMMUTABLE
RETURN (SELECT int8range(min(each), max(each), '[]') FROM unnest(positions) AS each);
CREATE INDEX audit_bundle_span ON audit_bundle USING gist (audit_span(positions));

-- Hashes of the tree by tiles of 256: level 0 of the leaves, level n of the full tiles below.
CREATE TABLE audit_tile (
    level   smallint NOT NULL,
    index   bigint NOT NULL,
    hashes  bytea NOT NULL,
    PRIMARY KEY (level, index)
);
-- Hashes do not compress; trying costs time.
ALTER TABLE audit_bundle ALTER COLUMN commitments SET STORAGE EXTERNAL;
ALTER TABLE audit_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TABLE audit_checkpoint (
    size  bigint PRIMARY KEY,
    root  bytea NOT NULL,
    note  text NOT NULL,
    at    timestamptz NOT NULL
);

-- Once a statement, not once a row: a batch of decisions pays for it once. It takes no lock.
CREATE FUNCTION audit_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_pending (position, commitment)
    SELECT fresh.position, sha256(fresh.salt || convert_to(
        audit_payload(ROW (fresh.position, fresh.use_case, fresh.kind, fresh.subject, fresh.actor,
                           fresh.at, fresh.detail, fresh.salt)::audit_entry), 'UTF8'))
    FROM fresh;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_commit AFTER INSERT ON audit_entry REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION audit_commit();

INSERT INTO audit_pending (position, commitment)
SELECT position, sha256(salt || convert_to(audit_payload(audit_entry), 'UTF8'))
FROM audit_entry ORDER BY position;
