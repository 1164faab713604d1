"""One site for permission tests: two use cases, and people of every role."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2

from roadbed.app import App
from roadbed.connectors.webhook import Webhook
from roadbed.kernel.settings import Settings
from roadbed.knowledge.model import Block, Extraction, Part, Position
from roadbed.knowledge.records import SourceFile
from roadbed.people.model import SignInProof
from roadbed.people.service import hashed
from roadbed.storage.embedded import EmbeddedServer
from roadbed.usecases.rollout import DIRECT
from roadbed.versions.identity import rollout_facts
from roadbed.web import SESSION_COOKIE
from tests.conftest import DECIDE, ROUTING, Site, serving
from tests.databases import database

# The people, and their roles in `triage`. None of them has a role in `foreign`.
ROLES: Mapping[str, str | None] = {
    "nobody": None,
    "disabled": "reviewer",
    "stranger": None,
    "viewer": "viewer",
    "asker": "requester",
    "reviewer": "reviewer",
    "ana": "domain_lead",
    "ben": "engineer",
    "chi": "data_specialist",
    "dev": "risk_partner",
    "boss": None,  # an administrator
    "narrow": "domain_lead",  # a token of ana's that may only submit
    "records": "domain_lead",  # another that may only report what turned out
    "linked": "domain_lead",  # by a link and a token that an administrator made just now
}
NARROW = {"narrow": "submit", "records": "outcomes"}


SUPPORT = '{"cases": 1, "right": 1, "wrong_now": 1, "matched": 1, "low": 0.1, "high": 1.0}'


@dataclass(frozen=True, kw_only=True)
class Ids:
    """One of everything in a use case."""

    name: str
    task_id: str
    review_id: str
    delivery_id: str
    notice_id: str
    proposal_id: str
    incident_id: str
    release_id: str
    outcome_id: str
    document_id: str
    conflict_id: str
    job_id: str
    named: str = "1..1"
    verb: str = "gate"

    def missing(self) -> Ids:
        """As long, and not there."""
        return Ids(
            name="q" * len(self.name),
            task_id="tsk_" + "x" * (len(self.task_id) - 4),
            review_id="rev_" + "x" * (len(self.review_id) - 4),
            delivery_id="dlv_" + "x" * (len(self.delivery_id) - 4),
            notice_id="ntc_" + "x" * (len(self.notice_id) - 4),
            incident_id="inc_" + "x" * (len(self.incident_id) - 4),
            release_id="rel_" + "x" * (len(self.release_id) - 4),
            outcome_id="out_" + "x" * (len(self.outcome_id) - 4),
            document_id="doc_" + "x" * (len(self.document_id) - 4),
            conflict_id="cfl_" + "x" * (len(self.conflict_id) - 4),
            job_id="job_" + "x" * (len(self.job_id) - 4),
            proposal_id="prp_" + "x" * (len(self.proposal_id) - 4),
        )


@dataclass(frozen=True, kw_only=True)
class Town:
    """A site with clients of all people: by session, and by token."""

    site: Site
    browsers: Mapping[str, httpx2.AsyncClient]
    programs: Mapping[str, httpx2.AsyncClient]
    own: Ids
    foreign: Ids

    @property
    def app(self) -> App:
        return self.site.app

    async def restore(self) -> None:
        """What an earlier question may have changed."""
        await self.app.database.fetch("UPDATE notice SET seen_at = NULL, seen_by = NULL")
        await self.app.database.fetch(
            "UPDATE review SET claimed_by = NULL, claim_until = NULL, skipped_by = '{}'"
        )
        await self.app.database.fetch("UPDATE person SET disabled_at = NULL WHERE name = 'extra'")
        await self.app.database.fetch("DELETE FROM halt WHERE kind = 'drill'")  # six an hour
        self.app.people.forget()

    async def token_id(self, person: str) -> str:
        """A token of that person's that can be ended."""
        return hashed(await self.app.people.issue_token(person))[:16]


