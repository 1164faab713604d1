"""Tables that a browser prints into a PDF are read row by row."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

import pytest

from roadbed.knowledge.reading.process import DocumentReader
from tests.browser.chromium import CHROMIUM, SHARED

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: sudo apt-get install chromium"),
]

TRAININGS = (
    ("Training", "Duration", "Due"),
    ("Data protection", "90 minutes", "within the first 14 days"),
    ("Fire safety", "45 minutes", "within the first 30 days"),
    ("Anti-bribery", "60 minutes", "within the first 60 days"),
)
LEAVE = (
    ("Reason", "Who decides and what they need for it", "Days", "Paid"),
    (
        "Moving house within the same town",
        "The team lead, who needs the new address before the first of the month in writing",
        "2 days",
        "in full",
    ),
    (
        "Care of a child that is ill and has no other person to care",
        "Nobody decides. The office needs a note of a doctor from the first day on",
        "10 days for each child in a year",
        "by the insurance at ninety percent",
    ),
    ("Wedding", "The team lead", "1 day", "in full"),
)


def page_of(rows: Sequence[Sequence[str]], attributes: str) -> str:
    cells = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    table = f"<table {attributes}>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"
    return (
        f"<h1>Rules</h1><p>These rules hold for all.</p>{table}"
        "<h2>Probation</h2><p>The probation period lasts six months.</p>"
    )


def words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text))


@pytest.mark.parametrize("rows", [TRAININGS, LEAVE], ids=["trainings", "leave"])
@pytest.mark.parametrize(
    "attributes",
    ['border="1"', 'border="2" cellspacing="6"', 'border="1" style="border-collapse: collapse"'],
)
async def test_each_row_is_together_and_headings_follow(
    rows: Sequence[Sequence[str]], attributes: str
) -> None:
    async with SHARED.page() as page:
        await page.set_content(page_of(rows, f'{attributes} width="420"'))
        content = await page.pdf()
    async with DocumentReader() as reader:
        extraction = await reader.read(content, "rules.pdf")
    text = words(extraction.parts[0].text)
    expected = ["Rules These rules hold for all", *(words(" ".join(row)) for row in rows)]
    assert [row for row in expected if row not in text] == []
    assert text.endswith("Probation The probation period lasts six months")
    assert "order_doubtful" not in {finding.kind for finding in extraction.findings}
