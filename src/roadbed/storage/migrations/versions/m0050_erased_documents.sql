-- When the stored text of a version was erased. The row stays: answers name the version by its number.
ALTER TABLE document_version ADD COLUMN erased_at timestamptz;

-- Remove the vectors of versions whose text is erased. Without the extension there are none.
CREATE FUNCTION erase_vectors(versions text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('roadbed_vectors.passage_vector') IS NOT NULL THEN
        DELETE FROM roadbed_vectors.passage_vector WHERE version_id = ANY (versions);
    END IF;
END
$$;

-- Store vectors, each written as `[0.1,0.2]`. One that is stored already stays. A passage that was erased while its
-- vector was computed gets none: the lock on its row waits for an erasure that is under way.
CREATE OR REPLACE FUNCTION put_vectors(chosen integer, versions text[], ordinals integer[], vectors text[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'INSERT INTO roadbed_vectors.passage_vector (collection, version_id, ordinal, embedding)'
        ' SELECT $1, passage.version_id, passage.ordinal, item.written::%s.halfvec'
        ' FROM unnest($2, $3, $4) AS item (version_id, ordinal, written)'
        ' JOIN passage ON passage.version_id = item.version_id AND passage.ordinal = item.ordinal'
        ' FOR KEY SHARE OF passage ON CONFLICT DO NOTHING', vector_schema())
    USING chosen, versions, ordinals, vectors;
END
$$;
