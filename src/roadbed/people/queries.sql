-- name: admit
-- A change of the person waits until the session, link or token is made, or is seen here.
SELECT password FROM person WHERE name = %(person)s AND disabled_at IS NULL FOR SHARE

-- name: in_force
-- The session in which something is made, or the link that opens a session.
SELECT 1 FROM token
WHERE left(hash, 16) = %(descends)s::text AND person = %(by)s AND revoked_at IS NULL
  AND (used_at IS NOT NULL OR expires_at IS NULL OR expires_at > now())
FOR SHARE

-- name: lock_person
SELECT 1 FROM person WHERE name = %(person)s FOR NO KEY UPDATE

-- name: lock_everybody
SELECT count(*) FROM (SELECT FROM person ORDER BY name FOR NO KEY UPDATE) AS locked

-- name: issue
-- A credential that another person created is marked, and so are credentials derived from it: a
-- session from a link, a token created in a session, a session by a password that another person
-- set.
INSERT INTO token (hash, person, kind, name, scopes, use_cases, created_by, opened_by, expires_at,
                   let_in_by, let_in_at)
SELECT %(hash)s, person.name, %(kind)s, %(label)s, %(scopes)s, %(use_cases)s, %(by)s, %(opened_by)s,
       now() + make_interval(secs => %(seconds)s),
       CASE WHEN %(by)s <> person.name THEN %(by)s
            WHEN %(opened_by)s::text = 'password' THEN person.password_by
            ELSE parent.let_in_by END,
       CASE WHEN %(by)s <> person.name THEN now()
            WHEN %(opened_by)s::text = 'password' THEN person.password_at
            ELSE parent.let_in_at END
FROM person LEFT JOIN token AS parent ON parent.person = person.name
                                     AND left(parent.hash, 16) = %(descends)s::text
WHERE person.name = %(person)s AND person.disabled_at IS NULL
RETURNING let_in_by

-- name: spend
UPDATE token SET used_at = now()
FROM person
WHERE hash = %(hash)s AND kind = 'link' AND used_at IS NULL AND revoked_at IS NULL
  AND expires_at > now() AND person.name = token.person AND person.disabled_at IS NULL
RETURNING person.name AS person, token.created_by

-- name: whose
SELECT person.name AS person FROM token JOIN person ON person.name = token.person
WHERE hash = %(hash)s AND kind = 'link' AND used_at IS NULL AND revoked_at IS NULL
  AND expires_at > now() AND disabled_at IS NULL

-- name: holder
-- not null: id, roles
SELECT person.name, person.admin, token.scopes, token.use_cases, left(token.hash, 16) AS id,
       token.let_in_at + interval '24 hours' AS let_in_until,
       CASE WHEN token.let_in_at > now() - interval '24 hours' THEN token.let_in_by END AS let_in_by,
       coalesce(token.last_used_at < now() - make_interval(secs => least(60.0, %(idle)s / 4.0)),
                true) AS stale,
       (SELECT coalesce(jsonb_object_agg(held.use_case, held.roles), '{}')
        FROM (SELECT use_case, jsonb_agg(role) AS roles FROM role_in_force
              WHERE role_in_force.person = person.name GROUP BY use_case) AS held) AS roles
FROM token JOIN person ON person.name = token.person AND person.disabled_at IS NULL
WHERE token.hash = %(hash)s AND token.kind = %(kind)s AND token.revoked_at IS NULL
  AND (token.expires_at IS NULL OR token.expires_at > now())
  AND (token.kind <> 'session' OR coalesce(token.last_used_at, token.created_at)
       > now() - make_interval(secs => %(idle)s))

-- name: touch
UPDATE token SET last_used_at = now() WHERE hash = %(hash)s

-- name: opened
SELECT token.opened_by, token.created_at, token.let_in_by, token.let_in_at, person.password
FROM token
JOIN person ON person.name = token.person
WHERE left(token.hash, 16) = %(id)s AND token.kind = 'session' AND token.person = %(person)s
  AND token.revoked_at IS NULL

