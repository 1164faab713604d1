"""Text of a page that its style sheets hide is left out and reported."""

from __future__ import annotations

import pytest

from roadbed.knowledge.model import Extraction
from roadbed.knowledge.reading import html, style_sheets

SEEN = "Laptops are replaced every three years."
HIDDEN = "All passwords are swordfish."


def read(style: str, body: str, head: str = "<style>") -> Extraction:
    page = f"<html><head>{head}{style}</style></head><body><p>{SEEN}</p>\n{body}\n</body></html>"
    return html.read(page.encode(), "laptops.html")


@pytest.mark.parametrize(
    ("style", "body"),
    [
        (".x{display:none}", f"<p class=x>{HIDDEN}</p>"),
        (".x{display:none}", f"<P CLASS='a x'>{HIDDEN}</P>"),
        ("#x { visibility : hidden ; }", f"<p id='x'>{HIDDEN}</p>"),
        ("aside,p.x{color:red;display:none!important}", f"<aside><b>{HIDDEN}</b></aside>"),
        ("div.x.y{font-size:0px}", f"<div class='y x'><ul><li>{HIDDEN}</li></ul></div>"),
        (".menu > .x{display:none}", f"<div class=menu><p class=x>{HIDDEN}</p></div>"),
        ("/* } */ @media screen{.x{display:none}}", f"<p class=x>{HIDDEN}</p>"),
        ("@import 'a.css'; .x{display:none", f"<p class=x>{HIDDEN}</p>"),
        ("p.x{display:block} #y{display:none} .x{display:block}", f"<p class=x id=y>{HIDDEN}</p>"),
        ("td.x{display:none}", f"<table><tr><td class=x>{HIDDEN}</td><td>7</td></tr></table>"),
        (".x{display:none!important}", f"<p class=x style='display:block'>{HIDDEN}</p>"),
    ],
)
def test_what_a_rule_hides_is_left_out(style: str, body: str) -> None:
    extraction = read(style, body)
    assert SEEN in extraction.parts[0].text
    assert "swordfish" not in extraction.parts[0].text
    assert [(one.kind, one.count) for one in extraction.findings] == [("hidden_left_out", 1)]


@pytest.mark.parametrize(
    ("style", "body"),
    [
        (".x{display:none}", f"<p class=xx>{HIDDEN}</p>"),
        (".x{display:none} .x.open{display:block}", f"<p class='x open'>{HIDDEN}</p>"),
        (".x{display:none}", f"<p class=x style='display:block'>{HIDDEN}</p>"),
        (".menu .x{display:none}", f"<p class=x>{HIDDEN}</p>"),
        (".menu .x{display:none}", f"<div class=menu></div><p class=x>{HIDDEN}</p>"),
        ("@media print{.x{display:none}}", f"<p class=x>{HIDDEN}</p>"),
        ("@media (max-width:600px){.x{display:none}}", f"<p class=x>{HIDDEN}</p>"),
        ("@keyframes a{from{display:none}}", f"<p class=a>{HIDDEN}</p>"),
        ("body{visibility:hidden}", f"<p>{HIDDEN}</p>"),
        (".x::before{display:none}", f"<p class=x>{HIDDEN}</p>"),
        (".x{display:flex}", f"<p class=x>{HIDDEN}</p>"),
    ],
)
def test_what_is_shown_is_read_without_a_finding(style: str, body: str) -> None:
    extraction = read(style, body)
    assert HIDDEN in extraction.parts[0].text
    assert extraction.findings == ()


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (f"<p style='display:none'>{HIDDEN}</p>", 'style="display:none"'),
        (f"<p style='color:red; DISPLAY : None !important'>{HIDDEN}</p>", 'style="display:none"'),
        (f"<p style='visibility:hidden'>{HIDDEN}</p>", 'style="visibility:hidden"'),
        (f"<p style='visibility:collapse'>{HIDDEN}</p>", 'style="visibility:hidden"'),
        (f"<p style='font-size:0'>{HIDDEN}</p>", 'style="font-size:0"'),
        (f"<p hidden>{HIDDEN}</p>", "hidden"),
        (f"<p hidden='until-found'>{HIDDEN}</p>", "hidden"),
        (f"<P HIDDEN>{HIDDEN}<p>Shown", "hidden"),
        (f"<ul><li hidden>{HIDDEN}<li>Shown</ul>", "hidden"),
        (f"<table><tr hidden><td>{HIDDEN}<td>a<tr><td>b<td>c</table>", "hidden"),
        (f"<table><tr><td hidden>{HIDDEN}<td>a<td>b</tr></table>", "hidden"),
        (f"<section><div hidden>{HIDDEN}</section>", "hidden"),
        (f"<svg hidden><text>{HIDDEN}</text></svg>", "hidden"),
    ],
)
def test_what_an_element_hides_itself_is_left_out_and_reported(body: str, detail: str) -> None:
    content = f"<p>{SEEN}</p>{body}<p>After.</p>".encode()
    extraction = html.read(content, "laptops.html")
    assert extraction.parts[0].text.startswith(SEEN)
    assert "swordfish" not in extraction.parts[0].text
    assert extraction.parts[0].text.endswith("After.")
    assert ("Shown" in body) == ("Shown" in extraction.parts[0].text)
    told = [(one.kind, one.count, one.detail) for one in extraction.findings]
    assert told == [("hidden_left_out", 1, detail)]


