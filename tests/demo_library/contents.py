"""What the documents of the demo's library say, and in which formats."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.demo_library import packages, pages

_SOURCES = Path(__file__).parent
_MADE_UP = "Tarnbeck Instruments is a made-up company. Sample data of the Roadbed project."
_MAIL = """\
From: Lene Ashdown <lene.ashdown@corvane.example>
To: Noor Hadley <noor.hadley@tarnbeck.example>
Subject: Offer for the daily collection in Wexholm
Date: Tue, 10 Feb 2026 09:12:00 +0000
Message-ID: <20260210.118@corvane.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_part"

--=_part
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Dear Ms Hadley,

thank you for the visit last week. Our offer for the daily collection is attached. It is valid
until 31 March 2026. If you sign before 15 March, the first month is free of charge.

A test week is possible from 2 March. The driver would be Arvid Stenson.

Both firms in this message are made up. It was written as sample data of the Roadbed project.

Kind regards
Lene Ashdown, Corvane Logistics GmbH

--=_part
Content-Type: text/markdown; charset=utf-8; name="offer-2026-118.md"
Content-Disposition: attachment; filename="offer-2026-118.md"
Content-Transfer-Encoding: 8bit

{offer}
--=_part--
"""


def documents() -> Mapping[str, bytes]:
    """The content of each document by its path in the library."""
    return {
        "handbook.docx": packages.docx("Staff handbook", _handbook(_text("handbook.md"))),
        "travel-policy-2024-03.pdf": pages.policy(_text("travel-policy-2024.md")),
        "travel-policy-2026-02.pdf": pages.policy(_text("travel-policy-2026.md")),
        "all-hands-january.pptx": packages.pptx("All-hands", _slides(_text("all-hands.md"))),
        "price-list.xlsx": packages.xlsx(
            "Price list",
            {
                "Products": _rows("products.csv"),
                "Services": _rows("services.csv"),
            },
        ),
        "it-help.html": _text("it-help.html").encode(),
        "offer-collection.eml": _MAIL.format(offer=_text("offer.md")).encode(),
        "notice-test-bench-3.pdf": pages.scan(_text("scan.txt")),
    }


def _text(name: str) -> str:
    return (_SOURCES / name).read_text(encoding="utf-8")


def _handbook(text: str) -> Sequence[tuple[str, str]]:
    """Paragraphs by style, from lines of Markdown."""
    styles = {"# ": "Heading1", "## ": "Heading2"}
    blocks = [("Title", "Staff handbook"), ("Normal", "Tarnbeck Instruments Ltd")]
    for line in filter(None, text.split("\n")):
        mark = line[: line.index(" ") + 1] if line.startswith("#") else ""
        blocks.append((styles.get(mark, "Normal"), line.removeprefix(mark)))
    return blocks


def _slides(text: str) -> Sequence[tuple[str, Sequence[str], str]]:
    """Title, lines and speaker notes of each slide, from Markdown."""
    slides = []
    for slide in text.strip().split("\n\n"):
        title, *lines = slide.split("\n")
        shown = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
        notes = " ".join(line.removeprefix("> ") for line in lines if line.startswith("> "))
        slides.append((title.removeprefix("# "), shown, notes))
    return slides


def _rows(name: str) -> Sequence[Sequence[str]]:
    with (_SOURCES / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    note = ["", _MADE_UP]
    return [*rows, *([""] * len(rows[0]) for _ in range(1)), note + [""] * (len(rows[0]) - 2)]
