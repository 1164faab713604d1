"""Presentation: the sentences about certificates, automation states and the running audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from roadbed.guarantee.measured_error import MeasuredError, MeasuredErrors
from roadbed.guarantee.model import AuditView, Volume
from roadbed.kernel.figures import counted, interval
from roadbed.people.model import named
from roadbed.risk import novelty
from roadbed.risk.audit import CHANGE_ALARM, RunningAudit
from roadbed.risk.automation_state import AutomationState, Proof, Sign, State
from roadbed.risk.forecast import Forecast
from roadbed.risk.novelty import KIND_ALARM, KindAlarm
from roadbed.risk.weakness import FEWEST
from roadbed.usecases.rollout import Rollout
from roadbed.usecases.use_case import UseCase

Row = Mapping[str, Any]  # of the database

_FARTHEST_DAYS = 365.0
_FEWEST_TO_TELL = 50


def proposes_only(note: str, use_case: str, rollout: Rollout) -> str:
    """The note of a proof of concept: it proposes only."""
    return (
        f"{note} It proposes only: `roadbed release plan {use_case}` puts it before the "
        f"{named(rollout.sign_offs)}, who let it decide by itself."
    )


def sentence(proof: Proof, stored: Row, risk_limit: float) -> str:
    """The result of a certification in plain words. ``stored`` is its stored certificate."""
    certificate = proof.certificate
    if certificate.threshold is None:
        return f"Nothing can be automatic yet: {certificate.why_not}"
    if proof.cautious:
        return (
            f"Cautious from cautious confidence {certificate.threshold:.3f} on: if at most "
            f"{novelty.LATER * 100:g} % of the work is new, at most {risk_limit * 100:.3g} % "
            "should be wrong. That is an assumption, not a proof."
        )
    return f"Proven from confidence {certificate.threshold:.3f} on: {above(stored)}."


def above(certificate: Row) -> str:
    """The items above a proven threshold, their total, and how many wait for a label.

    ``certificate`` is a stored one with its ``detail``; parts that older ones lack are left out.
    """
    detail, items = certificate["detail"], certificate["items"]
    tested = detail.get("counted", items)
    of = f"{items:,}" if tested == items else f"the first {tested:,} of {items:,}"
    late, waiting = detail.get("late", 0), detail.get("waiting", 0)
    wrong = f"{certificate['errors']:,} wrong"
    if late:
        wrong += f" ({late:,} because the label is missing)"
    waits = f"; {waiting:,} of the sample wait{'s' if waiting == 1 else ''} for a label"
    return f"{certificate['covered']:,} of {of} reference items, {wrong}{waits if waiting else ''}"


def reason(sign: Sign, audit: RunningAudit, kinds: KindAlarm, risk_limit: float) -> str:
    """Why the automation state moves, for pages, the audit entry and the pod."""
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


def notice(use_case: str, automation: AutomationState, why: str) -> str:
    """The notice about a move of the automation state."""
    return f"{use_case}: {STATES[automation.state]} {why}"


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


def promise(declared: UseCase, state: State) -> str:
    """The guarantee in one sentence, or that there is none now."""
    limit, certainty = _share(declared.risk_limit), _share(declared.certainty)
    mean = declared.risk_measure == "mean_loss"
    if state in (State.OPEN, State.TIGHTENED):
        what = (
            f"The automatic answers of this version have a mean loss of at most {limit}"
            if mean
            else f"Of the automatic answers of this version, at most {limit} are wrong"
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
    return f"Nothing is automatic, so nothing is promised. The aim is {aim}."


def sample(detail: Row) -> Sequence[str]:
    """The sentences about the sample behind a proof; empty for one that stored no such figures."""
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
        f"This is the {_nth(versions)} version that was certified on this sample."
        if versions > 1
        else "This is the first version that was certified on this sample.",
    ]
    if waits := detail["waiting"]:
        wait = "waits" if waits == 1 else "wait"
        said.append(
            f"{waits:,} more {wait} for a label. They count as wrong in each part of the sample "
            "that is examined, so that the order in which people label makes it no easier."
        )
    if (tries := detail.get("tries") or 1) > 1:
        said.append(f"{tries} were tried since the last that passed. They share the risk of error.")
    if late := detail["overdue"]:
        are = "is" if late == 1 else "are"
        said.append(f"{counted(late, 'label')} {are} late: each such item counts as wrong.")
    if erased := detail.get("erased"):
        was = "was" if erased == 1 else "were"
        said.append(
            f"{counted(erased, 'item')} of the sample {was} erased. Nobody can look at them any "
            "more, so each counts as wrong."
        )
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
    """The sentence about a running audit without an estimate.

    No answer was drawn, none of the drawn ones is judged, or the first of them is not.
    """
    total, drawn = audit.automated, audit.waiting
    if not total:
        return "nothing is known: this version has given no automatic answer yet"
    answers = counted(total, "automatic answer")
    if audit.sampled:
        return "no bound is known yet: the first answer that was drawn is not judged"
    if total == 1:
        only = "was drawn and is not judged" if drawn else "was not drawn for the audit"
        why = f"its only automatic answer {only}"
    elif not drawn:
        why = f"none of its {answers} was drawn for the audit"
    elif drawn == 1:
        why = f"1 of its {answers} was drawn and is not judged"
    else:
        why = f"{drawn:,} of its {answers} were drawn, and none is judged"
    return f"nothing is known yet: {why}"


def measured(error: MeasuredError) -> str:
    """The measured error with its counts: ``2.8 % measured, 3 of 109``."""
    if error.value is None:
        return "nothing is known yet"
    mean = error.measure == "mean_loss"
    of = f"over {error.n:,}" if mean else f"{error.wrong:,} of {error.n:,}"
    return f"{error.value * 100:.1f} % {'mean loss ' if mean else ''}measured, {of}"


def measured_of(error: MeasuredError) -> str:
    """What a measured error is of: ``Version 4``, ``All versions``."""
    if error.of == "all_versions":
        return "All versions"
    if error.version is None:
        return "No version is live"
    again = f" since it was opened again on {error.audit_at:%Y-%m-%d}" if error.audit_at else ""
    return f"Version {error.version}{again}"


def measured_against_limit(error: MeasuredError) -> str:
    """Measured error and promise in one sentence, or why nothing is known."""
    if not error.n:
        if error.waiting:
            drawn = counted(error.waiting, "automatic answer")
            was = "was drawn and is" if error.waiting == 1 else "were drawn and none is"
            return f"nothing is known yet: {drawn} {was}{' not' * (error.waiting == 1)} judged"
        return "nothing is known yet: no automatic answer was drawn for the sample"
    most, limit = error.within_chance, f"at a limit of {_share(error.limit)}"
    total = " in total" if error.measure == "mean_loss" else ""
    if error.exceeds_chance:
        upto = f"up to {most:,}" if most else "none"
        return (
            f"{measured(error)}; that is more than chance explains: {upto} of {error.n:,}{total} "
            f"would be within chance {limit}"
        )
    if not most:
        return f"{measured(error)}; even 1 of {error.n:,} would be more than chance {limit}"
    return f"{measured(error)}; up to {most:,} of {error.n:,}{total} would be within chance {limit}"


def measured_lines(errors: MeasuredErrors) -> list[str]:
    """The measured error of the live version, and of all versions where it counts other answers.

    Every page and command shows these lines, so that each figure has one meaning.
    """
    return [_measured_line(error) for error in _shown(errors)]


def measured_cell(errors: MeasuredErrors) -> list[str]:
    """The same figures for a cell of a table, without the comparison with the limit."""
    return [
        f"{measured_of(error)}: {measured(error)}"
        + (f" ({interval(error.lower, error.upper, error.n)})" if error.n else "")
        + (", more than chance explains" if error.exceeds_chance else "")
        for error in _shown(errors)
    ]


def _shown(errors: MeasuredErrors) -> list[MeasuredError]:
    return [errors.version, *([errors.all_versions] if errors.differ else [])]


def _measured_line(error: MeasuredError) -> str:
    line = f"{measured_of(error)}: {measured_against_limit(error)}."
    if error.since and error.until:
        first, last = f"{error.since:%Y-%m-%d}", f"{error.until:%Y-%m-%d}"
        period = f"on {first}" if first == last else f"from {first} to {last}"
        shown = interval(error.lower, error.upper, error.n)
        line += f" {_share(error.certainty)} interval {shown}; tasks {period}."
    if error.late:
        are = "is late and counts" if error.late == 1 else "are late and count"
        line += f" {counted(error.late, 'label')} {are} as wrong."
    return line


def weak(version: int | None, detail: Row) -> str:
    """The first sentence of the card of weak spots."""
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
    """When automation can begin, in a sentence.

    ``tasks`` arrive a day; ``labelled`` items of the sample were answered and labelled. The
    sentence says so if the forecast rests on an assumption (no labels) or exceeds a year.
    """
    if opened:
        return "It is open."
    if tasks <= 0.0:
        return "No task has arrived in the last week, so there is no forecast."
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
        return "No label of the sample has been counted yet, so there is no forecast."
    n = counted(labelled, "labelled item")
    if labelled < _FEWEST_TO_TELL:
        return f"With {n} of the sample it is too early to say whether this version will open."
    return (
        f"By {n} of the sample this version will not open: wherever it is sure, it is wrong more "
        "often than the limit allows. Correct more tasks and improve it."
    )


def _pace(tasks: float) -> str:
    """Tasks per day; a rate below one is not rounded to zero."""
    return "less than 1 task a day" if tasks < 0.5 else f"{counted(round(tasks), 'task')} a day"


def reviews_a_day(volume: Volume) -> str:
    """How many reviews of how many tasks a day; small figures keep a decimal."""

    def told(figure: float, what: str) -> str:
        if figure >= 9.5 or figure == round(figure):
            return counted(round(figure), what)
        return f"{figure:.1f} {what}s"

    return f"{told(volume.reviews, 'review')} of {told(volume.tasks, 'task')} a day"
