"""What a use case has taught its pod, composed of what was corrected, accepted and released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from roadbed.improvement.confusions import Confusion, Verdict, confusions
from roadbed.kernel.json import flat
from roadbed.releases.figures import counted, listed, percent
from roadbed.releases.happenings import Event

State = Literal["released", "learned", "accepted", "proposed", "rejected", "open"]
Row = Mapping[str, Any]
_MOST_OPEN = 20
_SHOWN = 240
_ROLES = ("domain_lead", "engineer", "data_specialist", "risk_partner")
# Of these kinds a proposal is about all corrections, not about one group of them.
_ABOUT_ALL = ("model", "examples")


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """An example: what came in, what was answered, what was right, and a reviewer's note."""

    task: str | None
    input: str
    decided: str
    right: str
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """How often it went wrong, of tasks that a person judged and whose right answer is the same."""

    wrong: int
    of: int

    @property
    def words(self) -> str:
        return f"{self.wrong:,} of {self.of:,} wrong"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """One group of corrections: what was ``seen``, what was ``done``, what it ``changed``.

    ``why`` says what a proposal rests on. ``n`` counts the corrections. ``version`` is the number
    of the version that answers to it.
    """

    seen: str
    why: str | None
    n: int
    words: Sequence[str]
    examples: Sequence[Seen]
    state: State
    done: Sequence[str]
    changed: str | None
    before: Rate | None
    after: Rate | None
    first_at: datetime | None
    last_at: datetime | None
    version: int | None = None

    @property
    def short(self) -> str:
        """It in one sentence."""
        ends = {
            "released": f"answered to by version {self.version}",
            "learned": f"version {self.version} has learned from it",
            "accepted": "accepted, not yet released",
            "proposed": "a proposal waits for a word",
            "rejected": "a proposal was rejected",
            "open": "nothing was done about it yet",
        }
        return f"{self.seen.rstrip('.')}: {self.changed or ends[self.state]}."


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
    events: Sequence[Event]
    made_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """The rows a notebook is made of. ``versions`` are oldest first, ``releases`` too."""

    use_case: Row
    verdicts: Sequence[Verdict]
    proposals: Sequence[Row]
    releases: Sequence[Row]
    versions: Sequence[Row]
    events: Sequence[Event]
    recent: Row
    now: datetime


def notebook(given: Material) -> Notebook:
    """The notebook of a use case."""
    by_task = {each.task_id: each for each in given.verdicts}
    told = [each for each in given.proposals if each["kind"] not in _ABOUT_ALL]
    covered = {case.get("task_id") for each in told for case in each["cases"]}
    lessons = [_of_proposal(each, by_task, given) for each in told]
    left = [each for each in given.verdicts if each.agrees or each.task_id not in covered]
    lessons += [_of_confusion(each, given) for each in confusions(left)[:_MOST_OPEN]]
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


def _of_proposal(proposal: Row, by_task: Mapping[str, Verdict], given: Material) -> Lesson:
    cases = proposal["cases"]
    verdicts = [by_task[each["task_id"]] for each in cases if each.get("task_id") in by_task]
    wrong = [each for each in verdicts if not each.agrees]
    release = _release_of(proposal, given.releases)
    state, done = _decided(proposal, release)
    version = release["version_number"] if release and release["live_at"] else None
    pairs = {each.pair for each in wrong}
    at = release["live_at"] if release else None
    before, after = _rates(given.verdicts, pairs, at)
    tasks = {each.get("task_id") for each in cases}
    return Lesson(
        seen=f"{proposal['title'].rstrip('.')}.",
        why=proposal["reason"],
        n=int(proposal["support"].get("wrong_now") or len(wrong) or len(cases)),
        words=(),
        examples=[_case(each, by_task) for each in cases[:2]],
        state=state,
        done=done,
        changed=_on_gate(release, tasks) or _changed(before, after, version),
        before=before,
        after=after,
        first_at=min((each.given_at for each in wrong), default=proposal["made_at"]),
        last_at=max((each.given_at for each in wrong), default=proposal["made_at"]),
        version=version,
    )


def _of_confusion(found: Confusion, given: Material) -> Lesson:
    n = len(found.verdicts)
    learned = _learned(found, given.versions)
    at = learned["live_since"] if learned else None
    before, after = _rates(given.verdicts, {(found.decided, found.right)}, at)
    version = learned["number"] if learned else None
    done = []
    if learned:
        k = sum(each.given_at <= learned["learned_until"] for each in found.verdicts)
        done = [f"Version {version}, live since {at:%Y-%m-%d}, was made after {k} of these {n}."]
    return Lesson(
        seen=f"Answered “{found.decided}”, right was “{found.right}”.",
        why=None,
        n=n,
        words=found.words,
        examples=[_example(each) for each in found.examples],
        state="learned" if learned else "open",
        done=done,
        changed=_changed(before, after, version),
        before=before,
        after=after,
        first_at=min(each.given_at for each in found.verdicts),
        last_at=max(each.given_at for each in found.verdicts),
        version=version,
    )


