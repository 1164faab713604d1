"""Checks of a new version of a document against the one before. Pure."""

from __future__ import annotations

from dataclasses import replace

from roadbed.kernel.sentences import figure, sentence
from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.model import Extraction
from roadbed.knowledge.records import DocumentVersion

_LEAST_SHARE = 0.5  # of the words of the version before
_FEWEST_WORDS = 40  # of the version before; a note may well lose half of its words
_DAMAGES = frozenset(("damaged", "pages_lost", "pages_nonsense"))


def compared_with(before: DocumentVersion | None, extraction: Extraction, name: str) -> Extraction:
    """``extraction`` with a finding if it has under half of the words of the version before.

    Raises ``DocumentUnreadableError`` (``corrupt``) if the file is damaged as well: then the
    version before says more of the document, and stays in force.
    """
    if before is None or before.words < _FEWEST_WORDS:
        return extraction
    if extraction.words >= _LEAST_SHARE * before.words:
        return extraction
    if any(finding.kind in _DAMAGES for finding in extraction.findings):
        raise DocumentUnreadableError(
            name,
            UnreadableReason.CORRUPT,
            sentence(
                "only %(words)s of the %(before)s words of the version before can be read",
                words=figure(f"{extraction.words:,}"),
                before=figure(f"{before.words:,}"),
            ),
        )
    finding = DocumentFinding(kind="less_text", count=before.words, detail=f"{extraction.words:,}")
    return replace(extraction, findings=(*extraction.findings, finding))


def read_again(before: DocumentVersion, extraction: Extraction, name: str) -> Extraction:
    """``extraction`` of the same file as ``before``, which was read before reading improved.

    It is compared with ``before``, and keeps the finding that the file has less text than an older
    one while that is so. Raises as ``compared_with`` does.
    """
    extraction = compared_with(before, extraction, name)
    if any(finding.kind == "less_text" for finding in extraction.findings):
        return extraction
    kept = tuple(
        replace(finding, detail=f"{extraction.words:,}")
        for finding in before.findings
        if finding.kind == "less_text" and extraction.words < _LEAST_SHARE * finding.count
    )
    return replace(extraction, findings=(*extraction.findings, *kept))
