"""Plots as SVG, drawn on the server: shapes and words only, colours come from the style sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from roadbed.budgets.model import BudgetStatus
from roadbed.guarantee.model import AuditPoint
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import localised, number
from roadbed.storage.database import Row

WIDTH, HEIGHT = 640, 300
_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5)
_MOST_TICKS = 6
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 28, 16, 40


def risk_coverage(
    curve: Sequence[Mapping[str, float]], *, limit: float, threshold: float | None
) -> Markup:
    """Error against coverage with its interval; the limit and the threshold in force marked."""
    if not curve:
        return Markup("")
    top = max(limit * 2.5, min(0.25, max(point["risk"] for point in curve) * 1.15))

    def place(coverage: float, risk: float) -> tuple[float, float]:
        x = _LEFT + coverage * (WIDTH - _LEFT - _RIGHT)
        y = HEIGHT - _BOTTOM - min(risk, top) / top * (HEIGHT - _TOP - _BOTTOM)
        return round(x, 1), round(y, 1)

    def path(side: str) -> list[tuple[float, float]]:
        return [place(point["coverage"], point[side]) for point in curve]

    parts = [
        *_axes(top, place),
        Markup('<polygon class="band" points="{}"/>').format(
            _points([*path("upper"), *reversed(path("lower"))])
        ),
        Markup('<polyline class="line" points="{}"/>').format(_points(path("risk"))),
        *_limit(limit, place),
        *_chosen(curve, threshold, place),
    ]
    return svg(_("Error among automatic answers against the share automated"), parts)


def audit(path: Sequence[AuditPoint], *, limit: float) -> Markup:
    """The estimated error and its bound over the automatic answers so far."""
    if len(path) < 2:
        return Markup("")
    top = max(limit * 2.5, min(max(point.estimate for point in path) * 1.3, 1.0))
    first, last = path[0].automated, path[-1].automated

    def place(share: float, risk: float) -> tuple[float, float]:
        x = _LEFT + share * (WIDTH - _LEFT - _RIGHT)
        y = HEIGHT - _BOTTOM - min(risk, top) / top * (HEIGHT - _TOP - _BOTTOM)
        return round(x, 1), round(y, 1)

    def line(name: str) -> list[tuple[float, float]]:
        width = max(last - first, 1)
        return [place((point.automated - first) / width, getattr(point, name)) for point in path]

    parts = [
        *_levels(top, place),
        Markup('<polygon class="band" points="{}"/>').format(
            _points([*line("upper"), place(1.0, 0.0), place(0.0, 0.0)])
        ),
        Markup('<polyline class="line" points="{}"/>').format(_points(line("estimate"))),
        *_limit(limit, place),
        word(_LEFT, HEIGHT - _BOTTOM + 18, number(first), "middle"),
        word(WIDTH - _RIGHT, HEIGHT - _BOTTOM + 18, number(last), "end"),
        word(WIDTH - _RIGHT, HEIGHT - 4, _("automatic answers of this version"), "end"),
        word(_LEFT + 4, _TOP + 4, _("wrong: estimate (line) and bound (edge of the band)")),
    ]
    return svg(_("Estimated error of automatic answers and its bound, over time"), parts)


def calibration(bins: Sequence[Mapping[str, float]]) -> Markup:
    """The share right against the confidence, with intervals; the diagonal is perfect."""
    if not bins:
        return Markup("")

    def place(confidence: float, right: float) -> tuple[float, float]:
        x = _LEFT + confidence * (WIDTH - _LEFT - _RIGHT)
        y = HEIGHT - _BOTTOM - right * (HEIGHT - _TOP - _BOTTOM)
        return round(x, 1), round(y, 1)

    (x0, y0), (x1, y1) = place(0.0, 0.0), place(1.0, 1.0)
    parts = [
        *(
            word(*_below(place(step / 5, 0.0)), localised(f"{step / 5:g}"), "middle")
            for step in range(6)
        ),
        *(word(*_left(place(0.0, step / 5)), f"{step * 20} %", "end") for step in range(6)),
        Markup('<line class="limit" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(x0, y0, x1, y1),
    ]
    for bin_ in bins:
        (x, low), (_x, high) = (place(bin_["confidence"], bin_[end]) for end in ("lower", "upper"))
        parts.append(
            Markup('<line class="whisker" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                x, low, high
            )
        )
    path = [place(bin_["confidence"], bin_["right"]) for bin_ in bins]
    parts += [
        Markup('<polyline class="line" points="{}"/>').format(_points(path)),
        word(WIDTH - _RIGHT, HEIGHT - 4, _("confidence"), "end"),
        word(_LEFT + 4, _TOP + 4, _("right among them")),
    ]
    return svg(_("Share of right answers against confidence"), parts)


def volume(history: Sequence[Row], now: datetime, *, days: int = 1) -> Markup:
    """Tasks over one day by half-hours, or over more ``days`` by day, the automatic part filled.

    ``history`` holds ``at``, where a step begins, ``tasks`` and ``automatic``.
    """
    most = max((row["tasks"] for row in history), default=0)
    if not most:
        return Markup("")
    height, width = 96, WIDTH
    step = width / (48 if days == 1 else days)
    parts = []
    for row in history:
        x = width * (1 - (now - row["at"]).total_seconds() / (days * 86_400))
        tall, part = (row[name] / most * (height - 22) for name in ("tasks", "automatic"))
        for kind, size in (("bar", tall), ("bar filled", part)):
            parts.append(
                Markup(
                    '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
                ).format(kind, max(x, 0), height - 18 - size, step * 0.7, size)
            )
    ago, highest, title = (
        (
            _("24 hours ago"),
            _("%(n)s tasks a half-hour at most"),
            _("Tasks in the last 24 hours, the automatic part filled"),
        )
        if days == 1
        else (
            _("14 days ago"),
            _("%(n)s tasks a day at most"),
            _("Tasks in the last 14 days, the automatic part filled"),
        )
    )
    parts += [
        word(0, height - 3, ago),
        word(width, height - 3, _("now"), "end"),
        word(0, 10, highest % {"n": number(most)}),
    ]
    return svg(title, parts, height)


def budget(of: BudgetStatus) -> Markup:
    """Spending of a period, paler the reserved part, and marks at the alert levels."""
    most = max(of.cap, of.spent + of.reserved) or 1
    tall, top = 16, 18

    def bar(kind: str, begin: Any, size: Any) -> Markup:
        return Markup('<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
            kind, WIDTH * begin / most, top, WIDTH * size / most, tall
        )

    parts = [
        bar("bar", 0, of.cap),
        bar("bar filled", 0, of.spent),
        bar("bar held", of.spent, of.reserved),
    ]
    for percent in (50, 80, 100):
        x = float(WIDTH * of.cap / most) * percent / 100
        parts += [
            Markup('<line class="{0}" x1="{1:.1f}" x2="{1:.1f}" y1="{2}" y2="{3}"/>').format(
                "limit" if percent == 100 else "grid", x, top - 4, top + tall + 4
            ),
            word(x, 11, f"{percent} %", "end" if percent == 100 else "middle"),
        ]
    title = _("%(period)s: %(share)s of the budget spent or held") % {
        "period": of.period,
        "share": f"{of.share * 100:.0f} %",
    }
    return svg(title, parts, top + tall + 6)


def _axes(top: float, place: Any) -> Iterator[Markup]:
    for step in range(6):
        x, y = place(step / 5, 0.0)
        yield word(x, y + 18, f"{step * 20} %", "middle")
    yield from _levels(top, place)
    yield word(WIDTH - _RIGHT, HEIGHT - 4, _("share of tasks automated"), "end")
    yield word(_LEFT + 4, _TOP + 4, _("wrong among them"))


def _levels(top: float, place: Any) -> Iterator[Markup]:
    tick = next(step for step in _TICKS if top / step <= _MOST_TICKS)
    for step in range(int(top / tick) + 1):
        x, y = place(0.0, tick * step)
        yield Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            x, WIDTH - _RIGHT, y, y
        )
        yield word(x - 6, y + 4, f"{localised(f'{tick * step * 100:g}')} %", "end")


def _below(at: tuple[float, float]) -> tuple[float, float]:
    return at[0], at[1] + 18


def _left(at: tuple[float, float]) -> tuple[float, float]:
    return at[0] - 6, at[1] + 4


def _limit(limit: float, place: Any) -> Iterator[Markup]:
    x, y = place(0.0, limit)
    yield Markup('<line class="limit" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
        x, WIDTH - _RIGHT, y, y
    )
    words = _("limit %(share)s") % {"share": f"{localised(f'{limit * 100:g}')} %"}
    yield word(WIDTH - _RIGHT, y - 5, words, "end", "limit-word")


def _chosen(
    curve: Sequence[Mapping[str, float]], threshold: float | None, place: Any
) -> Iterator[Markup]:
    if threshold is None:
        return
    point = min(curve, key=lambda candidate: abs(candidate["threshold"] - threshold))
    x, y = place(point["coverage"], point["risk"])
    yield Markup('<line class="chosen" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
        x, _TOP, HEIGHT - _BOTTOM
    )
    yield Markup('<circle class="chosen-dot" cx="{}" cy="{}" r="4"/>').format(x, y)
    covered = f"{point['coverage'] * 100:.0f} %"
    words = _("in force: %(share)s of the sample") % {"share": covered}
    yield word(x - 6, _TOP + 24, words, "end")


def word(x: float, y: float, text: str, anchor: str = "start", kind: str = "word") -> Markup:
    """Text at a point, escaped."""
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, escape(text)
    )


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)


def svg(title: str, parts: Sequence[Markup], height: int = HEIGHT, width: int = WIDTH) -> Markup:
    """The whole plot, named for those who cannot see it."""
    kind = Markup(' class="slim"') if width < WIDTH else ""
    return Markup('<svg{} role="img" viewBox="0 0 {} {}" aria-label="{}">{}</svg>').format(
        kind, width, height, title, Markup("").join(parts)
    )


def spark(history: Sequence[Row], now: datetime, *, days: int) -> Markup:
    """The share of automatic answers by day, as a line the height of a word; its figure is beside.

    ``history`` holds ``at``, ``tasks`` and ``automatic``, in any steps.
    """
    tasks, automatic = [0] * days, [0] * days
    for row in history:
        day = days - 1 - int((now - row["at"]).total_seconds() // 86_400)
        if 0 <= day < days:
            tasks[day] += row["tasks"]
            automatic[day] += row["automatic"]
    shares = [(day, automatic[day] / n) for day, n in enumerate(tasks) if n]
    if len(shares) < 2:
        return Markup("")
    places = [(day * 80 / (days - 1), 18 - share * 16) for day, share in shares]
    return Markup(
        '<svg class="spark" viewBox="0 0 80 20" role="img" aria-label="{}">'
        '<polyline class="line" points="{}"/></svg>'
    ).format(
        _("from %(first)s to %(last)s in %(n)s days")
        % {
            "first": f"{shares[0][1] * 100:.0f} %",
            "last": f"{shares[-1][1] * 100:.0f} %",
            "n": number(len(shares)),
        },
        _points([(round(x, 1), round(y, 1)) for x, y in places]),
    )
