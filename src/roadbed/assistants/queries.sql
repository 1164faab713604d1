-- name: link
INSERT INTO chat_account (kind, account, person, linked_by, linked_at)
SELECT %(kind)s, %(account)s, name, %(by)s, %(at)s FROM person
WHERE name = %(person)s AND disabled_at IS NULL
ON CONFLICT (kind, account) DO UPDATE
SET person = excluded.person, linked_by = excluded.linked_by, linked_at = excluded.linked_at
RETURNING person

-- name: unlink
DELETE FROM chat_account WHERE kind = %(kind)s AND account = %(account)s RETURNING person

-- name: unlink_all
DELETE FROM chat_account RETURNING account

-- name: accounts
SELECT kind, account, person, linked_by, linked_at FROM chat_account ORDER BY kind, account

-- name: person_of
SELECT person FROM chat_account WHERE kind = %(kind)s AND account = %(account)s

-- name: first_time
INSERT INTO chat_request (id, received_at) VALUES (%(id)s, %(at)s)
ON CONFLICT DO NOTHING RETURNING id

-- name: forget_requests
DELETE FROM chat_request WHERE received_at < %(before)s

-- name: keep_reply
INSERT INTO chat_reply (task_id, use_case, person, kind, address, private, due_at, until)
VALUES (%(task)s, %(use_case)s, %(person)s, %(kind)s, %(address)s, %(private)s, %(due_at)s, %(until)s)
ON CONFLICT DO NOTHING

-- name: forget_replies
DELETE FROM chat_reply WHERE until < %(at)s

-- name: ready
-- Those whose task has an answer or will have none: it needs no person, or a person has decided.
SELECT task_id, use_case FROM chat_reply
WHERE due_at <= %(at)s AND (
    EXISTS (SELECT FROM decision WHERE decision.task_id = chat_reply.task_id AND route <> 'review')
    OR EXISTS (SELECT FROM review
               WHERE review.task_id = chat_reply.task_id AND review.closed_at IS NOT NULL))
ORDER BY due_at LIMIT 100

-- name: gate
-- Shared with settlements and senders, exclusive against a halt.
SELECT pg_advisory_xact_lock_shared(hashtext('halt'), hashtext(%(use_case)s))

-- name: take
DELETE FROM chat_reply
WHERE task_id = %(task)s AND NOT (SELECT halted FROM use_case WHERE name = %(use_case)s)
RETURNING task_id, use_case, person, kind, address, private, until
