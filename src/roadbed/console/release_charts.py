"""Plots of a release, in rows that stay legible on a telephone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from roadbed.console.charts import svg, word
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import localised
from roadbed.storage.database import Row

_SLIM, _ROW, _EDGE = 400, 48, 8
_LONGEST = 28  # characters of a label that leave room for its figures


def differences(rows: Sequence[Row]) -> Markup:
    """Candidate minus live version on the same items: a dot with its interval, and the limit.

    Each row has ``label``, ``measured``, ``lower``, ``upper`` and ``limit``, shares of all items.
    """
    if not rows:
        return Markup("")
    reach: float = 1.1 * max(abs(row[name]) for row in rows for name in ("lower", "upper", "limit"))

    def x(share: float) -> float:
        return round(_EDGE + (share + reach) / (2 * reach) * (_SLIM - 2 * _EDGE), 1)

    height = len(rows) * _ROW + 36
    parts = [
        word(x(0), height - 18, "0", "middle"),
        word(0, height - 4, _("← fewer wrong")),
        word(_SLIM, height - 4, _("more wrong →"), "end"),
        word(x(0), height - 4, _("points"), "middle"),
    ]
    for at, row in enumerate(rows):
        parts += _difference(at * _ROW, row, x)
    near = x(rows[0]["limit"])
    anchor = "end" if near > _SLIM * 0.8 else "start"
    beside = near - 6 if anchor == "end" else near + 6
    parts.append(word(beside, 36, _("limit"), anchor, "limit-word"))
    return svg(_("Difference in wrong answers, with its interval and limit"), parts, height, _SLIM)


def evidence(rows: Sequence[Row]) -> Markup:
    """The distance of each canary check from its rollback limit, on a log scale.

    Each row has ``label``, ``evidence``, ``limit`` and ``said``.
    """
    if not rows:
        return Markup("")
    parts = []
    for at, row in enumerate(rows):
        top = at * _ROW
        line = _SLIM * 0.8
        kind = "over" if row["evidence"] >= row["limit"] else "filled"
        share = math.log10(max(row["evidence"], 1.0)) / math.log10(row["limit"])
        parts += [
            _row_word(top, row["label"]),
            word(_SLIM, top + 14, row["said"], "end"),
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
    parts.append(word(_SLIM * 0.8, height - 8, _("roll-back line"), "middle", "limit-word"))
    return svg(_("Evidence of each check against its roll-back line"), parts, height, _SLIM)


def _difference(top: int, row: Mapping[str, Any], x: Any) -> Iterator[Markup]:
    y = top + 26
    yield _row_word(top, row["label"])
    figures = {name: _points(row[name]) for name in ("measured", "lower", "upper")}
    yield word(_SLIM, top + 14, _("%(measured)s (%(lower)s to %(upper)s)") % figures, "end")
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


def _points(share: float) -> str:
    return localised(f"{share * 100:+.1f}".replace("-", "−"))


def _row_word(top: int, label: str) -> Markup:
    cut = label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"
    return word(0, top + 14, cut, "start", "row-word")
