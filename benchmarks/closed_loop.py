"""The closed loop of a use case in memory: the product's classifier, routing, proofs and audit.

Only storage and people are left out: labels come at once, from the known truth. A round is decided
task by task, so that an alarm takes effect on the very next one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from roadbed.decisions import routing
from roadbed.decisions.model import Answered, LiveVersion, Route
from roadbed.models import TextClassifier
from roadbed.models.embeddings.protocol import Embeddings
from roadbed.risk.audit import RunningAudit
from roadbed.risk.automation_state import (
    AutomationState,
    Evidence,
    Proof,
    Sign,
    State,
    after_alarm,
    after_certification,
    prove,
    sign_of,
)
from roadbed.risk.novelty import KindAlarm
from roadbed.scoring.content import Content
from roadbed.scoring.scorers import Exact, Truth, assess, is_wrong
from roadbed.usecases.decider import LabelledExample, Trainable

LIMIT, DELTA = 0.02, 0.05
SEED, SIZE, ROUNDS, OUTSIDE = 1_800, 1_500, 10, 0.17
NEW_FROM, NEW_INTENTS, NEW_SHARE = 7, 15, 0.096
_KEPT = 300
Labelled = tuple[str, str | None]


class Inquiry(BaseModel):
    text: str


class Routing(BaseModel):
    queue: str


@dataclass(slots=True)
class Round:
    """The result of a round; ``best`` is the share that the best threshold would have automated."""

    tasks: int = 0
    automatic: int = 0
    wrong: int = 0
    audited: int = 0
    out_of_scope: int = 0
    leaked: int = 0
    best: float = 0.0
    alarm_at: int | None = None
    signs: list[str] = field(default_factory=list)


def read(data: Path) -> tuple[list[Labelled], list[str], list[str]]:
    """Labelled texts, out-of-scope texts and the intents of CLINC150."""
    parts = json.loads((data / "b-clinc150/data_full_train_val.json").read_text(encoding="utf-8"))
    rows: list[Labelled] = [(t, q) for part in ("train", "val") for t, q in parts[part]]
    out_of_scope = [text for part in ("oos_train", "oos_val") for text, _ in parts[part]]
    return rows, out_of_scope, sorted({str(label) for _, label in rows})


def stream(
    data: Path, seed: int, *, drift: bool
) -> tuple[list[LabelledExample], list[list[LabelledExample]]]:
    """Seed examples and ten rounds, 17 % out of scope; with drift, new intents from the 7th on."""
    rows, out_of_scope, intents = read(data)
    chance = random.Random(seed)
    hidden = chance.sample(intents, 20 + (NEW_INTENTS if drift else 0))
    untaught, coming = set(hidden[:20]), set(hidden[20:])
    inside = [(t, q) for t, q in rows if q not in untaught and q not in coming]
    new = [(t, q) for t, q in rows if q in coming]
    none: list[Labelled] = [(t, None) for t, q in rows if q in untaught]
    none += [(t, None) for t in out_of_scope]
    for pool in (inside, new, none):
        chance.shuffle(pool)
    sizes = [SEED] + [SIZE] * ROUNDS
    parts = []
    for number, size in enumerate(sizes):
        fresh = round(size * NEW_SHARE) if drift and number >= NEW_FROM else 0
        apart = round((size - fresh) * OUTSIDE)
        part: list[Labelled] = [new.pop() for _ in range(fresh)]
        part += [_draw(none, chance) for _ in range(apart)]
        part += [_draw(inside, chance) for _ in range(size - fresh - apart)]
        chance.shuffle(part)
        parts.append([_example(*item) for item in part])
    return parts[0], parts[1:]


def _draw(pool: list[Labelled], chance: random.Random) -> Labelled:
    """Without returning it, until few are left: the set has not quite enough for every stream."""
    return pool.pop() if len(pool) > _KEPT else chance.choice(pool)


def _example(text: str, queue: str | None) -> LabelledExample:
    return LabelledExample(
        input=Inquiry(text=text), output=None if queue is None else Routing(queue=queue)
    )


def ask(
    decider: Trainable, examples: Sequence[LabelledExample], output: type[BaseModel] = Routing
) -> list[Answered | None]:
    """The decider's answers, through the checks of the live path."""
    given = [
        answer
        for start in range(0, len(examples), 512)
        for answer in decider.decide_many(
            [example.input for example in examples[start : start + 512]]
        )
    ]
    read_answers = [routing.read_answer(item, output) for item in given]
    return [entry if isinstance(entry, Answered) else None for entry in read_answers]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """Answers held against the known truth, in order; no answer has confidence 0."""

    confidence: npt.NDArray[np.float64]
    wrong: npt.NDArray[np.bool_]
    cautious: npt.NDArray[np.float64] | None


def judged(answers: Sequence[Answered | None], examples: Sequence[LabelledExample]) -> Judged:
    cautious = [answer.cautious for answer in answers if answer]
    return Judged(
        confidence=np.array([answer.confidence if answer else 0.0 for answer in answers]),
        wrong=np.array(
            [_wrong(*pair) for pair in zip(answers, examples, strict=True)], dtype=np.bool_
        ),
        cautious=None
        if not cautious or None in cautious
        else np.array([(answer.cautious or 0.0) if answer else 0.0 for answer in answers]),
    )


