"""Reading documents: time and memory of a child, agreement of the two readers of PDF.

Reads all of `a-documents` and the encrypted filings of `a-qa-sec10q` (ROADBED_DATA_DIR) one after
the other in one child, as an ingestion does, and cuts them into passages.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import report
from roadbed.knowledge.errors import DocumentUnreadableError
from roadbed.knowledge.model import Extraction
from roadbed.knowledge.passages import passages
from roadbed.knowledge.reading.process import DocumentReader


@dataclass
class Read:
    """What reading a folder gave."""

    seconds: float = 0.0
    megabytes: float = 0.0
    files: int = 0
    pages: int = 0
    pages_of_first: int = 0
    passages: int = 0
    words: int = 0
    doubtful: int = 0
    repaired: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)


def files(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


async def read_all(paths: Sequence[Path]) -> Read:
    made = Read()
    began = time.monotonic()
    async with DocumentReader() as reader:
        for path in paths:
            made.files += 1
            try:
                extraction = await reader.read_file(path)
            except DocumentUnreadableError as error:
                made.refused[error.reason.value] += 1
                continue
            made.words += extraction.words
            made.passages += len(passages(extraction))
            made.doubtful += len(extraction.doubtful)
            for finding in extraction.findings:
                made.findings[finding.kind] += finding.count
            if extraction.format == "pdf":
                made.pages += extraction.page_count or 0
                made.pages_of_first += pages_of_first(extraction)
            if reader.pid is not None:
                made.megabytes = max(made.megabytes, peak(reader.pid))
    made.repaired = made.findings["numbers_repaired"]
    made.seconds = time.monotonic() - began
    return made


def pages_of_first(extraction: Extraction) -> int:
    """The pages whose text is the first reader's, or which have none."""
    if extraction.readers[0] != "xberg":
        return 0
    filled = [item.count for item in extraction.findings if item.kind == "second_reader"]
    return (extraction.page_count or 0) - sum(filled)


def peak(pid: int) -> float:
    """The most memory that a process has held, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> None:
    named = os.environ.get("ROADBED_DATA_DIR")
    if not named:
        sys.exit("ROADBED_DATA_DIR is not set: name the folder with the data sets.")
    data = Path(named)
    documents = asyncio.run(read_all(files(data / "a-documents")))
    filings = asyncio.run(read_all(files(data / "a-qa-sec10q" / "docs")))
    memory = max(documents.megabytes, filings.megabytes)
    rows = [
        (
            "a-documents read, one child",
            f"{documents.seconds:.1f} s",
            "75 s (40)",
            report.judged(documents.seconds, 75, 40, least=False),
        ),
        (
            "most memory of a child",
            f"{memory:.0f} MB",
            "400 MB",
            report.judged(memory, 400, least=False),
        ),
        (
            "encrypted filings read",
            f"{filings.files - filings.refused.total()} of {filings.files}",
            "12 of 12",
            report.judged(filings.files - filings.refused.total(), 12),
        ),
        (
            "their pages, first / second reader",
            f"{filings.pages_of_first} / {filings.pages}",
            "536 / 536",
            report.judged(min(filings.pages_of_first, filings.pages), 536),
        ),
        ("their time", f"{filings.seconds:.1f} s", "", ""),
        ("numbers repaired, filings", f"{filings.repaired}", "", ""),
        ("doubtful numbers, filings", f"{filings.doubtful}", "", ""),
        ("doubtful numbers, a-documents", f"{documents.doubtful}", "", ""),
        ("passages, both", f"{documents.passages + filings.passages:,}", "", ""),
        ("refused, a-documents", f"{dict(documents.refused)}", "", ""),
    ]
    report.table(rows)
    report.end(
        {
            "documents": facts(documents),
            "filings": facts(filings),
            **report.machine("xberg", "pypdfium2", "openpyxl"),
        }
    )


def facts(read: Read) -> dict[str, object]:
    return {**vars(read), "refused": dict(read.refused), "findings": dict(read.findings)}


if __name__ == "__main__":
    main()
