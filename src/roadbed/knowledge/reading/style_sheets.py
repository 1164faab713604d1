"""Style sheets in a page of HTML: which elements they hide. Pure.

Selectors of tags, classes and identifiers are followed, also below others (``.menu .old``). Other
rules that hide are named, and their text is read. Sheets outside of the page are not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
_TOKEN = re.compile(r"[{};]|\"[^\"\n]*\"|'[^'\n]*'")
_COMPOUND = re.compile(r"(\*|[a-zA-Z][\w-]*)?((?:[.#][\w-]+)*)")
_NOTHING = re.compile(r"0+(?:\.0*)?[a-z%]*|\.0+[a-z%]*")
# Hidden for a moment or beside the text: no text of the page. The reader leaves out ``hidden``.
_OF_NO_TEXT = re.compile(r"::|:(?:before|after|hover|focus|active)|\[hidden\]", re.IGNORECASE)
_NEVER = frozenset(("html", "body"))  # a script shows the whole page when it is loaded
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr")
)
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
    """A page with the attribute ``hidden`` at each element that a style sheet of it hides.

    ``count`` are the hidden texts, ``selectors`` those that hide them, ``unjudged`` the selectors
    of rules that hide and cannot be followed.
    """

    page: str
    count: int = 0
    selectors: list[str] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)


def marked(page: str) -> HiddenElements:
    """Mark what the style sheets of a page hide."""
    if "<style" not in page.lower():
        return HiddenElements(page)
    sheets = _Sheets()
    sheets.feed(page)
    sheets.close()
    rules, unjudged = _parsed("\n".join(sheets.texts))
    if not any(any(rule.hides.values()) for rule in rules):
        return HiddenElements(page, unjudged=unjudged)
    marker = _Marker(page, rules)
    marker.feed(page)
    marker.close()
    pieces, end = [], 0
    for place in marker.places:
        pieces += [page[end:place], " hidden"]
        end = place
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
        self.places: list[int] = []
        self.count = 0
        self.selectors: dict[str, None] = {}
        self._lines = [0, *(match.end() for match in re.finditer("\n", page))]
        self._rules: dict[str, list[_Rule]] = {}
        for rule in rules:
            self._rules.setdefault(rule.compounds[-1].key, []).append(rule)
        self._open: list[_Element] = []
        self._hidden_from: int | None = None  # how many elements are around the hidden one
        self._told = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in reversed(attrs)}
        classes = frozenset(named.get("class", "").split())
        element = _Element(tag, named.get("id", ""), classes)
        if self._hidden_from is None and tag not in _NEVER:
            rule = self._hiding(element, named.get("style", ""))
            if rule is not None:
                line, column = self.getpos()
                self.places.append(self._lines[line - 1] + column + 1 + len(tag))
                self.selectors[_shown(rule)] = None
                if tag not in _VOID:
                    self._hidden_from, self._told = len(self._open), False
        if tag not in _VOID and len(self._open) < _MOST_OPEN:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        tags = [element.tag for element in self._open]
        if tag in tags:
            del self._open[len(tags) - 1 - tags[::-1].index(tag) :]
            if self._hidden_from is not None and len(self._open) <= self._hidden_from:
                self._hidden_from = None

    def handle_data(self, data: str) -> None:
        if self._hidden_from is not None and not self._told and data.strip():
            self.count += 1
            self._told = True

    def _hiding(self, element: _Element, style: str) -> _Rule | None:
        """The rule that hides an element: the one that goes before all others of its property."""
        keys = [f"#{element.identifier}", *(f".{name}" for name in element.classes)]
        best: dict[str, tuple[Weight, bool, _Rule | None]] = {}
        hides, important = _declared(style)
        for name in hides:  # whether the element hides itself, the reader knows
            best[name] = ((name in important, True, 0, 0), False, None)
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
        return next((rule for _, is_hiding, rule in best.values() if is_hiding), None)


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
