"""Requirements for every embedding model, as named checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from roadbed.models.embeddings.protocol import Embeddings, Vectors
from roadbed.testing.conformance import HOSTILE, ConformanceError

_TEXTS = ("Where is my parcel?", "I want to send it back.", "My card was charged twice.")
_ODD = ("", " ", "\n", "a", "\x00", "\ud800", "0" * 20_000, "word " * 4_000, *HOSTILE)
_SAME = 1e-4  # a batch may round differently than a single text
_DIGEST = re.compile(r"[0-9a-f]{64}")


def check_embeddings(embeddings: Embeddings) -> tuple[str, ...]:
    """Check ``embeddings`` and give the names of the checks.

    Raises ``ConformanceError`` that names each check that failed.
    """
    failed = []
    for name, check in _CHECKS.items():
        try:
            check(embeddings)
        except Exception as error:
            failed.append(f"{name}: {str(error) or type(error).__name__}")
    if failed:
        raise ConformanceError("\n".join(failed))
    return tuple(_CHECKS)


def _identity(embeddings: Embeddings) -> None:
    _require(bool(embeddings.name.strip()), "the name is empty")
    _require(
        _DIGEST.fullmatch(embeddings.digest) is not None,
        "the digest is no SHA-256 in hexadecimal digits",
    )
    _require(embeddings.dimensions > 0, "dimensions is not above zero")


def _shape(embeddings: Embeddings) -> None:
    _valid(embeddings, embeddings.embed(_TEXTS), len(_TEXTS))
    _valid(embeddings, embeddings.embed(()), 0)


def _odd_texts(embeddings: Embeddings) -> None:
    _valid(embeddings, embeddings.embed(_ODD), len(_ODD))


def _order(embeddings: Embeddings) -> None:
    forwards, backwards = embeddings.embed(_TEXTS), embeddings.embed(_TEXTS[::-1])
    _require(_alike(forwards, backwards[::-1]), "another order gives other vectors")
    alone = np.vstack([embeddings.embed([text]) for text in _TEXTS])
    _require(_alike(forwards, alone), "a text alone has another vector than in a batch")
    twice = embeddings.embed([_TEXTS[0], _TEXTS[0]])
    _require(_alike(twice[:1], twice[1:]), "equal texts of a batch have different vectors")


def _own_result(embeddings: Embeddings) -> None:
    first = embeddings.embed(_TEXTS)
    kept = first.copy()
    first[:] = 0.0
    _require(_alike(embeddings.embed(_TEXTS), kept), "a caller can change the vectors of others")


def _difference(embeddings: Embeddings) -> None:
    one, other, _ = embeddings.embed(_TEXTS)
    _require(float(one @ other) < 1.0 - _SAME, "different texts have the same vector")


def _threads(embeddings: Embeddings) -> None:
    wanted = embeddings.embed(_TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(embeddings.embed, [_TEXTS] * 8):
            _require(_alike(vectors, wanted), "threads at the same time get other vectors")


_CHECKS: Mapping[str, Callable[[Embeddings], None]] = {
    "it says what it is": _identity,
    "one unit row per text": _shape,
    "odd texts have a vector": _odd_texts,
    "vectors do not depend on the batch": _order,
    "each result is the caller's own": _own_result,
    "different texts differ": _difference,
    "threads may share it": _threads,
}


def _valid(embeddings: Embeddings, vectors: Vectors, count: int) -> None:
    _require(vectors.dtype == np.float32, f"the numbers are {vectors.dtype}, not float32")
    wanted = (count, embeddings.dimensions)
    _require(vectors.shape == wanted, f"the shape is {vectors.shape}, not {wanted}")
    lengths = np.linalg.norm(vectors, axis=1)
    _require(bool(np.all(np.abs(lengths - 1.0) < _SAME)), "a row is not of unit length")


def _alike(one: Vectors, other: Vectors) -> bool:
    return one.shape == other.shape and bool(np.all(np.abs(one - other) < _SAME))


def _require(condition: bool, problem: str) -> None:  # noqa: FBT001 - it is what is required
    if not condition:
        raise AssertionError(problem)
