"""Choice: which embedding model a decider uses that names none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

from roadbed.models.embeddings.cache import CachedEmbeddings
from roadbed.models.embeddings.errors import ChoiceError
from roadbed.models.embeddings.local import LocalEmbeddings, is_installed
from roadbed.models.embeddings.protocol import Embeddings

VARIABLE = "ROADBED_EMBEDDINGS"
_HANDED_OVER: dict[str, str] = {}


def hand_over(choice: str) -> None:
    """Use ``choice`` in this process, whatever its environment says.

    A child process has no setting of Roadbed in its environment; its parent hands over this one.
    """
    _HANDED_OVER[VARIABLE] = choice


def chosen(environment: Mapping[str, str] = os.environ) -> Embeddings | None:
    """The local model where the extra ``embed`` is installed, else none.

    ``ROADBED_EMBEDDINGS`` may be ``none``, or ``local``, which requires the extra. Raises
    ``ChoiceError`` for another value, ``WeightsError`` if the model cannot be read.
    """
    choice = _HANDED_OVER.get(VARIABLE, environment.get(VARIABLE, "")).strip() or "auto"
    if choice not in {"auto", "local", "none"}:
        raise ChoiceError(choice)
    if choice == "none" or (choice == "auto" and not is_installed()):
        return None
    return _local()


@cache
def _local() -> Embeddings:
    """One for all deciders of the process."""
    return CachedEmbeddings(LocalEmbeddings())
