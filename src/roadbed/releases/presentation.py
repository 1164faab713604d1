"""Presentation of a release: its name, its sentence, its steps, what it waits for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later, localised, ngettext, number, several
from roadbed.kernel.stored_sentences import reworded
from roadbed.people import duties
from roadbed.people.duties import Parties
from roadbed.people.model import named
from roadbed.releases import report_presentation
from roadbed.releases.lifecycle import UNDER_WAY
from roadbed.versions.model import Release

StepState = Literal["done", "now", "to come", "ended", "left out", "not reached"]
SIGNS: Mapping[StepState, str] = {
    "done": "✓",
    "now": "●",
    "to come": "○",
    "ended": "×",
    "left out": "–",
    "not reached": "–",
}
_STATES: Mapping[StepState, str] = {
    "done": later("done"),
    "now": later("since"),
    "to come": later("to come"),
    "ended": later("ended"),
    "left out": later("left out"),
    "not reached": later("not reached"),
}
_TITLES = {
    "planned": later("Planned"),
    "gate": later("Gate"),
    "shadow": later("Shadow"),
    "canary": later("Canary"),
    "live": later("Live"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownStep:
    """A release step as it is shown. ``waits`` says what the release waits for, and since when."""

    name: str
    state: StepState
    at: datetime | None
    note: str = ""
    waits: Sequence[tuple[str, datetime]] = ()

    @property
    def sign(self) -> str:
        """The state as one character. Show it beside a word, never alone."""
        return SIGNS[self.state]

    @property
    def title(self) -> str:
        """The name of the step in the language of whoever reads."""
        return _(_TITLES[self.name])

    @property
    def word(self) -> str:
        """The state, or how it ended, in the language of whoever reads."""
        return self.note if self.state == "ended" else _(_STATES[self.state])


def steps(release: Release) -> list[ShownStep]:
    """The steps planned, gate, shadow, canary and live, each with its state."""
    times = {
        "planned": release.planned_at,
        "gate": release.gated_at,
        "shadow": release.shadow_at,
        "canary": release.canary_at,
        "live": release.live_at,
    }
    names = list(times)
    reached = [name for name, at in times.items() if at is not None]
    current = names.index("gate" if release.step == "failed" else reached[-1])
    return [
        _step(release, name, _state(release, name, position - current, at), at)
        for position, (name, at) in enumerate(times.items())
    ]


def _state(release: Release, name: str, ahead: int, at: datetime | None) -> StepState:
    over = release.step not in UNDER_WAY and release.step != "live"
    if ahead > 0 and _left_out(release, name):
        return "left out"
    if ahead > 0:
        return "not reached" if over else "to come"
    if ahead < 0:
        return "done" if at is not None else "left out"
    if not over:
        return "now"
    return "done" if release.step == "retired" else "ended"


def _left_out(release: Release, name: str) -> bool:
    return name in ("shadow", "canary") and not release.plan.get(f"{name}_tasks", 1)


def _step(release: Release, name: str, state: StepState, at: datetime | None) -> ShownStep:
    note = ""
    if state == "ended":
        note = {
            "failed": _("failed"),
            "rolled_back": _("rolled back"),
            "withdrawn": _("withdrawn"),
        }.get(release.step, release.step)
        return ShownStep(name=name, state=state, at=release.ended_at or at, note=note)
    if name == "gate" and release.gate is not None and state != "to come":
        note = _("passed")
    if name == "live" and release.step == "retired":
        note = _("retired")
    if name == "canary" and state in ("now", "to come"):
        note = _("%(share)s of the tasks") % {"share": _canary_share(release)}
    waits = waiting(release) if state == "now" else []
    return ShownStep(name=name, state=state, at=at, note=note, waits=waits)


# By verb of ``Releases``: the label of the button, and what the verb does.
VERBS = {
    "gate": (later("Run the gate"), later("It and the live version answer what it never saw.")),
    "shadow": (
        later("Begin shadow"),
        later("It answers beside the live version, without any effect."),
    ),
    "canary": (
        later("Begin canary"),
        later("It decides a share of the tasks; worse, and it is rolled back."),
    ),
    "promote": (later("Promote"), later("It decides every task from now on.")),
}
# By what a release waits for: the words after "waits", and without "for".
_WAITS = {
    "traffic": (later("for more tasks"), later("more tasks")),
    "labels": (
        later("for somebody to review the tasks on which the two differ"),
        later("somebody to review the tasks on which the two differ"),
    ),
}


def verb(release: Release) -> tuple[str, str]:
    """The label of the button for the next step, and what the step does."""
    label, does = VERBS[release.next or ""]
    return _(label), _(does)


def waiting(release: Release) -> list[tuple[str, datetime]]:
    """What the release waits for now (people, traffic), and since when."""
    waits = []
    if release.waits_for in _WAITS:
        since = release.canary_at or release.shadow_at or release.planned_at
        waits.append((_(_WAITS[release.waits_for][0]), since))
    if release.missing and release.gated_at and release.step in UNDER_WAY:
        roles = _("for the %(roles)s") % {"roles": named(release.missing)}
        waits.append((roles, release.gated_at))
    return waits


def waits_for(release: Release) -> list[str]:
    """Whom and what the release waits for now, to be listed after the word *for*."""
    waits = [_(_WAITS[release.waits_for][1])] if release.waits_for in _WAITS else []
    if release.missing and release.gated_at and release.step in UNDER_WAY:
        waits.append(_("the %(roles)s") % {"roles": named(release.missing)})
    return waits


def may_sign(release: Release, roles: Collection[str], person: str) -> tuple[list[str], str]:
    """The roles in which ``person`` may sign off now, and if there is none, the reason."""
    if release.step not in UNDER_WAY or not release.content or not release.missing:
        return [], ""
    mine = [role for role in release.missing if role in roles]
    if duties.bar(person, Parties(authors=release.authors)) is not None:
        return [], _("You made this release or a part of it, so others have to agree to it.")
    if any(sign_off.person == person and sign_off.counts for sign_off in release.sign_offs):
        return [], _("You have signed off. Other people have to sign in the other roles.")
    if not mine:
        why = _("You are not the %(roles)s, so your sign-off is not needed.")
        return [], why % {"roles": named(release.missing, either=True)}
    return mine, ""


def unanswered_roles(release: Release) -> list[str]:
    """The roles in which nobody has approved or refused with a sign-off that counts."""
    answered = {sign_off.role for sign_off in release.sign_offs if sign_off.counts}
    return [role for role in release.missing if role not in answered]


def needed_from_reader(release: Release, roles: Sequence[str], *, reviews: bool = False) -> str:
    """What a reader who may sign off in ``roles`` has to do next.

    With ``reviews`` the reader may give the verdicts for which the release waits.
    """
    if roles:
        return _("Your sign-off is needed, as %(roles)s.") % {"roles": named(roles, either=True)}
    if release.step in UNDER_WAY and release.waits_for is None and release.next in VERBS:
        return _("Next: %(verb)s.") % {"verb": _(VERBS[release.next][0]).lower()}
    if reviews:
        return _("Next: review the tasks on which the two differ.")
    return _("You need to do nothing.")


def next_step(release: Release, owner: str) -> str:
    """The next step of the release, who takes it, and what it waits for."""
    verb = VERBS.get(release.next or "")
    told = {"number": release.number, "owner": owner}
    told |= {"verb": _(verb[0]).lower() if verb else ""}
    if waits := waits_for(release):
        message = _("release %(number)s, waits for %(waits)s")
        if verb and release.waits_for is None:
            message = _("release %(number)s: %(verb)s (%(owner)s), needs the sign-off of %(waits)s")
        elif verb:
            message = _("release %(number)s: %(verb)s, waits for %(waits)s")
        return message % {**told, "waits": ", ".join(waits)}
    if verb:
        return _("release %(number)s: %(verb)s (%(owner)s)") % told
    return _("release %(number)s (%(owner)s)") % told


def name(release: Release) -> str:
    """What people call the release."""
    if release.version_number is None:
        return _("Release %(number)s") % {"number": release.number}
    return _("Version %(version)s") % {"version": release.version_number}


def sentence(release: Release) -> str:
    """What happens with the release, in one sentence."""
    return _SENTENCES[release.step](release)


def trial_progress(release: Release) -> str:
    """How many tasks shadow or canary has compared, and with what result."""
    trial = report_presentation.current_trial(release)
    if not trial or not trial["compared"]:
        return _("nothing compared yet")
    so_far = _("%(n)s compared")
    if trial["compared"] <= trial["of"]:
        so_far = _("%(n)s of %(wanted)s compared")
    so_far %= {"n": number(trial["compared"]), "wanted": number(trial["of"])}
    if not trial["labelled"]:
        return _("%(compared)s, none of them labelled yet") % {"compared": so_far}
    fixed, broken = trial["fixed"], trial["broken"]
    by_outcomes = trial.get("by_outcomes")
    told = {
        "compared": so_far,
        "fixed": several("%(n)s answer fixed", "%(n)s answers fixed", fixed)
        if fixed
        else _("no answer fixed"),
        "broken": several("%(n)s broken", "%(n)s broken", broken) if broken else _("none broken"),
    }
    if by_outcomes:
        message = _("%(compared)s, %(fixed)s, %(broken)s, %(known)s of it known by outcomes")
        return message % {**told, "known": number(by_outcomes)}
    return _("%(compared)s, %(fixed)s, %(broken)s") % told


def _planned(release: Release) -> str:
    unjudged = ((release.gate or {}).get("unknown") or {}).get("n", 0)
    if not unjudged:
        message = _("%(release)s is planned, and what it has to reach is fixed.")
        return message % {"release": name(release)}
    return several(
        "%(release)s has %(n)s answer that nobody has judged, so its gate cannot tell yet. "
        "Ask people to judge them, then run the gate again.",
        "%(release)s has %(n)s answers that nobody has judged, so its gate cannot tell yet. "
        "Ask people to judge them, then run the gate again.",
        unjudged,
        release=name(release),
    )


def _gated(release: Release) -> str:
    refused = [
        f"{sign_off.person} ({named([sign_off.role])})"
        for sign_off in release.sign_offs
        if sign_off.verdict == "refuse" and sign_off.counts
    ]
    told = {"release": name(release)}
    if refused:
        message = _("%(release)s passed its gate, but %(people)s refused it.")
        return message % {**told, "people": _(" and ").join(refused)}
    worse = _is_worse_within_the_limit(release)
    if release.missing and worse:
        passed = _("%(release)s passed its gate, worse within the limit in wrong answers.")
        return f"{passed % told} {_before_it_decides(release)}"
    if release.missing:
        return f"{_('%(release)s passed its gate.') % told} {_before_it_decides(release)}"
    if worse:
        message = _(
            "%(release)s passed its gate, worse within the limit in wrong answers, and everybody "
            "who has to agree did."
        )
        return message % told
    return _("%(release)s passed its gate, and everybody who has to agree did.") % told


def _is_worse_within_the_limit(release: Release) -> bool:
    """Whether it is wrong more often than the live version, which whoever agrees should know."""
    gate = release.gate or {}
    return any(
        report_presentation.standing(criterion, gate) == "worse within the limit"
        for criterion in report_presentation.criteria(gate)
        if criterion["name"] == "errors"
    )


def _before_it_decides(release: Release) -> str:
    return ngettext(
        "Before it decides anything, the %(roles)s has to agree.",
        "Before it decides anything, the %(roles)s have to agree.",
        len(release.missing),
    ) % {"roles": named(release.missing)}


def _shadow(release: Release) -> str:
    message = _("%(release)s runs in shadow, without any effect; %(progress)s.")
    progress = message % {"release": name(release), "progress": trial_progress(release)}
    return f"{progress} {_before_it_decides(release)}" if release.missing else progress


def _canary_share(release: Release) -> str:
    share = release.plan.get("canary_share", 0.0) * 100
    return f"{localised(f'{share:g}')} %"


def _canary(release: Release) -> str:
    return _("%(release)s is in canary: it decides %(share)s of the tasks; %(progress)s.") % {
        "release": name(release),
        "share": _canary_share(release),
        "progress": trial_progress(release),
    }


def _live(release: Release) -> str:
    return _("%(release)s is live: it decides every task.") % {"release": name(release)}


def _retired(release: Release) -> str:
    message = _("%(release)s was live; a later version took its place.")
    return message % {"release": name(release)}


def _ended(release: Release) -> str:
    told = {"release": name(release), "person": release.ended_by or ""}
    why = reworded(release.ended_why or "", certain=True)
    told["why"] = (why or _("no reason was given")).rstrip(".")
    if release.step == "rolled_back" and release.ended_by:
        return _("%(release)s was rolled back by %(person)s: %(why)s.") % told
    if release.step == "rolled_back":
        return _("%(release)s was rolled back: %(why)s.") % told
    if release.ended_by:
        return _("%(release)s was withdrawn by %(person)s: %(why)s.") % told
    return _("%(release)s was withdrawn: %(why)s.") % told


def _failed(release: Release) -> str:
    failed = [
        report_presentation.criterion_label(criterion).lower()
        for criterion in report_presentation.criteria(release.gate)
        if not criterion["passed"]
    ]
    return _("%(release)s failed its gate: %(limits)s. It does not go live.") % {
        "release": name(release),
        "limits": ", ".join(failed) or _("see the report"),
    }


_SENTENCES: Mapping[str, Callable[[Release], str]] = {
    "planned": _planned,
    "gated": _gated,
    "failed": _failed,
    "shadow": _shadow,
    "canary": _canary,
    "live": _live,
    "retired": _retired,
    "rolled_back": _ended,
    "withdrawn": _ended,
}
