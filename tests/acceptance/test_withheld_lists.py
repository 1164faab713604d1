"""Lists of decided and right outputs say nothing of a hidden document to who is not in its group.

``shop`` is in the group and ``reviewer``, with the same roles, is not. Both read each surface: what
the one gets has the quote, and what the other gets has not.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute
from psycopg.types.json import Jsonb

from roadbed.api.app import create as create_api
from roadbed.console.app import pages
from roadbed.kernel.settings import Settings
from roadbed.knowledge.withholding import NOTE
from roadbed.reviews.model import HeldVerdict, VerdictKind
from roadbed.usecases.patches import ARTIFACT
from roadbed.usecases.rollout import Rollout
from roadbed.versions.identity import rollout_facts
from tests import libraries
from tests.acceptance.test_api import problem
from tests.acceptance.test_asking import declaration, words
from tests.acceptance.test_cli import Terminal
from tests.acceptance.test_withheld_documents import (
    FILES,
    accepted,
    clean,
    hidden_answer,
    library,
    review_of,
    submitted,
)
from tests.browsing import browsing
from tests.conftest import Folders, Site, serving
from tests.libraries import NAME, Shelf
from tests.login import AS

QUOTE = "91234"
SAID = str(NOTE)[1:]  # a column of sentences begins with a capital
_TRACES = f"{QUOTE}|zebra-salaries"
FORMATS = ("csv",)
HELD = """
INSERT INTO held_verdict (id, review_id, task_id, use_case, kind, output, shown, new_kind,
                          may_approve, labels, reviewer, given_at)
VALUES (%(id)s, %(review)s, %(task)s, %(name)s, 'correct', %(output)s, 'c', false, false,
        %(labels)s, 'ana', now())
"""
ARTIFACT_OF = "INSERT INTO artifact (hash, content) VALUES (%(hash)s, %(content)s)"
BEHAVIOUR = """
INSERT INTO behaviour (hash, use_case, folder_hash, files, artifacts, learned_from, made_at,
                       declaration, made_by, reason)
SELECT 'b2', use_case, folder_hash, files, %(artifacts)s, learned_from, now(), declaration, 'ana',
       'Accepted changes'
FROM behaviour WHERE use_case = %(name)s LIMIT 1
"""
SECOND = """
INSERT INTO version (id, use_case, behaviour, number, made_at)
VALUES ('ver_2', %(name)s, 'b2', 2, now())
"""
PROOF = """
INSERT INTO certificate (id, use_case, behaviour, look, threshold, cautious, risk_limit, certainty,
                         items, covered, errors, detail, issued_at)
SELECT 'crt_1', use_case, behaviour, 1, NULL, false, 0.02, 0.95, 400, 300, 1, %(detail)s, now()
FROM version WHERE use_case = %(name)s ORDER BY number DESC LIMIT 1
"""
WEAK = """
INSERT INTO weak_example (certificate, spot, place, task_id, input, answered, "right")
VALUES ('crt_1', 0, 0, %(task)s, 'zebra', %(answer)s, %(answer)s)
"""
RELEASE = """
INSERT INTO release (id, use_case, number, behaviour, step, reason, author, plan, content,
                     planned_at, canary_at, gate, trial)
SELECT 'rel_1', use_case, 7, behaviour, 'canary', 'Newer', 'ben', %(plan)s, 'c', now(), now(),
       %(gate)s, %(trial)s
FROM version WHERE use_case = %(name)s ORDER BY number DESC LIMIT 1
"""
PROPOSAL = """
INSERT INTO proposal (id, use_case, kind, title, reason, support, cases, patch, fingerprint, rank,
                      made_at, state, decided_by, decided_at, note)
VALUES (%(id)s, %(name)s, 'rule', 'Say 91234 for zebras', 'The zebra keeper earns 91234.',
        %(support)s, %(cases)s, %(patch)s, %(id)s, 1, now(), %(state)s, 'ana', now(), '91234 it is')