@pytest.mark.parametrize(
    "body",
    [
        "<p hidden></p>",
        "<div style='display:none'><script>var a = 1;</script></div>",
        "<svg style='display:none'><title>Arrow</title></svg>",
        "<input type=hidden value=7>",
        "<p style='display:block'>Shown</p>",
    ],
)
def test_nothing_is_reported_where_no_text_is_hidden(body: str) -> None:
    assert html.read(f"<p>{SEEN}</p>{body}".encode(), "laptops.html").findings == ()


def test_what_the_page_shows_in_spite_of_its_attributes_is_read() -> None:
    shown = "<style>.x{display:block!important}</style><p class=x style='display:none'>Seen</p>"
    for page in (shown, "<body style='display:none'><p>Seen</p></body>"):
        extraction = html.read(page.encode(), "laptops.html")
        assert (extraction.parts[0].text, extraction.findings) == ("Seen", ())


def test_a_sheet_for_printing_does_not_count() -> None:
    extraction = read(".x{display:none}", f"<p class=x>{HIDDEN}</p>", "<style media=print>")
    assert HIDDEN in extraction.parts[0].text


def test_a_rule_that_cannot_be_followed_is_reported() -> None:
    extraction = read(".x:not(.open){display:none}", f"<p class=x>{HIDDEN}</p>")
    [finding] = extraction.findings
    assert finding.kind == "hidden_text"
    assert ".x:not(.open)" in finding.detail


def test_texts_are_counted_and_what_follows_them_is_read() -> None:
    body = f"<div class=x><p>{HIDDEN}</p><p>{HIDDEN}</p></div><p>After.</p><p class=x>{HIDDEN}"
    extraction = read(".x{display:none}", body)
    assert "After." in extraction.parts[0].text
    [finding] = extraction.findings
    assert (finding.count, finding.detail) == (2, ".x")


def test_a_page_without_rules_that_hide_is_not_changed() -> None:
    page = "<style>p{color:red}</style><p>One"
    assert style_sheets.marked(page).page == page


@pytest.mark.parametrize(
    "piece", ["/*", "{", "@media a{", "<p class=x>", "<div>", ".x,", "<style>"]
)
def test_a_hostile_page_is_read_to_its_end(piece: str) -> None:
    page = f"<style>.x{{display:none}}</style>{piece * 20_000}"
    assert len(style_sheets.marked(page).page) >= len(page)
    sheet = f"<style>{piece * 20_000}</style><p>{SEEN}</p>"
    assert SEEN in style_sheets.marked(sheet).page
