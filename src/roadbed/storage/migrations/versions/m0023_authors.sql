-- Who wrote a proposal anew. It stays, whatever becomes of the proposal: a version was made of it.
ALTER TABLE proposal ADD COLUMN written_by text[] NOT NULL DEFAULT '{}';
UPDATE proposal SET written_by = ARRAY[decided_by] WHERE edited AND decided_by IS NOT NULL;

-- Who made what a release would put in service: whoever planned it or an earlier release of the same
-- version, whoever had the version made, and whoever wrote a part of it.
CREATE FUNCTION authors_of(of_release text) RETURNS text[] LANGUAGE sql STABLE
RETURN (SELECT coalesce(array_agg(DISTINCT named.person ORDER BY named.person), '{}')
        FROM release AS own
        JOIN release AS alike ON alike.use_case = own.use_case AND alike.behaviour = own.behaviour
        JOIN behaviour ON behaviour.hash = own.behaviour
        CROSS JOIN LATERAL (
            SELECT alike.author AS person
            UNION ALL
            SELECT behaviour.made_by
            UNION ALL
            SELECT unnest(proposal.written_by) FROM proposal
            WHERE proposal.id = ANY (alike.proposals)) AS named
        WHERE own.id = of_release AND named.person <> 'roadbed');
