"""``Embeddings``: the contract between a model of vectors and everything that uses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


@runtime_checkable
class Embeddings(Protocol):
    """A model that turns texts into vectors; similar texts have a high scalar product.

    ``name`` is for people. ``digest`` is a SHA-256 in hexadecimal digits of everything that changes
    the vectors: weights, tokenizer, prefix. It is a part of the version of what was trained on
    them. ``dimensions`` is the length of a vector. Conformance: ``testing.check_embeddings``.
    """

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row of unit length per text, in order: float32 of shape (n, dimensions).

        Any text has a vector, the empty one included. Called from several threads. Raises
        ``EmbeddingsError`` when the model cannot be reached.
        """
        ...
