"""Style sheets in a page of HTML, and its own attributes: which elements they hide. Pure.

Selectors of tags, classes and identifiers are followed, also below others (``.menu .old``). Other
rules that hide are named, and their text is read. Sheets outside of the page are not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from roadbed.knowledge.reading import nesting

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
_TOKEN = re.compile(r"[{};]|\"[^\"\n]*\"|'[^'\n]*'")
_COMPOUND = re.compile(r"(\*|[a-zA-Z][\w-]*)?((?:[.#][\w-]+)*)")
_NOTHING = re.compile(r"0+(?:\.0*)?[a-z%]*|\.0+[a-z%]*")
# Hidden for a moment or beside the text: no text of the page. ``hidden`` hides without a sheet.
_OF_NO_TEXT = re.compile(r"::|:(?:before|after|hover|focus|active)|\[hidden\]", re.IGNORECASE)
_NEVER = frozenset(("html", "body"))  # a script shows the whole page when it is loaded
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr")
)
_MAY_HIDE = re.compile(r"<style|\shidden[\s=/>]|display|visibility|font-size", re.IGNORECASE)
_OWN_HIDING = re.compile(r"\s(?=(?:hidden|style)[\s=/>])", re.IGNORECASE)
_OWN = {  # how a finding names what an element says of itself
    "display": 'style="display:none"',
    "visibility": 'style="visibility:hidden"',
    "font-size": 'style="font-size:0"',
}
_DRAWN = frozenset(("text", "tspan"))  # elements of a drawing whose words are shown
_MOST_OPEN = 200  # elements around another one; more are damage

Weight = tuple[bool, bool, int, int]


@dataclass(frozen=True, slots=True)
class _Element:
    tag: str
    identifier: str
    classes: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Compound:
    """A selector of one element: all that it names must fit."""

    tag: str
    identifiers: frozenset[str]
    classes: frozenset[str]

    @property
    def specificity(self) -> int:
        return 10_000 * len(self.identifiers) + 100 * len(self.classes) + bool(self.tag)

    @property
    def key(self) -> str:
        """What an element must have to fit, as it is looked up."""
        if self.identifiers:
            return f"#{min(self.identifiers)}"
        return f".{min(self.classes)}" if self.classes else self.tag

    def fits(self, element: _Element) -> bool:
        return (
            self.tag in {"", element.tag}
            and self.identifiers <= {element.identifier}
            and self.classes <= element.classes
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    compounds: tuple[_Compound, ...]
    hides: Mapping[str, bool]  # by property, whether it hides
    important: frozenset[str]
    order: int

    def fits(self, element: _Element, around: Sequence[_Element]) -> bool:
        *outer, last = self.compounds
        if not last.fits(element):
            return False
        above = iter(reversed(around))
        return all(any(compound.fits(one) for one in above) for compound in reversed(outer))


@dataclass(slots=True)
class HiddenElements:
    """A page with the attribute ``hidden`` at each element that it hides, and only at these.

    ``count`` are the hidden texts, ``selectors`` the selectors or attributes that hide them,
    ``unjudged`` the selectors of rules that hide and cannot be followed.
    """

    page: str
    count: int = 0
    selectors: list[str] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)


def marked(page: str) -> HiddenElements:
    """Mark what a page hides by its style sheets and attributes.

    Hidden elements get their end tags, so that the reader leaves out their text and no other.
    """
    if _MAY_HIDE.search(page) is None:
        return HiddenElements(page)
    sheets = _Sheets()
    sheets.feed(page)
    sheets.close()
    rules, unjudged = _parsed("\n".join(sheets.texts))
    marker = _Marker(page, rules)
    marker.feed(page)
    marker.close()
    pieces, end = [], 0
    for start, stop, text in marker.edits:
        pieces += [page[end:start], text]
        end = stop
    return HiddenElements(
        "".join([*pieces, page[end:]]), marker.count, list(marker.selectors), unjudged
    )


class _Sheets(HTMLParser):
    """Collects the style sheets of a page that count on a screen."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._within = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "style":
            self._within = _counts(dict(attrs).get("media") or "")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - nothing stands within a sheet
        self._within = False

    def handle_data(self, data: str) -> None:
        if self._within:
            self.texts.append(data)


