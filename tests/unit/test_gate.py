"""The gate: its measures, its limits, and external checks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.decisions.model import Reason
from roadbed.examples.model import KnownCase
from roadbed.insight.stage_clock import stage_timeline
from roadbed.kernel.settings import Settings
from roadbed.releases import criteria, external_checks, lifecycle, trial_statistics
from roadbed.releases.errors import RollBackError
from roadbed.releases.report_presentation import criterion_row
from roadbed.risk.paired import difference, smallest_sample
from roadbed.scoring.content import Content
from roadbed.scoring.scorers import Truth, is_wrong
from roadbed.versions.side_by_side import Pair, Prediction, score_of
from tests.conftest import Folders
from tests.release_steps import AT_ONCE, edit, gated, label_one, live, signed, traffic, write
from tests.unit.test_usecases import declare


class Output(BaseModel):
    q: int


DECLARED = declare(output=Output)
LIMITS = {"worse_by": 0.01, "slice_worse_by": 0.05, "slower_by": 2.0, "dearer_by": 1.5}


@pytest.fixture
async def app(settings: Settings, folders: Folders, url: str) -> AsyncIterator[App]:
    write(folders)
    async with open_app(settings, url) as opened:
        yield opened


def said(*, wrong: bool = False, automatic: bool = False, by_rule: bool = False) -> Prediction:
    return Prediction(
        output={"queue": "x"},
        actions=(),
        content="wrong" if wrong else "right",
        provenance={},
        confidence=0.9,
        loss=float(wrong),
        why="",
        wrong=wrong,
        by_rule=by_rule,
        automatic=automatic,
        seconds=0.01,
        cost=0.001,
    )


def pairs(
    counts: dict[tuple[bool, bool], int], *, corrected: bool = False, region: str = "north"
) -> list[Pair]:
    """So many items on which the live version and the candidate are (wrong, wrong)."""
    return [
        Pair(
            item=KnownCase(
                id=f"exa_{n}",
                task_id=None,
                content={"region": region},
                truth=Truth(right=Content(output={"queue": "y"})),
                judges=True,
                reference=True,
                corrected=corrected,
                drawn_at=datetime(2026, 1, 1, tzinfo=UTC),
            ),
            live=said(wrong=old),
            candidate=said(wrong=new),
        )
        for (old, new), many in counts.items()
        for n in range(many)
    ]


def content(output: dict[str, Any] | None) -> Content | None:
    return None if output is None else Content(output=output)


class TestInterval:
    @pytest.mark.usefixtures("unmeasured")
    @pytest.mark.parametrize(
        ("fixed", "broken", "n"),
        [
            (0.02, 0.02, 300),
            (0.05, 0.01, 100),
            (0.0, 0.01, 400),
            (0.01, 0.02, 1000),
            (0.1, 0.1, 50),
            (0.005, 0.005, 600),
        ],
    )
    def test_each_end_holds_about_as_often_as_it_says(
        self, fixed: float, broken: float, n: int
    ) -> None:
        chance = np.random.default_rng(20)
        repeats, true = 2000, broken - fixed
        drawn = chance.multinomial(n, [fixed, broken, 1.0 - fixed - broken], size=repeats)
        results = [
            difference(n=n, fixed=int(f), broken=int(b), certainty=0.95) for f, b, _ in drawn
        ]
        above = sum(item.upper < true for item in results) / repeats
        below = sum(entry.lower > true for entry in results) / repeats
        print(f"missed above {above:.3f}, below {below:.3f}")
        assert above <= 0.08
        assert below <= 0.09

    def test_it_has_a_width_where_nothing_differs(self) -> None:
        result = difference(n=100, fixed=0, broken=0, certainty=0.95)
        assert -result.lower == pytest.approx(result.upper)
        assert result.upper == pytest.approx(0.0264, abs=1e-3)
        needed = smallest_sample(0.01, 0.95)
        assert difference(n=needed, fixed=0, broken=0, certainty=0.95).upper <= 0.01
        assert difference(n=needed - 2, fixed=0, broken=0, certainty=0.95).upper > 0.01

    def test_nothing_is_known_of_nothing(self) -> None:
        result = difference(n=0, fixed=0, broken=0, certainty=0.95)
        assert (result.lower, result.upper) == (-1.0, 1.0)


class TestCriteria:
    def test_more_errors_than_allowed_fail_with_figures(self) -> None:
        given = pairs({(False, False): 950, (False, True): 30, (True, False): 5, (True, True): 15})
        result = criteria.paired(given, 0.95)
        live = criteria.figures([item.live for item in given if item.live])
        new = criteria.figures([entry.candidate for entry in given])
        line = criteria.errors(live, new, result, 0.01)
        assert not line["passed"]
        assert line["line"].startswith("wrong on 4.5 % instead of 2 %: +2.5 % (+1.6 % to +3.6 %, ")
        assert "5 fixed, 30 broken), at most +1 % is allowed" in line["line"]

    def test_too_few_items_say_how_many_would_do(self) -> None:
        result = criteria.paired(pairs({(False, False): 60}), 0.95)
        line = criteria.errors({"error": 0.0}, {"error": 0.0}, result, 0.01)
        assert not line["passed"]
        assert "without any difference 268 items show it" in line["line"]

    def test_a_slice_that_is_worse_fails_and_a_small_one_is_only_named(self) -> None:
        given = [
            *pairs({(False, False): 300}, region="north"),
            *pairs({(False, False): 80, (False, True): 20}, region="south"),
            *pairs({(False, False): 9, (False, True): 1}, region="west"),
            *pairs({(False, True): 9}, region="east"),
        ]
        results = {
            slice_["name"]: slice_
            for slice_ in criteria.slices(given, lambda content: dict(content), 0.05, 0.95)
        }
        passed = {name.split()[-1]: result["passed"] for name, result in results.items()}
        assert passed == {"north": True, "south": False, "west": True, "east": False}
        assert "too few to judge it by itself" in results["slice region = west"]["line"]

    def test_more_corrections_broken_than_fixed_fail(self) -> None:
        given = pairs({(True, False): 31, (False, True): 2}, corrected=True)
        figures, line = criteria.corrections(given)
        assert line is not None
        assert "it fixes 31 and breaks 2" in line["line"]
        assert (line["passed"], figures["unseen"]["fixed"]) == (True, 31)
        _, line = criteria.corrections(pairs({(False, True): 1}, corrected=True))
        assert line is not None
        assert not line["passed"]
        assert criteria.corrections(pairs({(True, False): 3}))[1] is None

    @pytest.mark.parametrize(
        ("live", "candidate", "passed"),
        [(0.6, 0.61, True), (0.6, 0.3, True), (0.61, 0.12, False), (0.0, 0.0, True)],
    )
    def test_far_less_automation_fails(self, live: float, candidate: float, passed: bool) -> None:
        line = criteria.coverage(
            {"automatic": live}, {"automatic": candidate}, automatic=True, n=40
        )
        assert line["passed"] is passed
        if not passed:
            assert "would automate 12 % instead of 61 %" in line["line"]

    def test_what_proves_nothing_may_pass_while_nothing_is_automatic(self) -> None:
        line = criteria.coverage({}, {"automatic": 0.0}, automatic=False, n=40)
        assert (line["passed"], "would propose only" in line["line"]) == (True, True)

    def test_a_share_that_would_be_automatic_has_its_count(self) -> None:
        line = criteria.coverage({}, {"automatic": 0.5}, automatic=False, n=1234)
        assert line["n"] == 1234
        assert "would automate 50 % (n = 1,234)" in line["line"]

    def test_without_items_nothing_is_known_of_the_share(self) -> None:
        line = criteria.coverage({}, {"automatic": 0.0}, automatic=False, n=0)
        assert "nothing is known" in line["line"]
        row = criterion_row(line, {})
        assert (row["result"], row["measured"]) == ("○ nothing is known", "–")

    @pytest.mark.parametrize(
        ("live", "candidate", "passed"),
        [
            (0.2, 0.39, True),
            (0.2, 0.41, False),
            (0.001, 0.09, True),
            (0.001, 0.2, False),
            (None, 4.0, True),
            (None, 6.0, False),
        ],
    )
    def test_pace(self, live: float | None, candidate: float, passed: bool) -> None:
        before = criteria.Figures(p95_seconds=live, mean_cost=None)
        held = criteria.limits(before, LIMITS, deadline=5.0, per_task=None)
        after = criteria.Figures(p95_seconds=candidate, asked=9, asked_twice=0)
        assert criteria.pace(before, after, held["seconds"])["passed"] is passed

    @pytest.mark.parametrize(
        ("live", "budget", "candidate", "passed"),
        [
            (0.01, None, 0.014, True),
            (0.01, None, 0.016, False),
            (0.01, None, None, False),
            (0.0, 0.05, 0.04, True),
            (0.0, 0.05, 0.06, False),
            (0.0, None, 3.0, True),
            (None, None, None, True),
        ],
    )
    def test_price(
        self, live: float | None, budget: float | None, candidate: float | None, passed: bool
    ) -> None:
        before = criteria.Figures(p95_seconds=0.1, mean_cost=live)
        held = criteria.limits(before, LIMITS, deadline=5.0, per_task=budget)
        after = criteria.Figures(mean_cost=candidate, asked=9, asked_twice=0)
        assert criteria.price(before, after, held["cost"])["passed"] is passed

    def test_a_rule_that_came_first_is_no_answer_of_either(self) -> None:
        [given] = pairs({(False, True): 1})
        ruled = Pair(item=given.item, live=given.live, candidate=said(wrong=True, by_rule=True))
        assert criteria.paired([ruled], 0.95).n == 0
        assert criteria.cases([ruled]) == {"fixed": [], "broken": []}

    @pytest.mark.parametrize(
        ("output", "code", "right", "wrong"),
        [
            ({"q": 1}, None, {"q": 1}, False),
            ({"q": 1}, None, None, True),
            (None, Reason.UNSURE, None, False),
            (None, Reason.DECIDER_FAILED, None, True),
            (None, Reason.UNSURE, {"q": 1}, True),
        ],
    )
    def test_no_answer_is_right_only_where_none_would_be(
        self, output: Any, code: str | None, right: Any, wrong: bool
    ) -> None:
        score = score_of(DECLARED, content(output), code, Truth(right=content(right)), {})
        assert is_wrong(score) is wrong


class TestOnData:
    async def test_corrections_are_told_apart_by_whether_they_taught(
        self, app: App, folders: Folders
    ) -> None:
        await edit(app, folders, 'queue = queue if n != 4001 else "elsewhere"')
        await live(app)
        for n in (4001, 4002):
            [decision] = await traffic(app, [n])
            if decision.review_id is None:
                continue
            await label_one(app, decision, n)
        await app.database.fetch("UPDATE use_case SET reference_rate = 1.0")
        await app.deployments.refresh("triage")
        [decision] = await traffic(app, [4001])
        await label_one(app, decision, 4001)
        await edit(app, folders)
        release = await gated(app)
        assert release.gate is not None
        assert release.gate["corrections"]["all"]["fixed"] >= 1
        assert release.gate["corrections"]["all"]["broken"] == 0
        assert any(
            case["corrected"] and case["candidate"] == {"queue": "odd"}
            for case in release.gate["cases"]["fixed"]
        )

    async def test_a_changed_limit_is_shown_to_signers(self, app: App, folders: Folders) -> None:
        await live(app)
        await edit(app, folders, "queue = queue")
        path = folders.parent / "triage" / "usecase.py"
        path.write_text(path.read_text().replace("risk_limit=0.02", "risk_limit=0.2"))
        from roadbed.usecases.loader import load

        loaded = load(folders.parent / "triage")
        await app.deployer.register(loaded)
        await app.deployments.add(loaded)
        release = await gated(app)
        assert release.gate is not None
        assert release.gate["declares"] == [{"field": "risk_limit", "live": 0.02, "candidate": 0.2}]

    async def test_the_content_can_be_hashed_again_from_the_database(self, app: App) -> None:
        release = await gated(app)
        assert release.certificate is not None
        assert release.gate is not None
        assert release.content == lifecycle.content_of(
            behaviour=release.behaviour,
            threshold=release.certificate["threshold"],
            certificate=release.certificate["id"],
            plan=release.plan,
            gate=release.gate,
        )
        again = await app.releases.gate(release.id, actor="ben")
        assert again.content != release.content


@dataclass
class Judge:
    """An HTTP server that judges candidates."""

    url: str = ""
    answer: bytes = b'{"pass": true, "reason": "fine"}'
    status: int = 200
    seconds: float = 0.0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def judging() -> Iterator[Judge]:
    result = Judge()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            result.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            time.sleep(result.seconds)
            self.send_response(result.status)
            self.end_headers()
            self.wfile.write(result.answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    result.url = f"http://127.0.0.1:{server.server_port}/judge"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield result
    server.shutdown()
    server.server_close()


class TestOutsideChecks:
    async def test_a_yes_passes_and_is_asked_for_with_a_signature(
        self, settings: Settings, folders: Folders, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JUDGE_KEY", "shared secret")
        with judging() as judge:
            write(folders, rollout=f"{AT_ONCE}, gate=Gate(checks=({_check(judge.url)},))")
            async with open_app(settings, url) as app:
                release = await gated(app)
        assert release.step == "gated"
        assert release.gate is not None
        rows = release.gate["criteria"]
        [check] = [criterion for criterion in rows if "check" in criterion["name"]]
        assert (check["passed"], check["line"]) == (True, "law says yes: fine")
        assert "JUDGE_KEY" not in json.dumps(release.plan)
        [(headers, body)] = judge.got
        told = json.loads(body)
        assert (told["release"], told["behaviour"]) == (release.id, release.behaviour)
        assert told["gate"]["candidate"]["wrong"] == 0
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.new(b"shared secret", signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"

    @pytest.mark.parametrize(
        ("status", "answer", "why"),
        [
            (200, b'{"pass": false, "reason": "no impact assessment"}', "no impact assessment"),
            (200, b'{"pass": "yes"}', "does not say"),
            (200, b"yes", "is no JSON"),
            (200, b"[true]", "does not say"),
            (500, b'{"pass": true}', "it answered 500"),
        ],
    )
    async def test_anything_else_is_a_no(
        self,
        settings: Settings,
        folders: Folders,
        url: str,
        monkeypatch: pytest.MonkeyPatch,
        status: int,
        answer: bytes,
        why: str,
    ) -> None:
        monkeypatch.setenv("JUDGE_KEY", "shared secret")
        with judging() as judge:
            judge.status, judge.answer = status, answer
            write(folders, rollout=f"{AT_ONCE}, gate=Gate(checks=({_check(judge.url)},))")
            async with open_app(settings, url) as app:
                release = await gated(app)
        assert release.step == "failed"
        assert why in (release.ended_why or "")

    async def test_one_that_thinks_too_long_did_not_say_yes(
        self, settings: Settings, folders: Folders, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JUDGE_KEY", "shared secret")
        monkeypatch.setattr(external_checks, "_SECONDS", 0.2)
        with judging() as judge:
            judge.seconds = 1.0
            write(folders, rollout=f"{AT_ONCE}, gate=Gate(checks=({_check(judge.url)},))")
            async with open_app(settings, url) as app:
                release = await gated(app)
        assert release.step == "failed"
        assert "No whole answer came within 0.2 s" in (release.ended_why or "")

    async def test_nobody_there_and_no_private_address_unless_declared(
        self, settings: Settings, folders: Folders, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JUDGE_KEY", "shared secret")
        nobody = _check("http://127.0.0.1:9/")
        inside = 'Check(name="inside", url="http://127.0.0.1:9/")'
        write(folders, rollout=f"{AT_ONCE}, gate=Gate(checks=({nobody}, {inside}))")
        async with open_app(settings, url) as app:
            release = await gated(app)
        assert release.step == "failed"
        said = {criterion["name"]: criterion["line"] for criterion in release.gate["criteria"]}  # type: ignore[index]
        assert "it could not be asked: 127.0.0.1" in said["check law"]
        assert "may not be reached" in said["check inside"]


def _check(url: str) -> str:
    return f'Check(name="law", url="{url}", secret="JUDGE_KEY", private=True)'


# The fields of a compared task without a verdict, besides the two answers.
UNJUDGED: dict[str, Any] = {
    "live_actions": None,
    "live_content": None,
    "candidate_actions": None,
    "candidate_content": None,
    "input": {},
    "verdict": None,
    "right_output": None,
    "right_actions": None,
    "given_at": None,
    "losses": None,
    "outcome": None,
    "reported_at": None,
    "withheld": False,
    "at": datetime(2026, 1, 1, tzinfo=UTC),
}


class TestCanary:
    @pytest.mark.usefixtures("unmeasured")
    def test_an_innocent_one_is_hardly_ever_rolled_back(self) -> None:
        """At the very margin that is allowed, over all four checks together."""
        chance = np.random.default_rng(5)
        certainty, margin, runs, tasks = 0.95, 0.01, 400, 400
        delta = (1.0 - certainty) / trial_statistics.CHECKS
        fallen = 0
        for _ in range(runs):
            fell = False
            for _ in range(trial_statistics.CHECKS):
                both = chance.random((tasks, 2)) < (0.06, 0.05)
                given = [(bool(new), bool(old)) for new, old in both]
                fell = (
                    fell
                    or trial_statistics.tested_as("wrong", given, margin, delta, measure="wrong")[
                        "breached"
                    ]
                )
            fallen += fell
        print(f"{fallen} of {runs} innocent canaries fell")
        assert fallen / runs <= 1.0 - certainty

    def test_a_harmful_one_falls_soon(self) -> None:
        chance = np.random.default_rng(6)
        given = [(bool(new), bool(old)) for new, old in chance.random((400, 2)) < (0.3, 0.02)]
        result = trial_statistics.tested_as("wrong", given, 0.01, 0.0125, measure="wrong")
        assert result["breached"]
        assert result["n"] < 120
        assert "tasks the candidate" in result["line"]

    @pytest.mark.parametrize(
        ("said", "fell_for"),
        [
            (
                {"candidate_output": {"q": 1}, "candidate_reason": "proven"},
                {"slow", "dear"},
            ),
            (
                {"candidate_output": None, "candidate_reason": "decider_failed"},
                {"slow", "failing"},
            ),
        ],
    )
    def test_a_price_nobody_tells_is_no_cheaper_and_who_fails_falls_for_that(
        self, said: dict[str, Any], fell_for: set[str]
    ) -> None:
        row: Any = {
            "task_id": "tsk_1",
            "live_output": {"q": 1},
            "live_reason": "proven",
            "live_seconds": 0.1,
            "live_cost": 0.01,
            "candidate_seconds": 9.0,
            "candidate_cost": None,
            **UNJUDGED,
            **said,
        }
        result = trial_statistics.trial_report(
            [row] * 200,
            step="canary",
            plan={"margin": 0.01, "canary_tasks": 400},
            gate={"certainty": 0.95, "limits": {"seconds": 1.0, "cost": 0.015}},
            since=None,
            declared=DECLARED,
        )
        breached = {check["name"] for check in result["checks"] if check["breached"]}
        assert breached == fell_for

    def test_a_pair_without_both_times_says_nothing_of_the_pace(self) -> None:
        row: Any = {
            "task_id": "tsk_1",
            "live_output": {"q": 1},
            "live_reason": "proven",
            "live_seconds": 0.1,
            "live_cost": 0,
            "candidate_output": {"q": 1},
            "candidate_reason": "proven",
            "candidate_seconds": 9.0,
            "candidate_cost": 0,
            **UNJUDGED,
        }
        rows: list[Any] = [{**row, "candidate_seconds": None}] * 200 + [
            {**row, "live_seconds": None}
        ] * 200
        result = trial_statistics.trial_report(
            rows + [row] * 2,
            step="canary",
            plan={"margin": 0.01, "canary_tasks": 400},
            gate={"certainty": 0.95, "limits": {"seconds": 1.0, "cost": None}},
            since=None,
            declared=DECLARED,
        )
        [slow] = [check for check in result["checks"] if check["name"] == "slow"]
        assert (slow["n"], slow["candidate"], slow["breached"]) == (2, 2, False)
        assert result["live"]["p95_seconds"] == 0.1
        assert result["candidate"]["p95_seconds"] == 9.0


def test_the_road_adds_up() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)

    def event(kind: str, days: float, **more: Any) -> Any:
        blank = {"stage": None, "waits_for": None, "release": None, "actor": "ana"}
        return {**blank, "kind": kind, "at": began + timedelta(days=days), **more}

    events = [
        event("stage", 0, stage="idea"),
        event("stage", 2, stage="proof"),
        event("wait_began", 3, waits_for="labels"),
        event("wait_ended", 8, waits_for="labels"),
        event("stage", 10, stage="gate"),
        event("wait_began", 11, waits_for="risk_partner"),
        event("stage", 20, stage="live"),
    ]
    result = stage_timeline("triage", events, began + timedelta(days=30))
    assert [(stage.name, stage.days) for stage in result.stages] == [
        ("idea", 2.0),
        ("proof", 8.0),
        ("gate", 10.0),
        ("live", 10.0),
    ]
    assert (result.proof.days, result.proof.of_days) == (10.0, 14.0)
    assert (result.production.days, result.production.of_days) == (20.0, 56.0)
    assert [(item.waits_for, item.seconds) for item in result.waiting] == [
        ("risk_partner", 19 * 86_400.0)
    ]
    assert stage_timeline("triage", [], began).stage == "idea"


@pytest.mark.usefixtures("unmeasured")
async def test_a_gate_of_ten_thousand_examples_takes_less_than_a_minute(
    settings: Settings, folders: Folders, url: str
) -> None:
    folder = folders.write("")
    text = (folder / "usecase.py").read_text()
    text += "\nfrom roadbed.models import TextClassifier\n"
    text += 'usecase.decider(TextClassifier(text="text", label="queue"))\n'
    (folder / "usecase.py").write_text(text)
    chance = np.random.default_rng(1)
    words = {"refund": "money back charged", "truck": "parcel late driver", "login": "password app"}
    lines = [
        {
            "input": {"text": f"{' '.join(chance.choice(told.split(), 3))} {n % 9_997} please"},
            "output": {"queue": queue},
        }
        for n in range(7_000)
        for queue, told in words.items()
    ]
    (folder / "examples").mkdir()
    (folder / "examples" / "past.jsonl").write_text("\n".join(map(json.dumps, lines)))
    async with open_app(settings, url) as app:
        await app.deployer.improve(app.deployments.get("triage").loaded, actor="ana")
        release = await app.releases.plan("triage", actor="ben")
        began = time.monotonic()
        release = await app.releases.gate(release.id, actor="ben")
        took = time.monotonic() - began
        assert release.gate is not None
        asked = release.gate["candidate"]["asked"]
        print(f"gate of {asked:,} examples in {took:.1f} s")
        assert asked > 10_000
        assert took < 60.0


TRAINED = """
from pydantic import BaseModel
from roadbed import Pod, Rollout, UseCase
from roadbed.models import TextClassifier

