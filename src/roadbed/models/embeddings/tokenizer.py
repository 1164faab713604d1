"""Tokenizer: texts as ids of pieces of words, by the most probable split.

Source: Kudo 2018, "Subword Regularization", and the tokenizer of XLM-RoBERTa. Pieces never reach
over the beginning of a word, so each word is split alone, and splits of words are kept.
"""

from __future__ import annotations

import re

from roadbed.models.embeddings.weights import Vocabulary

_SPACE = "\u2581"  # stands before each word
_UNKNOWN_PENALTY = 10.0  # below the least probable piece
_KEPT_WORDS = 50_000
_KEPT_LENGTH = 32
_WORDS = re.compile(rf"{_SPACE}[^{_SPACE}]*").findall


class Tokenizer:
    """Splits texts into the pieces of ``vocabulary``."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._replacements = dict(vocabulary.replacements)
        self._unknown = vocabulary.unknown
        scores = vocabulary.scores.tolist()
        self._pieces = {
            piece: (scores[number], number)
            for number, piece in enumerate(vocabulary.pieces)
            if number not in vocabulary.special
        }
        self._longest = max(map(len, self._pieces))
        self._unknown_score = min(scores) - _UNKNOWN_PENALTY
        self._kept: dict[str, tuple[int, ...]] = {}

    def pieces(self, text: str, most: int) -> list[int]:
        """The ids of the first ``most`` pieces; characters beyond them are not read."""
        begun = " ".join(text[: most * self._longest].translate(self._replacements).split())
        ids: list[int] = []
        for word in _WORDS(_SPACE + begun.replace(" ", _SPACE)):
            ids += self._split(word)
            if len(ids) >= most:
                break
        return ids[:most]

    def _split(self, word: str) -> tuple[int, ...]:
        kept = self._kept.get(word)
        if kept is None:
            kept = self._best(word)
            if len(word) <= _KEPT_LENGTH:
                if len(self._kept) >= _KEPT_WORDS:
                    self._kept.clear()
                self._kept[word] = kept
        return kept

    def _best(self, word: str) -> tuple[int, ...]:
        """The split with the highest sum of scores (Viterbi)."""
        best = [(0.0, 0, 0)]  # up to each character: score, where the last piece begins, its id
        for end in range(1, len(word) + 1):
            start = end - 1
            leading = (best[start][0] + self._unknown_score, start, self._unknown)
            for start in range(max(0, end - self._longest), end):
                piece = self._pieces.get(word[start:end])
                if piece is not None and best[start][0] + piece[0] > leading[0]:
                    leading = (best[start][0] + piece[0], start, piece[1])
            best.append(leading)
        ids = []
        end = len(word)
        while end:
            _, start, number = best[end]
            ids.append(number)
            end = start
        return tuple(reversed(ids))
