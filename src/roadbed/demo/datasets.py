"""Data of the demo: tasks with the label that a person would choose, ``None`` for none.

The label of an inquiry is its queue, that of a question the id of its right answer.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from roadbed.demo.errors import DemoDataError
from roadbed.demo.use_cases import TRIAGE, DemoUseCase

_CLINC_FILE = Path("b-clinc150") / "data_full_train_val.json"
_CLINC_NOTICE = (
    "Real data: CLINC150 (Larson et al. 2019, CC BY 3.0), training and validation parts. "
    "20 of its 150 intents are never taught; they and its own out-of-scope queries, 17 % of all, "
    "belong to no queue."
)
NEW_KINDS_FROM, CHANGED_FROM = 4, 7
_LATER = 4_000  # at two a second, half an hour of them
_CLINC_UNTAUGHT = 20
_CLINC_OUTSIDE = 0.17

Labelled = tuple[str, str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """``seed`` examples known beforehand, then ``rounds`` of tasks as they arrive, then ``later``.

    ``events`` says what changes in the world, and in which round; empty when nothing does.
    ``shown`` are questions whose answers are printed.
    """

    name: str
    notice: str
    seed: Sequence[Labelled]
    rounds: Sequence[Sequence[Labelled]]
    later: Sequence[Labelled] = ()
    events: Mapping[int, str] = field(default_factory=dict)
    use_case: DemoUseCase = TRIAGE
    shown: Sequence[str] = ()


def load(
    name: str,
    *,
    rounds: int | None,
    data_dir: Path | None,
    seed: int = 0,
    drift: bool = False,
) -> Stream:
    """The stream called ``name``; with ``drift`` the world changes twice. Raises ``DemoDataError``.

    Drift plays ten rounds unless told otherwise.
    """
    stream = _load(name, rounds=rounds or (10 if drift else None), data_dir=data_dir, seed=seed)
    return drifting(stream) if drift else stream


def drifting(stream: Stream) -> Stream:
    """The same stream in a world that changes: new kinds of work, later changed answers.

    Some queues appear only from ``NEW_KINDS_FROM`` on; from ``CHANGED_FROM`` on two groups of
    queues have swapped their work.
    """
    counts = Counter(queue for part in stream.rounds for _, queue in part if queue is not None)
    ranked = [queue for queue, _ in counts.most_common()]
    new = set(ranked[2 :: max(len(ranked) // max(round(0.12 * len(ranked)), 1), 1)])
    rest = [queue for queue in ranked if queue not in new]
    many = max(2, round(0.09 * len(rest)) // 2 * 2)
    swap = dict(zip(rest[:many], [*rest[1:many], rest[0]], strict=True))

    def told(number: int, part: Sequence[Labelled]) -> list[Labelled]:
        return [
            (text, swap.get(queue, queue) if queue and number >= CHANGED_FROM else queue)
            for text, queue in part
            if queue not in new or number >= NEW_KINDS_FROM
        ]

    return Stream(
        name=stream.name,
        notice=f"{stream.notice} In this run the world changes twice.",
        seed=told(0, stream.seed),
        rounds=[told(number, part) for number, part in enumerate(stream.rounds, 1)],
        later=told(len(stream.rounds), stream.later),
        events={
            NEW_KINDS_FROM: f"{len(new)} queues join that nobody had seen before",
            CHANGED_FROM: f"{many} queues swap their work: what was right is wrong now",
        },
    )


def _load(name: str, *, rounds: int | None, data_dir: Path | None, seed: int) -> Stream:
    if name == "clinc150":
        return _clinc(data_dir or Path("../shared/data"), rounds or 10, seed)
    if name == "sample":
        from roadbed.demo.sample.inquiries import NOTICE, generate

        rounds = rounds or 8
        inquiries = generate(1_600 + rounds * 1_000 + _LATER)
        rows: list[Labelled] = [(inquiry.text, inquiry.queue) for inquiry in inquiries]
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
    out_of_scope: list[Labelled] = [
        (text, None)
        for text in [text for text, label in every if label in untaught]
        + [text for part in ("oos_train", "oos_val") for text, _ in parts[part]]
    ]
    chance.shuffle(taught)
    chance.shuffle(out_of_scope)
    total = 1_800 + rounds * 1_500
    wanted = round(total * _CLINC_OUTSIDE)
    # The set has 2,600 such queries; the few still missing from 17 % come a second time.
    out_of_scope = (out_of_scope * (1 + wanted // len(out_of_scope)))[:wanted]
    rows = taught[: total - wanted] + out_of_scope
    chance.shuffle(rows)
    later = taught[total - wanted :][:_LATER]
    later += out_of_scope[: round(len(later) * _CLINC_OUTSIDE)]
    chance.shuffle(later)
    return _cut("clinc150", _CLINC_NOTICE, rows + later, first=1_800, size=1_500, rounds=rounds)


def _cut(
    name: str, notice: str, rows: Sequence[Labelled], *, first: int, size: int, rounds: int
) -> Stream:
    return Stream(
        name=name,
        notice=notice,
        seed=rows[:first],
        rounds=[rows[first + n * size : first + (n + 1) * size] for n in range(rounds)],
        later=rows[first + rounds * size :],
    )
