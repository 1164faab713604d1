"""The plainest proposal: learn from what was corrected since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from roadbed.improvement.mining.model import Draft, ReviewedCase, Support, case


def learning(seen: Sequence[ReviewedCase], trained_until: datetime | None) -> Draft | None:
    """To train anew on the corrections that the live version has not seen; ``None`` for none."""
    corrected = [item for item in seen if item.wrong]
    if not corrected:
        return None
    n = len(corrected)
    since = "" if trained_until is None else " since the live version was trained"
    return Draft(
        kind="model",
        title=f"Learn from {n} correction{'' if n == 1 else 's'}{since}",
        reason=(
            f"People gave {len(seen)} verdicts{since}; {n} of them said something else than the "
            "decider. A new version learns from all of them."
        ),
        support=Support(cases=n, right=0, wrong_now=n, matched=len(seen)),
        cases=[case(entry, None) for entry in reversed(corrected)],
        patch=None,
        rank=0.3,
        about=f"after {trained_until.isoformat() if trained_until else 'the folder'}",
    )