-- name: revoke
-- not null: id
UPDATE token SET revoked_at = now()
WHERE hash = %(hash)s AND kind = %(kind)s AND revoked_at IS NULL
RETURNING person, left(hash, 16) AS id

-- name: revoke_one
-- not null: id
UPDATE token SET revoked_at = now()
WHERE left(hash, 16) = %(id)s AND kind IN ('session', 'api') AND revoked_at IS NULL
  AND (%(person)s::text IS NULL OR person = %(person)s)
RETURNING left(hash, 16) AS id, kind, person

-- name: revoke_sessions
-- not null: id
UPDATE token SET revoked_at = now()
WHERE person = %(person)s AND kind IN ('session', 'link') AND revoked_at IS NULL
  AND left(hash, 16) IS DISTINCT FROM %(but)s
RETURNING left(hash, 16) AS id, kind

-- name: revoke_tokens
-- not null: id
UPDATE token SET revoked_at = now()
WHERE person = %(person)s AND kind = 'api' AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > now())
RETURNING left(hash, 16) AS id, kind, person, name, scopes, use_cases, created_by, created_at,
          last_used_at, expires_at

-- name: issued
-- not null: id
SELECT left(hash, 16) AS id, kind, person, name, scopes, use_cases, created_by, created_at,
       last_used_at, expires_at
FROM token
WHERE kind = ANY (%(kinds)s) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
  AND (%(person)s::text IS NULL OR person = %(person)s)
  AND (kind <> 'session' OR coalesce(last_used_at, created_at)
       > now() - make_interval(secs => %(idle)s))
ORDER BY created_at DESC

-- name: roles
-- not null: role
SELECT role FROM role_in_force
JOIN person ON person.name = role_in_force.person AND person.disabled_at IS NULL
WHERE role_in_force.person = %(person)s AND role_in_force.use_case = %(use_case)s

-- name: persons
-- not null: roles
SELECT person.name, display, email, admin, password IS NOT NULL AS has_password, created_at,
       confirmed_at, disabled_at,
       (SELECT coalesce(jsonb_object_agg(held.use_case, held.roles), '{}')
        FROM (SELECT use_case, jsonb_agg(DISTINCT role) AS roles FROM role_in_force
              WHERE role_in_force.person = person.name GROUP BY use_case) AS held) AS roles
FROM person
WHERE %(name)s::text IS NULL OR person.name = %(name)s
ORDER BY disabled_at IS NOT NULL, person.name

-- name: members
-- not null: use_case, person, role, declared, counts
SELECT role_held.use_case, role_held.person, role_held.role, role_held.declared,
       person.name IS NOT NULL AS known, person.disabled_at IS NOT NULL AS disabled,
       NOT role_held.declared OR person.confirmed_at IS NOT NULL AS counts,
       membership.granted_by, membership.granted_at
FROM role_held
LEFT JOIN person ON person.name = role_held.person
LEFT JOIN membership ON NOT role_held.declared AND membership.revoked_at IS NULL
     AND membership.use_case = role_held.use_case AND membership.person = role_held.person
     AND membership.role = role_held.role
WHERE (%(use_case)s::text IS NULL OR role_held.use_case = %(use_case)s)
  AND (%(person)s::text IS NULL OR role_held.person = %(person)s)
ORDER BY role_held.use_case, NOT role_held.declared, role_held.role, role_held.person

-- name: add
INSERT INTO person (name, display, email, admin, created_by, confirmed_at, confirmed_by)
VALUES (%(name)s, %(display)s, %(email)s, %(admin)s, %(by)s,
        CASE WHEN %(confirmed)s THEN now() END, CASE WHEN %(confirmed)s THEN %(by)s END)
ON CONFLICT DO NOTHING
RETURNING name

-- name: first_lock
SELECT pg_advisory_xact_lock(hashtext('person'), hashtext('first'))

-- name: first
-- An unconfirmed person with the login name of the terminal does not become administrator.
INSERT INTO person (name, admin, created_by, confirmed_at, confirmed_by)
SELECT %(name)s, true, 'roadbed', now(), 'roadbed'
WHERE NOT EXISTS (SELECT FROM person WHERE admin AND disabled_at IS NULL)
ON CONFLICT (name) DO UPDATE SET admin = true
WHERE person.disabled_at IS NULL AND person.confirmed_at IS NOT NULL
RETURNING name

