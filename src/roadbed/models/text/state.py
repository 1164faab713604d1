"""State: everything that the classifier has learned, stored as arrays and JSON.

Loading it runs no code.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from scipy import sparse

from roadbed.models.embeddings.protocol import Embeddings
from roadbed.models.text.base_models import BaseModels
from roadbed.models.text.confidence import Confidence
from roadbed.models.text.vector_model import VectorModel
from roadbed.models.text.vocabulary import Counter, Rows, Weights
from roadbed.usecases.decider import OutOfFold

_FORMAT = 3
_WITHOUT_EMBEDDINGS = 2  # the format before; it differs only in that it has no vectors
_SPARSE = ("word_counts", "character_counts", "centres", "near_rows")


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingModel:
    """The embedding model whose vectors a classifier was fitted on."""

    name: str
    digest: str
    dimensions: int

    @classmethod
    def of(cls, embeddings: Embeddings) -> Self:
        """The facts about ``embeddings``."""
        return cls(name=embeddings.name, digest=embeddings.digest, dimensions=embeddings.dimensions)

    def __str__(self) -> str:
        return f"{self.name} ({self.digest[:12]})"


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedText:
    """The fitted parameters. ``labels`` are JSON values by class, ``None`` for "none of these".

    ``model`` made the vectors, if there are any.

    ``cautious`` is ``confidence`` fitted also for kinds of work outside the training data.
    """

    labels: tuple[Any, ...]
    model: EmbeddingModel | None
    counter: Counter
    weights: Weights
    often: frozenset[str]
    base_models: BaseModels
    near_texts: tuple[str, ...]
    confidence: Confidence
    cautious: Confidence
    out_of_fold: OutOfFold


def save(fitted: FittedText) -> Mapping[str, bytes]:
    """``terms.json`` and ``arrays.npz``; equal states give equal bytes."""
    base_models = fitted.base_models
    arrays: dict[str, Any] = {
        "idf_words": fitted.weights.words,
        "idf_characters": fitted.weights.characters,
        "coefficients": base_models.coefficients,
        "intercepts": base_models.intercepts,
        "near_classes": base_models.near_classes,
        "sizes": base_models.sizes,
        **_second_stage("confidence", fitted.confidence),
        **_second_stage("cautious", fitted.cautious),
        "oof_confidence": fitted.out_of_fold.confidence,
        "oof_wrong": fitted.out_of_fold.wrong,
        "oof_cautious": fitted.out_of_fold.cautious,
        "oof_novel": fitted.out_of_fold.novel,
    }
    if (vector_model := base_models.vector_model) is not None:
        arrays |= {
            "vector_mean": vector_model.mean,
            "vector_coefficients": vector_model.coefficients,
            "vector_intercepts": vector_model.intercepts,
        }
    for name in _SPARSE:
        matrix: Rows = getattr(base_models, name)
        arrays |= {
            f"{name}_data": matrix.data,
            f"{name}_indices": matrix.indices,
            f"{name}_indptr": matrix.indptr,
            f"{name}_shape": np.array(matrix.shape),
        }
    terms = {
        "format": _FORMAT,
        "labels": list(fitted.labels),
        "embeddings": None if fitted.model is None else asdict(fitted.model),
        "none": base_models.none,
        "words": fitted.counter.words,
        "characters": fitted.counter.characters,
        "often": sorted(fitted.often),
        "near_texts": list(fitted.near_texts),
    }
    return {
        "arrays.npz": _npz(arrays),
        "terms.json": json.dumps(terms, ensure_ascii=False).encode(),
    }


def _npz(arrays: Mapping[str, Any]) -> bytes:
    """As ``numpy.savez_compressed``, without the time, which would change the hash."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in sorted(arrays.items()):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue())
    return buffer.getvalue()


def load(files: Mapping[str, bytes]) -> FittedText:
    """The state that ``save`` wrote. Raises ``ValueError`` for another format."""
    terms = json.loads(files["terms.json"])
    if terms["format"] not in {_FORMAT, _WITHOUT_EMBEDDINGS}:
        raise ValueError(f"format {terms['format']} of the classifier's state is not known")
    with np.load(io.BytesIO(files["arrays.npz"]), allow_pickle=False) as stored:
        arrays = dict(stored)
    base_models = BaseModels(
        coefficients=arrays["coefficients"],
        intercepts=arrays["intercepts"],
        near_classes=arrays["near_classes"],
        sizes=arrays["sizes"],
        none=terms["none"],
        vector_model=_vector_model(arrays) if "vector_mean" in arrays else None,
        **{name: _sparse(arrays, name) for name in _SPARSE},
    )
    model = terms.get("embeddings")
    return FittedText(
        labels=tuple(terms["labels"]),
        model=None if model is None else EmbeddingModel(**model),
        counter=Counter(terms["words"], terms["characters"]),
        weights=Weights(words=arrays["idf_words"], characters=arrays["idf_characters"]),
        often=frozenset(terms["often"]),
        base_models=base_models,
        near_texts=tuple(terms["near_texts"]),
        confidence=_read_second_stage("confidence", arrays),
        cautious=_read_second_stage("cautious", arrays),
        out_of_fold=OutOfFold(
            confidence=arrays["oof_confidence"],
            wrong=arrays["oof_wrong"],
            cautious=arrays["oof_cautious"],
            novel=arrays["oof_novel"],
        ),
    )


def _second_stage(name: str, stage: Confidence) -> dict[str, Any]:
    return {
        f"{name}_mean": stage.mean,
        f"{name}_scale": stage.scale,
        f"{name}_weights": stage.weights,
        f"{name}_bias": np.array(stage.bias),
    }


def _read_second_stage(name: str, arrays: Mapping[str, Any]) -> Confidence:
    return Confidence(
        mean=arrays[f"{name}_mean"],
        scale=arrays[f"{name}_scale"],
        weights=arrays[f"{name}_weights"],
        bias=float(arrays[f"{name}_bias"]),
    )


def _vector_model(arrays: Mapping[str, Any]) -> VectorModel:
    return VectorModel(
        mean=arrays["vector_mean"],
        coefficients=arrays["vector_coefficients"],
        intercepts=arrays["vector_intercepts"],
    )


def _sparse(arrays: Mapping[str, Any], name: str) -> Rows:
    return sparse.csr_matrix(
        (arrays[f"{name}_data"], arrays[f"{name}_indices"], arrays[f"{name}_indptr"]),
        shape=tuple(arrays[f"{name}_shape"]),
    )
