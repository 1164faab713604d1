"""Findings: what a reader noticed in a document that a person should know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from roadbed.kernel.sentences import Sentence, sentence, sentences

FindingKind = Literal[
    "attachment_unreadable",
    "attachments_omitted",
    "damaged",
    "embedded_left_out",
    "encoding_guessed",
    "encrypted",
    "form_left_out",
    "formulas_not_calculated",
    "hidden_left_out",
    "hidden_sheet",
    "hidden_text",
    "less_text",
    "macros",
    "not_confined",
    "numbers_repaired",
    "order_doubtful",
    "order_repaired",
    "pages_lost",
    "pages_nonsense",
    "pages_without_text",
    "parser_warning",
    "password_left_out",
    "renamed",
    "second_reader",
    "text_replaced",
    "truncated",
]


ORDER_DOUBTFUL = sentence(
    "The order of the words of this page is not clear. Look at the original file."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentFinding:
    """One finding. ``count`` is how often; ``detail`` names the pages, cells or files."""

    kind: FindingKind
    detail: str = ""
    count: int = 1

    def told(self) -> Sentence:
        """The finding in words, in the language of its reader."""
        return _told(self.kind, self.detail, self.count)


def of_file(findings: Sequence[DocumentFinding]) -> list[DocumentFinding]:
    """The findings that are of the file, and not of the machine that read it."""
    return [finding for finding in findings if finding.kind != "not_confined"]


def _told(kind: FindingKind, detail: str, count: int) -> Sentence:
    match kind:
        case "attachment_unreadable":
            return sentence("An attachment cannot be read: %(detail)s", detail=detail)
        case "attachments_omitted":
            return sentences(
                "%(n)s attachment is too deep or too many and was not read: %(detail)s",
                "%(n)s attachments are too deep or too many and were not read: %(detail)s",
                count,
                detail=detail,
            )
        case "encoding_guessed":
            return sentence("The text is not UTF-8 and was read as %(detail)s.", detail=detail)
        case "encrypted":
            return sentence("The file is encrypted; it opens without a password.")
        case "formulas_not_calculated":
            return sentences(
                "%(n)s formula has no stored result and is shown as its formula: %(detail)s",
                "%(n)s formulas have no stored result and are shown as formulas: %(detail)s",
                count,
                detail=detail,
            )
        case "hidden_sheet":
            return sentences(
                "%(n)s sheet is hidden in the workbook and was read: %(detail)s",
                "%(n)s sheets are hidden in the workbook and were read: %(detail)s",
                count,
                detail=detail,
            )
        case "hidden_text":
            return sentences(
                "%(n)s piece of text is white or hidden and was read: %(detail)s",
                "%(n)s pieces of text are white or hidden and were read: %(detail)s",
                count,
                detail=detail,
            )
        case "macros":
            return sentence("The file contains macros. They were not run.")
        case "not_confined":
            return sentence(
                "This machine cannot keep the reading process from files and network: %(detail)s",
                detail=detail,
            )
        case _:
            return _told_of_pages(kind, detail, count)


def _told_of_pages(kind: FindingKind, detail: str, count: int) -> Sentence:
    match kind:
        case "numbers_repaired":
            return sentences(
                "%(n)s number was torn by the first reader and taken from the second: %(detail)s",
                "%(n)s numbers were torn by the first reader and taken from the second: %(detail)s",
                count,
                detail=detail,
            )
        case "pages_lost":
            return sentences(
                "%(n)s page could not be read: page %(detail)s",
                "%(n)s pages could not be read: pages %(detail)s",
                count,
                detail=detail,
            )
        case "pages_nonsense":
            return sentences(
                "%(n)s page has no readable words: page %(detail)s",
                "%(n)s pages have no readable words: pages %(detail)s",
                count,
                detail=detail,
            )
        case "pages_without_text":
            return sentences(
                "%(n)s page holds a picture and no text: page %(detail)s",
                "%(n)s pages hold pictures and no text: pages %(detail)s",
                count,
                detail=detail,
            )
        case "renamed":
            return sentence(
                "The name says another format than the content: %(detail)s", detail=detail
            )
        case "second_reader":
            return sentence(
                "The first reader failed, the second read it: %(detail)s", detail=detail
            )
        case "text_replaced":
            return sentences(
                "%(n)s character could not be decoded and was replaced.",
                "%(n)s characters could not be decoded and were replaced.",
                count,
            )
        case "truncated":
            return sentence(
                "The end of the file is missing. Pages may be missing, and page numbers may be "
                "wrong."
            )
        case _:
            return _told_of_order(kind, detail, count)


def _told_of_order(kind: FindingKind, detail: str, count: int) -> Sentence:
    match kind:
        case "order_doubtful":
            return sentences(
                "The order of the words of %(n)s page is not clear; check it before you cite it: "
                "page %(detail)s",
                "The order of the words of %(n)s pages is not clear; check them before you cite "
                "them: pages %(detail)s",
                count,
                detail=detail,
            )
        case "order_repaired":
            return sentences(
                "%(n)s page was put together anew, because one reader mixed up its lines or cells: "
                "page %(detail)s",
                "%(n)s pages were put together anew, because one reader mixed up their lines or "
                "cells: pages %(detail)s",
                count,
                detail=detail,
            )
        case _:
            return _told_of_losses(kind, detail, count)


def _told_of_losses(kind: FindingKind, detail: str, count: int) -> Sentence:
    match kind:
        case "damaged":
            return sentence(
                "The file is damaged. Only one reader opens it, so text may be missing: %(detail)s",
                detail=detail,
            )
        case "embedded_left_out":
            return sentences(
                "%(n)s file inside of the document was not read: %(detail)s",
                "%(n)s files inside of the document were not read: %(detail)s",
                count,
                detail=detail,
            )
        case "form_left_out":
            return sentence(
                "The form is made for one program (XFA), so its text was not read. Print it into "
                "a new PDF."
            )
        case "password_left_out":
            return sentences(
                "%(n)s form field holds a password and was left out: %(detail)s",
                "%(n)s form fields hold passwords and were left out: %(detail)s",
                count,
                detail=detail,
            )
        case "hidden_left_out":
            return sentences(
                "%(n)s piece of text is hidden by the page and was left out: %(detail)s",
                "%(n)s pieces of text are hidden by the page and were left out: %(detail)s",
                count,
                detail=detail,
            )
        case "less_text":
            return sentences(
                "The version before had %(n)s word, this one has %(detail)s. Compare them.",
                "The version before had %(n)s words, this one has %(detail)s. Compare them.",
                count,
                detail=detail,
            )
        case _:
            return sentence("The reader reports: %(detail)s", detail=detail)