-- name: is_use_case
SELECT 1 FROM use_case WHERE name = %(use_case)s

-- name: use_case_names
SELECT name FROM use_case ORDER BY name

-- name: grant
INSERT INTO membership (use_case, person, role, granted_by)
SELECT %(use_case)s, name, %(role)s, %(by)s FROM person WHERE name = %(person)s
ON CONFLICT DO NOTHING

-- name: revoke_role
UPDATE membership SET revoked_at = now(), revoked_by = %(by)s
WHERE use_case = %(use_case)s AND person = %(person)s AND role = %(role)s AND revoked_at IS NULL
RETURNING role

-- name: admins_left
SELECT count(*) FILTER (WHERE name <> %(person)s) AS n, bool_or(name = %(person)s) AS one
FROM person WHERE admin AND disabled_at IS NULL

-- name: disable
UPDATE person SET disabled_at = now() WHERE name = %(person)s AND disabled_at IS NULL

-- name: end_all
-- not null: id
-- The tokens of a disabled person end permanently; a person who returns gets new ones.
UPDATE token SET revoked_at = now() WHERE person = %(person)s AND revoked_at IS NULL
RETURNING left(hash, 16) AS id

-- name: enable
UPDATE person SET disabled_at = NULL WHERE name = %(person)s

-- name: make_admin
UPDATE person SET admin = %(admin)s,
                  confirmed_at = CASE WHEN %(admin)s THEN coalesce(confirmed_at, now())
                                      ELSE confirmed_at END,
                  confirmed_by = CASE WHEN %(admin)s THEN coalesce(confirmed_by, %(by)s)
                                      ELSE confirmed_by END
WHERE name = %(person)s

-- name: confirm
UPDATE person SET confirmed_at = now(), confirmed_by = %(by)s
WHERE name = %(person)s AND confirmed_at IS NULL
RETURNING name

-- name: unbound
-- not null: use_case, role, person
-- Names that a folder declares and that have no effect: without an account, or not confirmed.
SELECT role_held.use_case, role_held.role, role_held.person, person.name IS NOT NULL AS known
FROM role_held LEFT JOIN person ON person.name = role_held.person
WHERE role_held.declared AND person.confirmed_at IS NULL
ORDER BY role_held.use_case, role_held.role

-- name: password
SELECT name, password FROM person WHERE name = %(name)s AND disabled_at IS NULL

-- name: password_unchanged
-- Locks the person until the password is changed.
SELECT 1 FROM person
WHERE name = %(name)s AND password IS NOT DISTINCT FROM %(before)s::text
FOR NO KEY UPDATE

-- name: set_password
UPDATE person SET password = %(password)s, password_by = %(set_by)s, password_at = %(set_at)s
WHERE name = %(name)s AND disabled_at IS NULL
RETURNING name

-- name: rehash
UPDATE person SET password = %(password)s WHERE name = %(name)s AND password = %(before)s
RETURNING password

-- name: begin
INSERT INTO sign_in (state, browser, nonce, verifier, expires_at)
VALUES (%(state)s, %(browser)s, %(nonce)s, %(verifier)s, now() + interval '10 minutes')

-- name: forget_begun
DELETE FROM sign_in WHERE expires_at < now()

-- name: come_back
-- not null: in_time
DELETE FROM sign_in WHERE state = %(state)s
RETURNING browser, nonce, verifier, expires_at > now() AS in_time

-- name: identity
SELECT person.name, person.disabled_at IS NOT NULL AS closed FROM identity
JOIN person ON person.name = identity.person
WHERE issuer = %(issuer)s AND subject = %(subject)s

-- name: by_email
-- not null: closed
-- An address is no identity once a person has signed in from this provider: the subject is, so a
-- later owner of the address gets no access. Only A to Z are lowered: some other letters share a
-- lower-case form.
SELECT name, disabled_at IS NOT NULL OR EXISTS (
    SELECT FROM identity WHERE identity.person = name AND issuer = %(issuer)s) AS closed
