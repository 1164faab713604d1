"""What the demo plays: inquiries with the queue that a person would choose, ``None`` for none."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roadbed.demo.errors import DemoDataError

_CLINC_FILE = Path("b-clinc150") / "data_full_train_val.json"
_CLINC_NOTICE = (
    "Real data: CLINC150 (Larson et al. 2019, CC BY 3.0), training and validation parts. "
    "20 of its 150 intents are never taught; they and its own out-of-scope queries, 17 % of all, "
    "belong to no queue."
)
_CLINC_UNTAUGHT = 20
_CLINC_OUTSIDE = 0.17

Labelled = tuple[str, str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """``seed`` examples known beforehand, then ``rounds`` of tasks as they arrive."""

    name: str
    notice: str
    seed: Sequence[Labelled]
    rounds: Sequence[Sequence[Labelled]]


def load(name: str, *, rounds: int | None, data_dir: Path | None, seed: int = 0) -> Stream:
    """The stream called ``name``. Raises ``DemoDataError``."""
    if name == "clinc150":
        return _clinc(data_dir or Path("../shared/data"), rounds or 10, seed)
    if name == "sample":
        from roadbed.demo.sample.inquiries import NOTICE, generate

        rounds = rounds or 8
        inquiries = generate(1_600 + rounds * 1_000)
        rows: list[Labelled] = [(each.text, each.queue) for each in inquiries]
        return _cut("sample", NOTICE, rows, first=1_600, size=1_000, rounds=rounds)
    raise DemoDataError(name, "hand; there are sample and clinc150")


def _clinc(data_dir: Path, rounds: int, seed: int) -> Stream:
    path = data_dir / _CLINC_FILE
    if not path.exists():
        raise DemoDataError("clinc150", path)
    parts = json.loads(path.read_text(encoding="utf-8"))
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    untaught = set(chance.sample(sorted({label for _, label in parts["train"]}), _CLINC_UNTAUGHT))
    every = [*parts["train"], *parts["val"]]
    taught: list[Labelled] = [(text, label) for text, label in every if label not in untaught]
    outside: list[Labelled] = [
        (text, None)
        for text in [text for text, label in every if label in untaught]
        + [text for part in ("oos_train", "oos_val") for text, _ in parts[part]]
    ]
    chance.shuffle(taught)
    chance.shuffle(outside)
    total = 1_800 + rounds * 1_500
    wanted = round(total * _CLINC_OUTSIDE)
    # The set has 2,600 such queries; the few still missing from 17 % come a second time.
    outside = (outside * (1 + wanted // len(outside)))[:wanted]
    rows = taught[: total - wanted] + outside
    chance.shuffle(rows)
    return _cut("clinc150", _CLINC_NOTICE, rows, first=1_800, size=1_500, rounds=rounds)


def _cut(
    name: str, notice: str, rows: Sequence[Labelled], *, first: int, size: int, rounds: int
) -> Stream:
    return Stream(
        name=name,
        notice=notice,
        seed=rows[:first],
        rounds=[rows[first + n * size : first + (n + 1) * size] for n in range(rounds)],
    )
