"""Where the glossary says a term appears, it can: packages, pages and commands exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from roadbed.cli.main import app
from roadbed.console import terms

ROOT = Path(__file__).parents[2]
PACKAGES = {path.stem for path in (ROOT / "src/roadbed").iterdir()}
TEMPLATES = ROOT / "src/roadbed/console/templates"


class Term(NamedTuple):
    name: str
    meaning: str
    package: str
    page: str
    commands: str


def read() -> list[Term]:
    text = (ROOT / "docs/reference/glossary.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in row] for row in rows]
    return [Term(*row) for row in cells if row[0] != "term"]


TERMS = read()
HEADINGS = set(
    re.findall(
        r'<h1>(?:{{ _\("|{% trans [^%]*%})?([^<{"]+)',  # in the catalogue or not yet
        "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.html")),
    )
)


def test_each_term_stands_once_and_in_few_words() -> None:
    names = [term.name for term in TERMS]
    assert len(names) == len(set(names))
    assert len(names) >= 60


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.name)
def test_a_term_is_one_sentence_and_appears_where_the_glossary_says(term: Term) -> None:
    assert term.meaning.endswith(".")
    assert ". " not in term.meaning, "one sentence"
    assert term.package.strip("`") in PACKAGES
    if term.page:
        assert term.page in {heading.strip() for heading in HEADINGS}
    verbs = {command.name or command.callback.__name__ for command in app.registered_commands}  # type: ignore[union-attr]
    verbs |= {str(group.name) for group in app.registered_groups}
    assert set(re.findall(r"`(\w+)`", term.commands)) <= verbs


def test_pages_explain_terms_in_the_words_of_the_glossary() -> None:
    lines = {term.name: term.meaning for term in TERMS}
    assert dict(terms.TERMS) == {name: lines[name] for name in terms.TERMS}
    shown = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.html"))
    named = set(re.findall(r'term\("([a-z ]+)"', shown)) | {"gate", "shadow", "canary"}
    assert named == set(terms.TERMS)