FROM person WHERE lower(email COLLATE "C") = lower(%(email)s COLLATE "C")

-- name: of_address
SELECT name FROM person WHERE lower(email COLLATE "C") = lower(%(email)s COLLATE "C")

-- name: by_name
-- not null: closed
SELECT name, disabled_at IS NOT NULL OR EXISTS (
    SELECT FROM identity WHERE identity.person = person.name AND issuer = %(issuer)s) AS closed
FROM person WHERE name = %(name)s

-- name: link_identity
-- A person has one identity at a provider.
INSERT INTO identity (issuer, subject, person)
SELECT %(issuer)s, %(subject)s, name FROM person
WHERE name = %(person)s AND NOT EXISTS (
    SELECT FROM identity WHERE identity.person = person.name AND issuer = %(issuer)s)
ON CONFLICT DO NOTHING
RETURNING person

-- name: names_taken
-- not null: name
-- Only an administrator assigns a name that some pod declares.
SELECT name FROM person UNION SELECT person FROM role_held

-- name: end_every_session
-- After a restore it is unknown which sessions ended since. Everybody signs in again.
UPDATE token SET revoked_at = now() WHERE kind IN ('session', 'link') AND revoked_at IS NULL

-- name: end_tokens_again
-- not null: id
UPDATE token SET revoked_at = now() WHERE left(hash, 16) = ANY (%(ids)s) AND revoked_at IS NULL
RETURNING person, left(hash, 16) AS id

-- name: hashed_persons
-- not null: hash
-- The same value as audit/irrevocable_events.py computes from a name.
SELECT name, encode(sha256(convert_to('roadbed/person/' || name, 'UTF8')), 'hex') AS hash
FROM person ORDER BY name

-- name: forget_password
UPDATE person SET password = NULL WHERE name = %(person)s

-- name: is_admin
SELECT (SELECT count(*) FROM person WHERE admin AND disabled_at IS NULL AND name = %(person)s) > 0
       OR NOT EXISTS (SELECT FROM person WHERE admin AND disabled_at IS NULL) AS admin

-- name: absence
SELECT person, until, stand_in, set_at FROM absence
WHERE person = %(person)s AND until > %(now)s

-- name: holders
-- not null: use_case, role, person
SELECT role_in_force.use_case, role_in_force.role, role_in_force.person, absence.until,
       absence.stand_in
FROM role_in_force
JOIN person ON person.name = role_in_force.person AND person.disabled_at IS NULL
LEFT JOIN absence ON absence.person = role_in_force.person AND absence.until > %(now)s
WHERE role_in_force.use_case = ANY (%(use_cases)s)
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3

-- name: roles_missing
-- The roles of a person that their stand-in does not hold. One row without a role: nobody has the name.
SELECT NULL AS use_case, NULL AS role, true AS unknown
WHERE NOT EXISTS (SELECT FROM person WHERE name = %(stand_in)s AND disabled_at IS NULL)
UNION ALL
SELECT DISTINCT own.use_case, own.role, false
FROM role_in_force AS own
WHERE own.person = %(person)s AND own.role <> 'viewer'
  AND EXISTS (SELECT FROM person WHERE name = %(stand_in)s AND disabled_at IS NULL)
  AND NOT EXISTS (SELECT FROM role_in_force AS theirs
                  WHERE theirs.person = %(stand_in)s AND theirs.use_case = own.use_case
                    AND theirs.role = own.role)
ORDER BY use_case, role

-- name: stands_in_until
SELECT until FROM absence WHERE person = %(stand_in)s AND until > %(at)s

-- name: set_absence
INSERT INTO absence (person, until, stand_in, set_at)
VALUES (%(person)s, %(until)s, %(stand_in)s, %(at)s)
ON CONFLICT (person) DO UPDATE
SET until = excluded.until, stand_in = excluded.stand_in, set_at = excluded.set_at

-- name: end_absence
DELETE FROM absence WHERE person = %(person)s RETURNING person

-- name: is_person
SELECT name FROM person WHERE name = %(person)s