def write(parent: Path) -> None:
    """``triage`` of the usual pod, ``foreign`` of another one."""
    for name, others in (
        ("triage", {}),
        ("foreign", {"ana": "eve", "ben": "fay", "chi": "gus", "dev": "hal"}),
    ):
        declared = ROUTING.format(name=name, deadline=5.0)
        for ours, theirs in others.items():
            declared = declared.replace(f'"{ours}"', f'"{theirs}"')
        declared = declared.replace(
            "rollout=DIRECT", 'rollout=DIRECT, library=Library(question="text")'
        )
        declared = declared.replace("import DIRECT, ", "import DIRECT, Library, ")
        (parent / name / "documents").mkdir(parents=True)
        (parent / name / "usecase.py").write_text(declared + DECIDE)


@asynccontextmanager
async def fresh_database(server: EmbeddedServer) -> AsyncIterator[str]:
    with database(server) as url:
        yield url


@asynccontextmanager
async def building(server: EmbeddedServer, folder: Path, **more: object) -> AsyncIterator[Town]:
    write(folder / "usecases")
    settings = Settings(
        usecases=folder / "usecases", audit_dir=folder / "audit", lease_seconds=1.0, port=0
    ).model_copy(update=more)
    async with fresh_database(server) as url, serving(settings, url, people=False) as site:
        await _move_in(site.app)
        own, foreign = await _one_of_each(site, "triage"), await _one_of_each(site, "foreign")
        browsers = {name: await browser(site, name) for name in ROLES if name not in NARROW}
        programs = {name: await program(site, name) for name in ROLES}
        await site.app.members.disable("disabled", by="test")
        yield Town(site=site, browsers=browsers, programs=programs, own=own, foreign=foreign)
        for client in [*browsers.values(), *programs.values()]:
            await client.aclose()


async def browser(site: Site, person: str) -> httpx2.AsyncClient:
    """A browser on our own page, with a session unless it is anonymous."""
    client = httpx2.AsyncClient(base_url=site.address, headers={"Origin": site.address})
    if person == "linked":
        await enter(client, await site.app.people.issue_link_code(person, by="boss"))
    elif person != "nobody":
        secret = await site.app.people.open_session(SignInProof(person=person, how="link"))
        client.cookies.set(SESSION_COOKIE, secret)
    return client


async def enter(client: httpx2.AsyncClient, code: str) -> None:
    """Spend a one-time link."""
    assert (await client.post("/sign-in/link", data={"code": code})).status_code == 200


async def program(site: Site, person: str) -> httpx2.AsyncClient:
    client = httpx2.AsyncClient(base_url=site.address)
    if person == "nobody":
        return client
    scopes = [NARROW[person]] if person in NARROW else None
    name = "ana" if person in NARROW else person
    by = "boss" if person == "linked" else None
    token = await site.app.people.issue_token(name, scopes=scopes, by=by)
    client.headers["Authorization"] = f"Bearer {token}"
    return client


async def _move_in(app: App) -> None:
    for name in [*(set(ROLES) - {"nobody", *NARROW}), "extra", "eve", "fay", "sender"]:
        await app.members.add(name, by="test", admin=name == "boss")
    for name, role in ROLES.items():
        if name in {"viewer", "asker", "reviewer", "disabled", "linked"}:
            await app.members.grant(name, "triage", str(role), by="boss")
    await app.members.grant("extra", "foreign", "reviewer", by="boss")
    for use_case in ("triage", "foreign"):
        await app.members.grant("sender", use_case, "reviewer", by="boss")
        app.deployments.get(use_case).loaded.declared.deliver(
            "crm", to=Webhook("http://127.0.0.1:9/", private=True)
        )


