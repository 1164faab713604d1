-- Who decides between two labels does so in a review of its own. The word is then carried to the
-- task's own review as a verdict that `carries` it.
ALTER TABLE verdict ADD COLUMN carries text REFERENCES verdict (id);
CREATE INDEX verdict_carries ON verdict (carries) WHERE carries IS NOT NULL;

UPDATE verdict AS carried SET carries = word.id
FROM measure
JOIN verdict AS first ON first.id = measure.of_verdict
JOIN verdict AS word ON word.task_id = measure.task_id AND word.undone_at IS NULL
WHERE measure.kind = 'lead' AND measure.passed IS FALSE AND carried.review_id = first.review_id
  AND carried.id <> first.id AND carried.reviewer = word.reviewer
  AND carried.given_at >= word.given_at AND carried.undone_at IS NULL;

-- The review of the first label, where `of_task` was made to look at one again; null for others.
CREATE FUNCTION first_look(of_task text) RETURNS text LANGUAGE sql STABLE
RETURN (SELECT label.review_id FROM measure JOIN verdict AS label ON label.id = measure.of_verdict
        WHERE measure.task_id = of_task);

-- A blind answer is kept back as long as no verdict stands, also where the review is closed meanwhile
-- because a dispute about it is open again.
CREATE OR REPLACE FUNCTION answer_withheld(blind boolean, closed_at timestamptz, verdict text)
RETURNS boolean LANGUAGE sql STABLE
RETURN coalesce(blind AND (closed_at IS NULL OR verdict IS NULL), false)
       OR EXISTS (SELECT FROM measure JOIN review AS again ON again.task_id = measure.task_id
                  WHERE measure.of_verdict = answer_withheld.verdict AND again.verdict IS NULL);
