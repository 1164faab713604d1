"""What the search index holds of a document: its passages, and its pages as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import tantivy
from pydantic import TypeAdapter

from roadbed.knowledge.model import Position
from roadbed.knowledge.rows import ChangedDocumentsRow, PassagesOfRow

ANALYZER = "words"
EVERYBODY = "*"  # the group of what everybody may read; no name of a group
_POSITION = TypeAdapter(Position)
_SEPARATOR = re.compile(r"[/_.\-]+")


def passage_schema() -> tantivy.Schema:
    """The fields of a passage: its text, its title and headings, and which one it is."""
    return _schema("ordinal", "text", "title", "heading")


def page_schema() -> tantivy.Schema:
    """The fields of a page: its whole text, and which one it is."""
    return _schema("part", "text")


def passages_of(
    document: ChangedDocumentsRow, passages: Sequence[PassagesOfRow]
) -> Iterator[tantivy.Document]:
    """The passages of a document as the index holds them."""
    stem, _, _ = document["path"].rpartition(".")
    for passage in passages:
        position = _POSITION.validate_python(passage["position"])
        yield tantivy.Document(
            text=passage["text"],
            # What the folder calls it says more than what the file calls itself.
            title=_SEPARATOR.sub(" ", stem),
            heading=" ".join((*position.headings, position.name or "")),
            document=document["id"],
            version=passage["version_id"],
            group=document["access_group"] or EVERYBODY,
            ordinal=passage["ordinal"],
        )


def pages_of(
    document: ChangedDocumentsRow, passages: Sequence[PassagesOfRow]
) -> Iterator[tantivy.Document]:
    """The pages, slides, sheets or texts of a document as the index holds them."""
    texts: dict[int, list[str]] = {}
    for passage in passages:
        texts.setdefault(passage["part"], []).append(passage["text"])
    for part, pieces in texts.items():
        yield tantivy.Document(
            text="\n".join(pieces),
            document=document["id"],
            version=passages[0]["version_id"],
            group=document["access_group"] or EVERYBODY,
            part=part,
        )


def _schema(number: str, *texts: str) -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in texts:
        builder.add_text_field(name, stored=False, tokenizer_name=ANALYZER, index_option="freq")
    for name in ("document", "version", "group"):
        builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field(number, stored=True)
    return builder.build()
