-- What is proposed is one value: output, ordered actions, provenance. Its hash is made by
-- scoring/content.py; it is empty where nothing was proposed, and for decisions from before.
ALTER TABLE decision
    ADD COLUMN provenance    jsonb,
    ADD COLUMN content_hash  text;
ALTER TABLE comparison
    ADD COLUMN live_actions       jsonb,
    ADD COLUMN live_content       text,
    ADD COLUMN candidate_actions  jsonb,
    ADD COLUMN candidate_content  text;

-- A verdict is about exactly one content and keeps the score that content was given. `loss` is empty
-- where the scorer could not tell. `right_actions` is empty where nobody was asked about actions.
ALTER TABLE verdict
    ADD COLUMN right_actions  jsonb,
    ADD COLUMN right_hash     text,
    ADD COLUMN content_hash   text,
    ADD COLUMN loss           double precision,
    ADD COLUMN score_reason   text;
UPDATE verdict SET loss = CASE WHEN agrees THEN 0.0 ELSE 1.0 END WHERE agrees IS NOT NULL;
ALTER TABLE example ADD COLUMN actions jsonb;

-- Tasks made to judge one answer of a version on a known case (`of_case`: a task or an example).
ALTER TABLE measure
    ADD COLUMN of_case        text,
    ADD COLUMN right_actions  jsonb,
    ADD COLUMN passed         boolean,  -- a case with a known answer: did the verdict find it?
    DROP CONSTRAINT measure_kind_check,
    ADD CONSTRAINT measure_kind_check CHECK (kind IN ('check', 'second', 'lead', 'answer'));
CREATE INDEX measure_of_case ON measure (of_case) WHERE of_case IS NOT NULL;
UPDATE measure SET passed = verdict.right_output IS NOT DISTINCT FROM measure.right_output
FROM verdict
WHERE verdict.task_id = measure.task_id AND verdict.undone_at IS NULL AND measure.kind = 'check';
UPDATE measure SET passed = lead.right_output IS NOT DISTINCT FROM first.right_output
FROM verdict AS lead, verdict AS first
WHERE lead.task_id = measure.task_id AND lead.undone_at IS NULL AND first.id = measure.of_verdict
  AND measure.kind = 'lead';

-- Verdicts and examples are looked up by their task.
CREATE INDEX verdict_of_task ON verdict (task_id);
CREATE INDEX example_of_task ON example (task_id) WHERE task_id IS NOT NULL;

-- What an outcome says of the decision's answer is worked out once, by the use case's scorer.
ALTER TABLE outcome ADD COLUMN decided_right boolean;
UPDATE outcome SET decided_right = outcome_agrees(
    outcome.was_right, outcome.output,
    CASE WHEN outcome.verdict IS NULL THEN decision.output
         ELSE (SELECT right_output FROM verdict WHERE verdict.id = outcome.verdict) END,
    decision.output)
FROM decision
WHERE decision.task_id = outcome.task_id;
DROP FUNCTION outcome_agrees;
