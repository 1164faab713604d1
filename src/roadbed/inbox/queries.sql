-- name: reviews
-- Reviews that this person may answer now, by the kind of the action item. At most 300 of a use case
-- are counted, then there may be `more`: permission is checked row by row.
SELECT asked.kind, asked.use_case, count(*)::integer AS count, min(asked.opened_at) AS since,
       min(asked.opened_at) + make_interval(secs => 3600 * max(asked.hours)) AS due,
       sum(count(*)) OVER (PARTITION BY asked.use_case) = 300 AS more
FROM unnest(%(use_cases)s::text[]) AS of (use_case)
CROSS JOIN LATERAL (
    -- OFFSET keeps this apart, so that the halts of a use case are read once, not for each review.
    SELECT label.hours,
           late_before(of.use_case, make_interval(secs => 3600 * label.hours), %(now)s) AS late
    FROM (SELECT (declaration ->> 'label_within_hours')::double precision AS hours
          FROM use_case WHERE name = of.use_case) AS label
    OFFSET 0) AS label
CROSS JOIN LATERAL (
    SELECT review.use_case, review.opened_at, label.hours,
           CASE WHEN measure.kind = 'lead' THEN 'disagreement'
                WHEN review.outcome IS NOT NULL THEN 'second_look'
                WHEN review.blind AND task.reference AND task.drawn IS NOT FALSE
                     AND review.opened_at < label.late THEN 'overdue_label'
                ELSE 'review' END AS kind
    FROM review
    JOIN task ON task.id = review.task_id
    LEFT JOIN measure ON measure.task_id = review.task_id
    WHERE review.use_case = of.use_case AND review.verdict IS NULL AND review.closed_at IS NULL
      AND NOT review.held
      AND (review.claimed_by IS NULL OR review.claimed_by = %(person)s OR review.claim_until < %(now)s)
      AND may_review(review, %(person)s, %(linker)s)
    ORDER BY review.priority DESC, review.id
    LIMIT 300) AS asked
GROUP BY asked.kind, asked.use_case

-- name: new_labels
SELECT held_verdict.use_case, count(DISTINCT held_verdict.id)::integer AS count,
       min(held_verdict.given_at) AS since,
       array_agg(DISTINCT label ->> 'value') AS labels
FROM held_verdict
CROSS JOIN LATERAL jsonb_array_elements(held_verdict.labels) AS label
WHERE held_verdict.use_case = ANY (%(use_cases)s) AND held_verdict.ended IS NULL
GROUP BY held_verdict.use_case

-- name: releases_under_way
SELECT id, use_case FROM release
WHERE use_case = ANY (%(use_cases)s) AND step = ANY ('{planned,gated,shadow,canary}')

-- name: resumes
SELECT DISTINCT ON (halt.use_case) halt.use_case, halt.resume_asked_at AS since,
       halt.resume_asked_by AS asked_by, ARRAY[halt.resume_asked_by] AS barred, halt.reason,
       halt.resume_reason
FROM halt
JOIN use_case ON use_case.name = halt.use_case AND use_case.halted
WHERE halt.use_case = ANY (%(use_cases)s) AND halt.kind = 'halt' AND halt.resumed_at IS NULL
  AND halt.resume_asked_by IS NOT NULL
  AND may_decide(%(person)s, %(linker)s, '{}', ARRAY[halt.resume_asked_by], '{}', '{}', NULL)
ORDER BY halt.use_case, halt.asked_at DESC

-- name: held_deliveries
-- What this person may approve: not what they sent, not what follows from their own correction, and
-- nothing whose answer is withheld until a person has labelled its task.
SELECT delivery.use_case, count(*)::integer AS count, min(delivery.created_at) AS since,
       min(delivery.approve_until) AS due, min(delivery.id) AS first
FROM delivery
JOIN task ON task.id = delivery.task_id
LEFT JOIN review ON review.task_id = delivery.task_id
WHERE delivery.use_case = ANY (%(use_cases)s) AND delivery.state = 'held'
  AND NOT answer_withheld(task.reference OR review.blind, review.closed_at, review.verdict)
  AND (delivery.approve_until IS NULL OR delivery.approve_until > %(now)s)
  AND (delivery.key IS NULL OR may_decide(
      %(person)s, %(linker)s, senders_of(delivery.task_id), '{}',
      ARRAY (SELECT reviewer FROM verdict WHERE verdict.id = delivery.of_verdict), '{}', NULL))
GROUP BY delivery.use_case

-- name: contradicted
-- Answers in force that a person gave or confirmed, and that somebody called wrong since.
SELECT outcome.use_case, count(DISTINCT outcome.task_id)::integer AS count,
       min(outcome.reported_at) AS since, NULL::timestamptz AS due
FROM outcome
JOIN review ON review.task_id = outcome.task_id AND review.verdict = outcome.verdict
WHERE outcome.use_case = ANY (%(use_cases)s) AND outcome.verdict IS NOT NULL
  AND NOT outcome.was_right AND outcome.withdrawn_at IS NULL
  AND NOT EXISTS (SELECT FROM outcome AS newer WHERE newer.task_id = outcome.task_id
                  AND newer.withdrawn_at IS NULL AND newer.was_right
                  AND (newer.reported_at, newer.id) > (outcome.reported_at, outcome.id))
GROUP BY outcome.use_case

