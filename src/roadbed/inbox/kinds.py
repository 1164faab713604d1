"""The kinds of action items. A later capability adds a kind by one more entry of this list.

Each kind says what waits for the person who asks, why it matters, and where the button is. A kind
reads the rows that cause its items, so an item appears and disappears with the transaction that
writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from roadbed.inbox.document_kinds import of_documents
from roadbed.inbox.finding import Find, Sources, facts_of, rows_of, waiting_of
from roadbed.inbox.model import Asking, Kind, Waiting
from roadbed.inbox.rows import Queries
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later, number, several
from roadbed.people.model import named
from roadbed.people.permissions import Permission, confirms_labels
from roadbed.releases import presentation
from roadbed.storage.sql import queries
from roadbed.versions.model import Release

_SQL = queries(Queries)
_P = Permission
_NEAR = {"near": "80 %", "spent": "100 %"}  # states of a budget that need somebody


def kinds(sources: Sources) -> Sequence[Kind]:
    """All kinds, by subject."""
    return [
        *_of_operation(sources),
        *_of_deliveries(sources),
        *_of_releases(sources),
        *_of_reviews(sources),
        *_of_improvement(sources),
        *of_documents(sources),
    ]


def _of_operation(sources: Sources) -> Sequence[Kind]:
    """Halts, drills and money."""
    return [
        Kind(
            name="resume",
            title=later("Agree to resume"),
            permission=_P.RESUME,
            button=later("Read and agree"),
            find=rows_of(sources, _SQL["resumes"], "asked_by", "reason", "resume_reason"),
            why=_why_resume,
            link=lambda item: f"/usecases/{item.use_case}/halt#resume",
        ),
        Kind(
            name="drill",
            title=later("Run a halt drill"),
            permission=_P.DRILL,
            button=later("Run the drill"),
            find=_drill(sources),
            why=lambda _item: _(
                "No halt or drill ran in twice the planned time, so nobody knows how fast it stops."
            ),
            link=lambda item: f"/usecases/{item.use_case}#stop",
        ),
        Kind(
            name="budget",
            title=later("Decide about the budget"),
            permission=_P.RELEASE,
            button=later("See what it costs"),
            find=_budget(sources),
            why=lambda item: (
                _(
                    "%(percent)s of the budget for %(period)s is spent or held. When it is used "
                    "up, new tasks go to people."
                )
                % item.facts
            ),
            link=lambda item: f"/usecases/{item.use_case}#money",
        ),
    ]


def _of_deliveries(sources: Sources) -> Sequence[Kind]:
    """What a person approves or resolves."""
    return [
        Kind(
            name="held_delivery",
            title=later("Approve deliveries"),
            permission=_P.APPROVE,
            button=later("Read and approve"),
            find=rows_of(sources, _SQL["held_deliveries"], "first"),
            why=lambda item: several(
                "%(n)s delivery needs an approval. Without one nothing is sent.",
                "%(n)s deliveries need an approval. Without one nothing is sent.",
                item.count,
            ),
            link=_to_deliveries,
        ),
        Kind(
            name="stuck_delivery",
            title=later("Resolve deliveries"),
            permission=_P.DELIVER,
            button=later("Read and resolve"),
            find=rows_of(sources, _SQL["stuck_deliveries"], "first"),
            why=lambda item: several(
                "%(n)s delivery failed, or nobody knows whether the receiver has it. A person "
                "decides.",
                "%(n)s deliveries failed, or nobody knows whether the receiver has it. A person "
                "decides.",
                item.count,
            ),
            link=_to_deliveries,
        ),
    ]


def _of_releases(sources: Sources) -> Sequence[Kind]:
    """Sign-offs and the next step."""
    return [
        Kind(
            name="sign_off",
            title=later("Sign a release"),
            permission=_P.SIGN,
            button=later("Read and sign"),
            find=_signing(sources),
            why=lambda item: (
                _(
                    "Release %(number)s needs the sign-off of the %(roles)s. Without it the "
                    "release does not go live."
                )
                % {"number": item.facts["number"], "roles": named(item.roles or [])}
            ),
            link=lambda item: f"/releases/{item.subject}",
        ),
        Kind(
            name="release_step",
            title=later("Take the next step of a release"),
            permission=_P.RELEASE,
            button=later("Open the release"),
            find=_stepping(sources),
            why=lambda item: (
                _("Release %(number)s is ready: %(verb)s. Until then it stays where it is.")
                % {"number": item.facts["number"], "verb": _verb(item)}
            ),
            link=lambda item: f"/releases/{item.subject}",
        ),
    ]


def _of_improvement(sources: Sources) -> Sequence[Kind]:
    """Labels, examples and proposals."""
    return [
        Kind(
            name="new_label",
            title=later("Confirm new labels"),
            permission=_P.CONFIRM_LABELS,
            button=later("Confirm or refuse"),
            find=_labels(sources),
            why=lambda item: several(
                "%(n)s answer with a label never seen before: %(labels)s. Until it is confirmed, "
                "the answer counts for nothing.",
                "%(n)s answers with a label never seen before: %(labels)s. Until it is confirmed, "
                "the answer counts for nothing.",
                item.count,
                labels=_listed(item.facts["labels"]),
            ),
            link=lambda item: f"/usecases/{item.use_case}/labels",
        ),
        Kind(
            name="contradiction",
            title=later("Look at contradictions"),
            permission=_P.IMPROVE,
            button=later("Compare the examples"),
            find=_contradictions(sources),
            why=lambda item: several(
                "%(n)s input with different right answers among the examples. A new version "
                "learns from both.",
                "%(n)s inputs with different right answers among the examples. A new version "
                "learns from both.",
                item.count,
            ),
            link=lambda item: f"/usecases/{item.use_case}/examples/quality",
        ),
        Kind(
            name="suggestion",
            title=later("Decide on proposals"),
            permission=_P.IMPROVE,
            button=later("Read and decide"),
            find=rows_of(sources, _SQL["suggestions"]),
            why=lambda item: several(
                "%(n)s proposal made from corrections. Nothing changes until a person accepts it.",
                "%(n)s proposals made from corrections. Nothing changes until a person accepts it.",
                item.count,
            ),
            link=lambda item: f"/usecases/{item.use_case}/proposals",
        ),
    ]


def _of_reviews(sources: Sources) -> Sequence[Kind]:
    """What is answered on the review page, read by one statement, and doubts about verdicts."""

    async def find(asking: Asking) -> Sequence[Waiting]:
        rows = await sources.database.fetch(_SQL["reviews"], facts_of(asking))
        return [replace(waiting_of(row, "more"), kind=row["kind"]) for row in rows]

    def kind(name: str, title: str, why: Callable[[Waiting], str]) -> Kind:
        return Kind(
            name=name,
            title=title,
            permission=_P.REVIEW,
            button=later("Review"),
            find=find,
            why=why,
            link=lambda item: f"/usecases/{item.use_case}/reviews",
        )

    return [
        kind(
            "overdue_label",
            later("Label the sample"),
            lambda item: several(
                "%(n)s item of the random sample without a label in time. Each counts as wrong, "
                "which can stop automation.",
                "%(n)s items of the random sample without a label in time. Each counts as wrong, "
                "which can stop automation.",
                item.count,
            ),
        ),
        kind(
            "disagreement",
            later("Settle disagreements"),
            lambda item: several(
                "Reviewers gave different answers to %(n)s task. Yours decides.",
                "Reviewers gave different answers to %(n)s tasks. Yours decides.",
                item.count,
            ),
        ),
        kind(
            "second_look",
            later("Look again"),
            lambda item: several(
                "%(n)s answer reported as wrong that nobody had reviewed.",
                "%(n)s answers reported as wrong that nobody had reviewed.",
                item.count,
            ),
        ),
        kind("review", later("Review"), _reviews),
        Kind(
            name="contradicted",
            title=later("Answer reports about checked answers"),
            permission=_P.REPORT_OUTCOMES,
            button=later("Read and decide"),
            find=rows_of(sources, _SQL["contradicted"]),
            why=lambda item: several(
                "%(n)s answer that a person checked was called wrong afterwards. Whoever checked "
                "it corrects it, or the report is withdrawn.",
                "%(n)s answers that a person checked were called wrong afterwards. Whoever checked "
                "them corrects them, or the reports are withdrawn.",
                item.count,
            ),
            link=lambda item: f"/usecases/{item.use_case}/outcomes",
        ),
    ]


def _why_resume(item: Waiting) -> str:
    facts = {
        "person": item.facts["asked_by"],
        "use_case": item.use_case,
        "reason": str(item.facts["resume_reason"] or "").rstrip("."),
    }
    if facts["reason"]:
        return _("%(person)s asks to resume %(use_case)s: %(reason)s.") % facts
    return (
        _("%(person)s asks to resume %(use_case)s. It stays halted until a second person agrees.")
        % facts
    )


def _labels(sources: Sources) -> Find:
    async def find(asking: Asking) -> Sequence[Waiting]:
        rows = await sources.database.fetch(_SQL["new_labels"], facts_of(asking))
        waiting = []
        for row in rows:
            deployment = sources.deployment(row["use_case"])
            role = deployment and deployment.loaded.declared.new_labels_by
            if role and confirms_labels(asking.viewer, row["use_case"], role):
                waiting.append(waiting_of(row, "labels", roles=[str(role)]))
        return waiting

    return find


def _signing(sources: Sources) -> Find:
    async def find(asking: Asking) -> Sequence[Waiting]:
        waiting = []
        for release in await _under_way(sources, asking):
            roles = asking.viewer.roles_in(release.use_case)
            mine, _why_not = presentation.may_sign(release, roles, asking.person)
            blocked = asking.linker is not None and asking.linker in release.authors
            if mine and not blocked:
                since = release.gated_at or release.planned_at
                signed = {off.person for off in release.sign_offs if off.counts}
                barred = {*release.authors, *signed}
                waiting.append(_of_release(release, since, roles=mine, barred=barred))
        return waiting

    return find


def _stepping(sources: Sources) -> Find:
    async def find(asking: Asking) -> Sequence[Waiting]:
        waiting = []
        for release in await _under_way(sources, asking):
            if release.waits_for is None and release.next in presentation.VERBS:
                moments = (release.canary_at, release.shadow_at, release.gated_at)
                since = next((at for at in moments if at), release.planned_at)
                waiting.append(_of_release(release, since, verb=release.next))
        return waiting

    return find


async def _under_way(sources: Sources, asking: Asking) -> Sequence[Release]:
    rows = await sources.database.fetch(_SQL["releases_under_way"], facts_of(asking))
    return [await sources.releases.get(row["id"]) for row in rows]


def _of_release(
    release: Release,
    since: datetime,
    *,
    roles: Sequence[str] | None = None,
    barred: Collection[str] = (),
    verb: str = "",
) -> Waiting:
    return Waiting(
        use_case=release.use_case,
        subject=release.id,
        count=1,
        since=since,
        facts={"number": release.number, "verb": verb},
        roles=roles,
        barred=barred,
    )


def _budget(sources: Sources) -> Find:
    async def find(asking: Asking) -> Sequence[Waiting]:
        waiting = []
        for name in asking.use_cases:
            deployment = sources.deployment(name)
            budget = deployment.loaded.declared.budget if deployment else None
            for status in await sources.budgets.report(name, budget):
                if status.state in _NEAR:
                    reached = [alert.at for alert in status.alerts if alert.percent >= 80]
                    facts = {"period": status.period, "percent": f"{status.share * 100:.0f} %"}
                    since = min(reached, default=asking.now)
                    waiting.append(Waiting(use_case=name, count=1, since=since, facts=facts))
        return waiting

    return find


def _contradictions(sources: Sources) -> Find:
    """Reads all examples of a use case, so only after one of them came or went."""
    known: dict[str, tuple[tuple[int, str | None], Waiting | None]] = {}

    async def find(asking: Asking) -> Sequence[Waiting]:
        facts = facts_of(asking)
        marks = {
            row["use_case"]: (row["count"], row["newest"])
            for row in await sources.database.fetch(_SQL["examples_that_teach"], facts)
        }
        stale = [
            name for name, mark in marks.items() if name not in known or known[name][0] != mark
        ]
        if stale:
            asked = {**facts, "use_cases": stale}
            rows = await sources.database.fetch(_SQL["contradictions"], asked)
            waiting = {row["use_case"]: waiting_of(row) for row in rows}
            known.update({name: (marks[name], waiting.get(name)) for name in stale})
        return [item for name in marks if (item := known[name][1]) is not None]

    return find


def _drill(sources: Sources) -> Find:
    async def find(asking: Asking) -> Sequence[Waiting]:
        rows = await sources.database.fetch(_SQL["last_drills"], facts_of(asking))
        late = timedelta(seconds=2 * sources.drill_seconds)
        return [
            Waiting(use_case=row["use_case"], count=1, since=row["last"] + late)
            for row in rows
            if row["last"] + late < asking.now
        ]

    return find


def _to_deliveries(item: Waiting) -> str:
    """To the delivery itself where there is one only."""
    one = item.count == 1 and item.subject is not None
    return f"/deliveries/{item.subject}" if one else f"/usecases/{item.use_case}/deliveries#urgent"


def _verb(item: Waiting) -> str:
    label, _what = presentation.VERBS[str(item.facts["verb"])]
    return _(label).lower()


def _reviews(item: Waiting) -> str:
    if item.facts["more"]:
        return _(
            "%(n)s or more tasks wait for a person. What is not automatic is sent after the review."
        ) % {"n": number(item.count)}
    return several(
        "%(n)s task waits for a person. What is not automatic is sent after the review.",
        "%(n)s tasks wait for a person. What is not automatic is sent after the review.",
        item.count,
    )


def _listed(labels: object) -> str:
    names = sorted({str(label) for label in labels}) if isinstance(labels, Sequence) else []
    shown = ", ".join(name[:40] for name in names[:3])
    if len(names) <= 3:
        return shown
    return several(
        "%(labels)s and %(n)s more", "%(labels)s and %(n)s more", len(names) - 3, labels=shown
    )