class _Marker(HTMLParser):
    """Finds the start tags of elements that rules hide."""

    def __init__(self, page: str, rules: Sequence[_Rule]) -> None:
        super().__init__()
        self.edits: list[tuple[int, int, str]] = []
        self.count = 0
        self.selectors: dict[str, None] = {}
        self._lines = [0, *(match.end() for match in re.finditer("\n", page))]
        self._rules: dict[str, list[_Rule]] = {}
        for rule in rules:
            self._rules.setdefault(rule.compounds[-1].key, []).append(rule)
        self._open: list[_Element] = []
        self._hidden_from: int | None = None  # how many elements are around the hidden one
        self._hidden_tag = ""
        self._reason = ""
        self._told = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        ended = nesting.ENDED.get(tag, frozenset())
        while self._open and self._open[-1].tag in ended:
            self._close(len(self._open) - 1, is_written=False)
        named = {name: value or "" for name, value in reversed(attrs)}
        classes = frozenset(named.get("class", "").split())
        element = _Element(tag, named.get("id", ""), classes)
        if self._hidden_from is None:
            self._judge(element, named)
        if tag not in _VOID and len(self._open) < _MOST_OPEN:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        tags = [element.tag for element in self._open]
        if tag in tags:
            self._close(len(tags) - 1 - tags[::-1].index(tag), is_written=True)

    def handle_data(self, data: str) -> None:
        if self._hidden_from is None or self._told or not data.strip():
            return
        around = [element.tag for element in self._open[self._hidden_from :]]
        if nesting.UNREAD.isdisjoint(around) and ("svg" not in around or around[-1] in _DRAWN):
            self.count += 1
            self.selectors[self._reason] = None
            self._told = True

    def _at(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _judge(self, element: _Element, named: Mapping[str, str]) -> None:
        """Mark an element if it is hidden, and take its own marks from it if it is not."""
        at, written = self._at(), self.get_starttag_text() or ""
        style = named.get("style", "")
        reason = "hidden" if "hidden" in named else self._hiding(element, style)
        if reason and element.tag not in _NEVER:
            begin = at + 1 + len(element.tag)
            self.edits.append((begin, begin, " hidden"))
            if element.tag not in _VOID:
                self._hidden_from, self._hidden_tag = len(self._open), element.tag
                self._reason, self._told = reason, False
        elif "hidden" in named or any(_declared(style)[0].values()):
            shown = _OWN_HIDING.sub(" data-", written)
            self.edits.append((at, at + len(written), shown))

    def _close(self, place: int, *, is_written: bool) -> None:
        """Close the open elements from ``place`` on. ``is_written``: the first has an end tag."""
        del self._open[place:]
        if self._hidden_from is not None and place <= self._hidden_from:
            if place < self._hidden_from or not is_written:
                self.edits.append((self._at(), self._at(), f"</{self._hidden_tag}>"))
            self._hidden_from = None

    def _hiding(self, element: _Element, style: str) -> str:
        """What hides an element: what goes before all others of its property. Empty if nothing."""
        keys = [f"#{element.identifier}", *(f".{name}" for name in element.classes)]
        best: dict[str, tuple[Weight, bool, _Rule | None]] = {}
        hides, important = _declared(style)
        for name, is_hiding in hides.items():
            best[name] = ((name in important, True, 0, 0), is_hiding, None)
        for key in (*keys, element.tag, ""):
            for rule in self._rules.get(key, ()):
                if rule.fits(element, self._open):
                    for name, is_hiding in rule.hides.items():
                        weight = (
                            name in rule.important,
                            False,
                            sum(compound.specificity for compound in rule.compounds),
                            rule.order,
                        )
                        if name not in best or weight > best[name][0]:
                            best[name] = (weight, is_hiding, rule)
        for name, (_, is_hiding, hiding) in best.items():
            if is_hiding:
                return _shown(hiding) if hiding is not None else _OWN[name]
        return ""


def _parsed(text: str) -> tuple[Sequence[_Rule], list[str]]:
    """The rules that say whether elements are shown, and selectors that cannot be followed."""
    rules: list[_Rule] = []
    unjudged: dict[str, None] = {}
    for order, (prelude, body) in enumerate(_blocks(_COMMENT.sub(" ", text))):
        hides, important = _declared(body)
        if not hides:
            continue
        for selector in prelude.split(","):
            compounds = _compounds(selector)
            if compounds:
                rules.append(_Rule(compounds, hides, important, order))
            elif any(hides.values()) and not _OF_NO_TEXT.search(selector):
                unjudged[" ".join(selector.split())] = None
    return rules, list(unjudged)


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """The selectors and the declarations of each rule that counts on a screen of any width."""
    around: list[tuple[str, bool]] = []
    start = 0
    for token in _TOKEN.finditer(text):
        if token[0] == "{":
            prelude = text[start : token.start()].strip()
            counts = (not around or around[-1][1]) and _group_counts(prelude)
            around.append((prelude, counts))
            start = token.end()
        elif token[0] == "}" and around:
            prelude, counts = around.pop()
            if counts and not prelude.startswith("@"):
                yield prelude, text[start : token.start()]
            start = token.end()
        elif token[0] == ";" and (not around or around[-1][0].startswith("@")):
            start = token.end()
    if around and around[-1][1] and not around[-1][0].startswith("@"):
        yield around[-1][0], text[start:]


def _group_counts(prelude: str) -> bool:
    if not prelude.startswith("@"):
        return True
    name, _, condition = prelude[1:].partition(" ")
    if name.lower() == "media":
        return _counts(condition)
    return name.lower() in {"supports", "layer"}


def _counts(media: str) -> bool:
    """Whether a list of media has a screen of any width."""
    known = {"", "all", "screen", "only screen"}
    return any(medium.strip().lower() in known for medium in media.split(","))


def _declared(body: str) -> tuple[Mapping[str, bool], frozenset[str]]:
    """Whether declarations hide, by property, and which are important."""
    hides: dict[str, bool] = {}
    important = set()
    for declaration in body.split(";"):
        name, _, value = declaration.partition(":")
        name, value = name.strip().lower(), value.strip().lower()
        if name not in {"display", "visibility", "font-size"} or not value:
            continue
        if value.endswith("!important") or re.search(r"!\s*important$", value):
            important.add(name)
            value = value.partition("!")[0].strip()
        hides[name] = (
            _NOTHING.fullmatch(value) is not None
            if name == "font-size"
            else value in {"none", "hidden", "collapse"}
        )
    return hides, frozenset(important)


def _compounds(selector: str) -> tuple[_Compound, ...]:
    """The compounds of a selector, outermost first; none if it cannot be followed."""
    compounds = []
    for word in selector.replace(">", " ").split():
        match = _COMPOUND.fullmatch(word)
        if match is None:
            return ()
        names = re.findall(r"[.#][\w-]+", match[2])
        compounds.append(
            _Compound(
                tag="" if match[1] in {None, "*"} else match[1].lower(),
                identifiers=frozenset(name[1:] for name in names if name[0] == "#"),
                classes=frozenset(name[1:] for name in names if name[0] == "."),
            )
        )
    return tuple(compounds)


def _shown(rule: _Rule) -> str:
    return " ".join(
        compound.tag
        + "".join(f"#{name}" for name in sorted(compound.identifiers))
        + "".join(f".{name}" for name in sorted(compound.classes))
        or "*"
        for compound in rule.compounds
    )
