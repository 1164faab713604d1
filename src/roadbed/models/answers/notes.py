"""Notes of an answer: what a reader should know of the documents beside what they say. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from roadbed.usecases.decider import OlderStatement, Retrieved, RetrievedPassage

MOST = 5


def notes_of(retrieved: Retrieved, cited: Sequence[RetrievedPassage]) -> list[str]:
    """The notes for an answer that cites some passages of what was retrieved, each once."""
    return list(dict.fromkeys(_notes(retrieved, cited)))[:MOST]


def _notes(retrieved: Retrieved, cited: Sequence[RetrievedPassage]) -> Iterator[str]:
    if retrieved.assumed is not None and cited:
        yield f"The question names no period, so the newest was taken: {retrieved.assumed}."
    for passage in cited:
        if passage.superseded_by is not None:
            yield f"{passage.document} is superseded by {passage.superseded_by}."
        removed = passage.newer_removed
        if removed is not None:
            yield (
                f"A newer version, {removed.document}, was removed on "
                f"{removed.removed_at.date().isoformat()}."
            )
    documents = {passage.id: passage.document for passage in cited}
    for conflict in retrieved.conflicts:
        if conflict.first in documents and conflict.second in documents:
            yield (
                f"Two documents are in conflict: {documents[conflict.first]} says "
                f"“{conflict.first_text}”, {documents[conflict.second]} says "
                f"“{conflict.second_text}”"
            )
    yield from map(_differs, _older(cited))


def _older(cited: Sequence[RetrievedPassage]) -> Iterator[OlderStatement]:
    """What older versions say instead, each document once.

    The first passage is the answer. Where it is the older version itself, what it says is no
    difference to it, and its own ``older`` are the versions that differ from it.
    """
    told: set[str] = set()
    for passage in cited:
        if any(older.document == cited[0].document for older in passage.older):
            continue
        for older in passage.older:
            if older.document not in told:
                told.add(older.document)
                yield older


def _differs(older: OlderStatement) -> str:
    dated = f" ({older.dated})" if older.dated else ""
    return f"An older version, {older.document}{dated}, differs: it says “{older.text}”"
