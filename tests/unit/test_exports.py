"""Exports: the same rows as the page, harmless in a spreadsheet, recorded, at most so many."""

from __future__ import annotations

import asyncio
import csv
import gc
import hashlib
import io
import random
import re
import zipfile
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx2
import openpyxl
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.connectors.cells import neutralised, restored
from roadbed.console import receipts as page
from roadbed.exports.errors import TooManyExportsError
from roadbed.exports.model import Asked, CellKind, ExportCell, Format, Heading
from roadbed.exports.writers import WRITERS
from roadbed.reviews.model import VerdictKind
from tests.browsing import browsing
from tests.conftest import Site
from tests.unit.test_trust import stand

NOW = datetime(2026, 11, 27, 21, 6, 30, 123000, tzinfo=UTC)
HEADINGS = [
    Heading(title="=Täsk"),
    Heading(title="Number", kind=CellKind.WHOLE),
    Heading(title="Share", kind=CellKind.NUMBER),
    Heading(title="At", kind=CellKind.MOMENT),
    Heading(title="Right", kind=CellKind.TRUTH),
    Heading(title="Nothing"),
]
HOSTILE = [
    "=1+1",
    "  =cmd|' /C calc'!A0",
    "\t@SUM(A1)",
    "\u200b+1",
    "<b>&amp;</b>\r\nsecond line",
    "\u202eright to left",
    "x" * 200,
    '\'quoted, "twice"',
    "Grüße 🛣",
]


def rows(count: int) -> list[tuple[ExportCell, ...]]:
    texts = [*HOSTILE, None]
    return [
        (
            texts[n % len(texts)],
            n if n % 2 else None,
            -n / 7,
            NOW + timedelta(hours=n),
            n % 5 == 0 if n % 3 else None,
            None,
        )
        for n in range(count)
    ]


def written(form: Format, content: list[tuple[ExportCell, ...]]) -> bytes:
    file = io.BytesIO()
    writer = WRITERS[form](file, HEADINGS)
    for start in range(0, len(content), 400):
        writer.add(content[start : start + 400])
    writer.close()
    return file.getvalue()


