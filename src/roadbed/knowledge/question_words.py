"""Question words: what of a question is searched, and what only asks.

Function words of the library's language say nothing of the subject. Neither do those of the
language of a question that is in another one: their spelling may be a rare word there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType

import tantivy

# Words that ask and say nothing of the subject, beside the function words of a language.
_ASKING: Mapping[str, str] = MappingProxyType(
    {
        "english": "what which who whom whose when where why how much many may might can could "
        "would should shall must do does did is are was were has have had been please tell give "
        "me us my our your their its his her any about there i you we he she they it him them "
        "am be being thank thanks hello hi hey dear cheers say says said "
        "mention mentions according",
        "german": "wer wen wem wessen was wann wo woher wohin warum wieso wie viel viele welche "
        "welcher welches kann können darf dürfen muss müssen soll sollen gibt bitte danke hallo "
        "sagt steht laut gemäß",
        "spanish": "qué quién quiénes cuál cuáles cuándo cuánto cuánta cuántos cuántas dónde cómo "
        "puede pueden puedo debe deben hay favor gracias hola dice "
        "según",
        "french": "qui que quoi quel quelle quels quelles quand où comment combien pourquoi peut "
        "peuvent puis doit doivent est merci bonjour dit selon",
    }
)
_LEAST_FOREIGN = 2  # function words that make a question one in another language


class QuestionWords:
    """Takes the words of questions to a library in ``language``."""

    def __init__(self, language: str) -> None:
        self._language = language

    def searched(self, question: str) -> Sequence[str]:
        """The words that are no function words, as the library's language is indexed."""
        return _analyzer(self._language, self._language, self.language_of(question)).analyze(
            question
        )

    def has_function_word(self, question: str) -> bool:
        """Whether a question has a function word of the library's language."""
        return _function_words(question, self._language) > 0

    def language_of(self, question: str) -> str:
        """The language of the question if it is another one, else the library's."""
        own = _function_words(question, self._language)
        counts = {
            name: _function_words(question, name) for name in _ASKING if name != self._language
        }
        best = max(counts, key=lambda name: counts[name])
        return best if counts[best] >= max(own + 1, _LEAST_FOREIGN) else self._language


def text_analyzer(language: str) -> tantivy.TextAnalyzer:
    """Takes the words of texts: small letters, without accents and endings."""
    return _analyzer(language)


def _function_words(question: str, language: str) -> int:
    return len(_tokens().analyze(question)) - len(_tokens(language).analyze(question))


@cache
def _tokens(*without: str) -> tantivy.TextAnalyzer:
    return _builder(*without).build()


@cache
def _analyzer(language: str, *without: str) -> tantivy.TextAnalyzer:
    folded = _builder(*without).filter(tantivy.Filter.ascii_fold())
    return folded.filter(tantivy.Filter.stemmer(language)).build()


def _builder(*without: str) -> tantivy.TextAnalyzerBuilder:
    builder = (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(60))
        .filter(tantivy.Filter.lowercase())
    )
    for language in dict.fromkeys(without):
        builder = builder.filter(tantivy.Filter.stopword(language))
        asking = _ASKING.get(language, "").split()
        builder = builder.filter(tantivy.Filter.custom_stopword(asking))
    return builder
