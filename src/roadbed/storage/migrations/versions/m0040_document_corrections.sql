-- What people say of a content: it is outdated. A settled report holds for this content of the document, so it
-- survives an ingestion of the same content and ends when the content changes.
CREATE TABLE document_report (
    id           text PRIMARY KEY,
    use_case     text NOT NULL REFERENCES use_case (name),
    document_id  text NOT NULL REFERENCES document (id),
    version      integer NOT NULL,
    content_hash text NOT NULL,
    reason       text NOT NULL,
    state        text NOT NULL CHECK (state IN ('open', 'kept', 'left_out')),
    reported_by  text NOT NULL,
    reported_at  timestamptz NOT NULL,
    note         text,
    settled_by   text,
    settled_at   timestamptz,
    CHECK ((settled_by IS NULL) = (state = 'open')),
    CHECK ((settled_at IS NULL) = (state = 'open'))
);
CREATE INDEX document_report_content ON document_report (document_id, content_hash);
CREATE INDEX document_report_open ON document_report (use_case) WHERE state = 'open';

-- Whether a person confirmed that this content of a document is outdated. No search gives it then.
CREATE FUNCTION document_left_out(document text, content text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (SELECT FROM document_report
                   WHERE document_report.document_id = document
                     AND document_report.content_hash = content
                     AND document_report.state = 'left_out');

-- A person says of a question that no document answers it.
CREATE TABLE gap_report (
    task_id     text PRIMARY KEY REFERENCES task (id),
    use_case    text NOT NULL REFERENCES use_case (name),
    reported_by text NOT NULL,
    reported_at timestamptz NOT NULL
);
CREATE INDEX gap_report_use_case ON gap_report (use_case);

-- What a person decided about a question without an answer. It holds for all questions like it.
CREATE TABLE gap_decision (
    task_id    text PRIMARY KEY REFERENCES task (id),
    use_case   text NOT NULL REFERENCES use_case (name),
    state      text NOT NULL CHECK (state IN ('open', 'filled', 'dismissed')),
    note       text,
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL
);
CREATE INDEX gap_decision_use_case ON gap_decision (use_case);

CREATE INDEX verdict_on_documents ON verdict (use_case, given_at)
    WHERE undone_at IS NULL AND right_output ->> 'route' IN ('answer', 'not_in_documents');
