"""The number of the reading belongs to what readers give: a change of one needs the other."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import roadbed.demo
from roadbed.knowledge.passages import passages
from roadbed.knowledge.reading import READING
from roadbed.knowledge.reading.process import DocumentReader
from tests import documents

SHIPPED = Path(roadbed.demo.__file__).parent / "library" / "documents"
# Of a number that is raised, only the newest digest is needed.
DIGEST = (8, "764d23968605e39e")
MADE = {
    "form.pdf": documents.pdf(
        ["Claim of costs"],
        files={"rates.txt": b"A train costs 30 EUR."},
        annotations=[["/FT /Tx /T (Name) /V (Ana) /Rect [10 10 90 30] /Subtype /Widget"]],
    ),
    "rooms.pdf": documents.pdf(
        [""], drawn=documents.drawn_table([["Room", "Use"], ["Oak\nroom", "Talks\nof ten"]])
    ),
    "zasady.txt": "Każdy pracownik ma prawo do urlopu, jeśli umowa jest podpisana.".encode(
        "cp1250"
    ),
    "wrapped.txt": b"""Everybody who travels for the company books the cheapest
train that arrives in time. A hotel may cost 120 EUR in a
night. Whoever needs more asks the finance department well
before the journey, and gets an answer within two working
days. Receipts are kept for ten years. They are handed in
within 30 days after the journey, with the form that the
finance department has, and are paid with a later salary.
""",
    "rates.csv": b"Item,EUR\nTrain,30\n",
    "zones.html": b"<table><tr><th>Zone<th>Kilos<th>Fee<tr><td rowspan=2>A<td>5<td>2<tr><td>9<td>3"
    b"</table><p style='display:none'>Draft</p>",
    "deck.pptx": documents.pptx([("Costs", "They fell by 16,411 EUR.", "Say it slowly.")]),
}


async def test_what_readers_give_changes_only_with_the_number() -> None:
    files = {path.name: path.read_bytes() for path in sorted(SHIPPED.iterdir()) if path.is_file()}
    digest = hashlib.sha256()
    async with DocumentReader() as reader:
        for name, content in {**files, **MADE}.items():
            if name.startswith("notice"):  # a scan, which gives no text
                continue
            extraction = await reader.read(content, name)
            # Whether the machine confines readers is no matter of theirs.
            findings = tuple(one for one in extraction.findings if one.kind != "not_confined")
            extraction = replace(extraction, findings=findings, confined=True)
            told = {"extraction": asdict(extraction), "passages": passages(extraction)}
            digest.update(json.dumps(told, default=asdict, sort_keys=True).encode())
    assert (READING, digest.hexdigest()[:16]) == DIGEST, (
        "Readers or passages give something else: raise READING in knowledge/reading/__init__.py, "
        "and put the new number and digest here."
    )
