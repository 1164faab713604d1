ALTER TABLE membership DROP CONSTRAINT membership_role_check;
ALTER TABLE membership ADD CONSTRAINT membership_role_check
CHECK (role IN ('domain_lead', 'engineer', 'data_specialist', 'risk_partner', 'reviewer', 'viewer',
                'requester'));

-- Reports that call an answer wrong which a person gave.
CREATE INDEX outcome_contradicting ON outcome (use_case)
WHERE verdict IS NOT NULL AND NOT was_right AND withdrawn_at IS NULL;

-- What somebody asked in the console, newest first. Tasks of programs are not in it.
CREATE INDEX task_asked ON task (use_case, (source ->> 'by'), id)
WHERE source ->> 'surface' = 'console';