"""
EXAMPLE = """
INSERT INTO example (id, use_case, input, output, purpose, reference, content_hash, born_at,
                     task_id, origin)
VALUES (%(id)s, %(name)s, %(input)s, %(output)s, 'learn', false, %(id)s, now(), %(task)s, 'review')
"""
DELIVERY = """
INSERT INTO delivery (id, use_case, task_id, destination, kind, state, needs_approval, attempt,
                      next_at, look_first, created_at, take_back, revised, restored, outdated,
                      key, content, content_hash, reason)
VALUES ('dlv_1', %(name)s, %(task)s, 'payroll', 'result', 'held', true, 0, now(), false, now(),
        false, false, false, false, 'zebra-91234', %(content)s, repeat('a', 64), '91234 is much')
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A server that has one of everything that lists answers, all of them of a hidden document."""

    site: Site
    task: str
    corrected: str

    @property
    def filled(self) -> Mapping[str, str]:
        """What fills in the names in paths."""
        return {
            "name": NAME,
            "usecase": NAME,
            "task_id": self.task,
            "release_id": "rel_1",
            "proposal_id": "prp_1",
            "delivery_id": "dlv_1",
            "named": "1",
            "format": "csv",
        }


@pytest.fixture
async def shown(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Shown]:
    folders.write()
    root = settings.usecases / NAME
    root.mkdir(parents=True)
    (root / "usecase.py").write_text(declaration(), encoding="utf-8")
    libraries.write(root, FILES)
    async with serving(settings.model_copy(update={"library_seconds": 0}), url) as site:
        await Shelf(site.app, root).ingest()
        await site.app.libraries.access.add(NAME, library(site), "hr", "shop", by="ana")
        task = await accepted(site, "shop")
        yield Shown(site=site, task=task, corrected=await _corrected(site))


async def _corrected(site: Site) -> str:
    """Another answer to a member, which the domain lead replaced by one of the hidden document."""
    task = await submitted(site.shop, "What does the keeper of the zebras earn in one year?")
    declared = site.app.deployments.get(NAME).loaded.declared
    await site.app.reviews.give(
        declared,
        await review_of(site, task),
        VerdictKind.CORRECT,
        reviewer="ana",
        output=await hidden_answer(site),
        note="It is 91234.",
    )
    return task


async def _store(shown: Shown, statement: str, **facts: object) -> None:
    await shown.site.app.database.fetch(statement, {"name": NAME, **facts})


async def _report(shown: Shown, **more: Any) -> str:
    """An outcome that a member reported."""
    body = {"task": shown.task, "right": False, "note": "It is 91234.", **more}
    answer = await shown.site.shop.post(f"/usecases/{NAME}/outcomes", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["outcome"]["id"])


async def _case(shown: Shown, **parts: object) -> dict[str, object]:
    """A case as a report holds it, with the hidden answer under each of ``parts``."""
    answer = await hidden_answer(shown.site)
    names = ("live", "candidate", "right", "before", "after")
    outputs = {name: answer for name in names if parts.pop(name, False)}
    return {"input": "zebra keeper", **outputs, **parts}


async def _release(shown: Shown) -> None:
    sides = {"live": True, "candidate": True, "right": True}
    case = await _case(shown, task=shown.task, example="exm_1", **sides)
    provenance = {"quotes": "The zebra keeper earns 91234 EUR in a year."}
    imported = await _case(shown, task=None, example="exm_2", **sides)
    unjudged = {**case, "why": "It says 91234.", "provenance": provenance, "content": "c"}
    gate = {
        "criteria": [],
        "fixed": 1,
        "broken": 1,
        "live": None,
        "candidate": None,
        "cases": {"fixed": [case], "broken": [imported]},
        "unknown": {"n": 1, "waiting": 0, "cases": [unjudged]},
    }
    trial = {"step": "canary", "compared": 1, "of": 4, "labelled": 0, "fixed": 0, "broken": 0}
    differ = {
        **case,
        "live_actions": [{"name": "pay", "amount": 91234}],
        "candidate_actions": [],
    }
    await _store(
        shown,
        RELEASE,
        plan=Jsonb(dict(rollout_facts(Rollout()))),
        gate=Jsonb(gate),
        trial=Jsonb({**trial, "differ": [differ]}),
    )


async def _proof(shown: Shown) -> None:
    """A proof with a weak spot whose errors quote the hidden document."""
    answer = Jsonb(await hidden_answer(shown.site))
    spot = {"field": "kind", "value": f"text: {QUOTE}", "n": 9, "wrong": 5, "lower": 0.2}
    spot |= {"upper": 0.8, "automatic": 0.0, "wrong_automatic": 0}
    detail = {"weak": [spot], "answered": 9, "why_not": "too few items", "curve": []}
    await _store(shown, PROOF, detail=Jsonb(detail))
    await _store(shown, WEAK, task=shown.task, answer=answer)
    await _store(shown, "UPDATE version SET certificate = 'crt_1' WHERE use_case = %(name)s")


async def _proposals(shown: Shown) -> None:
    case = await _case(shown, task_id=shown.task, before=True, after=True, right=True)
    patch = {"kind": "rule", "when": "true", "set": {"text": QUOTE}, "id": "prp_1", "by": "ana"}
    support = {"cases": 1, "right": 1, "wrong_now": 1, "matched": 1, "low": 0.1, "high": 0.9}
    facts = {"support": Jsonb(support), "cases": Jsonb([case]), "patch": Jsonb(patch)}
    await _store(shown, PROPOSAL, id="prp_1", state="open", **facts)
    await _store(shown, PROPOSAL, id="prp_2", state="accepted", **facts)


async def _examples(shown: Shown) -> None:
    """Two examples that contradict one another, and two that repeat one another."""
    answer = await hidden_answer(shown.site)
    other = {"route": "not_in_documents", "text": "", "citations": []}
    for number, (question, output) in enumerate(
        [("Zebra pay?", answer), ("Zebra pay?", other), ("Keeper?", answer), ("Keeper?", answer)]
    ):
        await _store(
            shown,
            EXAMPLE,
            id=f"exm_{number}",
            input=Jsonb({"question": question}),
            output=Jsonb(output),
            task=shown.task if number == 0 else None,
        )


async def _delivery(shown: Shown) -> None:
    content = Jsonb({"output": await hidden_answer(shown.site), "task": shown.task})
    await _store(shown, DELIVERY, task=shown.task, content=content)


async def _incident(shown: Shown) -> dict[str, Any]:
    """The record of an incident that covers everything, as a member gets it."""
    body = {"title": "Too much", "since": "2020-01-01T00:00:00Z"}
    declared = await shown.site.shop.post(f"/usecases/{NAME}/incidents", json=body)
    assert declared.status_code == 200, declared.text
    record: dict[str, Any] = declared.json()
    return record


async def both(
    shown: Shown, *paths: str, api: bool = False, visible: bool = True
) -> list[httpx2.Response]:
    """What the outsider gets of paths, without a trace; the member gets the quote of each."""
    site = shown.site
    if api:
        told = [await site.shop.get(path) for path in paths]
        answers = [await site.reviewer.get(path) for path in paths]
    else:
        async with browsing(site, "shop") as member, browsing(site, "reviewer") as outsider:
            told = [await member.get(path) for path in paths]
            answers = [await outsider.get(path) for path in paths]
    for whole in told:
        assert (QUOTE in whole.text) is visible, whole.url
        assert not visible or SAID not in whole.text, whole.url
    for answer in answers:
        clean(answer)
        assert not visible or SAID in answer.text, answer.url
    return answers


class TestOutcomes:
    async def test_the_page_the_api_and_the_exports(self, shown: Shown) -> None:
        outcome = await _report(shown, output=await hidden_answer(shown.site))
        path = f"/usecases/{NAME}/outcomes"
        [listed] = await both(shown, path, api=True)
        [row] = listed.json()["outcomes"]
        assert (row["id"], row["right"], row["note"]) == (outcome, False, str(NOTE))
        assert row["output"]["route"] == "answer"
        await both(shown, f"{path}?against=verdict", api=True)
        exports = [f"{path}/export.{form}" for form in FORMATS]
        await both(shown, path, *exports)

    async def test_a_report_taken_back_by_somebody_else(self, shown: Shown) -> None:
        outcome = await _report(shown, output=await hidden_answer(shown.site))
        clean(taken := await shown.site.reviewer.post(f"/outcomes/{outcome}/withdraw"))
        assert taken.json()["outcome"]["withdrawn_by"] == "reviewer"

    async def test_a_passage_that_the_reporter_may_not_read_stands_nowhere(
        self, shown: Shown
    ) -> None:
        answer = await hidden_answer(shown.site)
        body = {"task": shown.task, "output": answer}
        refused = await shown.site.reviewer.post(f"/usecases/{NAME}/outcomes", json=body)
        assert "has no passage" in refused.text
        assert QUOTE not in refused.text
        assert "salaries" not in refused.text
        del answer["citations"][0]["passage"]
        refused = await shown.site.reviewer.post(f"/usecases/{NAME}/outcomes", json=body)
        await problem(refused, 422, "citation_invalid")


class TestReleases:
    async def test_the_pages_the_api_and_the_exports(self, shown: Shown) -> None:
        await _release(shown)
        api = [f"/usecases/{NAME}/releases", "/releases/rel_1"]
        _listed, release = await both(shown, *api, api=True)
        gate, trial = release.json()["release"]["gate"], release.json()["release"]["trial"]
        cases = [*gate["cases"]["fixed"], *gate["cases"]["broken"], *gate["unknown"]["cases"]]
        assert [case["withheld"] for case in (*cases, *trial["differ"])] == [True] * 4
        assert [case["right"]["text"] for case in cases] == [str(NOTE)] * 3
        assert trial["differ"][0]["live_actions"] == []
        exports = [f"/releases/rel_1/cases/export.{form}" for form in FORMATS]
        await both(shown, "/releases/rel_1", "/releases/rel_1/cases", *exports)

    async def test_what_a_step_answers(self, shown: Shown) -> None:
        await _release(shown)
        why = {"why": "It is not needed."}
        gone = await shown.site.reviewer.post("/releases/rel_1/withdraw", json=why)
        assert '"step":"withdrawn"' in clean(gone)


class TestWhereItFails:
    async def test_the_page_and_the_api(self, shown: Shown) -> None:
        await _proof(shown)
        [trust] = await both(shown, f"/usecases/{NAME}/trust", api=True)
        [spot] = trust.json()["proof"]["detail"]["weak"]
        assert (spot["n"], spot["wrong"], spot["value"]) == (9, 5, str(NOTE))
        [example] = spot["examples"]
        assert example["right"]["text"] == str(NOTE)
        await both(shown, f"/usecases/{NAME}/weak")


class TestNotebook:
    async def test_the_page_and_the_api(self, shown: Shown) -> None:
        await _proposals(shown)
        path = f"/usecases/{NAME}/notebook"
        whole = (await shown.site.shop.get(path)).json()
        told, _text = await both(shown, path, f"{path}?format=markdown", api=True)
        for name in ("verdicts", "corrections"):
            assert told.json()[name] == whole[name]
        assert [lesson["n"] for lesson in told.json()["lessons"]] == [
            lesson["n"] for lesson in whole["lessons"]
        ]
        await both(shown, path)


class TestProposals:
    async def test_the_page_and_the_api(self, shown: Shown) -> None:
        await _proposals(shown)
        path = f"/usecases/{NAME}/proposals"
        listed, *_others = await both(
            shown, path, f"{path}?state=accepted", "/proposals/prp_1", api=True
        )
        [proposal] = listed.json()["proposals"]
        assert (proposal["title"], proposal["support"]["cases"]) == (str(NOTE), 1)
        assert proposal["cases"][0]["right"]["text"] == str(NOTE)
        await both(shown, path)

    async def test_what_a_decision_answers(self, shown: Shown) -> None:
        await _proposals(shown)
        for verb in ("reject", "take-back"):
            told = await shown.site.reviewer.post(f"/proposals/prp_1/{verb}", json={})
            assert '"withheld":true' in clean(told)
        async with browsing(shown.site, "reviewer") as browser:
            page = await browser.post("/proposals/prp_1", data={"what": "reject"})
            assert str(NOTE) in clean(page)


class TestVersions:
    async def test_what_was_accepted_into_a_version(self, shown: Shown) -> None:
        """Of a version that was made with a withheld proposal neither change nor reason is told."""
        await _proposals(shown)
        patches = [{"kind": "rule", "when": "true", "set": {"text": QUOTE}, "id": "prp_2"}]
        content = json.dumps(patches).encode()
        digest = hashlib.sha256(content).hexdigest()
        await _store(shown, ARTIFACT_OF, hash=digest, content=content)
        await _store(shown, BEHAVIOUR, artifacts=Jsonb({ARTIFACT: digest}))
        await _store(shown, SECOND)
        path = f"/usecases/{NAME}/versions"
        await both(shown, f"{path}/1..2", f"{path}/2", api=True)
        await both(shown, f"{path}/1..2")


class TestExamples:
    async def test_the_page_and_the_api(self, shown: Shown) -> None:
        await _examples(shown)
        path = f"/usecases/{NAME}/examples/quality"
        whole = (await shown.site.shop.get(path)).json()["quality"]
        [answer] = await both(shown, path, api=True)
        told = answer.json()["quality"]
        for name in ("examples", "contradictory", "repeated"):
            assert told[name] == whole[name]
        assert len(told["contradictions"]) == len(whole["contradictions"]) == 1
        assert told["repetitions"][0]["output"]["text"] == str(NOTE)
        await both(shown, path)


class TestDeliveries:
    async def test_the_page_the_api_and_the_exports(self, shown: Shown) -> None:
        await _delivery(shown)
        path = f"/usecases/{NAME}/deliveries"
        _listed, one = await both(shown, path, "/deliveries/dlv_1", api=True)
        delivery = one.json()["delivery"]
        assert (delivery["content_hash"], delivery["key"]) == (None, None)
        exports = [f"{path}/export.{form}?state=people" for form in FORMATS]
        page, *_files = await both(shown, "/deliveries/dlv_1", path, *exports)
        assert 'value="approve"' not in page.text

    async def test_who_cannot_read_it_does_not_approve_it(self, shown: Shown) -> None:
        await _delivery(shown)
        body = {"what": "approve", "hash": "a" * 64}
        refused = await shown.site.reviewer.post("/deliveries/dlv_1/resolve", json=body)
        await problem(refused, 409, "approval_invalid")
        async with browsing(shown.site, "reviewer") as browser:
            page = await browser.post("/deliveries/dlv_1", data=body)
            assert (page.status_code, QUOTE in page.text) == (409, False)
            assert "Ask a member of the group" in words(page)


class TestLabels:
    async def test_the_text_of_an_answer_is_none(self, shown: Shown) -> None:
        for person in (shown.site.shop, shown.site.reviewer):
            answer = await person.get(f"/usecases/{NAME}/labels")
            assert (answer.status_code, answer.json()["known"]) == (200, {})

    async def test_one_that_waits(self, shown: Shown) -> None:
        site = shown.site
        task = await submitted(site.shop, "What is paid to a zebra keeper?")
        answer = await hidden_answer(site)
        held = {"id": "hld_1", "name": NAME, "task": task, "review": await review_of(site, task)}
        labels = Jsonb([{"field": "text", "value": answer["text"]}])
        await _store(shown, HELD, **held, output=Jsonb(answer), labels=labels)
        [listed] = await both(shown, f"/usecases/{NAME}/labels", api=True)
        [label] = listed.json()["waiting"]
        assert (label["field"], label["value"], label["verdicts"]) == ("text", str(NOTE), 1)


@pytest.fixture
async def labelled(settings: Settings, folders: Folders, url: str) -> AsyncIterator[Site]:
    """A use case that compares the texts of answers as labels; ``ana`` and ``shop`` are members."""
    folders.write()
    root = settings.usecases / NAME
    root.mkdir(parents=True)
    labels = 'labels={"text": ["Nobody knows."]},\n    library=Library('
    text = declaration().replace("library=Library(", labels, 1)
    (root / "usecase.py").write_text(text, encoding="utf-8")
    libraries.write(root, FILES)
    async with serving(settings, url) as site:
        await Shelf(site.app, root).ingest()
        for person in ("ana", "shop"):
            await site.app.libraries.access.add(NAME, library(site), "hr", person, by="ana")
        yield site


async def test_the_notice_of_a_label_does_not_name_it(labelled: Site) -> None:
    """Everybody of the pod reads notices, also who may not read what the answer cites."""
    site = labelled
    task = await submitted(site.shop)
    held = await site.app.new_labels.give(
        site.app.deployments.get(NAME).loaded.declared,
        await review_of(site, task),
        VerdictKind.CORRECT,
        new_labels=True,
        confirms=False,
        reviewer="ana",
        output=await hidden_answer(site),
    )
    assert isinstance(held, HeldVerdict)
    told = await site.reviewer.get(f"/usecases/{NAME}/notices")
    [notice] = told.json()["notices"]
    assert "ana gave a value of text that was never seen before" in notice["text"]
    clean(told)
    [waiting] = (await site.shop.get(f"/usecases/{NAME}/labels")).json()["waiting"]
    assert QUOTE in waiting["value"]


async def test_no_label_that_is_hidden_is_suggested(labelled: Site) -> None:
    """The refusal of an unknown label names the nearest one that the reviewer may read."""
    site = labelled
    answer = await hidden_answer(site)
    task = await submitted(site.shop)
    facts = {"id": "exm_1", "name": NAME, "input": Jsonb({"question": "Pay?"}), "task": task}
    await site.app.database.fetch(EXAMPLE, {**facts, "output": Jsonb(answer)})
    leave = "How many days of leave in a year?"
    await site.app.members.grant("ben", NAME, "requester", by="test")
    token = await site.app.people.issue_token("ben")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=f"{site.address}/v1", headers=headers) as ben:
        reviews = [await review_of(site, await submitted(ben, leave)) for _person in range(2)]
    typed = answer["text"].replace(QUOTE, "91230")

    async def given(client: httpx2.AsyncClient, text: str) -> httpx2.Response:
        output = {"route": "answer", "text": text, "citations": []}
        body = {"verdict": "correct", "output": output}
        review = reviews[client is site.shop]
        await client.post(f"/reviews/{review}/claim")
        return await client.post(f"/reviews/{review}/verdict", json=body)

    told = [
        await given(site.shop, typed),
        await given(site.reviewer, typed),
        await given(site.reviewer, "Nobody knowz."),
    ]
    suggested = []
    for refused in told:
        await problem(refused, 422, "label_unknown")
        suggested.append(refused.json()["labels"][0]["suggestion"])
    assert suggested == [answer["text"], None, "Nobody knows."]
    assert all(QUOTE not in refused.text for refused in told[1:])


class TestIncidents:
    async def test_the_page_the_file_and_the_api(self, shown: Shown) -> None:
        await _delivery(shown)
        declared = await _incident(shown)
        path = f"/usecases/{NAME}/incidents/{declared['incident']}"
        [record] = await both(shown, path, api=True)
        assert record.json()["summary"] == declared["summary"]
        assert len(record.json()["changes"]) == len(declared["changes"]) > 0
        [effect] = record.json()["effects"]
        assert (effect["state"], effect["key"], effect["withheld"]) == ("held", None, True)
        await both(shown, f"{path}/file")


async def test_commands_show_what_their_person_may_read(
    shown: Shown, settings: Settings, url: str
) -> None:
    outcome = await _report(shown, output=await hidden_answer(shown.site))
    for store in (_release, _proof, _proposals, _examples, _delivery):
        await store(shown)
    terminal = Terminal(settings.usecases.parent, url)
    terminal.environment["ROADBED_USECASES"] = str(settings.usecases)
    commands = {
        "outcome": ("outcome", NAME),
        "trust": ("trust", NAME),
        "notebook": ("notebook", NAME),
        "proposals": ("proposals", "list", NAME),
        "proposal": ("proposals", "show", "prp_1"),
        "quality": ("proposals", "quality", NAME),
        "releases": ("release", "list", NAME),
        "release": ("release", "show", NAME),
        "deliveries": ("deliver", "list", NAME),
        "delivery": ("deliver", "show", "dlv_1"),
    }
    for command, words_of in commands.items():
        for person, reads in (("shop", True), ("reviewer", False)):
            terminal.environment[AS] = person
            told = await asyncio.to_thread(terminal.run, *words_of, "--json")
            assert (QUOTE in told) is reads, f"{command} as {person}"
            assert (str(NOTE) in told) is not reads, f"{command} as {person}"
    assert outcome


async def test_no_address_says_it(shown: Shown) -> None:
    """Every page and every address of the API that can be read, with one of everything stored."""
    await _report(shown, output=await hidden_answer(shown.site))
    for store in (_release, _proof, _proposals, _examples, _delivery):
        await store(shown)
    filled = {**shown.filled, "incident_id": (await _incident(shown))["incident"]}
    paths = {route.path for route in pages() if "GET" in (route.methods or ())}
    leaks, read = {}, 0
    async with browsing(shown.site, "reviewer") as browser:
        for path in sorted(paths - {"/live", "/sign-in", "/sign-out"}):
            answer = await browser.get(_filled(path, filled))
            read += answer.status_code == 200
            if re.search(_TRACES, answer.text):
                leaks[path] = _around(answer.text)
        assert read > 40
    read = 0
    routes = [route for route in create_api().routes if isinstance(route, APIRoute)]
    for route in routes:
        if "GET" in (route.methods or ()):
            answer = await shown.site.reviewer.get(_filled(route.path, filled))
            read += answer.status_code == 200
            if re.search(_TRACES, answer.text):
                leaks[f"api {route.path}"] = _around(answer.text)
    assert read > 20
    assert leaks == {}, json.dumps(leaks, indent=1)


def _around(text: str) -> list[str]:
    """What stands around each trace in a text."""
    return [text[max(at.start() - 90, 0) : at.end() + 30] for at in re.finditer(_TRACES, text)]


def _filled(path: str, filled: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda part: filled.get(part[1], "none"), path)


async def test_who_joins_the_group_reads_all_of_it(shown: Shown) -> None:
    await _release(shown)
    await shown.site.app.libraries.access.add(NAME, library(shown.site), "hr", "reviewer", by="ana")
    for client in (shown.site.shop, shown.site.reviewer):
        release = await client.get("/releases/rel_1")
        assert QUOTE in release.text
        assert str(NOTE) not in release.text
    async with browsing(shown.site, "reviewer") as browser:
        assert QUOTE in words(await browser.get("/releases/rel_1/cases"))