def _learned(found: Confusion, versions: Sequence[Row]) -> Row | None:
    """The first version in service that could learn from most of these corrections."""
    half = sorted(each.given_at for each in found.verdicts)[(len(found.verdicts) - 1) // 2]
    return next(
        (
            each
            for each in versions
            if each["live_since"] and each["learned_until"] and each["learned_until"] >= half
        ),
        None,
    )


def _release_of(proposal: Row, releases: Sequence[Row]) -> Row | None:
    """The newest release that carries it; one that came into service before any other."""
    carrying = [each for each in releases if proposal["id"] in each["proposals"]]
    live = [each for each in carrying if each["live_at"]]
    return live[0] if live else carrying[-1] if carrying else None


def _decided(proposal: Row, release: Row | None) -> tuple[State, list[str]]:
    by, note = proposal["decided_by"], proposal["note"]
    said = f" by {by}" if by else ""
    said += f" on {proposal['decided_at']:%Y-%m-%d}" if proposal["decided_at"] else ""
    said += f": “{note}”" if note else ""
    edited = ", edited," if proposal["edited"] else ""
    if proposal["state"] == "rejected":
        return "rejected", [f"Rejected{said}."]
    if proposal["state"] != "accepted":
        return "proposed", [f"Proposed on {proposal['made_at']:%Y-%m-%d}; nobody has decided yet."]
    done = [f"Accepted{edited}{said}."]
    if release is None:
        return "accepted", done
    if not release["live_at"]:
        return "accepted", [*done, f"In release {release['number']}, which is {_step(release)}."]
    name = f"version {release['version_number']}"
    back = f", {_step(release)}" if release["step"] not in ("live", "retired") else ""
    return "released", [*done, f"Released with {name} on {release['live_at']:%Y-%m-%d}{back}."]


def _step(release: Row) -> str:
    return str(release["step"]).replace("_", " ")


def _rates(
    verdicts: Sequence[Verdict], pairs: set[tuple[str, str]], at: datetime | None
) -> tuple[Rate | None, Rate | None]:
    """How often tasks of this right answer got this wrong one, before ``at`` and since."""
    if not pairs:
        return None, None
    rights = {right for _, right in pairs}
    same = [each for each in verdicts if each.pair[1] in rights]

    def rate(some: Sequence[Verdict]) -> Rate | None:
        return Rate(wrong=sum(each.pair in pairs for each in some), of=len(some)) if some else None

    before = rate([each for each in same if at is None or each.decided_at < at])
    return before, rate([each for each in same if at is not None and each.decided_at >= at])


def _changed(before: Rate | None, after: Rate | None, version: int | None) -> str | None:
    if version is None or before is None:
        return None
    if after is None:
        return f"{before.words} before version {version}; none of this kind was judged since"
    return f"{before.words} before version {version}, {after.words} since"


def _on_gate(release: Row | None, tasks: set[str | None]) -> str | None:
    """What the gate of a release showed on these very cases."""
    cases = ((release or {}).get("gate") or {}).get("cases")
    if not release or not isinstance(cases, Mapping):
        return None
    fixed, broken = (
        sum(each.get("task") in tasks for each in cases.get(name) or [])
        for name in ("fixed", "broken")
    )
    if not fixed and not broken:
        return None
    return f"on {counted(len(tasks), 'case')} the gate saw {fixed:,} fixed and {broken:,} broken"


def _case(case: Row, by_task: Mapping[str, Verdict]) -> Seen:
    verdict = by_task.get(case.get("task_id", ""))
    return Seen(
        task=case.get("task_id") or None,
        input=str(case.get("input", ""))[:_SHOWN],
        decided=_flat(case.get("before")),
        right=_flat(case.get("right")),
        note=verdict.note if verdict else None,
    )


def _example(verdict: Verdict) -> Seen:
    decided, right = verdict.pair
    return Seen(
        task=verdict.task_id,
        input=flat(verdict.input)[:_SHOWN],
        decided=decided,
        right=right,
        note=verdict.note,
    )


def _flat(output: Any) -> str:
    return flat(output) if isinstance(output, Mapping) else "no answer"


def _important(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Three: what was answered to before what is open, the largest first within."""
    kept = [each for each in lessons if each.state != "rejected"]
    return sorted(kept, key=lambda each: (each.state in ("open", "proposed"), -each.n))[:3]


def _in_short(given: Material) -> list[str]:
    declared, use_case = given.use_case["declaration"], given.use_case
    named = {role: name for role in _ROLES if (name := declared["pod"].get(role))}
    pod = [f"{name} ({role.replace('_', ' ')})" for role, name in named.items()]
    found = [f"{declared['purpose'].rstrip('.')}.", f"The pod: {listed(pod)}."]
    live = next((each for each in given.versions if each["live"]), None)
    if live is None or use_case["stage"] in ("idea", "proof"):
        stands = f"Version {live['number']} proposes" if live else "No version decides"
        return [*found, f"{stands}; nothing is live yet.", _promise(declared)]
    since = f"{live['live_since']:%Y-%m-%d}"
    found.append(f"Version {live['number']} is live since {since}, made by {live['made_by']}.")
    if use_case["halted"]:
        found.append("It is halted: everything goes to people.")
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
