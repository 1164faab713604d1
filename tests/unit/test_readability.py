"""Readability: texts of many kinds have words; characters with wrong codes are none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from roadbed.knowledge.reading.readability import nonsense
from tests import glyph_codes
from tests.documents import WORDS

ENGLISH = (
    "Every full-time employee has 30 days of annual leave. Up to five days may be carried over "
    "until 31 March of the next year. A medical certificate is needed from the fourth day."
)
GERMAN = (
    "Jeder Angestellte in Vollzeit hat 30 Tage Urlaub im Jahr. Bis zu fünf Tage können bis zum "
    "31. März des nächsten Jahres genommen werden. Ab dem vierten Tag ist ein Attest nötig."
)
FRENCH = (
    "Chaque salarié à plein temps a 30 jours de congé par an. Cinq jours peuvent être reportés "
    "jusqu'au 31 mars de l'année suivante. Un certificat médical est exigé dès le quatrième jour."
)
SPANISH = (
    "Cada empleado a tiempo completo tiene 30 días de vacaciones al año. Hasta cinco días pueden "
    "pasar al 31 de marzo del año siguiente. Desde el cuarto día hace falta un certificado médico."
)
LANGUAGES = [ENGLISH, GERMAN, FRENCH, SPANISH]
# No word of these is in the list of function words, or few are.
OTHERS = [
    (
        "Każdy pracownik ma prawo do trzydziestu dni urlopu wypoczynkowego w ciągu roku. Wniosek "
        "należy złożyć przełożonemu najpóźniej dwa tygodnie przed nieobecnością."
    ),
    (
        "Jokaisella työntekijällä on oikeus kolmenkymmenen päivän vuosilomaan kalenterivuodessa. "
        "Hakemus on toimitettava esimiehelle viimeistään kaksi viikkoa ennen poissaoloa."
    ),
    (
        "Her çalışanın takvim yılı içinde otuz gün yıllık izin hakkı vardır. Başvuru, iznin "
        "başlamasından en geç iki hafta önce yöneticiye iletilmelidir ve doktor raporu gerekir."
    ),
    (
        "Minden munkavállalónak harminc nap szabadság jár a naptári évben. A kérelmet két héttel "
        "a távollét kezdete előtt kell benyújtani, betegség esetén orvosi igazolás szükséges."
    ),
    (
        "Varje anställd har rätt till trettio dagars semester under året. Ansökan ska lämnas "
        "till chefen senast två veckor innan frånvaron börjar och vid sjukdom behövs läkarintyg."
    ),
    "Цена услуги указана в договоре и оплачивается в конце месяца. " * 40,
    "服务价格在合同中规定并在月底支付 " * 40,
]


def shifted(text: str, by: int) -> str:
    """The letters of ``text``, each replaced by another one."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    moved = str.maketrans(letters, letters[by:] + letters[:by])
    return text.lower().translate(moved)


def price_list() -> str:
    return "\n".join(
        f"{name} M{size}x{length} zinc {size * length / 40:.2f} EUR"
        for name in ("Hexbolt", "Locknut", "Washer", "Threaded rod", "Bracket")
        for size in (4, 6, 8, 10)
        for length in (20, 30, 40)
    )


def codes(random: Random) -> str:
    """A list of parts whose names are drawn evenly from all letters."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "\n".join("".join(random.choices(letters, k=7)) + f"-{n}" for n in range(300))


PROGRAM = """
def parse(stream, *, strict=True):
    tokens = tokenize(stream.readline)
    for token in tokens:
        if token.type == COMMENT and not strict:
            continue
        yield Node(kind=token.type, value=token.string, start=token.start, end=token.end)
apiVersion: apps/v1
kind: Deployment
metadata: {name: kube-proxy, namespace: kube-system, labels: {k8s-app: kube-proxy}}
spec: {template: {spec: {containers: [{image: registry, imagePullPolicy: Always}]}}}
"""


@pytest.mark.parametrize("text", [*LANGUAGES, *OTHERS], ids=lambda text: text[:12])
@pytest.mark.parametrize("times", [1, 40])
def test_no_language_is_nonsense(text: str, times: int) -> None:
    assert not nonsense([f"{text} "] * times)


@pytest.mark.parametrize(
    "text",
    [
        price_list(),
        PROGRAM,
        codes(Random(7)),
        "\n".join(f"QXZKW-{number} 7,{number}0" for number in range(300)),
        "\n".join(f"{number} {number * 7.5:.2f} {number / 3:.4f}" for number in range(300)),
        "Kubernetes etcd kubelet",
        glyph_codes.as_letters("Own wedding 2"),  # too short to be judged
        "1. ........ 3\n2. ------- 4\n" * 50,
        "",
    ],
    ids=["prices", "program", "codes", "series", "numbers", "names", "short", "lines", "empty"],
)
def test_lists_code_and_short_texts_are_not(text: str) -> None:
    assert not nonsense([text])


@pytest.mark.parametrize("text", LANGUAGES, ids=["en", "de", "fr", "es"])
@pytest.mark.parametrize(
    "damage",
    [glyph_codes.as_letters, *(partial(shifted, by=by) for by in (1, 2, 5, 7))],
)
def test_other_letters_are_in_each_language(text: str, damage: Callable[[str], str]) -> None:
    assert nonsense([damage(text)])


def test_the_words_of_a_font_that_is_whole_do_not_hide_those_of_one_that_is_not() -> None:
    headings = "Leave regulations of Brunnhof GmbH\nAnnual leave\nSick leave\nSpecial leave\n"
    assert nonsense([headings + glyph_codes.as_letters(ENGLISH + SPANISH)])


def test_one_page_of_a_long_document_does_not_decide() -> None:
    assert not nonsense([WORDS + ENGLISH] * 8 + [glyph_codes.as_letters(ENGLISH)])
