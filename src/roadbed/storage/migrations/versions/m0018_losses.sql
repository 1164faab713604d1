-- A loss that is none (NaN, 2) came from a scorer that nobody checked: it says nothing, so the answer is
-- not right by it. NaN is larger than every number here, so BETWEEN leaves it out.
UPDATE verdict SET loss = NULL, agrees = false,
                   score_reason = 'The scorer gave a loss that is not one from 0 to 1.'
WHERE loss IS NOT NULL AND NOT loss BETWEEN 0 AND 1;
ALTER TABLE verdict ADD CONSTRAINT verdict_loss_check CHECK (loss BETWEEN 0 AND 1);

-- A correction names no source of its values, and often no actions, and yet says the same. `effect_hash`
-- is of output and actions, empty where that is the content's own hash; `output_hash` of the output
-- alone, empty where there are no actions. Made by scoring/content.py.
ALTER TABLE decision ADD COLUMN effect_hash text, ADD COLUMN output_hash text;
ALTER TABLE verdict ADD COLUMN effect_hash text, ADD COLUMN output_hash text;

-- As before (0013), but that a correction is compared by what it says: without sources, and without
-- actions where it says nothing of them, so that those that stand are left alone.
CREATE OR REPLACE FUNCTION effects_of(of_task text) RETURNS text LANGUAGE sql STABLE
RETURN (SELECT CASE
            WHEN standing.id IS NULL THEN
                CASE WHEN own.on_revision = 'ask' AND decision.route = 'automatic'
                     THEN 'asked' ELSE 'new' END
            WHEN CASE WHEN decision.route = 'automatic' AND standing.corrected
                      THEN standing.effect = coalesce(decision.effect_hash, decision.content_hash)
                      WHEN decision.route = 'automatic'
                      THEN standing.content = decision.content_hash
                      WHEN verdict.kind = 'correct' AND verdict.right_actions IS NULL
                      THEN standing.alone = verdict.right_hash
                      WHEN verdict.kind = 'correct' OR standing.corrected
                      THEN standing.effect = coalesce(verdict.effect_hash, verdict.right_hash)
                      ELSE standing.content = verdict.right_hash END
                 AND NOT EXISTS (SELECT FROM deliveries_before(own.id) AS before
                                 JOIN delivery AS gone ON gone.id = before.id
                                                      AND gone.superseded_by = own.id)
            THEN 'kept'
            WHEN own.on_revision = 'ask' THEN 'asked'
            ELSE 'replaced' END
        FROM task AS own
        JOIN decision ON decision.task_id = own.id
        LEFT JOIN review ON review.task_id = own.id
        LEFT JOIN verdict ON verdict.id = review.verdict
        LEFT JOIN LATERAL (
            SELECT sent.id, coalesce(judged.kind = 'correct', false) AS corrected,
                   made.content_hash AS content,
                   coalesce(made.effect_hash, made.content_hash) AS effect,
                   coalesce(made.output_hash, made.effect_hash, made.content_hash) AS alone
            FROM deliveries_before(own.id) AS before
            JOIN delivery AS sent ON sent.id = before.id AND sent.superseded_by IS NULL
            JOIN decision AS said ON said.task_id = sent.task_id
            LEFT JOIN verdict AS judged ON judged.id = sent.of_verdict
            CROSS JOIN LATERAL (
                SELECT said.effect_hash, said.output_hash, said.content_hash
                WHERE sent.of_verdict IS NULL
                UNION ALL
                SELECT judged.effect_hash, judged.output_hash, judged.right_hash
                WHERE sent.of_verdict IS NOT NULL) AS made
            WHERE NOT (sent.state = 'cancelled' AND judged.undone_at IS NOT NULL)
              AND NOT (sent.state = 'refused' AND sent.kind = 'correction')
            ORDER BY before.revision DESC, sent.created_at DESC LIMIT 1) AS standing ON true
        WHERE own.id = of_task);

-- An input that cut its process off once is admitted first ever after, also where the next attempt came
-- through (decisions/queries.sql: interrupted).
DROP INDEX decision_interrupted;
CREATE INDEX decision_interrupted ON decision (decided_at)
    WHERE reason_code = 'interrupted' OR attempt > 1;
