"""Encoder: the forward pass of BERT in NumPy, with mean pooling.

Source: Devlin et al. 2019, "BERT"; the sizes are those of the file of weights. The tokens of a
batch stand in one table without padding; attention is computed for each group of equal length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from roadbed.models.embeddings.weights import Floats, WeightsFile

Numbers = npt.NDArray[np.int64]
# The error function to 1.5e-7: Abramowitz and Stegun 1964, 7.1.26.
_ERF = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
_ERF_SLOPE = 0.3275911
_ROWS_OF_A_PRODUCT = 4  # a product of 15 rows takes longer than one of 16
_ROWS_AT_ONCE = 32  # so much of the widest table fits into the cache of a processor


@dataclass(frozen=True, kw_only=True, slots=True)
class _Linear:
    weights: Floats  # (inputs, outputs)
    bias: Floats

    def __call__(self, rows: Floats) -> Floats:
        product: Floats = rows @ self.weights
        product += self.bias
        return product


@dataclass(frozen=True, kw_only=True, slots=True)
class _Norm:
    scale: Floats
    shift: Floats
    epsilon: float

    def __call__(self, rows: Floats) -> Floats:
        """Each row with mean 0 and variance 1, scaled and shifted; changes ``rows``."""
        rows -= rows.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", rows, rows) / np.float32(rows.shape[1])
        rows *= (1.0 / np.sqrt(variance + np.float32(self.epsilon)))[:, None]
        rows *= self.scale
        rows += self.shift
        return rows


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    attention_in: _Linear  # queries, keys and values side by side
    attention_out: _Linear
    attention_norm: _Norm
    wide: _Linear
    narrow: _Linear
    norm: _Norm


class Encoder:
    """All layers, dequantised once: four bytes per number."""

    def __init__(self, weights: WeightsFile) -> None:
        self.shape = weights.shape
        self._weights = weights
        width = weights.shape.width
        self._positions = weights.vector("emb.pos").reshape(-1, width)
        self._positions += weights.vector("emb.type")[:width]
        self._norm = _norm(weights, "emb.ln")
        self._layers = [_layer(weights, number) for number in range(weights.shape.layers)]

    def means(
        self, inputs: Sequence[Sequence[int]], *, leading: int = 0, trailing: int = 0
    ) -> Floats:
        """The mean of the last layer over the tokens of each input, shape (n, width).

        The ``leading`` and ``trailing`` tokens, which all inputs share, are left out of the mean
        where others remain. Inputs with equal length should stand side by side: they are computed
        together.
        """
        lengths = [len(ids) for ids in inputs]
        count = sum(lengths)
        padded = -(-count // _ROWS_OF_A_PRODUCT) * _ROWS_OF_A_PRODUCT
        rows: Floats = np.zeros((padded, self.shape.width), dtype=np.float32)
        rows[:count] = self._weights.vectors(np.array([token for ids in inputs for token in ids]))
        rows[:count] += self._positions[np.concatenate([np.arange(length) for length in lengths])]
        rows = self._norm(rows)
        groups = list(_groups(lengths))
        for layer in self._layers:
            attended = layer.attention_out(self._attend(layer.attention_in(rows), groups))
            attended += rows
            rows = layer.attention_norm(attended)
            wide = layer.wide(rows)
            _gelu(wide)
            narrow = layer.narrow(wide)
            narrow += rows
            rows = layer.norm(narrow)
        means = np.empty((len(inputs), self.shape.width), dtype=np.float32)
        start = 0
        for number, length in enumerate(lengths):
            stop = start + length
            own = rows[start + leading : stop - trailing]
            means[number] = (own if len(own) else rows[start:stop]).mean(axis=0)
            start = stop
        return means

    def _attend(self, projected: Floats, groups: Sequence[tuple[slice, int]]) -> Floats:
        """Softmax attention of each input to its own tokens, shape (tokens, width)."""
        width, heads = self.shape.width, self.shape.heads
        size = width // heads
        attended = np.zeros((len(projected), width), dtype=np.float32)
        for span, length in groups:
            split = projected[span].reshape(-1, length, 3, heads, size).transpose(2, 0, 3, 1, 4)
            scores = split[0] @ split[1].transpose(0, 1, 3, 2)
            scores *= np.float32(size**-0.5)
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            mixed = (scores @ split[2]).transpose(0, 2, 1, 3)
            attended[span] = mixed.reshape(-1, width)
        return attended


def _groups(lengths: Sequence[int]) -> Iterator[tuple[slice, int]]:
    """The tokens of each run of inputs with one length."""
    start = 0
    for length, run in groupby(lengths):
        stop = start + length * sum(1 for _ in run)
        yield slice(start, stop), length
        start = stop


def _gelu(rows: Floats) -> None:
    """``x (1 + erf(x / sqrt 2)) / 2`` in place. Source: Hendrycks and Gimpel 2016."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        size = np.abs(part)
        size *= np.float32(0.5**0.5)
        factor = size * np.float32(_ERF_SLOPE)
        factor += np.float32(1.0)
        np.reciprocal(factor, out=factor)
        tail = factor * np.float32(_ERF[0])
        for coefficient in _ERF[1:]:
            tail += np.float32(coefficient)
            tail *= factor
        size *= size
        np.negative(size, out=size)
        np.exp(size, out=size)
        tail *= size  # 1 - erf(|x| / sqrt 2)
        tail *= np.abs(part)
        tail *= np.float32(-0.5)
        np.maximum(part, 0.0, out=part)
        part += tail


def _norm(weights: WeightsFile, name: str) -> _Norm:
    return _Norm(
        scale=weights.vector(f"{name}.w"),
        shift=weights.vector(f"{name}.b"),
        epsilon=weights.shape.epsilon,
    )


def _linear(weights: WeightsFile, inputs: int, *names: str) -> _Linear:
    matrix = np.vstack([weights.matrix(f"{name}.w", inputs) for name in names])
    return _Linear(
        weights=np.ascontiguousarray(matrix.T),
        bias=np.concatenate([weights.vector(f"{name}.b") for name in names]),
    )


def _layer(weights: WeightsFile, number: int) -> _Layer:
    name, width = f"l{number}", weights.shape.width
    wide = _linear(weights, width, f"{name}.fi")
    return _Layer(
        attention_in=_linear(weights, width, f"{name}.q", f"{name}.k", f"{name}.v"),
        attention_out=_linear(weights, width, f"{name}.ao"),
        attention_norm=_norm(weights, f"{name}.aln"),
        wide=wide,
        narrow=_linear(weights, len(wide.bias), f"{name}.fo"),
        norm=_norm(weights, f"{name}.oln"),
    )
