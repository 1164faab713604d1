"""The first reader, xberg: Markdown of a document, page by page where it has pages.

Without OCR, which would download language data, and without its cache, which would write the text
of documents below the user's home.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from roadbed.knowledge.errors import DocumentUnreadableError, UnreadableReason
from roadbed.knowledge.reading import packages

NAME = "xberg"
_LONGEST_REPORT = 300
_ANY_RATIO = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page, slide or sheet as xberg gives it."""

    number: int
    text: str
    notes: str | None = None
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class XbergReading:
    """What xberg gives. ``pages`` is empty for formats without pages."""

    text: str
    pages: Sequence[Page]
    title: str | None
    warnings: Sequence[str]


def read(
    content: bytes, mime_type: str, name: str, output: Literal["markdown", "plain"] = "markdown"
) -> XbergReading:
    """Read ``content`` of a known type. Raises ``DocumentUnreadableError``, ``MemoryError``."""
    try:
        return asyncio.run(_read(content, mime_type, output))
    except (MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of its Rust code is no Exception
        raise DocumentUnreadableError(name, _reason(str(error)), _shortened(str(error))) from error


async def _read(
    content: bytes, mime_type: str, output: Literal["markdown", "plain"]
) -> XbergReading:
    # Imported here: only the child may load it.
    from xberg import _xberg

    config = _xberg.ExtractionConfig(
        use_cache=False,
        disable_ocr=True,
        ocr_near_empty_fallback=False,
        ocr_embedded_images=False,
        enable_quality_processing=False,
        escape_markdown=False,
        output_format=_xberg.OutputFormat(output),
        pages=_xberg.PageConfig(extract_pages=True),
        # Its metadata would stand as text before the page.
        html_options=_xberg.ConversionOptions(extract_metadata=False),
        max_archive_depth=0,
        # The check of packages has refused what expands too far; this ratio would also refuse
        # small tables of equal cells.
        security_limits=_xberg.SecurityLimits(
            max_compression_ratio=_ANY_RATIO, max_files_in_archive=packages.MOST_MEMBERS
        ),
        concurrency=_xberg.ConcurrencyConfig(max_threads=1),
    )
    asked = _xberg.ExtractInput(
        kind=_xberg.ExtractInputKind.BYTES, bytes=content, mime_type=mime_type
    )
    result = await _xberg.extract(asked, config)
    if not result.results:
        raise ValueError("; ".join(item.message for item in result.errors) or "no result")
    document = result.results[0]
    return XbergReading(
        text=document.content,
        pages=[
            Page(
                number=page.page_number,
                text=page.content,
                notes=page.speaker_notes,
                name=page.sheet_name,
            )
            for page in document.pages or ()
        ],
        title=document.metadata.title,
        # What it says about OCR is known: it is off.
        warnings=[
            _shortened(f"{warning.source}: {warning.message}")
            for warning in document.processing_warnings
            if warning.source != "ocr"
        ],
    )


def _reason(report: str) -> UnreadableReason:
    lowered = report.lower()
    if "password" in lowered or "encrypted" in lowered:
        return UnreadableReason.PASSWORD
    if "out of memory" in lowered:
        return UnreadableReason.MEMORY
    if "security limit" in lowered or "zip bomb" in lowered:
        return UnreadableReason.BOMB
    return UnreadableReason.CORRUPT


def _shortened(report: str) -> str:
    return " ".join(report.split())[:_LONGEST_REPORT]
