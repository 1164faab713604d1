-- A loss that is none (NaN, 2) came from a scorer that nobody checked: it says nothing, so the answer is
-- not right by it. NaN is larger than every number here, so BETWEEN leaves it out.
UPDATE verdict SET loss = NULL, agrees = false,
                   score_reason = 'The scorer gave a loss that is not one from 0 to 1.'
WHERE loss IS NOT NULL AND NOT loss BETWEEN 0 AND 1;
ALTER TABLE verdict ADD CONSTRAINT verdict_loss_check CHECK (loss BETWEEN 0 AND 1);
