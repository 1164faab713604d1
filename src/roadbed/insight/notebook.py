"""What a use case has taught its pod, composed of what was corrected, accepted and released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from roadbed.improvement.confusions import ReviewedAnswer, confusions
from roadbed.insight.events import TimelineEvent
from roadbed.insight.lesson_text import of_confusion, of_fallen, of_proposal
from roadbed.insight.lessons import Lesson
from roadbed.kernel.figures import counted, listed, percent

Row = Mapping[str, Any]
_MOST_OPEN = 20
_ROLES = ("domain_lead", "engineer", "data_specialist", "risk_partner")
# Of these kinds a proposal is about all corrections, not about one group of them.
_ABOUT_ALL = ("model", "examples")


@dataclass(frozen=True, kw_only=True, slots=True)
class Notebook:
    """All of it: ``in_short`` in sentences, lessons largest first, events oldest first."""

    use_case: str
    purpose: str
    in_short: Sequence[str]
    important: Sequence[str]
    lessons: Sequence[Lesson]
    verdicts: int
    corrections: int
    events: Sequence[TimelineEvent]
    made_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """The rows a notebook is made of. ``versions`` are oldest first, ``releases`` too."""

    use_case: Row
    verdicts: Sequence[ReviewedAnswer]
    proposals: Sequence[Row]
    releases: Sequence[Row]
    versions: Sequence[Row]
    events: Sequence[TimelineEvent]
    recent: Row
    now: datetime


def notebook(given: Material) -> Notebook:
    """The notebook of a use case."""
    by_task = {verdict.task_id: verdict for verdict in given.verdicts}
    told = [proposal for proposal in given.proposals if proposal["kind"] not in _ABOUT_ALL]
    covered = {case.get("task_id") for item in told for case in item["cases"]}
    lessons = [of_proposal(entry, by_task, given.releases) for entry in told]
    fallen = _fallen(given)
    lessons += [of_fallen(*element) for element in fallen]
    covered |= {each.task_id for _, verdicts in fallen for each in verdicts}
    left = [one for one in given.verdicts if one.agrees or one.task_id not in covered]
    lessons += [
        of_confusion(confusion, given.verdicts, given.versions)
        for confusion in confusions(left)[:_MOST_OPEN]
    ]
    lessons.sort(key=lambda each: (-each.n, each.seen))
    declared = given.use_case["declaration"]
    return Notebook(
        use_case=given.use_case["name"],
        purpose=declared["purpose"],
        in_short=_in_short(given),
        important=[each.short for each in _important(lessons)],
        lessons=lessons,
        verdicts=len(given.verdicts),
        corrections=sum(not each.agrees for each in given.verdicts),
        events=sorted(given.events, key=lambda each: each.at),
        made_at=given.now,
    )


def _fallen(given: Material) -> list[tuple[Row, list[ReviewedAnswer]]]:
    """Candidates that never came into service, and what people corrected of them.

    What a version got wrong that decides nothing any more is no open matter.
    """
    in_service = {version["number"] for version in given.versions if version["live_since"]}
    fell = {
        release["version_number"]: release
        for release in given.releases
        if release["step"] == "rolled_back" and release["version_number"] not in in_service
    }
    wrong: dict[int, list[ReviewedAnswer]] = {}
    for verdict in given.verdicts:
        if not verdict.agrees and (number := verdict.version) is not None and number in fell:
            wrong.setdefault(number, []).append(verdict)
    return [(fell[number], verdicts) for number, verdicts in wrong.items()]


def _important(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Three: what was answered to before what is open, the largest first within."""
    kept = [lesson for lesson in lessons if lesson.state not in ("rejected", "undone")]
    return sorted(kept, key=lambda each: (each.state in ("open", "proposed"), -each.n))[:3]


def _in_short(given: Material) -> list[str]:
    declared, use_case = given.use_case["declaration"], given.use_case
    named = {role: name for role in _ROLES if (name := declared["pod"].get(role))}
    pod = [f"{name} ({role.replace('_', ' ')})" for role, name in named.items()]
    found = [f"{declared['purpose'].rstrip('.')}.", f"The pod: {listed(pod)}."]
    live = next((version for version in given.versions if version["live"]), None)
    if live is None:
        return [*found, "No version decides; nothing is live yet.", _promise(declared)]
    since = f"{live['live_since']:%Y-%m-%d}"
    found.append(f"Version {live['number']} is live since {since}, made by {live['made_by']}.")
    if use_case["halted"]:
        found.append("It is halted: everything goes to people.")
    elif use_case["threshold"] is None and use_case["stage"] in ("idea", "proof"):
        found.append("It only proposes: nothing has been automatic yet.")
    elif use_case["threshold"] is None:
        found.append("Nothing is automatic at the moment: people decide.")
    else:
        share = given.recent["automatic"] / given.recent["tasks"] if given.recent["tasks"] else 0.0
        found.append(
            f"It answers from confidence {use_case['threshold']:.3f} on by itself, "
            f"{percent(share)} of the last {counted(given.recent['tasks'], 'task')}."
        )
    return [*found, _promise(declared)]


def _promise(declared: Row) -> str:
    return (
        f"The limit: at most {percent(declared['risk_limit'])} of automatic answers wrong, "
        f"with {percent(declared['certainty'])} certainty."
    )
