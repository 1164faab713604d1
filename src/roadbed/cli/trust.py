"""``trust`` and ``stress``: what is proven about a use case, and what a stress test finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadbed.cli.identity import readable
from roadbed.cli.output import Json, UseCaseName, opened, run, show
from roadbed.kernel.figures import counted

if TYPE_CHECKING:
    from roadbed.guarantee.report import TrustReport
    from roadbed.guarantee.stress import StressReport


def trust_text(report: TrustReport) -> str:
    """The report in lines."""
    return "\n".join(_lines(report))


def _lines(report: Any) -> Iterator[str]:
    from roadbed.guarantee.presentation import reviews_a_day

    yield report.promise
    yield f"{report.state.upper()}: {report.state_words}"
    if report.state_reason:
        yield f"  Because: {report.state_reason}"
    yield f"  Next: {report.way_out}"
    yield ""
    yield from _proof(report)
    yield from _sample(report)
    yield from _measured(report)
    yield from _audit(report.audit, report.risk_limit)
    yield f"Forecast      {report.forecast_words}"
    volume = report.volume
    if volume.tasks:
        yield (
            f"People        {reviews_a_day(volume)}, "
            f"about {volume.review_hours:.1f} hours at half a minute each"
        )
    else:
        yield "People        unknown: no task has arrived in the last week"
    for limit in report.other_limits:
        if limit.threshold is not None:
            yield (
                f"  at {limit.limit:6.2%}  {limit.automated:4.0%} automatic; in 1,000 tasks "
                f"{limit.errors:4.1f} wrong and {limit.people:,} for people "
                f"({limit.wrong:,} of {counted(limit.n, 'labelled one')} wrong)"
            )
    yield f"Weak spots    {report.weak_words}"
    for item in (report.proof or {}).get("detail", {}).get("weak", [])[:5]:
        yield (
            f"Weak          {item['field']} = {item['value']}: "
            f"{item['wrong']} of {item['n']} wrong, "
            f"{item['automatic']:.0%} automatic"
        )
    for reviewer in report.reviewers:
        warning = ", ACCEPTS FASTER THAN THE TEXT CAN BE READ" if reviewer.too_fast else ""
        yield (
            f"Reviewer      {reviewer.reviewer}: {counted(reviewer.verdicts, 'verdict')}, "
            f"{_known(reviewer)}, "
            f"{_second(reviewer)}{warning}"
        )
    for notice in report.notices:
        yield f"Notice        {notice.at:%Y-%m-%d %H:%M} UTC  {notice.text}"


def _known(reviewer: Any) -> str:
    if not reviewer.known_wrong:
        return "no reviewer check with a mistake yet"
    return f"missed {reviewer.missed:,} of {counted(reviewer.known_wrong, 'known mistake')}"


def _second(reviewer: Any) -> str:
    if not reviewer.second_looks:
        return "no second review yet"
    return (
        f"changed in {reviewer.overturned:,} of {counted(reviewer.second_looks, 'second review')}"
    )


def _proof(report: Any) -> Iterator[str]:
    from roadbed.guarantee.presentation import above

    proof = report.proof
    if not proof or proof["threshold"] is None:
        why = (proof or {}).get("detail", {}).get("why_not") or "no version has been certified."
        yield f"Proof         none: {why}"
        return
    kind = "Cautious" if proof["cautious"] else "Proof"
    yield f"{kind:14}from confidence {proof['threshold']:.3f} on: {above(proof)}"
    if report.threshold is not None and report.threshold != proof["threshold"]:
        yield f"In force      from {report.threshold:.3f} on"


def _sample(report: Any) -> Iterator[str]:
    for number, sentence in enumerate(report.sample):
        yield f"{'' if number else 'Sample':14}{sentence}"


def _measured(report: Any) -> Iterator[str]:
    from roadbed.guarantee.presentation import measured_lines

    for number, line in enumerate(measured_lines(report.measured)):
        yield f"{'' if number else 'Measured':14}{line}"


def _audit(audit: Any, limit: float) -> Iterator[str]:
    from roadbed.guarantee.presentation import unaudited

    if audit.estimate is None:
        yield f"Audit         {unaudited(audit)}"
        return
    yield (
        f"Audit         of {counted(audit.automated, 'automatic answer')} of this version, at "
        f"every moment at most {audit.upper or 1.0:.1%} wrong"
    )
    yield (
        f"  stops at    harm {audit.harm:.2g} of {audit.harm_limit:.0f}, change {audit.change:.2g} "
        f"of {audit.change_limit:.0f}, new kinds {audit.kinds_evidence:.2g} of "
        f"{audit.kinds_limit:.0f} ({audit.new_kinds} of {audit.kinds_seen}); limit {limit:.1%}"
    )
    if audit.waiting or audit.overdue:
        yield f"  labels      {audit.waiting} wait; {audit.overdue} are late and count as wrong"


def stress_text(report: StressReport) -> str:
    """The stress report as a table."""
    n = report.rows[0].n if report.rows else 0
    lines = [
        f"Shares of {counted(n, 'item')}, each evaluated once per row.",
        f"{'':32}{'':>8}{'all sent:':>10}{'':>11}{'of them':>9}{'for':>8}{'':>7}",
        f"{'':32}{'strength':>8}{'wrong':>10}{'automatic':>11}{'wrong':>9}{'people':>8}{'held':>7}",
    ]
    for row in report.rows:
        wrong = "none" if row.error_automatic is None else f"{row.error_automatic:.1%}"
        lines.append(
            f"{row.perturbation:32}{row.strength or '':>8}{row.error_without:>10.1%}"
            f"{row.automatic:>11.0%}{wrong:>9}{row.people:>8.0%}{row.held:>7.0%}"
        )
    if report.left_out:
        lines.append(f"Not applicable to these inputs: {', '.join(report.left_out)}.")
    if report.threshold is None:
        lines.append("Nothing is proven for this version, so nothing would be automatic.")
    return "\n".join(lines)


def trust(usecase: UseCaseName, json: Json = False) -> None:
    """Show the promise of a use case, its evidence, and what would stop automation."""

    async def work() -> Any:
        async with opened(only=None) as app:
            report = await app.reports.report(app.service(usecase))
            return await readable(app).trust(report)

    report = run(work())
    show(report, as_json=json, text=lambda: trust_text(report))


def stress(
    usecase: UseCaseName,
    items: Annotated[int, typer.Option(min=1, max=5_000, help="The number of examples.")] = 400,
    picture: Annotated[Path | None, typer.Option(help="Also write a plot, as SVG.")] = None,
    json: Json = False,
) -> None:
    """Disturb the examples as real traffic does, and count wrong automatic answers."""
    from roadbed.guarantee.stress_chart import svg

    async def work() -> Any:
        async with opened(only=None) as app:
            return await app.stress.stress(app.service(usecase), most=items)

    report = run(work())
    if picture is not None:
        picture.write_text(svg(report), encoding="utf-8")
    show(report, as_json=json, text=lambda: stress_text(report))
