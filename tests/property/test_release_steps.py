"""Any person does any release step in any order: the invariants hold."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Coroutine
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Literal
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions.model import Route
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.settings import Settings
from roadbed.storage.embedded import EmbeddedServer
from roadbed.usecases.loader import load
from roadbed.versions.model import Release
from tests.conftest import Folders
from tests.databases import database
from tests.release_steps import traffic, write

PEOPLE = st.sampled_from(["ana", "ben", "chi", "dev", "eve"])
ROLLOUT = (
    "shadow_tasks=2, canary_tasks=3, canary_share=0.5, "
    "gate=Gate(worse_by=0.06, fewest=20, slower_by=50.0)"
)
VERSIONS = st.sampled_from(["pass", "queue = queue", "queue = queue + ''", "queue = 'x'"])


class Anybody(RuleBasedStateMachine):
    """``server`` and ``parent`` are set by the test."""

    server: EmbeddedServer
    parent: Path
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.database = database(self.server)
        url = self.database.__enter__()
        home = self.parent / uuid4().hex
        self.folders = Folders(home / "usecases")
        self.opened = open_app(
            Settings(usecases=self.folders.parent, audit_dir=home / "audit", port=0), url
        )
        self.epochs = (0, 0)
        self.asked = 10_000
        self.once_live: set[str] = set()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def attempt(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result, or ``None`` if it was refused with a reason and a remedy."""
        with contextlib.suppress(RoadbedError):
            return self.run(work)
        return None

    @initialize()
    def begin(self) -> None:
        self._write("pass")
        self.app: App = self.run(self.opened.__aenter__())
        for name in ("ana", "dev"):  # otherwise the names that the folder declares have no accounts
            self.run(self.app.members.add(name, by="test"))

    def teardown(self) -> None:
        history = self.run(self.app.releases.history("triage"))
        self.seen.update(entry.step for entry in history)
        self.seen["canary begun"] += sum(item.canary_at is not None for item in history)
        self.run(self.opened.__aexit__(None, None, None))
        self.loop.close()
        self.database.__exit__(None, None, None)

    @rule(person=PEOPLE, decide=VERSIONS)
    def plan(self, person: str, decide: str) -> None:
        self._write(decide)
        loaded = load(self.folders.parent / "triage")
        self.run(self.app.deployer.register(loaded))
        self.run(self.app.deployments.add(loaded))
        self.attempt(self.app.releases.plan("triage", actor=person))

    @rule(person=PEOPLE)
    def plan_the_first_again(self, person: str) -> None:
        self.attempt(self.app.releases.plan("triage", actor=person, version="1"))

    @precondition(lambda self: self.current())
    @rule(person=PEOPLE)
    def gate(self, person: str) -> None:
        self.attempt(self.app.releases.gate(self.current().id, actor=person))

    @precondition(lambda self: self.current() and self.current().content)
    @rule(person=PEOPLE, verdict=st.sampled_from(["approve", "approve", "approve", "refuse"]))
    def sign(self, person: str, verdict: Literal["approve", "refuse"]) -> None:
        release = self.current()
        signing = self.app.releases.sign(
            release.id, person=person, verdict=verdict, content=release.content or ""
        )
        if self.attempt(signing):
            assert person != release.author
            assert person in ("ana", "dev")

    @precondition(lambda self: self.current() and self.current().content)
    @rule()
    def both_sign(self) -> None:
        self.sign("ana", "approve")
        self.sign("dev", "approve")

    @precondition(lambda self: self.current() and self.current().sign_offs)
    @rule(person=PEOPLE)
    def take_back(self, person: str) -> None:
        self.attempt(self.app.releases.withdraw_sign_off(self.current().id, person=person))

    @precondition(lambda self: self.current())
    @rule(person=PEOPLE)
    def go_on(self, person: str) -> None:
        """Any possible next step."""
        release = self.current()
        verbs = {
            "gate": self.app.releases.gate,
            "shadow": self.app.releases.shadow,
            "canary": self.app.releases.canary,
        }
        if release.next in verbs:
            self.attempt(verbs[release.next](release.id, actor=person))
        else:
            self.promote(person)

    @precondition(lambda self: self.current())
    @rule(steps=st.integers(1, 8))
    def climb(self, steps: int) -> None:
        """Some of the steps towards promotion."""
        for _ in range(steps):
            release = self.current()
            if release is None:
                return
            if release.next == "sign":
                self.both_sign()
            if release.waits_for == "traffic":
                self.work()
                self.run(self.app.releases.check_trial(release.id))
            self.go_on("ben")

    @rule(decide=VERSIONS, steps=st.integers(4, 8))
    def plan_and_climb(self, decide: str, steps: int) -> None:
        self.plan("ben", decide)
        if self.current():
            self.climb(steps)

    @precondition(lambda self: self.current())
    @rule(person=PEOPLE)
    def promote(self, person: str) -> None:
        release = self.current()
        halted = self.app.deployments.get("triage").halted
        if self.attempt(self.app.releases.promote(release.id, actor=person)):
            assert not halted
            words = [off for off in release.sign_offs if off.counts]
            assert {word.role for word in words} == {"domain_lead", "risk_partner"}
            assert len({item.person for item in words} - {release.author}) == 2
            assert {entry.verdict for entry in words} == {"approve"}
            self.once_live.add(str(release.version))
            self.seen["promoted"] += 1

    @rule(person=PEOPLE)
    def roll_back(self, person: str) -> None:
        self.attempt(self.app.releases.roll_back("triage", actor=person, why="whatever"))

    @precondition(lambda self: self.current())
    @rule(person=PEOPLE)
    def withdraw(self, person: str) -> None:
        self.attempt(self.app.releases.withdraw(self.current().id, actor=person, why="whatever"))

    @rule(person=PEOPLE)
    def halt(self, person: str) -> None:
        self.run(self.app.halts.halt("triage", reason="whatever", actor=person))
        self.run(self.app.deployments.refresh("triage"))

    @rule(person=PEOPLE)
    def resume(self, person: str) -> None:
        for item in (person, "eve" if person != "eve" else "ana"):
            self.attempt(self.app.halts.resume("triage", actor=item))
        self.run(self.app.deployments.refresh("triage"))

    @rule()
    def work(self) -> None:
        service = self.app.deployments.get("triage")
        decisions = self.run(traffic(self.app, range(self.asked, self.asked + 6)))
        self.asked += 6
        allowed = {service.live.id}
        if service.trial is not None and service.trial.step == "canary":
            allowed.add(service.trial.version.id)
        for decision in decisions:
            assert decision.version in allowed
            assert decision.routed.route is not Route.AUTOMATIC or not service.halted

    @invariant()
    def at_most_one_is_live_and_one_under_way(self) -> None:
        history = self.run(self.app.releases.history("triage"))
        steps = [entry.step for entry in history]
        assert steps.count("live") <= 1
        assert sum(step in ("planned", "gated", "shadow", "canary") for step in steps) <= 1
        assert [item.number for item in history] == list(range(len(history), 0, -1))
        live = [element.version for element in history if element.step == "live"]
        row = self.run(self.app.database.fetch_one("SELECT * FROM use_case"))
        assert not live or live == [row["live_version"]]
        # What decides by itself was signed when it went live, then or before.
        assert row["threshold"] is None or row["live_version"] in self.once_live
        epochs = (row["halt_epoch"], row["release_epoch"])
        assert epochs[0] >= self.epochs[0]
        assert epochs[1] >= self.epochs[1]
        self.epochs = epochs

    def current(self) -> Release:
        return self.run(self.app.releases.current("triage"))  # type: ignore[no-any-return]

    def _write(self, decide: str) -> None:
        write(self.folders, decide, rollout=ROLLOUT, count=400)
        path = self.folders.parent / "triage" / "usecase.py"
        path.write_text(path.read_text().replace("risk_limit=0.02", "risk_limit=0.1"))


