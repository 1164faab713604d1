"""Presentation: the sentences about certificates, automation states and the running audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from roadbed.guarantee.measured_error import MeasuredError, MeasuredErrors
from roadbed.guarantee.model import AuditView, Volume
from roadbed.kernel.figures import interval, percent
from roadbed.kernel.messages import SOURCE, later, localised, number, several, speaking
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.stored_sentences import stored_message, stored_messages, stored_sentence
from roadbed.people.model import named
from roadbed.risk import novelty
from roadbed.risk.audit import CHANGE_ALARM, RunningAudit
from roadbed.risk.automation_state import AutomationState, Proof, Sign, State
from roadbed.risk.novelty import KIND_ALARM, KindAlarm
from roadbed.usecases.rollout import Rollout
from roadbed.usecases.use_case import UseCase

Row = Mapping[str, Any]  # of the database


@speaking(SOURCE)
def proposes_only(note: str, use_case: str, rollout: Rollout) -> str:
    """The note of a proof of concept: it proposes only."""
    return stored_sentence(
        "%(note)s It proposes only: `roadbed release plan %(use_case)s` puts it before the "
        "%(roles)s, who let it decide by itself.",
        note=note,
        use_case=use_case,
        roles=named(rollout.sign_offs),
    )


@speaking(SOURCE)
def sentence(proof: Proof, stored: Row, risk_limit: float) -> str:
    """The result of a certification in plain words. ``stored`` is its stored certificate."""
    certificate = proof.certificate
    if certificate.threshold is None:
        return stored_sentence(
            "Nothing can be automatic yet: %(why_not)s", why_not=certificate.why_not
        )
    if proof.cautious:
        return stored_sentence(
            "Cautious from cautious confidence %(threshold)s on: if at most %(new)s of the work is "
            "new, at most %(limit)s should be wrong. That is an assumption, not a proof.",
            threshold=format(certificate.threshold, ".3f"),
            new=percent(novelty.LATER),
            limit=percent(risk_limit),
        )
    return stored_sentence(
        "Proven from confidence %(threshold)s on: %(above)s.",
        threshold=format(certificate.threshold, ".3f"),
        above=above(stored),
    )


def above(certificate: Row) -> str:
    """The items above a proven threshold, their total, and how many wait for a label.

    ``certificate`` is a stored one with its ``detail``; parts that older ones lack are left out.
    """
    detail, items = certificate["detail"], certificate["items"]
    tested = detail.get("counted", items)
    of = number(items)
    if tested != items:
        of = _(stored_message("the first %(tested)s of %(items)s")) % {
            "tested": number(tested),
            "items": of,
        }
    late, waiting = detail.get("late", 0), detail.get("waiting", 0)
    told = {"covered": number(certificate["covered"]), "of": of}
    told |= {"wrong": number(certificate["errors"]), "late": number(late)}
    message = _(stored_message("%(covered)s of %(of)s reference items, %(wrong)s wrong"))
    if late:
        message = _(
            stored_message(
                "%(covered)s of %(of)s reference items, %(wrong)s wrong (%(late)s because the "
                "label is missing)"
            )
        )
    said = message % told
    if not waiting:
        return said
    waits = several(
        *stored_messages(
            "%(n)s of the sample waits for a label", "%(n)s of the sample wait for a label"
        ),
        waiting,
    )
    return f"{said}; {waits}"


@speaking(SOURCE)
def reason(sign: Sign, audit: RunningAudit, kinds: KindAlarm, risk_limit: float) -> str:
    """Why the automation state moves, for pages, the audit entry and the pod."""
    seen = stored_sentence(
        "%(wrong)s of %(sampled)s audited automatic answers were wrong",
        wrong=audit.wrong,
        sampled=audit.sampled,
    )
    told = {"seen": seen, "limit": _share(risk_limit)}
    if sign is Sign.HARM_PROVEN:
        return stored_sentence(
            "%(seen)s: with the certainty asked for, more than %(limit)s were wrong at some time "
            "since this version went live.",
            **told,
        )
    if sign is Sign.CHANGE_FOUND:
        return stored_sentence(
            "%(seen)s, and lately far more than before (evidence of a change %(evidence)s, alarm "
            "at %(alarm)s).",
            seen=seen,
            evidence=format(audit.most_change, ",.0f"),
            alarm=format(CHANGE_ALARM, ",.0f"),
        )
    if sign is Sign.NEW_KINDS:
        return stored_sentence(
            "%(new)s of %(reviewed)s reviewed tasks are of a kind that this version was never "
            "shown (evidence %(evidence)s, alarm at %(alarm)s).",
            new=kinds.new,
            reviewed=kinds.seen,
            evidence=format(kinds.evidence, ",.0f"),
            alarm=format(KIND_ALARM, ",.0f"),
        )
    if audit.bound_lost:
        return stored_sentence(
            "%(seen)s: the bound on the error has risen above %(limit)s again.", **told
        )
    return stored_sentence(
        "%(seen)s: more than %(limit)s would allow for, though it may still be chance.", **told
    )


@speaking(SOURCE)
def notice(use_case: str, automation: AutomationState, why: str) -> str:
    """The notice about a move of the automation state."""
    return _NOTICES[automation.state] % {"use_case": use_case, "why": why}


STATES = {
    State.SHADOW: later("Nothing is proven, so everything goes to people."),
    State.OPEN: later("Automatic from the proven confidence on."),
    State.TIGHTENED: later("Tightened: automatic only from a stricter confidence on."),
    State.CAUTIOUS: later("Cautious mode: a new kind of work has appeared."),
    State.HALTED: later("Halted by the running audit: everything goes to people."),
}


_NOTICES = {
    State.SHADOW: stored_message(
        "%(use_case)s: Nothing is proven, so everything goes to people. %(why)s"
    ),
    State.OPEN: stored_message("%(use_case)s: Automatic from the proven confidence on. %(why)s"),
    State.TIGHTENED: stored_message(
        "%(use_case)s: Tightened: automatic only from a stricter confidence on. %(why)s"
    ),
    State.CAUTIOUS: stored_message(
        "%(use_case)s: Cautious mode: a new kind of work has appeared. %(why)s"
    ),
    State.HALTED: stored_message(
        "%(use_case)s: Halted by the running audit: everything goes to people. %(why)s"
    ),
}


WAY_OUT = {
    State.SHADOW: later(
        "A certificate opens it: label the reference sample, then run `roadbed improve {use_case}`."
    ),
    State.OPEN: later("The running audit tightens or halts it when labelled answers say so."),
    State.TIGHTENED: later(
        "Look at the wrong answers, then run `roadbed improve {use_case}`: only a new "
        "certificate widens it again."
    ),
    State.CAUTIOUS: later(
        "Review what is new, then run `roadbed improve {use_case}`; from its third run "
        "on only work that arrived since the alarm counts as evidence."
    ),
    State.HALTED: later(
        "Find the cause, correct what was wrong, label the sample and run "
        "`roadbed improve {use_case}`: only a certificate on work that arrived since re-opens it."
    ),
}


def promise(declared: UseCase, state: State) -> str:
    """The guarantee in one sentence, or that there is none now."""
    limit, certainty = _share(declared.risk_limit), _share(declared.certainty)
    mean = declared.risk_measure == "mean_loss"
    told = {"limit": limit, "certainty": certainty}
    if state in (State.OPEN, State.TIGHTENED):
        message = (
            _(
                "The automatic answers of this version have a mean loss of at most %(limit)s; we "
                "are %(certainty)s certain of it, while the work that arrives stays like the "
                "sample it was shown on."
            )
            if mean
            else _(
                "Of the automatic answers of this version, at most %(limit)s are wrong; we are "
                "%(certainty)s certain of it, while the work that arrives stays like the sample "
                "it was shown on."
            )
        )
        return message % told
    aim = (
        _("a mean loss of at most %(limit)s, %(certainty)s certain")
        if mean
        else _("at most %(limit)s wrong, %(certainty)s certain")
    ) % told
    if state is State.CAUTIOUS:
        return _(
            "There is no proof for the work that arrives now. The aim is %(aim)s; it holds if the "
            "new work stays rare and is no harder than other work that was new once."
        ) % {"aim": aim}
    return _("Nothing is automatic, so nothing is promised. The aim is %(aim)s.") % {"aim": aim}


def sample(detail: Row) -> Sequence[str]:
    """The sentences about the sample behind a proof; empty for one that stored no such figures."""
    if "labelled" not in detail:
        return ()
    if not detail["labelled"] and not detail["waiting"]:
        return (
            _(
                "No label of the sample has been counted yet, so nothing is known; improving "
                "counts those that are there."
            ),
        )
    versions: int = detail.get("versions_tried", 1)
    said = [
        several(
            "%(n)s item of the sample is labelled, or late and counted as wrong.",
            "%(n)s items of the sample are labelled, or late and counted as wrong.",
            detail["labelled"],
        ),
        _("This is the %(nth)s version that was certified on this sample.")
        % {"nth": _nth(versions)}
        if versions > 1
        else _("This is the first version that was certified on this sample."),
    ]
    if waits := detail["waiting"]:
        said.append(
            several(
                "%(n)s more waits for a label. They count as wrong in each part of the sample "
                "that is examined, so that the order in which people label makes it no easier.",
                "%(n)s more wait for a label. They count as wrong in each part of the sample "
                "that is examined, so that the order in which people label makes it no easier.",
                waits,
            )
        )
    if (tries := detail.get("tries") or 1) > 1:
        said.append(
            several(
                "%(n)s was tried since the last that passed. They share the risk of error.",
                "%(n)s were tried since the last that passed. They share the risk of error.",
                tries,
            )
        )
    return [*said, *_counted_otherwise(detail)]


def _counted_otherwise(detail: Row) -> Iterator[str]:
    """The sentences about items that count in another way than a label says."""
    if late := detail["overdue"]:
        yield several(
            "%(n)s label is late: each such item counts as wrong.",
            "%(n)s labels are late: each such item counts as wrong.",
            late,
        )
    if erased := detail.get("erased"):
        yield several(
            "%(n)s item of the sample was erased. Nobody can look at them any more, so each "
            "counts as wrong.",
            "%(n)s items of the sample were erased. Nobody can look at them any more, so each "
            "counts as wrong.",
            erased,
        )
    if repeated := detail.get("repeated"):
        yield _(
            "%(n)s rows of the folder repeat an input. Of these all wrong answers count, and half "
            "of the right ones, so that no frequent input is left out."
        ) % {"n": number(repeated)}
    if held := detail.get("held"):
        yield _("Rules, actions or costs hold %(n)s answers back: they are never automatic.") % {
            "n": number(held)
        }
    if unknown := detail.get("unknown"):
        yield _("Nobody can tell of %(n)s answers whether they are right: they count as wrong.") % {
            "n": number(unknown)
        }


def unaudited(audit: AuditView) -> str:
    """The sentence about a running audit without an estimate.

    No answer was drawn, none of the drawn ones is judged, or the first of them is not.
    """
    total, drawn = audit.automated, audit.waiting
    if not total:
        return _("nothing is known: this version has given no automatic answer yet")
    if audit.sampled:
        return _("no bound is known yet: the first answer that was drawn is not judged")
    if total == 1 and drawn:
        return _("nothing is known yet: its only automatic answer was drawn and is not judged")
    if total == 1:
        return _("nothing is known yet: its only automatic answer was not drawn for the audit")
    answers = several("%(n)s automatic answer", "%(n)s automatic answers", total)
    if not drawn:
        message = _("nothing is known yet: none of its %(answers)s was drawn for the audit")
        return message % {"answers": answers}
    return several(
        "nothing is known yet: %(n)s of its %(answers)s was drawn and is not judged",
        "nothing is known yet: %(n)s of its %(answers)s were drawn, and none is judged",
        drawn,
        answers=answers,
    )


def measured(error: MeasuredError) -> str:
    """The measured error with its counts: ``2.8 % measured, 3 of 109``."""
    if error.value is None:
        return _("nothing is known yet")
    told = {"value": f"{localised(f'{error.value * 100:.1f}')} %", "n": number(error.n)}
    if error.measure == "mean_loss":
        return _("%(value)s mean loss measured, over %(n)s") % told
    return _("%(value)s measured, %(wrong)s of %(n)s") % {**told, "wrong": number(error.wrong)}


def measured_of(error: MeasuredError) -> str:
    """What a measured error is of: ``Version 4``, ``All versions``."""
    if error.of == "all_versions":
        return _("All versions")
    if error.version is None:
        return _("No version is live")
    if error.audit_at:
        message = _("Version %(version)s since it was opened again on %(day)s")
        return message % {"version": error.version, "day": f"{error.audit_at:%Y-%m-%d}"}
    return _("Version %(version)s") % {"version": error.version}


def measured_against_limit(error: MeasuredError) -> str:
    """Measured error and promise in one sentence, or why nothing is known."""
    if not error.n and error.waiting:
        return several(
            "nothing is known yet: %(n)s automatic answer was drawn and is not judged",
            "nothing is known yet: %(n)s automatic answers were drawn and none is judged",
            error.waiting,
        )
    if not error.n:
        return _("nothing is known yet: no automatic answer was drawn for the sample")
    told = {
        "measured": measured(error),
        "most": number(error.within_chance),
        "of": number(error.n),
        "limit": _share(error.limit),
    }
    return _against_limit(error) % told


def _against_limit(error: MeasuredError) -> str:
    """The message about the measured error and the limit."""
    mean, most = error.measure == "mean_loss", error.within_chance
    if error.exceeds_chance and not most:
        if mean:
            return _(
                "%(measured)s; that is more than chance explains: none of %(of)s in total would "
                "be within chance at a limit of %(limit)s"
            )
        return _(
            "%(measured)s; that is more than chance explains: none of %(of)s would be within "
            "chance at a limit of %(limit)s"
        )
    if error.exceeds_chance:
        if mean:
            return _(
                "%(measured)s; that is more than chance explains: up to %(most)s of %(of)s in "
                "total would be within chance at a limit of %(limit)s"
            )
        return _(
            "%(measured)s; that is more than chance explains: up to %(most)s of %(of)s would be "
            "within chance at a limit of %(limit)s"
        )
    if not most:
        return _("%(measured)s; even 1 of %(of)s would be more than chance at a limit of %(limit)s")
    if mean:
        return _(
            "%(measured)s; up to %(most)s of %(of)s in total would be within chance at a limit of "
            "%(limit)s"
        )
    return _(
        "%(measured)s; up to %(most)s of %(of)s would be within chance at a limit of %(limit)s"
    )


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
        + (", " + _("more than chance explains") if error.exceeds_chance else "")
        for error in _shown(errors)
    ]


def _shown(errors: MeasuredErrors) -> list[MeasuredError]:
    return [errors.version, *([errors.all_versions] if errors.differ else [])]


def _measured_line(error: MeasuredError) -> str:
    line = f"{measured_of(error)}: {measured_against_limit(error)}."
    if error.since and error.until:
        told = {
            "certainty": _share(error.certainty),
            "interval": interval(error.lower, error.upper, error.n),
            "first": f"{error.since:%Y-%m-%d}",
            "last": f"{error.until:%Y-%m-%d}",
        }
        message = _("%(certainty)s interval %(interval)s; tasks from %(first)s to %(last)s.")
        if told["first"] == told["last"]:
            message = _("%(certainty)s interval %(interval)s; tasks on %(first)s.")
        line += f" {message % told}"
    if error.late:
        late = several(
            "%(n)s label is late and counts as wrong.",
            "%(n)s labels are late and count as wrong.",
            error.late,
        )
        line += f" {late}"
    return line


def _nth(place: int) -> str:
    if 10 <= place % 100 <= 13:
        return _("%(n)sth") % {"n": place}
    # The endings of English; a language without them has one form for all.
    endings = {1: _("%(n)sst"), 2: _("%(n)snd"), 3: _("%(n)srd")}
    return endings.get(place % 10, _("%(n)sth")) % {"n": place}


def _share(share: float) -> str:
    return percent(share)


def reviews_a_day(volume: Volume) -> str:
    """How many reviews of how many tasks a day; small figures keep a decimal."""
    reviews, tasks = _rate(volume.reviews), _rate(volume.tasks)
    told = {
        "reviews": several("%(n)s review", "%(n)s reviews", round(volume.reviews))
        if reviews is None
        else _("%(rate)s reviews") % {"rate": reviews},
        "tasks": several("%(n)s task", "%(n)s tasks", round(volume.tasks))
        if tasks is None
        else _("%(rate)s tasks") % {"rate": tasks},
    }
    return _("%(reviews)s of %(tasks)s a day") % told


def _rate(figure: float) -> str | None:
    """A small figure with a decimal; ``None``: it is shown as a count."""
    return None if figure >= 9.5 or figure == round(figure) else localised(f"{figure:.1f}")
