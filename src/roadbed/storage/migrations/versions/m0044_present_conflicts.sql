-- Those whose passages stand in the newest versions of both documents, none of them superseded.
CREATE VIEW present_conflict AS
SELECT passage_conflict.*, one.path AS first_path, one.access_group AS first_group,
       other.path AS second_path, other.access_group AS second_group
FROM passage_conflict
JOIN document AS one ON one.id = passage_conflict.first_document AND one.state <> 'deleted'
JOIN document AS other ON other.id = passage_conflict.second_document AND other.state <> 'deleted'
WHERE EXISTS (SELECT FROM document_version
              JOIN passage ON passage.version_id = document_version.id
              WHERE document_version.document_id = one.id
                AND document_version.number = one.version
                AND passage.id = passage_conflict.first_passage)
  AND EXISTS (SELECT FROM document_version
              JOIN passage ON passage.version_id = document_version.id
              WHERE document_version.document_id = other.id
                AND document_version.number = other.version
                AND passage.id = passage_conflict.second_passage)
  AND NOT EXISTS (SELECT FROM document_family AS older
                  JOIN document_family AS newer
                    ON newer.family = older.family AND newer.rank > older.rank
                  WHERE older.document_id IN (one.id, other.id));
