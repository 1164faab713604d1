"""Names and numbers of a question, which no other words can stand for. Pure.

A word may be said otherwise; the name of a company, a product or a year may not. So such a word
keeps its full weight where no passage has it. A currency is no name: EUR may be written as €.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from roadbed.kernel.amounts import currency_of

_WORD = re.compile(r"\w+(?:[.,/&-]\w+)*")
_SENTENCE_ENDS = frozenset(".?!:\n")
_LEAST_DIGITS = 3  # of a number alone: "the 3 risks" and "the 10 largest" count what is asked for
_MOST_NAMES = 0.5  # of the words; more is a headline, or everything is in capitals
_CAPITAL_NOUNS = frozenset(["german"])


def named_words(question: str, language: str) -> Sequence[str]:
    """The names and numbers in a question, as it writes them, each once.

    ``language`` is that of the library: in German a capital at the start says nothing.
    """
    words = [(match.group(), match.start()) for match in _WORD.finditer(question)]
    numbers = [word for word, _ in words if _is_number(word) and not _is_currency(word)]
    names = [
        word
        for word, start in words
        if not _is_currency(word)
        and (
            _is_marked(word)
            or (
                word[0].isupper()
                and len(word) > 1
                and language not in _CAPITAL_NOUNS
                and not _begins_sentence(question, start)
            )
        )
    ]
    if len(names) > _MOST_NAMES * len(words):
        names = []
    wanted = {*names, *numbers}
    return list(dict.fromkeys(word for word, _ in words if word in wanted))


def _begins_sentence(question: str, start: int) -> bool:
    """Whether nothing but marks stands between a word and the end of a sentence before it."""
    for place in range(start - 1, -1, -1):
        if question[place].isalnum():
            return False
        if question[place] in _SENTENCE_ENDS:
            return True
    return True


def _is_currency(word: str) -> bool:
    """Whether a word is the code of a currency, with or without its amount: ``EUR``, ``500EUR``."""
    code = word.strip("0123456789.,")
    return code.isupper() and bool(currency_of(code))


def _is_marked(word: str) -> bool:
    """Whether a word is a name in every language: ``TLS``, ``K8s``, ``R&D``, ``AmazonFresh``."""
    capitals = sum(character.isupper() for character in word)
    has_digit = any(character.isdigit() for character in word)
    return capitals > 1 or (has_digit and any(character.isalpha() for character in word))


def _is_number(word: str) -> bool:
    """Whether a word is a number that is more than a count: ``500``, ``1.24``, ``2019-03``."""
    digits = sum(character.isdigit() for character in word)
    compound = not word.isdigit() and not any(character.isalpha() for character in word)
    return digits >= _LEAST_DIGITS or (digits > 1 and compound)
