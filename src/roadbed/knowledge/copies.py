"""Copies: documents whose files are equal byte by byte. One of them answers for all. Pure.

Which one depends on what the reader may read: a copy in a folder of others hides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from roadbed.knowledge.document_facts import facts_of
from roadbed.knowledge.model import Format
from roadbed.knowledge.reading.formats import renamed


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredContent:
    """A document with the hash of its content, and what tells which of several copies answers.

    ``is_left_out`` says that a person confirmed the content to be outdated.
    """

    document_id: str
    path: str
    content: str
    format: str | None
    added_at: datetime
    is_left_out: bool = False

    @property
    def preference(self) -> tuple[bool, bool, bool, bool, datetime, int, str]:
        """Sorts copies, the one that answers first: the better name, else the older document.

        Documents that one ingestion found are equally old. Of them the one in fewer folders
        answers, then the first by path.

        What is left out goes first, so that no copy of it answers instead. A name is worse if it
        says copy or signed, has the ending of another format, or says no date, period or number.
        """
        facts = facts_of(self.document_id, self.path, self.content, ())
        says_age = facts.dated is not None or facts.period is not None or facts.is_current
        return (
            not self.is_left_out,
            facts.is_variant,
            renamed(cast("Format", self.format), self.path),
            not says_age,
            self.added_at,
            self.path.count("/"),
            self.path,
        )


def copies(documents: Iterable[StoredContent]) -> Mapping[str, str]:
    """The ids of documents that are copies, each with the id of the one that answers."""
    by_content: dict[str, list[StoredContent]] = {}
    for document in documents:
        by_content.setdefault(document.content, []).append(document)
    answers: dict[str, str] = {}
    for group in by_content.values():
        if len(group) > 1:
            best = min(group, key=lambda document: document.preference)
            answers |= {
                document.document_id: best.document_id for document in group if document is not best
            }
    return answers