class TestFormats:
    @pytest.mark.parametrize("count", [0, 1, 1001])
    def test_parquet_gives_back_each_value(self, count: int) -> None:
        table = pl.read_parquet(written(Format.PARQUET, rows(count)))
        assert table.rows() == rows(count)
        assert table.columns == [heading.title for heading in HEADINGS]
        assert [str(kind) for kind in table.dtypes] == [
            *("String", "Int64", "Float64"),
            *("Datetime(time_unit='us', time_zone='UTC')", "Boolean", "String"),
        ]

    @pytest.mark.parametrize("count", [0, 1, 1001])
    def test_a_workbook_holds_text_as_text_and_numbers_as_numbers(self, count: int) -> None:
        book = openpyxl.load_workbook(io.BytesIO(written(Format.XLSX, rows(count))))
        sheet = book.active
        assert sheet is not None
        read = list(sheet.iter_rows())
        assert [cell.value for cell in read[0]] == [heading.title for heading in HEADINGS]
        for cells, row in zip(read[1:], rows(count), strict=True):
            at = row[3]
            assert isinstance(at, datetime)
            expected = [*row[:3], at.replace(tzinfo=None), *row[4:]]
            assert [cell.value for cell in cells] == expected
            assert all(cell.data_type == "s" for cell in cells if isinstance(cell.value, str))
            assert cells[0].value is None or cells[0].style_id == 2  # stays text when edited

    @pytest.mark.parametrize("count", [0, 1, 1001])
    def test_no_cell_of_a_csv_file_is_calculated(self, count: int) -> None:
        read = list(csv.reader(io.StringIO(written(Format.CSV, rows(count)).decode(), newline="")))
        assert read[0][0] == "'=Täsk"
        for cells, row in zip(read[1:], rows(count), strict=True):
            assert restored(cells[0]) == (row[0] or "")
            assert not re.match(r"[\s\u200b]*[=+@-]", cells[0])
            assert [float(cell) for cell in cells[1:3] if cell] == [
                n for n in row[1:3] if n is not None
            ]
            assert datetime.fromisoformat(cells[3]) == row[3]

    @pytest.mark.parametrize("text", HOSTILE[:4])
    def test_a_formula_behind_blanks_is_one(self, text: str) -> None:
        harmless = str(neutralised(text))
        assert harmless.startswith("'")
        assert restored(harmless) == text

    @pytest.mark.parametrize("sign", "=+-@＝")
    @pytest.mark.parametrize("cut", [";", "\n", "\r\n", "\t", '; "', ";'", "; \u200b"])
    def test_no_part_of_a_cell_is_calculated_where_semicolons_cut(
        self, cut: str, sign: str
    ) -> None:
        text = f"please{cut}{sign}cmd|' /C calc'!A0;bye;{sign}WEBSERVICE(A1)"
        content = written(Format.CSV, [(text, *rows(1)[0][1:])]).decode()
        for part in re.split("[;\t\r\n]", content):
            assert not re.match(f"[\\s\"'\u200b]*(?<!'){re.escape(sign)}", part), part
        assert restored(str(neutralised(text))) == text

    @given(st.text(alphabet=";'\"=-( |!\n\ta\u200b@", max_size=12))
    def test_what_was_neutralised_is_restored(self, text: str) -> None:
        assert restored(str(neutralised(text))) == text

    @pytest.mark.parametrize("text", ["a list:\n- one\n- two", "a; -5; b", "1 = 1; 2 = 2"])
    def test_lists_and_numbers_stay(self, text: str) -> None:
        assert neutralised(text) == text

    @pytest.mark.parametrize("text", ["\n" * 300_000, ";" + " " * 300_000, ";=" * 150_000])
    def test_a_long_text_takes_no_long_time(self, text: str) -> None:
        assert restored(str(neutralised(text))) == text

    def test_a_workbook_opens_whatever_a_text_holds(self) -> None:
        """A longer cell makes a program call the whole file damaged."""
        text = written(Format.XLSX, [("🛣" * 20_000, *rows(1)[0][1:])])
        sheet = openpyxl.load_workbook(io.BytesIO(text)).active
        assert sheet is not None
        assert len(str(sheet["A2"].value).encode("utf-16-le")) <= 2 * 32_767
        code = zipfile.ZipFile(io.BytesIO(written(Format.XLSX, [("_x003D_1", *rows(1)[0][1:])])))
        assert b">_x005F_x003D_1<" in code.read("xl/worksheets/sheet1.xml")

    def test_rows_go_on_in_a_further_sheet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("roadbed.exports.writers._SHEET_ROWS", 301)
        book = openpyxl.load_workbook(io.BytesIO(written(Format.XLSX, rows(700))))
        assert [sheet.max_row for sheet in book.worksheets] == [301, 301, 101]


