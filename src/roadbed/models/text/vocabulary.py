"""Vocabulary: texts as sparse rows of TF-IDF, of words and of character n-grams."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import normalize

Rows: TypeAlias = sparse.csr_matrix
Floats = npt.NDArray[np.float32]
CHARACTER_WEIGHT = 0.8


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How often each word (1-2-grams) and each character n-gram (2-5, within words) occurs."""

    words: Rows
    characters: Rows

    def rows(self, index: npt.NDArray[np.int64]) -> Counts:
        """The texts at ``index``."""
        return Counts(words=self.words[index], characters=self.characters[index])

    def columns(self, words: npt.NDArray[np.int64], characters: npt.NDArray[np.int64]) -> Counts:
        """The features at the given positions."""
        return Counts(words=self.words[:, words], characters=self.characters[:, characters])


class Counter:
    """Counts with a fixed vocabulary. Fitted on texts, or rebuilt from two lists of terms."""

    def __init__(self, words: Sequence[str], characters: Sequence[str]) -> None:
        self.words = list(words)
        self.characters = list(characters)
        self._known = frozenset(words)
        self._words = _word_vectorizer(vocabulary=self.words)
        self._characters = _character_vectorizer(vocabulary=self.characters)

    @classmethod
    def fit(cls, texts: Sequence[str]) -> tuple[Counter, Counts]:
        """A counter of the terms that are frequent enough in ``texts``, and their counts.

        Rare n-grams only add noise; the minimum frequency depends on the number of texts.
        """
        words, characters = least_documents(len(texts))
        word_vectorizer = _word_vectorizer(min_df=words)
        character_vectorizer = _character_vectorizer(min_df=characters)
        counts = Counts(
            words=_fit_or_none(word_vectorizer, texts),
            characters=_fit_or_none(character_vectorizer, texts),
        )
        return cls(_terms(word_vectorizer), _terms(character_vectorizer)), counts

    def count(self, texts: Sequence[str]) -> Counts:
        """Counts of known terms, one row per text."""
        return Counts(
            words=self._count(self._words, self.words, texts),
            characters=self._count(self._characters, self.characters, texts),
        )

    def unknown_share(
        self, texts: Sequence[str], often: frozenset[str], seen: frozenset[str] | None = None
    ) -> Floats:
        """Shape (n, 2): the share of words never seen, and of words not ``often`` seen."""
        known = self._known if seen is None else seen
        shares = np.zeros((len(texts), 2), dtype=np.float32)
        for row, text in enumerate(texts):
            tokens = _TOKENIZE(text.lower())
            if tokens:
                shares[row, 0] = sum(token not in known for token in tokens) / len(tokens)
                shares[row, 1] = sum(token not in often for token in tokens) / len(tokens)
        return shares

    @staticmethod
    def _count(vectorizer: CountVectorizer, terms: list[str], texts: Sequence[str]) -> Rows:
        if not terms:
            return sparse.csr_matrix((len(texts), 0), dtype=np.float32)
        return sparse.csr_matrix(vectorizer.transform(texts), dtype=np.float32)


def least_documents(texts: int) -> tuple[int, int]:
    """The minimum number of texts with a word, and with a character n-gram, for it to be used."""
    return (3 if texts >= 4_000 else 2 if texts >= 2_000 else 1), min(20, max(2, texts // 500))


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Inverse document frequencies of a training set, and its terms."""

    words: Floats
    characters: Floats

    @classmethod
    def fit(cls, counts: Counts) -> Weights:
        """Smoothed inverse document frequencies; 0 for terms too rare in these texts."""
        words, characters = least_documents(counts.words.shape[0])
        return cls(words=_idf(counts.words, words), characters=_idf(counts.characters, characters))

    def weigh(self, counts: Counts) -> Rows:
        """TF-IDF rows: words and 0.8 x characters side by side, each of unit length."""
        return sparse.hstack(
            [
                _tfidf(counts.words, self.words),
                CHARACTER_WEIGHT * _tfidf(counts.characters, self.characters),
            ],
            format="csr",
            dtype=np.float32,
        )


_WORD = r"(?u)\b\w+\b"
_TOKENIZE = re.compile(_WORD).findall


def _word_vectorizer(**more: object) -> CountVectorizer:
    return CountVectorizer(ngram_range=(1, 2), token_pattern=_WORD, dtype=np.float32, **more)


def _character_vectorizer(**more: object) -> CountVectorizer:
    return CountVectorizer(analyzer="char_wb", ngram_range=(2, 5), dtype=np.float32, **more)


def _fit_or_none(vectorizer: CountVectorizer, texts: Sequence[str]) -> Rows:
    try:
        return sparse.csr_matrix(vectorizer.fit_transform(texts), dtype=np.float32)
    except ValueError:  # no term is left: texts without a word, or all too rare
        vectorizer.vocabulary_ = {}
        return sparse.csr_matrix((len(texts), 0), dtype=np.float32)


def _terms(vectorizer: CountVectorizer) -> list[str]:
    return sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)


def _idf(counts: Rows, least: int) -> Floats:
    documents = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = (np.log((1 + counts.shape[0]) / (1 + documents)) + 1).astype(np.float32)
    # A fit on a part of the texts drops terms that are too rare in that part.
    return np.where(documents >= least, idf, np.float32(0.0))


def _tfidf(counts: Rows, idf: Floats) -> Rows:
    weighed = counts.copy()
    weighed.data = (1 + np.log(weighed.data)) * idf[weighed.indices]
    return unit_rows(weighed)


def unit_rows(rows: Rows) -> Rows:
    """Rows of length one; empty rows and tables are unchanged."""
    return normalize(rows, copy=False) if rows.shape[0] and rows.shape[1] else rows
