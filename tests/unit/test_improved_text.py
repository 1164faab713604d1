"""What an improvement says: how many examples, and why nothing is automatic."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from roadbed.cli.proposals import _improved
from roadbed.decisions.evaluation import Evaluation
from roadbed.decisions.model import NotAnswered, Reason, Route, Routed
from roadbed.guarantee.improvement_notes import with_timeouts
from roadbed.risk.automation_state import Proof, Sign
from roadbed.risk.certificate import certify
from tests.conftest import Site


def proof(wrong: int, of: int) -> Proof:
    certificate = certify(
        confidence=np.full(of, 0.9),
        wrong=np.arange(of) < wrong,
        out_of_fold=None,
        risk_limit=0.1,
        delta=0.05,
    )
    sign = Sign.NOT_PROVEN if certificate.threshold is None else Sign.PROVEN
    return Proof(sign=sign, certificate=certificate, cautious=False, on_alarm=None)


def unanswered(code: Reason) -> Evaluation:
    routed = Routed(route=Route.REVIEW, code=code, reason="")
    answer = NotAnswered(code=code, reason="", evidence={}, cost=None)
    return Evaluation(answer=answer, actions=(), held=routed, slices={}, score=0.0, routed=routed)


def test_answers_that_came_too_late_are_part_of_the_reason() -> None:
    evaluations = [unanswered(Reason.DECIDER_TIMEOUT)] * 3 + [unanswered(Reason.UNSURE)] * 7
    why_not = with_timeouts(proof(90, 100), evaluations, 30.0).certificate.why_not
    assert why_not is not None
    assert "90 are wrong" in why_not
    assert "Of 10 reference items 3 were not answered within 30 s" in why_not


def test_a_reason_without_them_and_a_proof_stay_as_they_are() -> None:
    late = [unanswered(Reason.DECIDER_TIMEOUT)]
    for given, evaluations in (
        (proof(90, 100), [unanswered(Reason.UNSURE)]),
        (proof(0, 500), late),
    ):
        assert with_timeouts(given, evaluations, 30.0) is given


@pytest.mark.parametrize(("learned", "told"), [(1, "1 example in"), (1_234, "1,234 examples in")])
def test_one_example_is_no_plural(learned: int, told: str) -> None:
    improvement = SimpleNamespace(
        version="ver_1", number=2, learned_from=learned, seconds=1.0, note="", use_case="desk"
    )
    assert told in "\n".join(_improved(cast("Any", improvement), 0, ""))


async def test_an_improvement_that_ends_automation_says_so(site: Site) -> None:
    app = site.app
    await app.database.fetch(
        "UPDATE use_case SET state = 'open', threshold = 0.25 WHERE name = 'triage'"
    )
    improved = await app.deployer.improve(app.deployments.folder("triage"), actor="ana")
    assert "Nothing can be automatic yet" in improved.note
    assert improved.note.endswith("The version before was automatic from confidence 0.250 on.")
    again = await app.deployer.improve(app.deployments.folder("triage"), actor="ana")
    assert "before was automatic" not in again.note
