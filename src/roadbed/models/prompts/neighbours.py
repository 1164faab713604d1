"""Nearest examples of an input: cosine similarity of TF-IDF over character n-grams."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from roadbed.models.prompts.self_consistency import Neighbour

_LONGEST = 5_000  # characters of a text that count
_LEAST_SIMILAR = 0.05

Examples = Sequence[Mapping[str, Any]]


class Index:
    """The examples of one version. Character n-grams suit any language and typing errors."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples
        self._vectorizer = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, dtype=np.float32
        )
        try:
            self._rows = self._vectorizer.fit_transform(
                [text(example["input"]) for example in examples]
            )
        except ValueError:  # all texts are empty
            self._rows = None

    def nearest(self, input: Mapping[str, object], count: int) -> Sequence[Neighbour]:
        """At most ``count`` examples with something in common, the most similar last.

        Models give the most weight to what they read last.
        """
        if self._rows is None or count <= 0:
            return ()
        similarities = (self._rows @ self._vectorizer.transform([text(input)]).T).toarray().ravel()
        order = np.argsort(-similarities, kind="stable")[:count]
        return [
            Neighbour(
                input=self._examples[position]["input"],
                output=self._examples[position]["output"],
                similarity=min(1.0, float(similarities[position])),
            )
            for position in reversed(order)
            if similarities[position] >= _LEAST_SIMILAR
        ]


class Indexes:
    """Keeps the index of the last examples. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._examples: Examples = ()
        self._index: Index | None = None

    def nearest(
        self, examples: Examples, input: Mapping[str, object], count: int
    ) -> Sequence[Neighbour]:
        """As ``Index.nearest``; builds the index only when ``examples`` is another object."""
        if not examples or count <= 0:
            return ()
        with self._lock:
            if self._index is None or self._examples is not examples:
                self._examples, self._index = examples, Index(examples)
            index = self._index
        return index.nearest(input, count)


def text(input: Mapping[str, object]) -> str:
    """Every text and number inside, in order."""
    return " ".join(_leaves(input))[:_LONGEST]


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _leaves(entry)
    elif value is not None:
        yield str(value)
