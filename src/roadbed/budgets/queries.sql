-- name: reserve
-- Runs in the transaction that admits. Use cases in a fixed order, so that batches cannot deadlock.
SELECT budget_reserve(use_case, per_task, per_month, per_day, ids, today)
FROM (
    SELECT item.use_case, item.per_task, item.per_month, item.per_day,
           array_agg(item.id ORDER BY item.id) AS ids, min(item.today) AS today
    FROM json_to_recordset(%(items)s::json) AS item (
        id text, use_case text, per_task numeric, per_month numeric, per_day numeric, today date)
    JOIN in_flight ON in_flight.task_id = item.id AND in_flight.reserved IS NULL
                  AND in_flight.attempt = 1
    GROUP BY 1, 2, 3, 4 ORDER BY 1) AS asked

-- name: charge
-- Runs in the transaction that settles, before the task leaves in_flight, under the same conditions.
-- An unknown cost is charged at the worst case.
INSERT INTO budget_charge (use_case, period, part, released, spent)
SELECT item.use_case, named.period, held.budget_part, held.reserved,
       coalesce(item.cost, held.reserved)
FROM json_to_recordset(%(items)s::json) AS item (
    id text, task_id text, use_case text, cost numeric, attempt integer, halt_epoch bigint,
    per_day numeric)
JOIN use_case ON use_case.name = item.use_case AND use_case.halt_epoch = item.halt_epoch
JOIN in_flight AS held ON held.task_id = item.task_id AND held.attempt = item.attempt
                      AND held.reserved IS NOT NULL
CROSS JOIN LATERAL (
    SELECT to_char(held.budget_day, 'YYYY-MM') AS period
    UNION ALL SELECT held.budget_day::text WHERE item.per_day IS NOT NULL) AS named

-- name: charge_lost
-- An attempt of a process that died: its cost is unknown, so the worst case is charged.
INSERT INTO budget_charge (use_case, period, part, released, spent)
SELECT %(use_case)s, named.period, held.budget_part, held.reserved, held.reserved
FROM in_flight AS held
CROSS JOIN LATERAL (
    SELECT to_char(held.budget_day, 'YYYY-MM') AS period
    UNION ALL SELECT held.budget_day::text WHERE %(per_day)s::numeric IS NOT NULL) AS named
WHERE held.task_id = ANY (%(ids)s) AND held.reserved IS NOT NULL

-- name: reserve_again
SELECT budget_reserve(%(use_case)s, %(per_task)s, %(per_month)s, %(per_day)s, %(ids)s, %(today)s)

-- name: funded
SELECT task_id FROM in_flight WHERE task_id = ANY (%(ids)s) AND reserved IS NOT NULL

-- name: take_aside
SELECT budget_take(%(use_case)s, %(period)s, %(cap)s, %(amount)s, %(count)s, %(part)s::smallint)
       AS granted

-- name: give_back
INSERT INTO budget_charge (use_case, period, part, released, spent)
VALUES (%(use_case)s, %(period)s, %(part)s, %(amount)s, 0)

-- name: put_aside
INSERT INTO budget_aside (id, use_case, periods, part, amount, lapses_at)
VALUES (%(id)s, %(use_case)s, %(periods)s, %(part)s, %(amount)s, %(lapses_at)s)

-- name: settle_aside
-- Nothing if the hold has lapsed: then the worst case was charged.
WITH held AS (DELETE FROM budget_aside WHERE id = %(id)s RETURNING *)
INSERT INTO budget_charge (use_case, period, part, released, spent)
SELECT use_case, unnest(periods), part, amount, coalesce(%(cost)s::numeric, amount) FROM held

-- name: lapse
-- Held by a process that died: the cost of its calls is unknown, so the worst case is charged.
WITH held AS (DELETE FROM budget_aside
              WHERE use_case = %(use_case)s AND lapses_at < %(now)s RETURNING *)
INSERT INTO budget_charge (use_case, period, part, released, spent)
SELECT use_case, unnest(periods), part, amount, amount FROM held

-- name: hold
SELECT 1 FROM budget_part WHERE use_case = %(use_case)s AND period = %(period)s
ORDER BY part FOR UPDATE

-- name: fold
SELECT budget_fold(%(use_case)s, %(period)s)

-- name: used
SELECT coalesce(sum(reserved), 0) AS reserved, coalesce(sum(spent), 0) AS spent
FROM (SELECT reserved, spent FROM budget_part
      WHERE use_case = %(use_case)s AND period = %(period)s
      UNION ALL
      SELECT -released, spent FROM budget_charge
      WHERE use_case = %(use_case)s AND period = %(period)s) AS all_of_it

-- name: alert
INSERT INTO budget_alert (use_case, period, percent, at)
VALUES (%(use_case)s, %(period)s, %(percent)s, %(at)s)
ON CONFLICT DO NOTHING RETURNING percent

-- name: alerts
SELECT period, percent, at FROM budget_alert
WHERE use_case = %(use_case)s AND period = ANY (%(periods)s) ORDER BY period, percent

-- name: charge_erased
-- Reservations of tasks that were in progress in the copy and erased since count as spent.
WITH gone AS (
    SELECT task_id, reserved, budget_day, budget_part FROM in_flight
    WHERE task_id = ANY (%(ids)s) FOR UPDATE
)
INSERT INTO budget_charge (use_case, period, part, released, spent)
SELECT task.use_case, period.name, gone.budget_part, gone.reserved, gone.reserved
FROM gone JOIN task ON task.id = gone.task_id
CROSS JOIN LATERAL (VALUES (to_char(gone.budget_day, 'YYYY-MM')), (gone.budget_day::text))
    AS period (name)
WHERE gone.reserved IS NOT NULL
  AND EXISTS (SELECT FROM budget_part AS part
              WHERE part.use_case = task.use_case AND part.period = period.name)
