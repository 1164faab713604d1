-- name: issue
INSERT INTO token (hash, person, kind, expires_at)
VALUES (%(hash)s, %(person)s, %(kind)s, now() + make_interval(secs => %(seconds)s))

-- name: spend
UPDATE token SET used_at = now()
WHERE hash = %(hash)s AND kind = 'link' AND used_at IS NULL AND revoked_at IS NULL
  AND expires_at > now()
RETURNING person

-- name: holder
SELECT person FROM token
WHERE hash = %(hash)s AND kind = %(kind)s AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > now())

-- name: revoke
UPDATE token SET revoked_at = now() WHERE hash = %(hash)s AND kind = %(kind)s
