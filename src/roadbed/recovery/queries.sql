-- name: open
SELECT id, how, found_at, kept, lost FROM restoration WHERE declared_at IS NULL

-- name: hold
SELECT id, how, found_at, kept, lost FROM restoration WHERE declared_at IS NULL FOR UPDATE

-- name: found
INSERT INTO restoration (id, how, kept, lost, lost_note)
VALUES (%(id)s, 'behind', %(kept)s, %(lost)s, %(note)s)
ON CONFLICT DO NOTHING
RETURNING id

-- name: declared_about
-- The number of the handover that a declaration made about a checkpoint which is not here.
SELECT kept, lost FROM restoration WHERE lost_note = %(note)s AND declared_at IS NOT NULL

-- name: declare
UPDATE restoration
SET declared_at = %(at)s, declared_by = %(by)s, reason = %(reason)s, kept = %(kept)s,
    lost = %(lost)s, lost_note = %(lost_note)s
WHERE id = %(id)s

-- name: use_cases
SELECT name FROM use_case ORDER BY name

-- name: checkpoints
SELECT size, note FROM audit_checkpoint WHERE size = ANY (%(sizes)s)

-- name: newest
SELECT size, root, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1
