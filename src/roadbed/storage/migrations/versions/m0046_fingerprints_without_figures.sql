-- Derived: the next ingestion, or the next decision about a family, makes them again. Families stay until then.
DELETE FROM document_fingerprint;