class Rows(HTMLParser):
    """The rows of the table on a page: their keys, and the text of each cell."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.keys: list[str] = []
        self.rows: list[list[str]] = []
        self.next = ""
        self.count = ""
        self._inside = self._counts = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("name") == "row":
            self.keys.append(given["value"] or "")
        if given.get("rel") == "next":
            self.next = given["href"] or ""
        self._counts = given.get("class") == "table-count"
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._counts:
            self.count, self._counts = data, False
        if self._inside:
            self.rows[-1][-1] += data


@pytest.fixture
async def filled(site: Site) -> Site:
    """A site that ``fill`` has filled."""
    await fill(site)
    return site


async def fill(site: Site) -> None:
    """Send 130 tasks: automatic, in review, reviewed, blind, erased and hostile ones."""
    await stand(site.app, reference_rate=0.3)
    texts = [f"{('unsure ', '', 'late ')[n % 3]}number {n}" for n in range(121)] + HOSTILE
    for text in texts:
        sent = await site.shop.post("/usecases/triage/tasks", json={"input": {"text": text}})
        assert sent.status_code == 200
    reviews = await site.app.database.fetch("SELECT id FROM review ORDER BY id")
    declared = site.app.deployments.get("triage").loaded.declared
    for number, row in enumerate(reviews[: len(reviews) // 2]):
        kind = (VerdictKind.CORRECT, VerdictKind.REJECT)[number % 2]
        output = {"queue": "returns"} if kind is VerdictKind.CORRECT else None
        await site.app.reviews.give(declared, row["id"], kind, reviewer="ben", output=output)
    [automatic] = await site.app.database.fetch(
        "SELECT task_id FROM decision WHERE NOT EXISTS (SELECT FROM review WHERE review.task_id = "
        "decision.task_id) ORDER BY id LIMIT 1"
    )
    await site.app.erasure.erase(automatic["task_id"], by="test", reason="asked for")


def view(chance: random.Random) -> dict[str, str]:
    """A random view of receipts, with some that match nothing or do not exist."""
    drawn = {
        "q": chance.choice(["", "", "number", "number 1", "late", "b>", "%", "_", "nothing"]),
        "usecase": chance.choice(["", "", "triage", "other"]),
        "route": chance.choice(["", "", "automatic", "review", "refused", "no"]),
        "verdict": chance.choice(["", "", "", "correct", "reject", "accept"]),
        "sort": chance.choice(["", "-arrived", "arrived", "answer"]),
        "columns": ",".join(
            chance.sample([column.name for column in page.TABLE.columns], chance.randint(0, 8))
        ),
    }
    return {name: value for name, value in drawn.items() if value}


async def pages(client: httpx2.AsyncClient, address: str) -> tuple[list[str], list[list[str]]]:
    """Keys and cells of all pages of a table."""
    keys: list[str] = []
    cells: list[list[str]] = []
    counts = set()
    while address:
        shown = Rows((await client.get(address)).text)
        keys += shown.keys
        cells += shown.rows[1:]
        counts.add(re.sub(r".* of ", "", shown.count))
        address = shown.next
    assert len(set(keys)) == len(keys)
    assert not keys or counts in (
        {str(len(keys))},
        {f"{len(keys)} row{'' if len(keys) == 1 else 's'}"},
    )
    return keys, cells


def same(shown: str, exported: str) -> bool:
    """Whether a cell says on the page what it says in the file; times are relative on the page."""
    plain = re.sub(r"^[●○×◐◦–✓?] ", "", shown)
    cut = plain.removesuffix("…") if plain.endswith("…") else None
    if re.fullmatch(r"just now|.* ago", shown):
        return datetime.fromisoformat(exported) is not None
    if shown == "–":
        return exported == ""
    if re.fullmatch(r"0\.\d{3}", shown):
        return f"{float(exported):.3f}" == shown
    if re.fullmatch(r"(tsk|exm)_…\w{6}", shown):
        begin, end = shown.split("…")
        return exported.startswith(begin) and exported.endswith(end)
    return exported.startswith(cut) if cut else exported == plain


async def compared(
    client: httpx2.AsyncClient, asked: dict[str, str], path: str = "/receipts"
) -> int:
    """Compare page and export of one view; return the number of rows."""
    query = urlencode(asked)
    keys, cells = await pages(client, f"{path}?{query}")
    answer = await client.get(f"{path}/export.csv?{query}")
    if 'class="problem" role="status"' in (await client.get(f"{path}?{query}")).text:
        # The page says what it leaves out; a file says nothing, so there is none.
        assert answer.status_code == 422, asked
        return len(keys)
    assert answer.status_code == 200
    content = list(csv.reader(io.StringIO(answer.text, newline="")))[1:]
    assert len(content) == len(keys), asked
    for shown, exported in zip(cells, content, strict=True):
        pairs = zip(shown, map(restored, exported), strict=True)
        assert all(same(text, value) for text, value in pairs), (asked, shown, exported)
    return len(keys)


async def test_a_page_stays_small_whatever_its_texts_hold(site: Site) -> None:
    """Twenty inputs of nearly the largest size made a page of 28 MB, which held up the server."""
    for number in range(20):
        text = f"{number} {'&<' * 100_000}"
        sent = await site.shop.post("/usecases/triage/tasks", json={"input": {"text": text}})
        assert sent.status_code == 200
    async with browsing(site) as client:
        shown = (await client.get("/receipts")).text
        assert "19 &amp;" in shown
        assert len(shown) < 300_000
        exported = (await client.get("/receipts/export.csv")).text
    assert len(exported) > 20 * 200_000


class TestReceipts:
    async def test_the_export_is_what_the_page_shows(self, filled: Site) -> None:
        chance = random.Random(14)
        async with browsing(filled) as client:
            counted = [await compared(client, view(chance)) for _ in range(120)]
        assert max(counted) == 130
        assert min(counted) == 0
        assert len(set(counted)) > 8

    async def test_what_a_blind_reviewer_may_not_see_is_not_in_it(self, filled: Site) -> None:
        blind = await filled.app.database.fetch(
            "SELECT task_id FROM review WHERE blind AND verdict IS NULL"
        )
        hidden = {row["task_id"] for row in blind}
        assert hidden
        columns = ",".join(column.name for column in page.TABLE.columns)
        async with browsing(filled) as client:
            text = (await client.get(f"/receipts/export.csv?columns={columns}")).text
            read = list(csv.DictReader(io.StringIO(text, newline="")))
            withheld = [row for row in read if row["Id"] in hidden]
            assert len(withheld) == len(hidden)
            for row in withheld:
                assert row["State"] == "in the blind sample"
                assert [row[name] for name in ("Answer", "Verdict", "Confidence", "Reason")] == [
                    *("", "", "", "")
                ]
            for route in ("automatic", "review", "refused"):
                text = (await client.get(f"/receipts/export.csv?columns=id&route={route}")).text
                read = list(csv.DictReader(io.StringIO(text, newline="")))
                assert not hidden & {row["Id"] for row in read}
            selected = urlencode([("row", key) for key in sorted(hidden)])
            text = (await client.get(f"/receipts/export.csv?columns=id&{selected}")).text
            assert len(list(csv.DictReader(io.StringIO(text, newline="")))) == len(hidden)

    async def test_only_a_viewer_of_the_use_case_gets_rows(self, filled: Site) -> None:
        await filled.app.members.add("nobody", by="test")
        async with browsing(filled, "nobody") as client:
            assert (await client.get("/receipts/export.csv?usecase=triage")).status_code == 422
            text = (await client.get("/receipts/export.csv")).text
            assert len(text.splitlines()) == 1
        async with httpx2.AsyncClient(base_url=filled.address) as client:
            assert (await client.get("/receipts/export.csv")).status_code in (303, 401)

    async def test_nobody_writes_into_the_log_of_a_use_case_that_they_do_not_see(
        self, site: Site
    ) -> None:
        await site.app.members.add("nobody", by="test")
        async with browsing(site, "nobody") as client:
            for name in ("triage", "Erika Mustermann"):
                asked_for = await client.get("/receipts/export.csv", params={"usecase": name})
                assert asked_for.status_code == 422
                assert f"There is no usecase “{name}”." in asked_for.text
                page_of = await client.get("/receipts", params={"usecase": name})
                assert f"There is no usecase “{name}”." in page_of.text
        assert await entries(site) == []


class TestService:
    @pytest.mark.parametrize("form", list(Format))
    async def test_an_export_is_recorded_with_its_hash(self, filled: Site, form: Format) -> None:
        async with browsing(filled) as client:
            answer = await client.get(
                f"/receipts/export.{form}?q=number&route=automatic&sort=arrived"
            )
        assert answer.headers["content-disposition"] == f'attachment; filename="receipts.{form}"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        begun, ended = await entries(filled)
        assert (begun["kind"], ended["kind"]) == ("export begun", "exported")
        assert begun["subject"] == ended["subject"]
        assert begun["actor"] == "ana"
        shown = begun["detail"]["view"]
        assert shown["filters"] == {"route": "automatic"}
        assert shown["searched"]  # not for what: it may be somebody's name
        assert begun["detail"]["format"] == form
        assert ended["detail"]["bytes"] == len(answer.content)
        assert ended["detail"]["sha256"] == hashlib.sha256(answer.content).hexdigest()
        assert ended["detail"]["rows"] > 0
        verified = await filled.app.audit.verify()
        assert verified.sound

    async def test_a_look_at_its_headers_begins_nothing(self, filled: Site) -> None:
        async with browsing(filled) as client:
            assert (await client.head("/receipts/export.csv")).status_code == 200
            assert (await client.get("/receipts/export.pdf")).status_code == 422
        assert await entries(filled) == []

    async def test_one_that_is_aborted_is_recorded_as_begun(self, site: Site) -> None:
        exports = site.app.exports
        export = await exports.begin(asked("ana"))
        content = exports.content(export, HEADINGS, many(), permitted)
        assert await anext(content)
        await content.aclose()
        assert [entry["kind"] for entry in await entries(site)] == ["export begun"]
        await exports.begin(asked("ana"))
        await exports.begin(asked("ana"))

    async def test_a_person_has_at_most_two_under_way(self, site: Site) -> None:
        exports = site.app.exports
        kept = [await exports.begin(asked(name)) for name in ("ana", "ana", "ben")]
        with pytest.raises(TooManyExportsError, match="of yours"):
            await exports.begin(asked("ana"))
        kept.append(await exports.begin(asked("ben")))
        with pytest.raises(TooManyExportsError, match="4 exports are"):
            await exports.begin(asked("chi"))
        async with browsing(site) as client:
            answer = await client.get("/receipts/export.csv")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        kept.clear()  # content that nobody began to read
        gc.collect()
        await exports.begin(asked("chi"))

    async def test_a_slow_reader_keeps_nobody_else_from_an_export(self, site: Site) -> None:
        exports = site.app.exports
        slow = []
        for name in ("ana", "ana", "ben", "ben"):
            export = await exports.begin(asked(name))
            content = exports.content(export, HEADINGS, many(), permitted)
            assert await anext(content)
            slow.append(content)
            while export.rows < 20_000:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
        with pytest.raises(TooManyExportsError, match="of yours"):
            await exports.begin(asked("ana"))
        kept = [await exports.begin(asked(name)) for name in ("chi", "chi", "dev", "dev")]
        assert kept
        for content in slow:
            await content.aclose()

    async def test_it_ends_when_its_reader_may_no_longer_see_the_rows(self, site: Site) -> None:
        exports = site.app.exports
        export = await exports.begin(asked("ana"))
        looks = 0

        async def lost() -> None:
            nonlocal looks
            looks += 1
            if looks > 3:
                raise PermissionError

        with pytest.raises(PermissionError):
            async for _ in exports.content(export, HEADINGS, many(), lost):
                pass
        assert [entry["kind"] for entry in await entries(site)] == ["export begun"]


def asked(person: str) -> Asked:
    return Asked(person=person, page="receipts", use_case=None, format=Format.XLSX, view={})


async def permitted() -> None:
    pass


async def many() -> AsyncGenerator[list[tuple[ExportCell, ...]], None]:
    for _ in range(20):
        await asyncio.sleep(0)
        yield rows(1000)


async def entries(site: Site) -> Sequence[dict[str, Any]]:
    written_entries = await site.app.database.fetch(
        "SELECT * FROM audit_entry WHERE kind IN ('export begun', 'exported') ORDER BY position"
    )
    return [dict(entry) for entry in written_entries]


@pytest.mark.parametrize("query", ["route=zzz", "usecase=nosuch", "columns=none", "sort=none"])
async def test_a_file_that_would_not_be_what_was_asked_for_is_refused(
    site: Site, query: str
) -> None:
    async with browsing(site) as client:
        answer = await client.get(f"/receipts/export.csv?{query}")
    assert answer.status_code == 422
    assert "The file would not hold what was asked for." in answer.text
    assert "none" in answer.text or query.partition("=")[2] in answer.text
    assert await entries(site) == []
