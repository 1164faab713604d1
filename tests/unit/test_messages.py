"""The message catalogue: nothing that people read stands outside it, and its files are current."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from roadbed.kernel import messages
from tests.messages import PSEUDO, files, pseudo

TEMPLATES = Path(messages.__file__).parents[1] / "console" / "templates"
_SEEN_ATTRIBUTES = {"title", "aria-label", "placeholder", "alt"}
_HIDDEN_TAGS = {"code", "pre", "kbd"}  # commands and keys are the same in every language
_PLACE = re.compile("\0(\\d+)\0")  # of an expression; its number is a piece of its own
_SENTENCE = re.compile(r"""["'`>]([A-Z][a-z]+ [a-z][^"'`<]*|[A-Z][a-z]+[.:])["'`<]""")
_LETTERS = re.compile(r"[A-Za-z]{2,}")
# Templates whose sentences are not in the catalogue yet. A template leaves this list for good.
NOT_YET: set[str] = set()


class Text(HTMLParser):
    """What people read in HTML: text, and attributes that are read aloud or shown."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _HIDDEN_TAGS
        self.told += [value or "" for name, value in attrs if name in _SEEN_ATTRIBUTES]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _HIDDEN_TAGS

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.told.append(data)


def outside(source: str) -> list[str]:
    """The texts of a template that are not in the catalogue."""
    environment = Environment(extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True)
    tree = environment.parse(source)
    for block in tree.find_all(nodes.Block):
        if block.name == "body":  # the attributes of the body's tag
            before, after = (nodes.Output([nodes.TemplateData(text)]) for text in ("<body", ">"))
            block.body = [before, *block.body, after]
    parts: list[str] = []
    shown: list[list[str]] = []
    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                parts.append(node.data)
            else:
                parts.append(f"\0{len(shown)}\0")
                shown.append(list(_read(node)))
    text = Text()
    text.feed("".join(parts))
    pieces = _PLACE.split("\n".join(text.told))
    constants = [text for piece in pieces[1::2] for text in shown[int(piece)]]
    return [
        piece.strip()
        for piece in [*pieces[::2], *constants]
        if _LETTERS.search(piece.replace("Roadbed", ""))
    ]


def _read(node: nodes.Node) -> Iterator[str]:
    """Constants that an expression may show as they are."""
    match node:
        case nodes.Const(value=str(value)):
            yield value
        case nodes.CondExpr():
            yield from _read(node.expr1)
            if node.expr2 is not None:
                yield from _read(node.expr2)
        case nodes.Or():
            yield from _read(node.right)
        case nodes.Concat():
            for part in node.nodes:
                yield from _read(part)
        case nodes.Getitem(node=nodes.Dict() as choices):
            for pair in choices.items:
                yield from _read(pair.value)
        case nodes.Filter(node=nodes.Node() as filtered):
            yield from _read(filtered)


def test_the_catalogue_is_made_from_the_present_messages() -> None:
    for path, content in files().items():
        assert path.is_file(), f"{path.name} is missing: run make messages"
        assert path.read_bytes() == content, f"{path.name} is old: run make messages"


@pytest.mark.parametrize(
    "template", sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))
)
def test_no_text_of_a_template_stands_outside_the_catalogue(template: str) -> None:
    texts = outside((TEMPLATES / template).read_text(encoding="utf-8"))
    if template in NOT_YET:
        assert texts, f"{template} is in the catalogue: take it from NOT_YET"
        return
    assert texts == []


@pytest.mark.parametrize(
    "script", sorted(path.name for path in (TEMPLATES.parent / "static").glob("*.js"))
)
def test_no_sentence_stands_in_a_script(script: str) -> None:
    """Scripts take their words from the page (``data-word``)."""
    source = (TEMPLATES.parent / "static" / script).read_text(encoding="utf-8")
    assert _SENTENCE.findall(re.sub(r"^\s*//.*$", "", source, flags=re.MULTILINE)) == []


def test_no_word_stands_in_a_style_sheet() -> None:
    for path in (TEMPLATES.parent / "static").glob("*.css"):
        assert re.findall(r'content: "[^"]*[a-zA-Z]', path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("<p>{% trans %}All good{% endtrans %}</p>", []),
        ("<p>Not good</p>", ["Not good"]),
        ('<a title="Not good" href="/all-good">{{ _("All good") }}</a>', ["Not good"]),
        ('{{ "not good" if one else _("all good") }}', ["not good"]),
        ('{{ one or "not good" }}{{ "not" ~ one }}', ["not good", "not"]),
        ('{{ {"all": "not good"}[one] }}{{ one["all good"] }}', ["not good"]),
        ("<pre><code>roadbed up</code></pre> <kbd>Esc</kbd>", []),
        ('{% block body %} data-live data-usecase="{{ one }}"{% endblock %}', []),
        ('{% block body %} title="Not good"{% endblock %}{{ "nor" }}', ["Not good", "nor"]),
        ('<a href="/all-good?{{ "all" if one else "good" }}"></a>', []),
        ('<a class="{{ "all" }}"{{ " hidden" if one }}>{{ "not" if one }}</a>', ["not"]),
    ],
)
def test_texts_outside_are_found(source: str, texts: list[str]) -> None:
    assert outside(source) == texts


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("en-XA", PSEUDO),
        ("EN-xa;q=0.5, tlh", PSEUDO),
        ("en;q=0.9, en-XA;q=0.1", "en"),
        ("en-GB,fr;q=0.8", "en"),
        ("en-XA;q=0", "en"),
        ("*", "en"),
        ("../../etc/passwd", "en"),
        ("," * 10_000, "en"),
        ("en-XA;q=rubbish", "en"),
    ],
)
def test_the_best_language_is_taken(accepted: str, language: str) -> None:
    assert messages.best(accepted) == language


def test_messages_are_in_the_language_of_the_block() -> None:
    plain = messages.gettext("The same as a table")
    with messages.speaking(PSEUDO):
        assert messages.spoken() == PSEUDO
        told = messages.gettext("The same as a table")
        many = messages.ngettext("%(n)s thing", "%(n)s things", 2)
    assert plain == "The same as a table"
    assert told == pseudo("The same as a table")
    assert many == "%(n)s things"  # in no catalogue
    assert messages.gettext("The same as a table") == plain


def test_a_message_of_a_template_with_a_percent_sign_is_found() -> None:
    environment = Environment(extensions=["jinja2.ext.i18n"])
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        messages.gettext, messages.ngettext, newstyle=True
    )
    template = environment.from_string(
        "{% trans %}The pod is told at 50, 80 and 100 %.{% endtrans %}"
    )
    with messages.speaking(PSEUDO):
        told = template.render()
    assert told == pseudo("The pod is told at 50, 80 and 100 %%.").replace("%%", "%")


def test_a_pseudo_message_keeps_what_is_filled_in_and_is_longer() -> None:
    told = pseudo("%(n)s of {total} <strong>cases</strong> wait")
    assert "%(n)s" in told
    assert "{total}" in told
    assert "<strong>" in told
    assert told.startswith("[")
    assert len(pseudo("a sentence of some length")) >= 1.4 * len("a sentence of some length")


def test_numbers_have_the_form_of_the_language() -> None:
    assert messages.number(1234567) == "1,234,567"
    assert messages.number(12.345, 1) == "12.3"
    assert messages.number(-1234.5, 2) == "-1,234.50"
