"""The timeline of a use case as SVG. Widths are in per cent, so texts keep their size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup, escape
from starlette.requests import Request

from roadbed.console.pages import app_of
from roadbed.insight.stage_clock import ChartSpan, TimelineChart, chart_of, days
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later, several

_TOP, _ROW, _BAR, _BELOW = 28, 34, 8, 24
_SHORT = {"proof of concept": later("proof")}


async def timeline(
    request: Request, name: str
) -> dict[str, Any]:  # facts of a template, passed on by name
    """The data of the section "Timeline" on a use case's page."""
    app = app_of(request)
    stages = await app.stage_clock.timeline(name)
    drawn = chart_of(stages, app.clock.now())
    return {
        "timeline": stages,
        "timeline_picture": drawn,
        "timeline_plot": plot(drawn),
    }


def plot(drawn: TimelineChart) -> Markup:
    """One row for each stage, a dashed line for each target, a dotted line for today."""
    height = _TOP + _ROW * len(drawn.spans) + _BELOW
    parts = [
        *_targets(drawn, height),
        *_today(drawn, height),
        *(part for number, span in enumerate(drawn.spans) for part in _row(number, span)),
    ]
    return Markup('<svg role="img" width="100%" height="{0}" aria-label="{1}">{2}</svg>').format(
        height,
        _("Stages by date. %(headline)s") % {"headline": drawn.headline},
        Markup("").join(parts),
    )


def _targets(drawn: TimelineChart, height: int) -> Iterator[Markup]:
    for target in drawn.targets:
        yield _line("target", target.at, 18, height - _BELOW)
        name = _(_SHORT.get(target.name, target.name))
        yield _text(target.at, 12, f"{_of(target.of_days)}: {name}", "limit-word")


def _today(drawn: TimelineChart, height: int) -> Iterator[Markup]:
    yield _line("today", drawn.today, 18, height - _BELOW + 4)
    yield _text(drawn.today, height - 6, _("today"), "word strong")


def _row(number: int, span: ChartSpan) -> Iterator[Markup]:
    y = _TOP + _ROW * number
    yield Markup('<line class="row" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(y + _ROW - 4)
    yield Markup('<rect class="{}" x="{}%" y="{}" width="{}%" height="{}" rx="2"/>').format(
        "now" if span.ended_at is None else "stage",
        _percent(span.left),
        y + 18,
        _percent(max(span.width, 0.006)),
        _BAR,
    )
    words = _("%(stage)s, %(time)s, from %(day)s") % {
        "stage": span.name,
        "time": days(span.days),
        "day": f"{span.began_at:%Y-%m-%d}",
    }
    yield _text(span.left, y + 12, words, "word strong")


def _of(n: float) -> str:
    if n > 21:
        return several("%(n)s week", "%(n)s weeks", round(n / 7))
    return several("%(n)s day", "%(n)s days", round(n))


def _text(at: float, y: float, text: str, kind: str) -> Markup:
    """A text beside its point, on the side that has space."""
    anchor = "start" if at < 0.5 else "end"
    return Markup('<text class="{}" x="{}%" y="{}" text-anchor="{}">{}</text>').format(
        kind, _percent(min(at, 1.0)), y, anchor, escape(text)
    )


def _line(kind: str, at: float, top: float, bottom: float) -> Markup:
    return Markup('<line class="{0}" x1="{1}%" x2="{1}%" y1="{2}" y2="{3}"/>').format(
        kind, _percent(at), top, bottom
    )


def _percent(share: float) -> str:
    return f"{share * 100:.2f}"
