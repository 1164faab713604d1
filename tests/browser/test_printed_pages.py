"""Pages that a browser prints into a PDF are read in their order."""

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


PARAGRAPHS = (
    """Leave is asked for at least six weeks before it begins, unless it is shorter than three days.
    The team lead answers within five working days, and silence counts as consent.""",
    """Staff who fall ill call the office before nine in the morning. A certificate of a doctor is
    needed from the fourth day, counted with weekends. Who falls ill during leave gets the days back
    if the certificate covers them from the first day.""",
    """Special leave is given for a wedding of one's own, for the birth of a child and for a move to
    another town on request of the company. Further days need the consent of the managing board.""",
    """Volunteers of the fire brigade are released for every operation at night, and the company
    asks the town for their wages. Exercises on working days are agreed with the team lead.""",
    """Unpaid leave of up to eleven weeks is possible once in five years. The company goes on paying
    the pension scheme for the first of these weeks, and insurance ends after the fourth one.""",
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


async def printed(body: str) -> str:
    """The text that is read from a printed page, as words."""
    async with SHARED.page() as page:
        await page.set_content(body)
        content = await page.pdf()
    async with DocumentReader() as reader:
        extraction = await reader.read(content, "rules.pdf")
    return words(" ".join(part.text for part in extraction.parts))


@pytest.mark.parametrize("gap", ["1em", "2em"])
@pytest.mark.parametrize("size", [9, 11])
async def test_columns_of_text_are_read_one_after_the_other(gap: str, size: int) -> None:
    paragraphs = "".join(f"<p>{html.escape(text)}</p>" for text in PARAGRAPHS)
    # Debian has this font everywhere. Where lines break depends on it, and so does what the first
    # reader mixes up; a single line that it puts elsewhere is not noticed.
    font = f"{size}pt 'DejaVu Serif', serif"
    style = f"columns: 2; column-gap: {gap}; font: {font}; text-align: justify"
    text = await printed(f'<h1>Leave</h1><div style="{style}">{paragraphs}</div>')
    assert text == words(f"Leave {' '.join(PARAGRAPHS)}")


async def test_a_table_in_a_column_leaves_the_other_column_whole() -> None:
    paragraphs = [f"<p>{html.escape(text)}</p>" for text in PARAGRAPHS]
    cells = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in LEAVE
    )
    table = f'<table border="1" style="break-inside: avoid; font-size: 9pt">{cells}</table>'
    body = "".join([*paragraphs[:2], table, *paragraphs[2:]])
    text = await printed(f'<div style="columns: 2">{body}</div>')
    expected = [*PARAGRAPHS, *(" ".join(row) for row in LEAVE)]
    assert [part for part in expected if words(part) not in text] == []
