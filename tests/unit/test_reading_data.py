"""Reading the real documents that others published, if ROADBED_DATA_DIR names their folder."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from roadbed.knowledge.errors import DocumentUnreadableError
from roadbed.knowledge.model import Extraction
from roadbed.knowledge.passages import passages
from roadbed.knowledge.reading.process import DocumentReader

pytestmark = pytest.mark.skipif(
    "ROADBED_DATA_DIR" not in os.environ,
    reason="ROADBED_DATA_DIR is not set: NOBODY READ THE REAL DOCUMENTS",
)

ORDER = {"order_repaired", "order_doubtful"}
EXPECTED = {"hidden_text", "numbers_repaired", "pages_without_text", *ORDER}


def folder(name: str) -> Path:
    return Path(os.environ["ROADBED_DATA_DIR"]) / name


def files(name: str) -> list[Path]:
    listed = sorted(path for path in folder(name).rglob("*") if path.is_file())
    assert listed
    return listed


@pytest.fixture(scope="module")
async def reader() -> AsyncIterator[DocumentReader]:
    async with DocumentReader() as opened:
        yield opened


async def test_all_documents_are_read_but_one_whose_characters_have_wrong_codes(
    reader: DocumentReader,
) -> None:
    refused: dict[str, str] = {}
    read: dict[str, Extraction] = {}
    for path in files("a-documents"):
        try:
            read[str(path)] = await reader.read_file(path)
        except DocumentUnreadableError as error:
            refused[path.name] = error.reason
    assert refused == {"Basecamp_Data_Processing_Addendum_v201805.pdf": "nonsense"}
    assert len(read) == 87
    assert all(extraction.confined for extraction in read.values())
    for name, extraction in read.items():
        made = passages(extraction)
        assert made, name
        assert all(passage.text.strip() for passage in made)
        kinds = {finding.kind for finding in extraction.findings}
        if Path(name).name == "lf_self_assessment_checklist.pdf":
            kinds -= {"second_reader"}  # the first reader gives nothing for one of its pages
        assert kinds <= EXPECTED, name


async def test_12_encrypted_filings_have_536_pages_in_both_readers(reader: DocumentReader) -> None:
    pages = repaired = doubtful = 0
    for path in files("a-qa-sec10q/docs"):
        extraction = await reader.read_file(path)
        assert extraction.readers == ("xberg", "pypdfium2")
        counts = {finding.kind: finding.count for finding in extraction.findings}
        assert counts["encrypted"] == 1
        # No page was taken from the second reader or lost: both have the same.
        assert set(counts) <= {"encrypted", "numbers_repaired", *ORDER}
        assert [part.place.number for part in extraction.parts] == list(
            range(1, (extraction.page_count or 0) + 1)
        )
        pages += len(extraction.parts)
        repaired += counts.get("numbers_repaired", 0)
        doubtful += len(extraction.doubtful)
    assert pages == 536
    assert repaired >= 50
    assert doubtful <= 10


async def test_what_the_first_reader_tears_is_whole(
    reader: DocumentReader,
) -> None:
    extraction = await reader.read_file(folder("a-qa-sec10q/docs/2022 Q3 AAPL.pdf"))
    text = "\n".join(part.text for part in extraction.parts)
    assert "16,411" in text
    assert "16,41 1" not in text
    assert "Total net sales" in text
    assert "T otal" not in text


async def test_a_deck_has_its_speaker_notes(reader: DocumentReader) -> None:
    path = folder("a-documents/trailofbits-deck/countermeasure2013_keynote.pptx")
    extraction = await reader.read_file(path)
    notes = [part for part in extraction.parts if part.place.kind == "notes"]
    assert extraction.page_count == 39
    # Two more slides have a page of notes with nothing but its number.
    assert len(notes) == 32
    texts = {part.place.number: part.text for part in notes}
    assert texts[4].startswith("Let’s see why we haven’t fixed yet the two problems above")
    assert {2, 3, 25, 28}.isdisjoint(texts)