class Inquiry(BaseModel):
    text: str
    region: str

class Routing(BaseModel):
    queue: str

usecase = UseCase(
    "triage", purpose="Send each inquiry to the team that resolves it",
    input=Inquiry, output=Routing,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    risk_limit=0.05, examples_are_random_sample=True, slices=("region",),
    rollout=Rollout(shadow_tasks=0, canary_tasks=0),
)
usecase.decider(TextClassifier(text="text", label="queue"))
"""


async def test_a_first_trained_version_is_planned_here_and_gated_in_another_process(
    settings: Settings, folders: Folders, url: str
) -> None:
    folder = folders.parent / "triage"
    (folder / "examples").mkdir(parents=True)
    (folder / "usecase.py").write_text(TRAINED)
    words = {"returns": "send back refund parcel", "billing": "invoice amount charged card"}
    lines = [
        {
            "input": {"text": f"{told} {n}", "region": "south" if n % 3 else "north"},
            "output": {"queue": queue},
        }
        for n in range(500)
        for queue, told in words.items()
    ]
    (folder / "examples" / "past.jsonl").write_text("\n".join(map(json.dumps, lines)))
    async with open_app(settings, url) as app:
        planned = await app.releases.plan("triage", actor="ben")
        assert planned.base is None
    async with open_app(settings, url) as app:
        release = await app.releases.gate(planned.id, actor="ben")
        assert release.gate is not None
        assert release.step == "gated", release.gate["criteria"]
        assert release.gate["alone"].startswith("nothing is live to compare with: wrong on")
        assert (release.gate["live"], release.gate["compared_with"]) == (None, None)
        assert release.certificate is not None
        assert release.certificate["detail"]["pooling"] is not None
        release = await app.releases.promote((await signed(app, release)).id, actor="ben")
        live_now = app.deployments.get("triage").live
        assert (live_now.id, live_now.pooling is None) == (release.version, False)
        with pytest.raises(RollBackError, match="is the first of"):
            await app.releases.roll_back("triage", actor="ana", why="back")


async def test_few_examples_prove_nothing_and_it_proposes_only(
    settings: Settings, folders: Folders, url: str
) -> None:
    write(folders, count=200, rollout=f"{AT_ONCE}, gate=Gate(worse_by=0.1)")
    async with open_app(settings, url) as app:
        release = await gated(app)
        assert release.step == "gated"
        said = [criterion["line"] for criterion in (release.gate or {})["criteria"]]
        assert "nothing is proven for it yet: it would propose only" in said
        await app.releases.promote((await signed(app, release)).id, actor="ben")
        [decision] = await traffic(app, [1])
        assert decision.routed.code is Reason.NOT_PROVEN
