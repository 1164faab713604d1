"""From rows to the running audit, and from signs to plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from roadbed.guarantee.model import AuditPoint, AuditView, Volume
from roadbed.kernel.figures import counted
from roadbed.risk import distributions
from roadbed.risk.audit import CHANGE_ALARM, RunningAudit
from roadbed.risk.automation_state import AutomationState, Sign, State
from roadbed.risk.curve import CurvePoint
from roadbed.risk.forecast import Forecast
from roadbed.risk.novelty import KIND_ALARM, KindAlarm
from roadbed.risk.weakness import FEWEST
from roadbed.scoring.content import canonical
from roadbed.usecases.use_case import RiskMeasure, UseCase

_MOST_POINTS = 120
MARK_EVERY = 1_000  # labels read between two places from which a look can go on


@dataclass(kw_only=True, slots=True)
class AuditReplay:
    """The audit of one version, and its way there, from its sample in the order drawn."""

    audit: RunningAudit
    risk_measure: RiskMeasure
    path: list[AuditPoint] = field(default_factory=list)
    overdue: int = 0

    @classmethod
    def begun(
        cls,
        risk_limit: float,
        delta: float,
        risk_measure: RiskMeasure,
        state: Mapping[str, Any] | None,
    ) -> AuditReplay:
        """One that has read nothing, or stands where ``state`` was kept."""
        if state is None:
            audit = RunningAudit(risk_limit=risk_limit, delta=delta)
            return cls(audit=audit, risk_measure=risk_measure)
        return cls(
            audit=RunningAudit.of(state["audit"]),
            risk_measure=risk_measure,
            path=[AuditPoint(**point) for point in state["path"]],
            overdue=state["overdue"],
        )

    def go_on(self, rows: Iterable[Mapping[str, Any]], *, upto: str) -> list[dict[str, Any]]:
        """Read ``rows``, and give marks to go on from: of what stands before the task ``upto``.

        A row is one drawn automatic answer with the ``passed`` others since the one before and the
        ``weight`` of these. Late ones count as wrong; those whose label may still come are told to
        the audit, and no mark stands behind one.
        """
        marks = []
        final = True
        for number, row in enumerate(rows, 1):
            self.audit.pass_over(row["passed"], row["weight"])
            final = final and row["loss"] is not None and not row["pending"] and row["id"] < upto
            self.overdue += row["late"]
            if row["loss"] is None:
                self.audit.wait()
                continue
            self.audit.add(wrong=_loss(row, self.risk_measure), rate=row["rate"])
            self.path.append(
                AuditPoint(
                    automated=self.audit.automated,
                    estimate=self.audit.estimate or 0.0,
                    upper=1.0 if self.audit.upper is None else self.audit.upper,
                    harm=self.audit.harm,
                    change=self.audit.change,
                )
            )
            if final and number % MARK_EVERY == 0:
                self.path = thinned(self.path)
                marks.append({"last": row["id"], "state": self._state()})
        return marks

    def _state(self) -> dict[str, Any]:
        return {
            "audit": asdict(self.audit),
            "path": [asdict(point) for point in self.path],
            "overdue": self.overdue,
        }


@dataclass(kw_only=True, slots=True)
class KindReplay:
    """The kind alarm over reviewed tasks in the order drawn.

    ``known`` are marks of the outputs that the version was trained on; ``None`` if it does not say.
    """

    alarm: KindAlarm
    known: frozenset[str] | None

    @classmethod
    def begun(cls, known: frozenset[str] | None, state: Mapping[str, Any] | None) -> KindReplay:
        """One that has read nothing, or stands where ``state`` was kept."""
        return cls(alarm=KindAlarm() if state is None else KindAlarm(**state), known=known)

    def go_on(self, rows: Iterable[Mapping[str, Any]], *, upto: str) -> list[dict[str, Any]]:
        """Read ``rows``, and give marks to go on from: of what stands before the task ``upto``."""
        marks = []
        for number, row in enumerate(rows, 1):
            unseen = self.known is not None and canonical(row["right_output"]) not in self.known
            self.alarm.add(unknown=bool(row["new_kind"]) or unseen)
            if number % MARK_EVERY == 0 and row["id"] < upto:
                marks.append({"last": row["id"], "state": asdict(self.alarm)})
        return marks


def known_kinds(kinds: Sequence[Mapping[str, Any] | None] | None) -> frozenset[str] | None:
    """Marks of the outputs that a version was trained on; ``None`` if it does not say."""
    return None if kinds is None else frozenset(canonical(output) for output in kinds)


def _loss(row: Mapping[str, Any], risk_measure: RiskMeasure) -> float:
    """What the promise is about: the loss itself, or whether the answer counted as wrong."""
    loss: float = row["loss"]
    if risk_measure == "mean_loss" or row["agrees"] is None:
        return loss
    return float(not row["agrees"])


def thinned(path: list[AuditPoint]) -> list[AuditPoint]:
    """At most ``_MOST_POINTS`` of them, the last one always."""
    step = max(1, -(-len(path) // _MOST_POINTS))
    return [*path[:-1:step], *path[-1:]]


def reason(sign: Sign, audit: RunningAudit, kinds: KindAlarm, risk_limit: float) -> str:
    """Why the state moves, for the page, the receipt of the move and the pod."""
    seen = f"{audit.wrong} of {audit.sampled} audited automatic answers were wrong"
    if sign is Sign.HARM_PROVEN:
        return (
            f"{seen}: with the certainty asked for, more than {_share(risk_limit)} were wrong "
            "at some time since this version went live."
        )
    if sign is Sign.CHANGE_FOUND:
        return (
            f"{seen}, and lately far more than before "
            f"(evidence of a change {audit.most_change:,.0f}, alarm at {CHANGE_ALARM:,.0f})."
        )
    if sign is Sign.NEW_KINDS:
        return (
            f"{kinds.new} of {kinds.seen} reviewed tasks are of a kind that this version was never "
            f"shown (evidence {kinds.evidence:,.0f}, alarm at {KIND_ALARM:,.0f})."
        )
    if audit.bound_lost:
        return f"{seen}: the bound on the error has risen above {_share(risk_limit)} again."
    return f"{seen}: more than {_share(risk_limit)} would allow for, though it may still be chance."


def notice(use_case: str, standing: AutomationState, why: str) -> str:
    """What the pod is told of a move."""
    return f"{use_case}: {STATES[standing.state]} {why}"


STATES = {
    State.SHADOW: "Nothing is proven, so everything goes to people.",
    State.OPEN: "Automatic from the proven confidence on.",
    State.TIGHTENED: "Tightened: automatic only from a stricter confidence on.",
    State.CAUTIOUS: "Cautious mode: a new kind of work has appeared.",
    State.HALTED: "Halted by the running audit: everything goes to people.",
}
WAY_OUT = {
    State.SHADOW: "A certificate opens it: label the reference sample, then run "
    "`roadbed improve {use_case}`.",
    State.OPEN: "The running audit tightens or halts it when labelled answers say so.",
    State.TIGHTENED: "Look at the wrong answers, then run `roadbed improve {use_case}`: only a new "
    "certificate widens it again.",
    State.CAUTIOUS: "Review what is new, then run `roadbed improve {use_case}`; from its third run "
    "on only work that arrived since the alarm counts as evidence.",
    State.HALTED: "Find the cause, correct what was wrong, label the sample and run "
    "`roadbed improve {use_case}`: only a certificate on work that arrived since re-opens it.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherLimit:
    """What another limit would come to on the evidence of now: shares in [0, 1].

    ``errors`` are wrong automatic answers in 1,000 tasks, ``people`` how many of them people see.
    ``threshold`` is ``None`` where that limit cannot be shown. ``n`` labelled items lie above it,
    ``wrong`` of them wrong.
    """

    limit: float
    threshold: float | None
    automated: float
    errors: float
    people: int
    n: int
    wrong: int


def other_limits(
    curve: Sequence[CurvePoint], limits: Sequence[float], delta: float
) -> list[OtherLimit]:
    """For each limit the loosest point of the curve that a test at ``delta`` would pass."""
    found = []
    for limit in limits:
        passing = [
            point
            for point in curve
            if distributions.binom.cdf(point.errors, point.n, limit) <= delta
        ]
        best = max(passing, key=lambda each: each.coverage, default=None)
        automated = best.coverage if best else 0.0
        found.append(
            OtherLimit(
                limit=limit,
                threshold=best.threshold if best else None,
                automated=automated,
                errors=1_000.0 * automated * best.risk if best else 0.0,
                people=round(1_000 * (1.0 - automated)),
                n=best.n if best else 0,
                wrong=best.errors if best else 0,
            )
        )
    return found


def promise(declared: UseCase, state: State) -> str:
    """The promise in one sentence of plain words, or that there is none now."""
    limit, certainty = _share(declared.risk_limit), _share(declared.certainty)
    mean = declared.risk_measure == "mean_loss"
    if state in (State.OPEN, State.TIGHTENED):
        what = (
            f"The answers that this version sends out by itself have a mean loss of at most {limit}"
            if mean
            else f"Of the answers that this version sends out by itself, at most {limit} are wrong"
        )
        return (
            f"{what}; we are {certainty} certain of it, while the work that arrives stays like the "
            "sample it was shown on."
        )
    aim = f"{f'a mean loss of at most {limit}' if mean else f'at most {limit} wrong'}, "
    aim += f"{certainty} certain"
    if state is State.CAUTIOUS:
        return (
            f"There is no proof for the work that arrives now. The aim is {aim}; it holds if the "
            "new work stays rare and is no harder than other work that was new once."
        )
    return f"Nothing goes out by itself, so nothing is promised. The aim is {aim}."


def sample(detail: Mapping[str, Any]) -> Sequence[str]:
    """What the proof rests on, sentence by sentence; empty for a proof from before."""
    if "labelled" not in detail:
        return ()
    if not detail["labelled"] and not detail["waiting"]:
        none = "No label of the sample has been counted yet, so nothing is known"
        return (f"{none}; improving counts those that are there.",)
    versions: int = detail.get("versions_tried", 1)
    labelled = counted(detail["labelled"], "item")
    are = "is" if detail["labelled"] == 1 else "are"
    said = [
        f"{labelled} of the sample {are} labelled, or late and counted as wrong.",
        f"This is the {_nth(versions)} version that was held against this sample."
        if versions > 1
        else "This is the first version that was held against this sample.",
    ]
    if waits := detail["waiting"]:
        wait = "waits" if waits == 1 else "wait"
        said.append(
            f"{waits:,} more {wait} for a label. They count as wrong in each part of the sample "
            "that is examined, so that the order in which people label makes it no easier."
        )
    if (tries := detail.get("tries") or 1) > 1:
        said.append(f"{tries} were tried since the last that passed: they share the risk of error.")
    if late := detail["overdue"]:
        are = "is" if late == 1 else "are"
        said.append(f"{counted(late, 'label')} {are} late: each such item counts as wrong.")
    if repeated := detail.get("repeated"):
        said.append(
            f"{repeated:,} rows of the folder repeat an input. Of these all wrong answers count, "
            "and half of the right ones, so that no frequent input is left out."
        )
    if held := detail.get("held"):
        said.append(
            f"Rules, actions or costs hold {held:,} answers back: they are never automatic."
        )
    if unknown := detail.get("unknown"):
        said.append(
            f"Nobody can tell of {unknown:,} answers whether they are right: they count as wrong."
        )
    return said


def unaudited(audit: AuditView) -> str:
    """What is said of a running audit that has no estimate: how much there is to judge."""
    if not audit.automated:
        return "nothing is known: this version has given no automatic answer yet"
    answers = counted(audit.automated, "automatic answer")
    return f"nothing is known yet: none of its {answers} that was drawn is judged"


def weak(version: int | None, detail: Mapping[str, Any]) -> str:
    """The lead of the card of weak spots: of how many items, and whether any kind stands out."""
    if version is None:
        return "No version has been certified yet; the card is written for each one that is."
    n, spots = detail.get("answered", 0), detail.get("weak", ())
    if not n:
        return (
            f"Nothing is known of where version {version} fails: it answered no labelled item of "
            "the random sample."
        )
    of = counted(n, "labelled item")
    if spots:
        error = detail.get("error")
        whole = "" if error is None else f", over which {_share(error)} of its answers are wrong"
        return (
            f"Version {version} is clearly worse on {counted(len(spots), 'kind')} of work than on "
            f"all {of}{whole}. Look twice at its answers here."
        )
    if n < 2 * FEWEST:
        return (
            f"Nothing is known of where version {version} fails: it answered only {of} of the "
            f"random sample, and of a kind of work {FEWEST} are needed."
        )
    return (
        f"By {of} no kind of work is clearly worse than the whole. Of a kind with fewer than "
        f"{FEWEST} items nothing is known, and a smaller difference may not show."
    )


def _nth(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 <= number % 100 <= 13 else ending}"


def _share(share: float) -> str:
    return f"{share * 100:.3g} %"


def forecast(
    soon: Forecast,
    sooner: Forecast,
    *,
    opened: bool,
    tasks: float,
    can_double: bool,
    labelled: int,
) -> str:
    """When something can be automatic, in a sentence.

    ``tasks`` arrive a day; ``labelled`` items of the sample were answered and labelled. Without any
    the forecast rests on an assumption, and beyond a year it is of no use: both are said.
    """
    if opened:
        return "It is open."
    if tasks <= 0.0:
        return "No task has arrived in the last week, so nothing can be foretold."
    if soon.days is None or soon.needed is None:
        return _closed(labelled)
    guess = "" if labelled else "No label has been counted yet, so this is only a guess: "
    there = f"{soon.there:,} of about {counted(soon.needed, 'label')}"
    is_there = f"{there} {'is' if soon.needed == 1 else 'are'} there"
    if soon.days > _FARTHEST_DAYS:
        text = (
            f"at {_pace(tasks)} it would not open within a year, and no date so far off can be "
            f"relied on: {is_there}. More tasks, or more labels of the sample, open it sooner"
        )
    elif soon.days < 1.0:
        text = "the labels are there or will be within a day: run `roadbed improve`"
        text += f" ({is_there} now)"
    else:
        text = f"opens in about {counted(round(soon.days), 'day')} at {_pace(tasks)}"
        if can_double and sooner.days is not None:
            text += f", or {max(sooner.days, 1.0):.0f} with twice the sample"
        text += f": {is_there}"
    return f"{guess or text[0].upper()}{text if guess else text[1:]}."


def _closed(labelled: int) -> str:
    if not labelled:
        return "No label of the sample has been counted yet, so nothing can be foretold."
    n = counted(labelled, "labelled item")
    if labelled < _FEWEST_TO_TELL:
        return f"With {n} of the sample it is too early to say whether this version will open."
    return (
        f"By {n} of the sample this version will not open: wherever it is sure, it is wrong more "
        "often than the limit allows. Correct more tasks and improve it."
    )


def _pace(tasks: float) -> str:
    """How many tasks arrive a day; what is less than one is not rounded to none."""
    return "less than 1 task a day" if tasks < 0.5 else f"{counted(round(tasks), 'task')} a day"


def reviews_a_day(volume: Volume) -> str:
    """How many reviews of how many tasks a day; small figures keep a decimal."""

    def told(figure: float, what: str) -> str:
        if figure >= 9.5 or figure == round(figure):
            return counted(round(figure), what)
        return f"{figure:.1f} {what}s"

    return f"{told(volume.reviews, 'review')} of {told(volume.tasks, 'task')} a day"


_FARTHEST_DAYS = 365.0
_FEWEST_TO_TELL = 50
