-- The only statements that write `use_case`. Halts, guarantee and releases each run their own of them.

-- name: register
INSERT INTO use_case (name, declaration, coin_seed, registered_at)
VALUES (%(name)s, %(declaration)s, %(coin_seed)s, %(at)s)
-- Where people sign off, the live version's declaration is in force: an edited folder changes nothing
-- before it is released.
ON CONFLICT (name) DO UPDATE SET declaration = excluded.declaration
WHERE use_case.stage IN ('idea', 'proof')
   OR coalesce(use_case.declaration #> '{rollout,sign_offs}', '[]') = '[]'

-- name: reach
-- A live use case stays live while a later version is made, until it is retired.
UPDATE use_case SET stage = %(stage)s
WHERE name = %(use_case)s AND stage <> %(stage)s
  AND NOT (stage = 'live' AND %(stage)s <> 'retired')
RETURNING name

-- name: recertify
UPDATE use_case
SET state = %(state)s, threshold = %(threshold)s, cautious = %(cautious)s,
    reference_rate = %(rate)s, audit_at = %(audit_at)s,
    cautious_improvements_left = %(cautious_improvements_left)s,
    state_since = CASE WHEN state = %(state)s THEN state_since ELSE %(at)s END,
    -- The reason of a halt stays until automation opens again.
    state_reason = CASE WHEN %(state)s = 'halted' THEN state_reason ELSE %(reason)s END
WHERE name = %(use_case)s

-- name: point
UPDATE use_case
SET live_version = %(id)s, release_epoch = release_epoch + 1,
    declaration = coalesce(
        (SELECT behaviour.declaration FROM behaviour
         WHERE behaviour.hash = %(behaviour)s AND behaviour.declaration <> '{}'), declaration)
WHERE name = %(use_case)s

-- name: fence_release
UPDATE use_case SET halt_epoch = halt_epoch + 1, release_epoch = release_epoch + 1
WHERE name = %(use_case)s RETURNING halt_epoch, release_epoch

-- name: propose_only
UPDATE use_case SET threshold = NULL, cautious = false, state_reason = %(reason)s,
                    state = CASE state WHEN 'halted' THEN state ELSE 'shadow' END
WHERE name = %(use_case)s

-- name: halt
UPDATE use_case SET halted = true, halt_epoch = halt_epoch + 1
WHERE name = %(use_case)s RETURNING halt_epoch

-- name: resume
UPDATE use_case SET halted = false, halt_epoch = halt_epoch + 1 WHERE name = %(use_case)s

-- name: resume_after_restore
UPDATE use_case SET halted = false, halt_epoch = halt_epoch + 1
WHERE halted AND name = ANY (ARRAY (
          SELECT use_case FROM halt WHERE restoration = %(restoration)s))
  AND NOT EXISTS (SELECT FROM halt WHERE halt.use_case = use_case.name AND halt.kind = 'halt'
                                     AND halt.resumed_at IS NULL)
RETURNING name, halt_epoch

-- name: move_automation
UPDATE use_case
SET state = %(state)s, threshold = %(threshold)s, cautious = %(cautious)s,
    reference_rate = %(rate)s, state_since = %(at)s,
    cautious_improvements_left = %(cautious_improvements_left)s,
    state_reason = %(reason)s, halt_epoch = halt_epoch + 1,
    alarm_at = CASE WHEN %(alarm)s THEN %(at)s ELSE alarm_at END
WHERE name = %(use_case)s
