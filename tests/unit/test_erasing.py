"""What erasure leaves nowhere: keys of deliveries, the server's log, models never in service."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psycopg
import pytest

from roadbed.app import App
from roadbed.audit.events import AuditEvent, record
from roadbed.deliveries.errors import DeliveryStateError
from roadbed.deliveries.model import DeliveryState
from roadbed.storage.database import with_schema
from roadbed.storage.embedded import EmbeddedServer
from roadbed.usecases.destinations import RefusedError
from tests.unit.test_decisions import decide
from tests.unit.test_deliveries import Ledger, one, pump
from tests.unit.test_recovery import everything_in
from tests.unit.test_trust import declared, stand

SECRET = "Ottilie Quarzbach wants her parcel"


async def test_keys_of_deliveries_that_are_made_of_the_input(app: App, url: str) -> None:
    declared(app).deliver("crm", to=Ledger(), key="{input.text}", in_order_of="{input.text}")
    await stand(app, reference_rate=0.0)
    task = await decide(app, SECRET)
    await pump(app)
    assert SECRET in everything_in(url)
    await app.erasure.erase(task.task_id, by="ana", reason="asked for")
    assert SECRET not in everything_in(url)
    assert (await one(app)).state is DeliveryState.DELIVERED


async def test_nothing_is_sent_of_what_was_erased(app: App) -> None:
    ledger = Ledger(trouble=[RefusedError("no such customer")])
    declared(app).deliver("crm", to=ledger)
    await stand(app, reference_rate=0.0)
    task = await decide(app, SECRET)
    await pump(app)
    failed = await one(app)
    assert failed.state is DeliveryState.FAILED
    await app.erasure.erase(task.task_id, by="ana", reason="asked for")
    with pytest.raises(DeliveryStateError, match="erased"):
        await app.deliveries.resolve(failed.id, "replay", person="ana", served=["triage"])


def test_the_log_of_the_embedded_server(server: EmbeddedServer, url: str) -> None:
    log = server.data / "server.log"
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        for statement, values in (
            ("SELECT %s::text::json", ["{'Ottilie Quarzbach': 1"]),
            ("SELECT %s::text::integer", ["Ottilie Quarzbach"]),
            ("INSERT INTO person (name, created_by) VALUES (%s, 'x'), (%s, 'x')", ["Ottilie"] * 2),
            ("SELECT 'Quarzbach' FROM nowhere", []),
        ):
            with contextlib.suppress(psycopg.Error):
                connection.execute(statement, values)
    written = log.read_text(errors="replace")
    assert "Ottilie" not in written
    assert "Quarzbach" not in written


async def test_examples_for_a_prompt_that_somebody_decided_on(app: App, url: str) -> None:
    await stand(app, reference_rate=0.0)
    task, other = await decide(app, SECRET), await decide(app, "where is my parcel")
    row = await app.database.fetch_one(
        "SELECT input FROM task WHERE id = %(id)s", {"id": task.task_id}
    )
    assert row is not None
    patch = {"kind": "examples", "examples": [{"input": row["input"], "output": None}]}
    detail = {"said": "accepted", "edited": False, "patch": patch}
    event = AuditEvent(
        use_case="triage", kind="proposal", subject="prp_1", actor="ben", detail=detail
    )
    async with app.database.transaction() as connection:
        await connection.execute(PROPOSAL)
        await record(connection, event)
    await app.erasure.erase(other.task_id, by="ana", reason="asked for")
    assert SECRET in everything_in(url)
    await app.erasure.erase(task.task_id, by="ana", reason="asked for")
    assert SECRET not in everything_in(url)


PROPOSAL = """
INSERT INTO proposal (id, use_case, kind, title, reason, support, cases, patch, fingerprint, rank,
                      made_at)
VALUES ('prp_1', 'triage', 'examples', 't', 'r', '{}', '[]', NULL, 'f', 0.2, now())
"""
BEHAVIOURS = """
INSERT INTO artifact (hash, content) VALUES
    ('withdrawn', 'Quarzbach'), ('live', 'Quarzbach'), ('shared', 'both'), ('planned', 'parcel');
INSERT INTO behaviour (hash, use_case, folder_hash, files, artifacts, learned_from, learned_until,
                       made_at)
VALUES
    ('b1', 'triage', 'f', '{}', '{"a": "withdrawn", "b": "shared"}', 1, now(), now()),
    ('b2', 'triage', 'f', '{}', '{"a": "live", "b": "shared"}', 1, now(), now()),
    ('b3', 'triage', 'f', '{}', '{"a": "planned"}', 1, now(), now());
INSERT INTO version (id, use_case, behaviour, number, made_at, live_since)
VALUES ('ver_2', 'triage', 'b2', 900, now(), now());
INSERT INTO release (id, use_case, number, behaviour, step, reason, author, plan, content,
                     planned_at)
VALUES ('rel_1', 'triage', 1, 'b1', 'withdrawn', 'r', 'ben', '{}', 'c', now()),
       ('rel_3', 'triage', 3, 'b3', 'planned', 'r', 'ben', '{}', 'c', now())
"""


async def test_models_that_were_never_in_service(app: App, url: str, tmp_path: Path) -> None:
    await stand(app, reference_rate=0.0)
    task = await decide(app, SECRET)
    with psycopg.connect(with_schema(url), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO example (id, use_case, task_id, input, purpose, reference, origin,"
            " content_hash, born_at) VALUES ('exa_1', 'triage', %s, '{}', 'learn', false,"
            " 'review', 'h', now() - interval '1 hour')",
            [task.task_id],
        )
        connection.execute(BEHAVIOURS)
    await app.erasure.erase(task.task_id, by="ana", reason="asked for")
    rows = await app.database.fetch("SELECT hash FROM artifact WHERE length(hash) < 20")
    assert {row["hash"] for row in rows} == {"live", "planned", "shared"}
