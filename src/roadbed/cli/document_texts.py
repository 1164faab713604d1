"""Documents, what ingestion did and what a search gives, as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from roadbed.kernel.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from roadbed.kernel.json import Json
    from roadbed.knowledge.conflicts import DocumentConflict
    from roadbed.knowledge.document_erasure import DeletedDocument, ErasedDocument
    from roadbed.knowledge.libraries import Match
    from roadbed.knowledge.records import Document


def erased_text(erased: ErasedDocument) -> str:
    """What an erasure did."""
    number = "1 version" if erased.versions == 1 else f"{erased.versions} versions"
    told = f"is erased: {number}." if erased.versions else "was erased before."
    lines = [
        f"The text of {one_line(erased.document)} {told}",
        "Answers keep what they quote; `roadbed erase` erases the task of one.",
    ]
    if erased.copies:
        lines.append(f"The same content stays in {', '.join(map(one_line, erased.copies))}.")
    return "\n".join(lines)


def deleted_text(document: DeletedDocument) -> str:
    """A document that left the library."""
    told = [one_line(document.document), f"deleted {document.removed_at:%Y-%m-%d %H:%M:%S} UTC"]
    if document.erased_at is not None:
        told.append("its text is erased")
    return " · ".join(told)


def _left_out(result: Any) -> str:
    """What was left out, by why. A job of an earlier release has only the sum."""
    left_out: Mapping[str, int] = result.get("left_out") or {"patterns": result["ignored"]}
    told = []
    for kind, words in (
        ("patterns", "left out by a pattern"),
        ("links", "links that are not followed"),
        ("special", "pipes, sockets or devices"),
        ("duplicates", "with the path of another source"),
    ):
        if count := left_out.get(kind, 0):
            told.append(f"{count:,} {words}")
    return ", ".join(told) or "0 left out"


def ingestion_text(use_case: str, ended: Json) -> str:
    """What an ingestion did; ``ended`` is the result of its job."""
    from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason

    result: Any = ended
    counts = (
        f"{result['read']:,} read, {result['unchanged']:,} unchanged, {result['moved']:,} moved, "
        f"{result['gone']:,} gone, {_left_out(result)}"
    )
    lines = [counts]
    if reread := result.get("reread", 0):
        lines.append(
            f"{reread:,} read again, because reading improved; {result['improved']:,} of them say "
            "something else now and are new versions."
        )
    if still := result.get("still_unreadable", 0):
        lines.append(
            f"{still:,} of the unchanged ones cannot be read, as before; "
            f"`roadbed documents list {use_case} --unreadable` names them."
        )
    if noted := result.get("with_findings", 0):
        lines.append(
            f"{noted:,} of those that were read {'has' if noted == 1 else 'have'} findings; "
            f"`roadbed documents list {use_case} --findings` tells which."
        )
    if result["unreadable"]:
        lines.append(f"{len(result['unreadable']):,} cannot be read; the data specialist is asked:")
    for document in result["unreadable"]:
        reason = UnreadableReason(document["reason"])
        trouble = DocumentUnreadableError(document["path"], reason, document["detail"] or "")
        lines.append(f"  {one_line(str(trouble))}")
    return "\n".join(lines)


def document_text(document: Document) -> str:
    """A document, with why it cannot be read and what reading found."""
    size = str(document.length or f"{document.words} words")
    told = [
        one_line(document.path),
        "never read" if document.version is None else f"version {document.version}, {size}",
    ]
    if document.origin == "upload":
        told.append("uploaded")
    if document.address is not None:
        told.append(f"fetched from {one_line(document.address)}")
    if document.group is not None:
        told.append(f"only for {document.group}")
    lines = [" · ".join(told)]
    if document.trouble is not None:
        lines.append(f"  ! {one_line(str(document.trouble))}")
    lines += [f"  {one_line(str(finding.told()))}" for finding in document.findings]
    return "\n".join(lines)


def family_text(documents: Sequence[Document]) -> str:
    """Documents that belong together, one per line."""
    lines = [f"! {one_line(documents[0].why)}"] if documents[0].why else []
    for document in documents:
        told = [one_line(document.path), document.standing or ""]
        if document.dated:
            told.append(document.dated)
        if document.newer_removed:
            told.append(f"newer version {one_line(document.newer_removed.document)} was removed")
        if document.copy_of:
            told.append(f"copy of {one_line(document.copy_of)}")
        if document.superseded_by:
            told.append(f"superseded by {one_line(document.superseded_by)}")
        lines.append(" · ".join((*told, one_line(document.evidence or ""))))
    return "\n".join(lines)


def conflict_text(conflict: DocumentConflict) -> str:
    """Two documents that state different figures."""
    right = {
        "first": conflict.first_path,
        "second": conflict.second_path,
        "both": "both are right",
        None: "nobody has decided",
    }[conflict.verdict]
    return "\n".join(
        (
            f"{conflict.id} · {one_line(right)}",
            f"  {one_line(conflict.first_path)}: {one_line(conflict.first_text)}",
            f"  {one_line(conflict.second_path)}: {one_line(conflict.second_text)}",
        )
    )


def match_text(match: Match) -> str:
    """A passage, under its position."""
    passage = match.passage
    position = f"{passage.path}, {passage.position.label}".rstrip(", ")
    note = f"{passage.note}\n" if passage.note else ""
    return f"{one_line(position)}\n{note}{passage.text}"