async def _one_of_each(site: Site, name: str) -> Ids:
    """A task in review, a delivery that failed, a notice."""
    app = site.app
    token = await app.people.issue_token("sender")
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as sender:
        sent = await sender.post(
            f"{site.address}/v1/usecases/{name}/tasks", json={"input": {"text": f"of {name}"}}
        )
    assert sent.status_code == 200, sent.text
    notice = app.running_audit._ids.new("ntc")
    await app.database.fetch(
        "INSERT INTO notice (id, use_case, kind, text, at) "
        "VALUES (%(id)s, %(name)s, 'test', 'Look here.', now())",
        {"id": notice, "name": name},
    )
    delivery = f"dlv_{notice[4:]}"
    await app.database.fetch(
        "INSERT INTO delivery (id, use_case, task_id, destination, kind, state, created_at) "
        "VALUES (%(id)s, %(name)s, %(task)s, 'crm', 'result', 'delivered', now())",
        {"id": delivery, "name": name, "task": sent.json()["task"]},
    )
    incident = await app.incidents.declare(
        name,
        title="It rained.",
        since=datetime.now(UTC) - timedelta(hours=1),
        until=None,
        actor="x",
    )
    return Ids(
        release_id=await a_release(app, name),
        outcome_id=await an_outcome(app, name, sent.json()["task"]),
        document_id=await a_document(app, name),
        conflict_id=await a_conflict(app, name),
        job_id=(await app.jobs.start("test", {}, key=name, actor="x", use_case=name)).id,
        incident_id=incident.id,
        proposal_id=await a_proposal(app, name),
        name=name,
        task_id=sent.json()["task"],
        review_id=sent.json()["review"]["id"],
        delivery_id=delivery,
        notice_id=notice,
    )


async def a_document(app: App, name: str, path: str = "leave.pdf") -> str:
    """One that says something, stored as if a reading process had read it."""
    text = f"A document of {name}."
    block = Block(kind="text", start=0, end=len(text))
    part = Part(place=Position(kind="page"), text=text, blocks=(block,))
    source = SourceFile(
        path=path,
        file=Path(path),
        content_hash=name,
        bytes=len(text),
        modified_at=datetime.now(UTC),
        group=None,
    )
    extraction = Extraction(format="pdf", parts=(part,), page_count=1)
    kept = await app.libraries.documents.keep(name, source, extraction, by="sender")
    return kept.id


async def a_conflict(app: App, name: str) -> str:
    """Two documents that a question could have found in conflict."""
    first = await a_document(app, name, "first.pdf")
    second = await a_document(app, name, "second.pdf")
    conflict = app.running_audit._ids.new("cfl")
    await app.database.fetch(
        "INSERT INTO passage_conflict (id, use_case, first_document, first_passage, first_text,"
        " second_document, second_passage, second_text, found_at) VALUES (%(id)s, %(name)s,"
        " least(%(first)s, %(second)s), 'p', 'One.', greatest(%(first)s, %(second)s), 'p', 'Two.',"
        " now())",
        {"id": conflict, "name": name, "first": first, "second": second},
    )
    return conflict


async def a_proposal(app: App, name: str) -> str:
    """Something that improvement could have suggested."""
    proposal = app.running_audit._ids.new("prp")
    await app.database.fetch(
        "INSERT INTO proposal (id, use_case, kind, title, reason, support, cases, fingerprint,"
        " rank, made_at) VALUES (%(id)s, %(name)s, 'model', 'Learn.', 'x', %(support)s::jsonb,"
        " '[]', %(id)s, 1, now())",
        {"id": proposal, "name": name, "support": SUPPORT},
    )
    return proposal


async def an_outcome(app: App, name: str, task: str) -> str:
    """A reported outcome."""
    declared = app.deployments.get(name).loaded.declared
    result = await app.outcomes.report(declared, {"task": task, "right": True}, by="sender")
    return result.outcome.id


async def a_release(app: App, name: str) -> str:
    """A release that was planned and withdrawn."""
    release = app.running_audit._ids.new("rel")
    await app.database.fetch(
        "INSERT INTO release (id, use_case, number, behaviour, step, reason, author, plan,"
        " planned_at, ended_at, ended_by, ended_why) SELECT %(id)s, %(name)s, 1, hash, 'withdrawn',"
        " 'x', 'x', %(plan)s::jsonb, now(), now(), 'x', 'x' FROM behaviour"
        " WHERE use_case = %(name)s LIMIT 1",
        {"id": release, "name": name, "plan": json.dumps(rollout_facts(DIRECT))},
    )
    return release
