"""Code pages of Windows that are not Western: which one a text is in, by its words. Pure.

Bytes of Windows-1250 and Windows-1251 are letters in Windows-1252 too, so only the language tells
them apart. Two things must hold: enough words are among the commonest of one language, clearly more
than of any Western language, and nearly all letters beyond ASCII belong to its alphabet. A text
that does not tell is not judged.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_SAMPLE = 65_536
_WORD = re.compile(r"[^\W\d_]+")
_FEWEST_COMMON = 3  # words that are among the commonest of the language
_LEAST_SHARE = 0.05  # of all words; ordinary texts have 15 to 40 %, lists of short messages 8 %
_LEAST_LEAD = 2.0  # times as many as of any Western language
_LEAST_LETTERS = 0.97  # of the letters beyond ASCII; names of other languages are few
# Signs that stand in texts of any language, and where they do not stand: they are letters of
# ISO 8859-2.
_SIGNS = frozenset("\xa0§°©®™€•·–—…„“”‚‘’«»‹›×÷†‡‰\xad")
_MISPLACED = re.compile(r"[^\W\d_][§°«»][^\W\d_]|[©®][^\W\d_]")


@dataclass(frozen=True, slots=True)
class _Language:
    code_page: str
    letters: frozenset[str]
    words: frozenset[str]
    shared: frozenset[str]


def _language(code_page: str, letters: str, words: str, shared: str = "") -> _Language:
    """``words`` are its commonest; those that a Western language has too are ``shared``."""
    return _Language(
        code_page, frozenset(letters), frozenset(words.split()), frozenset(shared.split())
    )


_CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
# A word that Western languages have too says nothing: it counts for neither of them. In Cyrillic,
# letters of other code pages may stand alone: words of one letter are left out.
_LANGUAGES = (
    _language(  # Polish
        "cp1250",
        "ąćęłńóśźż",
        """się jest że są za od po przez oraz dla przy być który która które których jak tylko
        można lub jego jej ich ale gdy jeśli także już co tym tego tej każdy każda może
        będzie był była było""",
        "a by do i na nie o on to",
    ),
    _language(  # Czech
        "cp1250",
        "áčďéěíňóřšťúůýž",
        """že ve za pro nebo jsou být jako aby ale při který která které po až pokud také jen už má
        jeho jejich byl byla bylo před podle může od však když každý každá mezi není kde
        co jsem bude""",
        "a by do i je na o on se si to",
    ),
    _language(  # Slovak
        "cp1250",
        "áäčďéíĺľňóôŕšťúýž",
        """že alebo ktorý ktorá ktoré ako aby ale pri po sú byť už má od za pred podľa môže keď
        každý každá medzi kde čo bol bola bolo len však aj ich jeho pre bude""",
        "a by do i je na nie o on sa si to",
    ),
    _language(  # Hungarian
        "cp1250",
        "áéíóöőúüű",
        """az és hogy nem egy volt ez azt meg csak már még vagy mint ha kell minden lehet után
        által pedig ki ezt illetve amely aki akkor mert valamint között alatt szerint""",
        "a be de el is le ne se sem te van",
    ),
    _language(  # Slovenian
        "cp1250",
        "čšž",
        """za ki pri ali kot tudi lahko po pred iz od če ter ga jih pa bo bi kjer vsak vsaka mora
        biti ni njegov ko več samo svoje ima""",
        "a da do i in je med na ne o se si so to",
    ),
    _language(  # Croatian
        "cp1250",
        "čćđšž",
        """za koji koja koje od ili kao što po pri iz ali biti bi će kako samo prije nije svaki
        svaka može mora ako kad između ima li sve njegov nakon""",
        "a da do i je na ne o on se si su te to",
    ),
    _language(  # Romanian
        "cp1250",
        "ăâîşţ",
        """şi în să nu cu care este pe sunt din pentru mai fi sau dar după până dacă fost prin
        fără între această acest trebuie poate fiecare ori când lui îi""",
        "a al ce de e es la le ne o or sa se si te un",
    ),
    _language(  # Russian
        "cp1251",
        _CYRILLIC + "ё",
        """не на что по как для из от за при или это до быть его если но бы то так же
        только может все уже который которая которые есть нет их она они был была было мы""",
    ),
    _language(  # Ukrainian
        "cp1251",
        _CYRILLIC.translate({ord(letter): None for letter in "ъыэ"}) + "іїєґ",
        """не на що та як для із до від за при або це бути його якщо але так же
        тільки може все вже який яка які немає їх вона вони був була було ми про по""",
    ),
    _language(  # Bulgarian
        "cp1251",
        _CYRILLIC.translate({ord(letter): None for letter in "ыэ"}),
        """не на че по как за от до или това да се са при към ако но би така само може
        всички вече който която които има няма техен тя те беше били ние във със след през""",
    ),
    _language(  # Serbian
        "cp1251",
        "абвгдђежзијклљмнњопрстћуфхцчџш",
        """не на што са по како за од до или то да се су је при ка ако али би тако само може
        све већ који која које има нема њихов она они био била било ми из пре после""",
    ),
)
# The commonest words of languages that are written in Windows-1252.
_WESTERN = tuple(
    frozenset(words.split())
    for words in (
        """the of and to in is that for it as on with be by or this are from at an not your we you
        have will may any all has its can if a no""",
        """der die das und in den von zu mit ist im für des auf nicht ein eine dem sich als auch
        werden bei an aus nach wird oder nie je so""",
        """le la les de des et à un une du en dans que est pour par sur au aux ne pas ou se je ce
        qui on il son sa""",
        """el los las la un y que de del al por con para una se su no es en lo a como más o sus
        si""",
        """il la di che e per una non del della con sono al dei si a le i da in lo se o ne nel
        anche più ma""",
        """o os e do da de em para com não uma um na no se ao dos que a as por mais ou nos das""",
        """de het een van en dat op te in is voor niet met zijn aan er die om je ze of bij dan
        ook""",
        """og i at det er en til af på de for den ikke med der som et har om vi kan skal men så
        var fra ved sig""",
        """och i att det är en till av på de för den inte med som ett har om vi kan ska men så
        var från vid sig""",
        """og i å det er en til av på de for den ikke med som et har om vi kan skal men så var
        fra ved seg""",
        """ja on ei se että ovat joka sekä tai kun mutta niin myös jos ole oli voi mukaan kuin
        hän sen""",
        """og að í á er ekki sem við um með til það fyrir en af eru hann ef verður frá eða""",
        """el la de i que a en els les per un una amb no es del al són més o com si""",
    )
)


def code_page(content: bytes) -> str | None:
    """``cp1250`` or ``cp1251`` for a text that is clearly in it; ``None``: it does not tell."""
    sample = content[:_SAMPLE]
    western = Counter(_words(sample.decode("cp1252", "replace")))
    best, most = None, 0
    for name in ("cp1250", "cp1251"):
        text = sample.decode(name, "replace").lower()
        words = Counter(_words(text))
        for language in _LANGUAGES:
            common = _count(words, language.words)
            if (
                language.code_page == name
                and common > most
                and common >= max(_FEWEST_COMMON, words.total() * _LEAST_SHARE)
                and common > _LEAST_LEAD * _most_western(western, language)
                and _in_alphabet(text, language.letters)
            ):
                best, most = name, common
    return best


def _most_western(words: Counter[str], language: _Language) -> int:
    """How many words are among the commonest of the Western language that fits best."""
    return max(_count(words, common - language.shared) for common in _WESTERN)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _count(words: Counter[str], common: frozenset[str]) -> int:
    return sum(words[word] for word in common)


def _in_alphabet(text: str, letters: frozenset[str]) -> bool:
    """Whether nearly all characters beyond ASCII are ``letters``, and there are some."""
    beyond = [one for one in text if one >= "\x80" and one not in _SIGNS]
    all_beyond = len(beyond) + len(_MISPLACED.findall(text))
    return 0 < all_beyond * _LEAST_LETTERS <= sum(one in letters for one in beyond)
