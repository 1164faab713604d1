"""Cache: vectors of texts that were embedded before, in the memory of the process."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from roadbed.models.embeddings.protocol import Embeddings, Vectors

MOST_KEPT = 20_000  # 31 MB for vectors of 384 numbers


class CachedEmbeddings:
    """``inner``, with the vectors used last kept by the hash of the text and the model's digest.

    It keeps at most ``most`` vectors and no text. Equal texts of one call are embedded once. The
    vectors of a text are those of its first call: a batch may differ from another in the last bits.
    """

    def __init__(self, inner: Embeddings, *, most: int = MOST_KEPT) -> None:
        if most < 1:
            raise ValueError("it keeps at least one vector")
        self._inner = inner
        self._most = most
        self._kept: OrderedDict[bytes, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def digest(self) -> str:
        return self._inner.digest

    @property
    def dimensions(self) -> int:
        return self._inner.dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors of ``texts``; the model computes only those that are not kept."""
        keys = [self._key(text) for text in texts]
        with self._lock:
            known = {key: self._kept[key] for key in keys if key in self._kept}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            made = self._inner.embed(list(missing.values()))
            known |= {key: row.copy() for key, row in zip(missing, made, strict=True)}
        self._keep(keys, known)
        vectors = np.empty((len(keys), self.dimensions), dtype=np.float32)
        for row, key in enumerate(keys):
            vectors[row] = known[key]
        return vectors

    @property
    def uncached(self) -> Embeddings:
        """The model without the cache, for texts whose vectors are stored elsewhere."""
        return self._inner

    def _key(self, text: str) -> bytes:
        content = f"{self.digest}\n{text}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(content, digest_size=20).digest()

    def _keep(self, keys: Sequence[bytes], vectors: dict[bytes, Vectors]) -> None:
        with self._lock:
            for key in keys:
                self._kept[key] = vectors[key]
                self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
