-- `document.reading` is that of the newest attempt, which may have failed; this one is of the text in force.
-- 0: a version from before this column. The default also serves processes of an earlier release.
ALTER TABLE document_version ADD COLUMN reading integer NOT NULL DEFAULT 0;
