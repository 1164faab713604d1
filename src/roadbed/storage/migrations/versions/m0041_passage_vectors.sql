-- The vectors of a library by one embedding model. `digest` says what they mean: name and weights of the model.
CREATE TABLE vector_collection (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case   text NOT NULL REFERENCES use_case (name),
    model      text NOT NULL,
    digest     text NOT NULL,
    dimensions integer NOT NULL CHECK (dimensions >= 1),
    UNIQUE (use_case, digest)
);

-- The schema of the extension vector; null without it, or if it is older than 0.8, whose searches with a
-- condition find too few.
CREATE FUNCTION vector_schema() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
    WHERE extname = 'vector' AND string_to_array(extversion, '.')::integer[] >= ARRAY[0, 8]
$$;

-- Create what vectors need, if that is not there. False: the server lacks the extension, or refuses it to the role
-- that Roadbed uses. The table stands in a schema of its own: it is derived from passages, a backup leaves it out,
-- and a server without the extension can load the backup.
CREATE FUNCTION prepare_vectors() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('roadbed_vectors.passage_vector') IS NOT NULL THEN
        RETURN true;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('prepare_vectors'));
    CREATE SCHEMA IF NOT EXISTS roadbed_vectors;
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') THEN
        CREATE EXTENSION vector SCHEMA roadbed_vectors;
    END IF;
    IF vector_schema() IS NULL THEN
        RETURN false;
    END IF;
    -- Half precision: half the memory, and twice as fast to compare. A row stands in its page, not beside it.
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS roadbed_vectors.passage_vector ('
        ' collection integer NOT NULL, version_id text NOT NULL, ordinal integer NOT NULL,'
        ' embedding %s.halfvec NOT NULL, PRIMARY KEY (collection, version_id, ordinal))', vector_schema());
    RETURN true;
EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_file THEN
    RETURN false;
END
$$;

-- Store vectors, each written as `[0.1,0.2]`. One that is stored already stays.
CREATE FUNCTION put_vectors(chosen integer, versions text[], ordinals integer[], vectors text[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'INSERT INTO roadbed_vectors.passage_vector (collection, version_id, ordinal, embedding)'
        ' SELECT $1, version_id, ordinal, written::%s.halfvec'
        ' FROM unnest($2, $3, $4) AS item (version_id, ordinal, written) ON CONFLICT DO NOTHING', vector_schema())
    USING chosen, versions, ordinals, vectors;
END
$$;

-- Build the approximate index of a collection (HNSW over scalar products). It holds no vectors of other libraries.
CREATE FUNCTION index_vectors(chosen integer, dimensions integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('maintenance_work_mem', '256MB', true);
    EXECUTE format(
        'CREATE INDEX IF NOT EXISTS nearest_%1$s ON roadbed_vectors.passage_vector'
        ' USING hnsw ((embedding::%3$s.halfvec(%2$s)) %3$s.halfvec_ip_ops) WHERE collection = %1$s',
        chosen, dimensions, vector_schema());
END
$$;

-- The passages in force whose vectors have the largest scalar product with `written`. Access groups and documents
-- limit the search itself: none is ranked that may not be read. The index looks at four times as many as are wanted,
-- at least 200, because it is approximate, and goes on until enough of them may be given.
CREATE FUNCTION nearest_passages(
    chosen integer, dimensions integer, written text, library text, groups text[], documents text[], candidates integer
) RETURNS TABLE (document_id text, version_id text, ordinal integer, similarity double precision)
LANGUAGE plpgsql AS $$
DECLARE
    -- An index over the whole library finds few of few documents: their vectors are compared one by one.
    few constant boolean := coalesce(cardinality(documents) <= 50, false);
    compared constant text := CASE WHEN few THEN 'item.embedding' ELSE '(item.embedding::%3$s.halfvec(%2$s))' END;
BEGIN
    PERFORM set_config('hnsw.ef_search', least(greatest(4 * candidates, 200), 1000)::text, true),
            set_config('hnsw.iterative_scan', 'strict_order', true);
    RETURN QUERY EXECUTE format(
        'SELECT document.id, item.version_id, item.ordinal,'
        '       -(' || compared || ' OPERATOR(%3$s.<#>) $1::%3$s.halfvec(%2$s))'
        ' FROM roadbed_vectors.passage_vector AS item'
        ' JOIN document_version ON document_version.id = item.version_id'
        ' JOIN document ON document.id = document_version.document_id'
        '              AND document.version = document_version.number'
        ' WHERE item.collection = %1$s AND document.use_case = $2 AND document.state <> ''deleted'''
        '   AND (document.access_group IS NULL OR document.access_group = ANY ($3))'
        '   AND ($4 IS NULL OR document.id = ANY ($4))'
        ' ORDER BY ' || compared || ' OPERATOR(%3$s.<#>) $1::%3$s.halfvec(%2$s) LIMIT $5',
        chosen, dimensions, vector_schema())
    USING written, library, groups, documents, candidates;
END
$$;

SELECT prepare_vectors();
