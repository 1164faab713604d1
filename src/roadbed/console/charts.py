"""Plots as SVG, drawn on the server: shapes and words only, colours come from the style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

WIDTH, HEIGHT = 640, 300
_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5)
_MOST_TICKS = 6
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 28, 16, 40
_SLIM, _ROW, _EDGE = 400, 48, 8  # rows that stay legible on a telephone
_LONGEST = 28  # characters of a label that leave room for its figures


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
    return _svg("Error among automatic answers against the share automated", parts)


def audit(path: Sequence[Any], *, limit: float) -> Markup:
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
        return [place((each.automated - first) / width, getattr(each, name)) for each in path]

    parts = [
        *_levels(top, place),
        Markup('<polygon class="band" points="{}"/>').format(
            _points([*line("upper"), place(1.0, 0.0), place(0.0, 0.0)])
        ),
        Markup('<polyline class="line" points="{}"/>').format(_points(line("estimate"))),
        *_limit(limit, place),
        _word(_LEFT, HEIGHT - _BOTTOM + 18, f"{first:,}", "middle"),
        _word(WIDTH - _RIGHT, HEIGHT - _BOTTOM + 18, f"{last:,}", "end"),
        _word(WIDTH - _RIGHT, HEIGHT - 4, "automatic answers of this version", "end"),
        _word(_LEFT + 4, _TOP + 4, "wrong: estimate (line) and bound (edge of the band)"),
    ]
    return _svg("Estimated error of automatic answers and its bound, over time", parts)


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
        *(_word(*_below(place(step / 5, 0.0)), f"{step / 5:g}", "middle") for step in range(6)),
        *(_word(*_left(place(0.0, step / 5)), f"{step * 20} %", "end") for step in range(6)),
        Markup('<line class="limit" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(x0, y0, x1, y1),
    ]
    for each in bins:
        (x, low), (_, high) = (place(each["confidence"], each[end]) for end in ("lower", "upper"))
        parts.append(
            Markup('<line class="whisker" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                x, low, high
            )
        )
    path = [place(each["confidence"], each["right"]) for each in bins]
    parts += [
        Markup('<polyline class="line" points="{}"/>').format(_points(path)),
        _word(WIDTH - _RIGHT, HEIGHT - 4, "confidence", "end"),
        _word(_LEFT + 4, _TOP + 4, "right among them"),
    ]
    return _svg("Share of right answers against confidence", parts)


def volume(history: Sequence[Mapping[str, Any]], now: datetime) -> Markup:
    """Tasks over the last day in steps, the automatic part filled."""
    most = max((row["tasks"] for row in history), default=0)
    if not most:
        return Markup("")
    height, width = 96, WIDTH
    parts = []
    for row in history:
        x = width * (1 - (now - row["at"]).total_seconds() / 86_400)
        tall, part = (row[name] / most * (height - 22) for name in ("tasks", "automatic"))
        for kind, size in (("bar", tall), ("bar filled", part)):
            parts.append(
                Markup(
                    '<rect class="{}" x="{:.1f}" y="{:.1f}" width="11" height="{:.1f}"/>'
                ).format(kind, max(x, 0), height - 18 - size, size)
            )
    parts += [
        _word(0, height - 3, "24 hours ago"),
        _word(width, height - 3, "now", "end"),
        _word(0, 10, f"{most:,} tasks a half-hour at most"),
    ]
    return _svg("Tasks in the last 24 hours, the automatic part filled", parts, height)


def budget(of: Any) -> Markup:
    """What is spent of a period's cap and, paler, what is held; the levels of alerts marked."""
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
            _word(x, 11, f"{percent} %", "end" if percent == 100 else "middle"),
        ]
    title = f"{of.period}: {of.share * 100:.0f} % of the budget spent or held"
    return _svg(title, parts, top + tall + 6)