def _wrong(answer: Answered | None, example: LabelledExample) -> bool:
    proposed = Content(output=answer.output) if answer else None
    right = Content(output=example.output.model_dump()) if example.output else None
    return is_wrong(assess(Exact(), proposed, Truth(right=right), {}))


class Loop:
    """One use case: learns, proves, decides, audits, round by round.

    Without ``embeddings`` the classifier reads words and characters alone.
    """

    def __init__(
        self,
        seed_examples: Sequence[LabelledExample],
        seed: int,
        embeddings: Embeddings | None = None,
    ) -> None:
        self._chance = random.Random(seed)
        self._base = TextClassifier(text="text", label="queue", embeddings=embeddings).bind(
            Inquiry, Routing
        )
        self.learn: list[LabelledExample] = []
        self.reference: list[LabelledExample] = []
        self.fresh: list[bool] = []
        self.standing = AutomationState()
        for example in seed_examples:
            self._label(example, reference=self._chance.random() < 0.5)
        self.improve()

    def improve(self) -> Proof:
        """Refit on the corrections, prove on the reference sample, take it live."""
        self.decider = self._base.fit(self.learn, seed=0)
        answers = ask(self.decider, self.reference)
        result = judged(answers, self.reference)
        self.proof = prove(
            Evidence(
                confidence=result.confidence,
                wrong=result.wrong,
                fresh=np.array(self.fresh, dtype=bool),
                cautious=result.cautious,
            ),
            self.decider.out_of_fold,
            self.standing,
            risk_limit=LIMIT,
            delta=DELTA,
        )
        self.standing = after_certification(self.standing, self.proof, sample=len(self.reference))
        self._audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)
        self._kinds = KindAlarm()
        self._known = {None if kind is None else kind["queue"] for kind in self.decider.kinds}
        return self.proof

    def play(self, tasks: Sequence[LabelledExample]) -> Round:
        """Decide ``tasks`` one by one."""
        row = Round(tasks=len(tasks))
        answers = ask(self.decider, tasks)
        outcomes = []
        for number, (task, answer) in enumerate(zip(tasks, answers, strict=True)):
            reference = self._chance.random() < self.standing.rate
            rate = self.standing.rate
            automatic = self._route(answer) is Route.AUTOMATIC
            truth = task.output.model_dump() if task.output else None
            wrong = answer is None or answer.output != truth
            outcomes.append((answer.confidence if answer else 0.0, wrong))
            row.automatic += automatic
            row.wrong += automatic and wrong
            row.audited += automatic and reference
            row.out_of_scope += truth is None
            row.leaked += automatic and truth is None
            if automatic and not reference:
                self._audit.pass_over(1, rate)
            if automatic and reference:
                self._audit.add(wrong=wrong, rate=rate)
            if reference or not automatic:
                self._label(task, reference=reference)
                self._kinds.add(unknown=(truth["queue"] if truth else None) not in self._known)
            self._watch(row, number)
        row.best = best(outcomes)
        return row

    def _route(self, answer: Answered | None) -> Route:
        if answer is None:
            return Route.REVIEW
        live = LiveVersion(
            id=None,
            decider=None,
            certificate=None,
            threshold=self.standing.threshold,
            state=self.standing.state,
            cautious=self.standing.cautious,
            rate=self.standing.rate,
        )
        score = routing.score(answer.confidence, answer.cautious, live, {})
        return routing.route(None, score, live, halted=False).route

    def _watch(self, row: Round, number: int) -> None:
        sign = sign_of(self._audit, self._kinds)
        if sign is None:
            return
        before = self.standing
        self.standing = after_alarm(
            before, sign, grid=self.proof.certificate.grid, on_alarm=self.proof.on_alarm
        )
        if self.standing.state is before.state:
            return
        row.signs.append(sign)
        if self.standing.since_alarm and sign is not Sign.HARM_SUSPECTED:
            self.fresh = [False] * len(self.reference)
            row.alarm_at = number if row.alarm_at is None else row.alarm_at
        if self.standing.state is State.HALTED:
            self._audit = RunningAudit(risk_limit=LIMIT, delta=DELTA)

    def _label(self, example: LabelledExample, *, reference: bool) -> None:
        if reference:
            self.reference.append(example)
            self.fresh.append(True)
        else:
            self.learn.append(example)


def best(outcomes: Sequence[tuple[float, bool]]) -> float:
    """The largest share any threshold could automate with an error within the limit."""
    score = np.array([confidence for confidence, _ in outcomes])
    wrong = np.array([is_wrong for _, is_wrong in outcomes])
    order = np.argsort(-score, kind="stable")
    risk = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero((risk <= LIMIT) & (score[order] > 0.0))
    return float((good[-1] + 1) / len(order)) if len(good) else 0.0
