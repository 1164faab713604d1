-- name: fence
SELECT pg_advisory_xact_lock(hashtext('halt'), hashtext(%(use_case)s))

-- name: halt
UPDATE use_case SET halted = true, halt_epoch = halt_epoch + 1
WHERE name = %(use_case)s RETURNING halt_epoch

-- name: note
INSERT INTO audit_entry (use_case, kind, subject, actor, detail)
VALUES (%(use_case)s, 'halted', %(use_case)s || ' epoch ' || %(epoch)s, %(actor)s,
        jsonb_build_object('reason', %(reason)s::text))

-- name: tell
SELECT pg_notify('roadbed_service', %(use_case)s)
