-- A copy has the rank of the document whose content it has, if that is a version.
ALTER TABLE document_family
    DROP CONSTRAINT document_family_kind_check,
    DROP CONSTRAINT document_family_check1,
    ADD CONSTRAINT document_family_kind_check
        CHECK (kind IN ('single', 'series', 'version', 'variant', 'copy', 'separate', 'open')),
    ADD CONSTRAINT document_family_rank
        CHECK (kind = 'copy' OR (kind IN ('version', 'variant')) = (rank IS NOT NULL));