def differences(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """Candidate minus live version on the same items: a dot with its interval, and the limit.

    Each row has ``label``, ``measured``, ``lower``, ``upper`` and ``limit``, shares of all items.
    """
    if not rows:
        return Markup("")
    reach: float = 1.1 * max(
        abs(each[name]) for each in rows for name in ("lower", "upper", "limit")
    )

    def x(share: float) -> float:
        return round(_EDGE + (share + reach) / (2 * reach) * (_SLIM - 2 * _EDGE), 1)

    height = len(rows) * _ROW + 36
    parts = [
        _word(x(0), height - 18, "0", "middle"),
        _word(0, height - 4, "← fewer wrong"),
        _word(_SLIM, height - 4, "more wrong →", "end"),
        _word(x(0), height - 4, "points", "middle"),
    ]
    for at, each in enumerate(rows):
        parts += _difference(at * _ROW, each, x)
    near = x(rows[0]["limit"])
    anchor = "end" if near > _SLIM * 0.8 else "start"
    beside = near - 6 if anchor == "end" else near + 6
    parts.append(_word(beside, 36, "limit", anchor, "limit-word"))
    return _svg("Difference in wrong answers, with its interval and limit", parts, height, _SLIM)


def evidence(rows: Sequence[Mapping[str, Any]]) -> Markup:
    """How far each check of a canary is from its roll-back line, on a scale of factors.

    Each row has ``label``, ``evidence``, ``limit`` and ``said``.
    """
    if not rows:
        return Markup("")
    parts = []
    for at, each in enumerate(rows):
        top = at * _ROW
        line = _SLIM * 0.8
        kind = "over" if each["evidence"] >= each["limit"] else "filled"
        share = math.log10(max(each["evidence"], 1.0)) / math.log10(each["limit"])
        parts += [
            _row_word(top, each["label"]),
            _word(_SLIM, top + 14, each["said"], "end"),
            Markup('<rect class="bar" x="0" y="{}" width="{}" height="8"/>').format(
                top + 22, _SLIM
            ),
            Markup('<rect class="bar {}" x="0" y="{}" width="{:.1f}" height="8"/>').format(
                kind, top + 22, max(min(share * line, _SLIM), 3)
            ),
            Markup('<line class="limit solid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                line, top + 18, top + 34
            ),
        ]
    height = len(rows) * _ROW + 18
    parts.append(_word(_SLIM * 0.8, height - 8, "roll-back line", "middle", "limit-word"))
    return _svg("Evidence of each check against its roll-back line", parts, height, _SLIM)


def _bar(kind: str, top: int, width: float) -> Markup:
    return Markup('<rect class="bar {}" x="0" y="{}" width="{:.1f}" height="8"/>').format(
        kind, top + 22, width
    )


def _row_word(top: int, label: str) -> Markup:
    cut = label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"
    return _word(0, top + 14, cut, "start", "row-word")


def _difference(top: int, row: Mapping[str, Any], x: Any) -> Iterator[Markup]:
    y = top + 26
    yield _row_word(top, row["label"])
    said = f"{row['measured'] * 100:+.1f} ({row['lower'] * 100:+.1f} to {row['upper'] * 100:+.1f})"
    yield _word(_SLIM, top + 14, said.replace("-", "−"), "end")
    yield Markup('<line class="axis" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
        x(0), y - 8, y + 12
    )
    yield Markup('<line class="whisker wide" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
        x(row["lower"]), x(row["upper"]), y, y
    )
    yield Markup('<circle class="dot" cx="{}" cy="{}" r="5"/>').format(x(row["measured"]), y)
    yield Markup('<line class="limit solid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
        x(row["limit"]), y - 8, y + 8
    )


def _axes(top: float, place: Any) -> Iterator[Markup]:
    for step in range(6):
        x, y = place(step / 5, 0.0)
        yield _word(x, y + 18, f"{step * 20} %", "middle")
    yield from _levels(top, place)
    yield _word(WIDTH - _RIGHT, HEIGHT - 4, "share of tasks automated", "end")
    yield _word(_LEFT + 4, _TOP + 4, "wrong among them")


def _levels(top: float, place: Any) -> Iterator[Markup]:
    tick = next(each for each in _TICKS if top / each <= _MOST_TICKS)
    for step in range(int(top / tick) + 1):
        x, y = place(0.0, tick * step)
        yield Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            x, WIDTH - _RIGHT, y, y
        )
        yield _word(x - 6, y + 4, f"{tick * step * 100:g} %", "end")


def _below(at: tuple[float, float]) -> tuple[float, float]:
    return at[0], at[1] + 18


def _left(at: tuple[float, float]) -> tuple[float, float]:
    return at[0] - 6, at[1] + 4


def _limit(limit: float, place: Any) -> Iterator[Markup]:
    x, y = place(0.0, limit)
    yield Markup('<line class="limit" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
        x, WIDTH - _RIGHT, y, y
    )
    yield _word(WIDTH - _RIGHT, y - 5, f"limit {limit * 100:g} %", "end", "limit-word")


def _chosen(
    curve: Sequence[Mapping[str, float]], threshold: float | None, place: Any
) -> Iterator[Markup]:
    if threshold is None:
        return
    point = min(curve, key=lambda each: abs(each["threshold"] - threshold))
    x, y = place(point["coverage"], point["risk"])
    yield Markup('<line class="chosen" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
        x, _TOP, HEIGHT - _BOTTOM
    )
    yield Markup('<circle class="chosen-dot" cx="{}" cy="{}" r="4"/>').format(x, y)
    yield _word(x - 6, _TOP + 24, f"in force: {point['coverage'] * 100:.0f} % of the sample", "end")


def _word(x: float, y: float, text: str, anchor: str = "start", kind: str = "word") -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, escape(text)
    )


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)


def _svg(title: str, parts: Sequence[Markup], height: int = HEIGHT, width: int = WIDTH) -> Markup:
    kind = Markup(' class="slim"') if width < WIDTH else ""
    return Markup('<svg{} role="img" viewBox="0 0 {} {}" aria-label="{}">{}</svg>').format(
        kind, width, height, title, Markup("").join(parts)
    )
