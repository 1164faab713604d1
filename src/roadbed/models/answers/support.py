"""Support: whether a sentence of an answer stands in the passages that it cites. Pure.

Quoted words, numbers, dates, names and addresses of a sentence must stand there, in any spelling of
the same thing. So must enough of its other words. What only one of two readers saw (a doubtful
number) confirms nothing. A check of words cannot see that a sentence turns the meaning round; a
negation on one side alone is reported.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from roadbed.kernel.amounts import currency_of
from roadbed.kernel.json import JsonObject
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.models.answers.figures import (
    NUMBER_WORDS,
    Number,
    Value,
    currencies_in,
    figures,
    values_in,
)
from roadbed.models.answers.wording import (
    FUNCTION_WORDS,
    NEGATIONS,
    content_words,
    denies,
    normal,
    sentences,
    stem,
    stems,
    unmarked,
    words,
)

LEAST_SHARE = 0.5  # of a sentence's words, in the passages that it cites
_NOT_A_CLAIM = 0.5  # the least support of a sentence that claims nothing of the documents
_WINDOW = 3  # sentences of a passage that belong together

_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:)?//[^\s<>()\[\]\"']+|www\.[^\s<>()\[\]\"']+|[\w.+-]+@[\w-]+\.[\w.-]+"
    r"|\b(?:[\w-]+\.)+(?:[a-z]{2,}/[^\s<>()\[\]\"']*|(?:com|org|net|io|info|biz|eu|example)\b)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“„«»]([^\"“”„«»]{3,400})[\"”“«»]")
_NAME = re.compile(r"(?<![\w'-])(?:[^\W\d_a-z]*[A-ZÀ-ÖØ-Þ][\w'&.-]*|[\w-]*\d[\w-]*[^\W\d_][\w-]*)")
_ABSENT = re.compile(
    r"(?i)\b(?:no|not|unable|cannot|nothing|nicht|kein\w*)\b[^.]{0,80}\b(?:information|mention\w*|"
    r"specif\w+|provid\w+|answer\w*|know\w*|detail\w*|stat\w+|document\w*|passage\w*|available|"
    r"angab\w*|dokument\w*)|n't\b[^.]{0,60}\b(?:information|know\w*|mention\w*|specif\w+|say)"
)
_TALK = re.compile(
    r"(?i)\b(?:let me know|feel free|you're welcome|happy to help|anything else|hope this helps"
    r"|would you like|i am sorry|i'm sorry)\b|\?\s*$"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CitedPassage:
    """A passage that a sentence cites. ``around`` says where it stands: names may come from there.

    ``doubtful`` are numbers in it that only one of two readers saw.
    """

    text: str
    around: str = ""
    doubtful: Collection[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SentenceSupport:
    """What of a sentence stands in its passages; ``share`` and ``near`` are in [0, 1].

    ``share`` is that of its content words in all passages, ``near`` in the best three sentences
    that follow one another. The lists hold what does not stand there. ``negation`` says that only
    one side denies something. ``claims`` is false for a sentence that says nothing of the
    documents, such as a greeting.
    """

    share: float
    near: float
    quotes: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    negation: bool = False
    claims: bool = True

    @property
    def score(self) -> float:
        """How well it is supported, in [0, 1]: the mean of both shares and of passing."""
        mean = (self.share + self.near + (self.problem() is None)) / 3
        return mean if self.claims else max(mean, _NOT_A_CLAIM)

    def problem(self, least_share: float = LEAST_SHARE) -> str | None:
        """Why the sentence is not supported; ``None`` if it is."""
        if self.addresses:
            return stored_sentence(
                "an address stands in no cited passage: %(missing)s", missing=_few(self.addresses)
            )
        if self.quotes:
            return stored_sentence(
                "a quote stands in no cited passage: %(missing)s", missing=_few(self.quotes)
            )
        if self.doubtful:
            return stored_sentence(
                "a number was read with doubt: %(missing)s", missing=_few(self.doubtful)
            )
        if self.numbers:
            return stored_sentence(
                "a number stands in no cited passage: %(missing)s", missing=_few(self.numbers)
            )
        if self.dates:
            return stored_sentence(
                "a date stands in no cited passage: %(missing)s", missing=_few(self.dates)
            )
        if self.names:
            return stored_sentence(
                "a name stands in no cited passage: %(missing)s", missing=_few(self.names)
            )
        if self.share < least_share:
            return stored_sentence("too few of its words stand in the cited passages")
        return None

    def facts(self) -> JsonObject:
        """As evidence for a reviewer."""
        kinds = ("quotes", "numbers", "doubtful", "dates", "names", "addresses")
        missing = {name: list(getattr(self, name)) for name in kinds if getattr(self, name)}
        denied = {"negation": "on one side only"} if self.negation else {}
        shares = {"words": round(self.share, 2), "near": round(self.near, 2)}
        return {**shares, **({"missing": missing} if missing else {}), **denied}


def _few(missing: Sequence[str]) -> str:
    return ", ".join(missing[:5])


def support(
    sentence: str,
    sources: Sequence[CitedPassage],
    *,
    quotes: Sequence[str] = (),
    mentioned: str = "",
    asked: str = "",
) -> SentenceSupport:
    """What of ``sentence`` stands in ``sources``.

    ``quotes`` are words that it gives as quoted, besides those in quotation marks. A name of the
    question (``asked``) may stand anywhere in ``mentioned``: the documents chosen for it need not
    repeat it in each passage.
    """
    plain = unmarked(normal(sentence)).strip()
    texts = [normal(f"{source.around}\n{source.text}") for source in sources]
    everything = "\n".join(texts)
    known = stems(everything)
    content = frozenset(word for word in content_words(plain) if not _is_number(word))
    given = figures(_without_addresses(plain))
    sure, unsure = _values(sources)
    currencies = currencies_in(everything)
    numbers = [
        number
        for number in given.numbers
        if _is_other_money(number, currencies)
        or not (number.readings & sure or (not number.readings and number.text in everything))
    ]
    days = figures(everything).days
    near = _near(content, texts)
    dates = [
        date
        for date in given.dates
        if not any(day.agrees(other) for day in date.readings for other in days)
    ]
    spoken = frozenset[str]().union(*currencies.values()) - {""}
    # A figure counts like a word.
    count = len(content) + len(given.numbers) + len(given.dates)
    confirmed = len(given.numbers) - len(numbers) + len(given.dates) - len(dates)
    return SentenceSupport(
        share=(len(content & known) + confirmed) / count if count else 0.0,
        near=(near.share * len(content) + confirmed) / count if count else 0.0,
        quotes=tuple(
            quote for quote in (*quotes, *_QUOTED.findall(plain)) if not _stands(quote, texts)
        ),
        numbers=tuple(number.text for number in numbers if not number.readings & unsure),
        doubtful=tuple(number.text for number in numbers if number.readings & unsure),
        dates=tuple(date.text for date in dates),
        names=tuple(
            name
            for name in _missing_names(given.rest, known, stems(asked) & stems(mentioned))
            if currency_of(name) not in spoken
        ),
        addresses=tuple(
            address
            for address in _addresses(plain)
            if not any(address in _addresses(text) for text in texts)
        ),
        negation=bool(content) and denies(plain) != near.denies,
        claims=is_claim(plain),
    )


def overall(checked: Sequence[SentenceSupport], lengths: Sequence[int]) -> float:
    """The support of an answer, in [0, 1]: the mean of its sentences by their numbers of words."""
    total = sum(lengths)
    if not total:
        return 0.0
    return sum(one.score * n for one, n in zip(checked, lengths, strict=True)) / total


def is_claim(sentence: str) -> bool:
    """Whether a sentence claims something, rather than that documents are silent or a greeting."""
    return not (_ABSENT.search(sentence) or _TALK.search(sentence))


def found_quote(quote: str, text: str) -> str | None:
    """The words of ``text`` that ``quote`` repeats, exactly as they stand there; ``None`` if none.

    Case, blanks, hyphens and kinds of quotation marks do not matter.
    """
    escaped = [re.escape(word) for word in words(normal(quote).lower())]
    if not escaped:
        return None
    folded = _aligned(text)
    match = re.search(r"(?<![^\W_])" + r"[\W_]{1,6}".join(escaped) + r"(?![^\W_])", folded)
    return text[match.start() : match.end()] if match else None


def best_quote(sentence: str, text: str) -> str:
    """The sentence of ``text`` that shares most words with ``sentence``; the first on a tie."""
    wanted = content_words(sentence)
    parts = sentences(text) or [text]
    return max(parts, key=lambda part: len(wanted & content_words(part)))


def _aligned(text: str) -> str:
    """``text`` in lower case with plain hyphens and apostrophes, character for character."""
    lower = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    return re.sub("[’‘`´]", "'", lower)


_NUMBER_STEMS = frozenset(map(stem, NUMBER_WORDS))


def _is_number(word: str) -> bool:
    """Whether a stem is a part of a number: those are compared by their value."""
    return word[0].isdigit() or word in _NUMBER_STEMS


def _share(content: Collection[str], known: Collection[str]) -> float:
    return sum(word in known for word in content) / len(content) if content else 0.0


@dataclass(frozen=True, slots=True)
class _Window:
    share: float = 0.0
    denies: bool = False


def _near(content: Collection[str], texts: Sequence[str]) -> _Window:
    """The best run of sentences of one passage, and whether its best sentence denies something."""
    share, closest, negated = 0.0, 0.0, False
    for text in texts:
        parts = sentences(text)
        own = [content_words(part) for part in parts]
        for start, part in enumerate(parts):
            together = frozenset[str]().union(*own[start : start + _WINDOW])
            share = max(share, _share(content, together))
            if (alone := _share(content, own[start])) > closest:
                closest, negated = alone, denies(part)
    return _Window(share, negated)


def _values(sources: Iterable[CitedPassage]) -> tuple[frozenset[Value], frozenset[Value]]:
    """The values that are sure, and those that one reader alone saw."""
    sure, unsure = set[Value](), set[Value]()
    for source in sources:
        doubtful = frozenset[Value]().union(
            *(values_in(normal(number)) for number in source.doubtful)
        )
        sure |= values_in(normal(f"{source.around}\n{source.text}")) - doubtful
        unsure |= doubtful
    return frozenset(sure), frozenset(unsure - sure)


def _is_other_money(number: Number, currencies: Mapping[Decimal, frozenset[str]]) -> bool:
    """Whether an amount stands in the passages in other currencies only.

    A bare number there may be of a table whose heading gives the currency.
    """
    written = frozenset[str]().union(
        *(currencies.get(value, frozenset()) for value, _unit in number.readings)
    )
    return bool(number.currency and written) and not written & {number.currency, ""}


def _stands(quote: str, texts: Sequence[str]) -> bool:
    return any(found_quote(quote, text) is not None for text in texts)


def _addresses(text: str) -> list[str]:
    return [match.group().rstrip(".,;:!?").lower() for match in _ADDRESS.finditer(text)]


def _without_addresses(text: str) -> str:
    return _ADDRESS.sub(" ", text)


def _missing_names(text: str, known: Collection[str], allowed: Collection[str]) -> Iterator[str]:
    """Words that look like names and stand nowhere; a capital after a stop says nothing."""
    for match in _NAME.finditer(text):
        name = match.group().strip(".'-&")
        if name[:-1].isupper() and name.endswith("s"):  # several of them: PDFs
            name = name[:-1]
        is_plain = name[1:].islower() or len(name) == 1
        if not name or (is_plain and _begins(text[: match.start()])):
            continue
        if name.lower() in FUNCTION_WORDS or name.lower() in NEGATIONS:
            continue
        parts = [stem(part) for part in words(name)]
        if any(part not in known and part not in allowed and not part.isdigit() for part in parts):
            yield name


def _begins(before: str) -> bool:
    """Whether a sentence, a label or a quote begins after ``before``."""
    kept = before.rstrip(" \t\"'([*#-“„")
    return not kept or kept[-1] in ".:;!?|•\n"
