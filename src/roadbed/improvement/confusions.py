"""Confusions: corrections grouped by answer and right answer, with typical words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from roadbed.kernel.json import flat

_MOST_READ = 2_000  # characters of an input
_WORDS = 6
_SHOWN = 2
_WORD = r"(?u)\b[^\W\d_]{3,}\b"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewedAnswer:
    """A reviewed task. ``decided`` and ``right`` are outputs, ``None`` for no answer.

    ``version`` is the number of the version that decided it, if one did.
    """

    task_id: str
    input: Mapping[str, Any]
    decided: Mapping[str, Any] | None
    right: Mapping[str, Any] | None
    agrees: bool
    version: int | None
    decided_at: datetime
    given_at: datetime
    note: str | None = None

    @property
    def pair(self) -> tuple[str, str]:
        """The answer and the right answer, each in one line."""
        return _named(self.decided), _named(self.right)


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """Corrections from one answer to another, with the newest as ``examples``.

    ``words`` are those that tell its inputs from other inputs, most distinctive first.
    """

    decided: str
    right: str
    verdicts: Sequence[ReviewedAnswer]
    words: Sequence[str]

    @property
    def examples(self) -> Sequence[ReviewedAnswer]:
        return sorted(self.verdicts, key=lambda verdict: verdict.given_at)[-_SHOWN:][::-1]


def confusions(verdicts: Sequence[ReviewedAnswer]) -> list[Confusion]:
    """Groups of corrections among ``verdicts``, largest first.

    Words are weighed by TF-IDF over all inputs, corrected or not, so that words of every input have
    no weight.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for number, verdict in enumerate(verdicts):
        if not verdict.agrees:
            groups.setdefault(verdict.pair, []).append(number)
    texts = [_text(verdict.input) for verdict in verdicts]
    distinctive = _distinctive_words(texts, list(groups.values()))
    confusions = [
        Confusion(
            decided=decided,
            right=right,
            verdicts=[verdicts[member] for member in members],
            words=words,
        )
        for ((decided, right), members), words in zip(groups.items(), distinctive, strict=True)
    ]
    return sorted(confusions, key=lambda group: (-len(group.verdicts), group.decided, group.right))


def _distinctive_words(texts: Sequence[str], groups: Sequence[Sequence[int]]) -> list[list[str]]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    nothing: list[list[str]] = [[] for _ in groups]
    if not any(len(members) > 1 for members in groups):
        return nothing
    vectorizer = TfidfVectorizer(token_pattern=_WORD, max_features=5_000, sublinear_tf=True)
    try:
        rows = vectorizer.fit_transform(texts)
    except ValueError:  # no input has a word
        return nothing
    names = vectorizer.get_feature_names_out()
    overall = np.asarray(rows.mean(axis=0)).ravel()
    return [_of_group(rows, members, overall, names) for members in groups]


def _of_group(rows: Any, members: Sequence[int], overall: Any, names: Any) -> list[str]:
    """Words that occur in several inputs of a group and have their largest weight there."""
    if len(members) < 2:
        return []
    mine = rows[list(members)]
    often = np.asarray((mine > 0).sum(axis=0)).ravel()
    weight = np.asarray(mine.mean(axis=0)).ravel() - overall
    weight[often < max(2, len(members) // 4)] = 0.0
    best = [
        position
        for position in np.argsort(-weight, kind="stable")[:_WORDS]
        if weight[position] > 0.0
    ]
    return [str(names[position]) for position in best]


def _text(input: Mapping[str, Any]) -> str:
    return " ".join(text for text in input.values() if isinstance(text, str))[:_MOST_READ]


def _named(output: Mapping[str, Any] | None) -> str:
    return flat(output) if output is not None else "no answer"
