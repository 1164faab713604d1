-- The rows before this hold the same statements, so what was decided about them stays valid.
ALTER TABLE passage_conflict
    DROP CONSTRAINT passage_conflict_first_document_first_passage_second_docume_key;
-- By digests: a statement may be longer than an entry of an index.
CREATE UNIQUE INDEX passage_conflict_statements ON passage_conflict
    (first_document, first_passage, second_document, second_passage, md5(first_text), md5(second_text));
