-- What a page shows of items on which a version was wrong. `spot` is the place of the weak spot in the
-- detail of its certificate.
CREATE TABLE weak_example (
    certificate  text NOT NULL REFERENCES certificate (id),
    spot         integer NOT NULL,
    place        integer NOT NULL,
    task_id      text,  -- null: a row of the folder
    input        text NOT NULL,
    answered     jsonb,
    "right"      jsonb,
    PRIMARY KEY (certificate, spot, place)
);
CREATE INDEX weak_example_task ON weak_example (task_id) WHERE task_id IS NOT NULL;

-- Until now they stood in the detail, without their tasks: nobody can tell which of them were erased since,
-- or wait to be judged a second time. The next certificate has new ones.
UPDATE certificate
SET detail = jsonb_set(detail, '{weak}', (
        SELECT coalesce(jsonb_agg(spot.it - 'examples' ORDER BY spot.place), '[]')
        FROM jsonb_array_elements(detail -> 'weak') WITH ORDINALITY AS spot (it, place)))
WHERE jsonb_typeof(detail -> 'weak') = 'array' AND detail -> 'weak' <> '[]';

-- The same of reports of gates and trials: what was erased before today goes from them.
UPDATE release
SET gate = jsonb_set(jsonb_set(gate, '{cases,fixed}', '[]', false), '{cases,broken}', '[]', false)
WHERE gate IS NOT NULL AND step IN ('failed', 'retired', 'rolled_back', 'withdrawn')
  AND EXISTS (SELECT FROM task WHERE task.use_case = release.use_case AND body_hash = 'erased');
UPDATE release SET trial = jsonb_set(trial, '{differ}', '[]', false)
WHERE trial IS NOT NULL AND step IN ('live', 'failed', 'retired', 'rolled_back', 'withdrawn')
  AND EXISTS (SELECT FROM task WHERE task.use_case = release.use_case AND body_hash = 'erased');