def sql_of(migration: str) -> str:
    folder = files("roadbed.storage.migrations") / "versions"
    return (folder / f"{migration}.sql").read_text(encoding="utf-8")


@pytest.mark.usefixtures("unmeasured")
def test_an_edited_folder_replaces_no_release_even_if_it_automates_nothing(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    Anybody.server, Anybody.parent = server, tmp_path
    state = Anybody()
    state.begin()
    try:
        state.plan_and_climb(decide="queue = 'x'", steps=8)
        [release] = state.run(state.app.releases.history("triage"))
        assert (release.step, release.version is not None) == ("live", True)
        assert state.app.deployments.get("triage").live.threshold is None
        write(state.folders, "pass", rollout="sign_offs=()", count=400)
        loaded = load(state.folders.parent / "triage")
        state.run(state.app.deployer.register(loaded))
        state.run(state.app.deployments.add(loaded))
        planned = state.run(state.app.releases.plan("triage", actor="ben"))
        assert set(planned.plan["sign_offs"]) == {"domain_lead", "risk_partner"}
        state.at_most_one_is_live_and_one_under_way()
        # What stood there before the stage followed the release is put right.
        state.run(state.app.database.fetch("UPDATE use_case SET stage = 'proof'"))
        state.run(state.app.database.fetch(sql_of("m0027_released_is_live")))
        row = state.run(state.app.database.fetch_one("SELECT stage FROM use_case"))
        assert row == {"stage": "live"}
    finally:
        state.teardown()


@pytest.mark.usefixtures("unmeasured")
def test_whatever_anybody_does(server: EmbeddedServer, tmp_path: Path) -> None:
    Anybody.server, Anybody.parent = server, tmp_path
    run_state_machine_as_test(
        Anybody,
        settings=settings(
            max_examples=int(os.environ.get("RELEASE_STEPS", "8")),
            stateful_step_count=25,
            derandomize="RELEASE_STEPS" not in os.environ,
            print_blob=True,
        ),
    )
    print(dict(Anybody.seen))
    # Which of the rarer steps a run of this length meets is a matter of its seed.
    assert Anybody.seen["promoted"] > 0
