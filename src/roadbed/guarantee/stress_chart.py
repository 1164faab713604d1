"""Chart of a stress report: a bar with and a bar without Roadbed for each perturbation."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from roadbed.guarantee.stress import Stressed, StressReport

_WIDTH, _LEFT, _ROW, _TOP = 760, 230, 46, 56
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1f1e}.dim{fill:#5a6361}"
    ".without{fill:#c8714a}.with{fill:#1a625d}.axis{stroke:#dcdfdd}"
)


def svg(report: StressReport) -> str:
    """The strongest form of each perturbation: error if everything is sent, and as Roadbed does."""
    rows = _strongest(report.rows)
    top = max([0.05, *(row.error_without for row in rows)])
    scale = (_WIDTH - _LEFT - 150) / top
    height = _TOP + _ROW * len(rows) + 16
    with_at = _LEFT + 160
    with_at = _LEFT + 160
    parts = [
        f'<text x="0" y="16">{escape(report.use_case)}: wrong answers that go out</text>',
        f'<rect class="without" x="{_LEFT}" y="26" width="12" height="12"/>',
        f'<text class="dim" x="{_LEFT + 18}" y="37">everything is sent</text>',
        f'<rect class="with" x="{with_at}" y="26" width="12" height="12"/>',
        f'<text class="dim" x="{with_at + 18}" y="37">with Roadbed, and who sees the rest</text>',
    ]
    for number, row in enumerate(rows):
        y = _TOP + _ROW * number
        sent = (row.error_automatic or 0.0) * row.automatic
        label = "nothing automatic" if row.error_automatic is None else f"{sent:.1%}"
        name = escape(row.perturbation)
        name = escape(row.perturbation)
        parts += [
            f'<text x="{_LEFT - 8}" y="{y + 20}" text-anchor="end">{name}</text>',
            _bar("without", y, row.error_without * scale, f"{row.error_without:.0%}"),
            _bar("with", y + 17, sent * scale, f"{label}; {row.people:.0%} to people"),
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="Wrong answers under stress"><style>{_STYLE}</style>'
        f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP - 6}" y2="{height - 10}"/>'
        f"{''.join(parts)}</svg>"
    )


def _strongest(rows: Sequence[Stressed]) -> list[Stressed]:
    return list({row.perturbation: row for row in rows}.values())


def _bar(kind: str, y: float, width: float, label: str) -> str:
    return (
        f'<rect class="{kind}" x="{_LEFT}" y="{y + 2}" width="{max(width, 1):.1f}" height="13"/>'
        f'<text class="dim" x="{_LEFT + max(width, 1) + 6:.1f}" y="{y + 13}">{escape(label)}</text>'
    )