-- name: stuck_deliveries
SELECT use_case, count(*)::integer AS count, min(coalesce(done_at, created_at)) AS since,
       min(id) AS first
FROM delivery
WHERE use_case = ANY (%(use_cases)s) AND state = ANY ('{stuck,unknown,failed}')
GROUP BY use_case

-- name: suggestions
SELECT use_case, count(*)::integer AS count, min(made_at) AS since
FROM proposal
WHERE use_case = ANY (%(use_cases)s) AND state = 'open'
GROUP BY use_case

-- name: examples_that_teach
-- not null: use_case, count
SELECT of.use_case, (SELECT count(*) FROM example
                     WHERE example.use_case = of.use_case AND purpose = 'learn'
                       AND withdrawn_at IS NULL) AS count,
       (SELECT max(id) FROM example
        WHERE example.use_case = of.use_case AND purpose = 'learn' AND withdrawn_at IS NULL) AS newest
FROM unnest(%(use_cases)s::text[]) AS of (use_case)

-- name: contradictions
-- Equal inputs with different right answers among the examples that teach.
SELECT use_case, count(*)::integer AS count, min(since) AS since
FROM (SELECT use_case, max(born_at) AS since
      FROM example
      WHERE use_case = ANY (%(use_cases)s) AND purpose = 'learn' AND withdrawn_at IS NULL
      GROUP BY use_case, md5(input::text)
      HAVING count(*) > 1 AND count(DISTINCT output) > 1) AS differing
GROUP BY use_case

-- name: unreadable_documents
-- Documents by what is counted (`item`), as the next four: who asks may not read all of them.
SELECT use_case, id AS item, path, access_group, changed_at AS since
FROM document
WHERE use_case = ANY (%(use_cases)s) AND state = 'unreadable'

-- name: damaged_documents
-- Documents that are searched though their file is damaged, unless somebody decided about the content.
SELECT document.use_case, document.id AS item, document.path, document.access_group,
       document_version.read_at AS since
FROM document
JOIN document_version ON document_version.document_id = document.id
                     AND document_version.number = document.version
WHERE document.use_case = ANY (%(use_cases)s) AND document.state = 'current'
  AND document_version.findings @> '[{"kind": "damaged"}]'
  AND NOT EXISTS (SELECT FROM document_report
                  WHERE document_report.document_id = document.id AND document_report.state <> 'open'
                    AND document_report.content_hash = document_version.content_hash)

-- name: open_families
-- not null: use_case, item, path, since
SELECT document.use_case, document_family.family AS item, document.path, document.access_group,
       document_family.since
FROM document_family
JOIN document ON document.id = document_family.document_id AND document.state <> 'deleted'
WHERE document_family.use_case = ANY (%(use_cases)s) AND document_family.kind = 'open'
UNION ALL
-- Of these a newer version was removed. Whoever may read that one is asked.
SELECT use_case, removed_id, path, access_group, removed_at FROM newer_removed
WHERE use_case = ANY (%(use_cases)s)
  AND NOT EXISTS (SELECT FROM document_family AS older
                  JOIN document_family AS newer
                    ON newer.family = older.family AND newer.rank > older.rank
                  WHERE older.document_id = newer_removed.id)

-- name: open_conflicts
-- not null: use_case, item, path, since
SELECT use_case, id AS item, side.path, side.access_group, found_at AS since
FROM present_conflict
CROSS JOIN LATERAL (VALUES (first_path, first_group), (second_path, second_group))
    AS side (path, access_group)
WHERE use_case = ANY (%(use_cases)s) AND verdict IS NULL

-- name: reported_documents
-- Documents that are searched and that somebody reported as outdated.
SELECT document.use_case, document.id AS item, document.path, document.access_group,
       document_report.reported_at AS since
FROM document_report
JOIN document ON document.id = document_report.document_id AND document.state <> 'deleted'
JOIN document_version ON document_version.document_id = document.id
                     AND document_version.number = document.version
                     AND document_version.content_hash = document_report.content_hash
WHERE document.use_case = ANY (%(use_cases)s) AND document_report.state = 'open'
  AND NOT document_left_out(document.id, document_version.content_hash)

-- name: last_drills
-- not null: last
SELECT use_case.name AS use_case,
       coalesce((SELECT max(halt.asked_at) FROM halt WHERE halt.use_case = use_case.name),
                use_case.registered_at) AS last
FROM use_case
WHERE use_case.name = ANY (%(use_cases)s) AND use_case.live_version IS NOT NULL
  AND use_case.stage <> 'retired' AND NOT use_case.halted

-- name: notices
SELECT id, use_case, text, at FROM notice
WHERE use_case = ANY (%(use_cases)s) AND at > %(after)s AND over_at IS NULL AND seen_at IS NULL
ORDER BY at
FETCH FIRST %(most)s ROWS WITH TIES

-- name: counts
-- not null: reviews, proposals, deliveries
SELECT (SELECT count(*) FROM review
        WHERE use_case = %(use_case)s AND verdict IS NULL AND closed_at IS NULL AND NOT held) AS reviews,
       (SELECT count(*) FROM proposal
        WHERE use_case = %(use_case)s AND state = 'open') AS proposals,
       (SELECT count(*) FROM delivery
        WHERE use_case = %(use_case)s AND state = ANY ('{stuck,unknown,failed}'))
     + (SELECT count(*) FROM delivery
        WHERE use_case = %(use_case)s AND state = 'held') AS deliveries
