"""Code pages of Windows: texts in them are read right, and no Western text is read wrongly.

The texts are written for this test. The table says how many texts of one, two and four sentences
are read right. The others do not tell: they are guessed as Windows-1252, as before.
"""

from __future__ import annotations

import pytest

from roadbed.knowledge.findings import DocumentFinding
from roadbed.knowledge.reading.code_pages import code_page
from roadbed.knowledge.reading.encodings import decode

TEXTS = {
    "Polish": (
        "cp1250",
        "Każdy pracownik ma prawo do trzydziestu dni urlopu w roku.",
        "Wniosek o urlop należy złożyć co najmniej dwa tygodnie przed jego rozpoczęciem.",
        "Jeśli umowa nie jest podpisana, to nie można jej przesłać do księgowości.",
        "Faktury są płacone po trzydziestu dniach, ale nie później niż przed końcem miesiąca.",
    ),
    "Czech": (
        "cp1250",
        "Každý zaměstnanec má nárok na třicet dní dovolené za rok.",
        "Žádost o dovolenou je třeba podat nejméně dva týdny před jejím začátkem.",
        "Pokud není smlouva podepsána, nelze ji poslat do účtárny.",
        "Faktury jsou placeny po třiceti dnech, ale vždy před koncem měsíce.",
    ),
    "Slovak": (
        "cp1250",
        "Každý zamestnanec má nárok na tridsať dní dovolenky za rok.",
        "Žiadosť o dovolenku je potrebné podať najmenej dva týždne pred jej začiatkom.",
        "Ak zmluva nie je podpísaná, nemôže byť poslaná do účtovníctva.",
        "Faktúry sú platené po tridsiatich dňoch, ale vždy pred koncom mesiaca.",
    ),
    "Hungarian": (
        "cp1250",
        "Minden dolgozónak évente harminc nap szabadsága van.",
        "A kérelmet legalább két héttel a szabadság kezdete előtt kell benyújtani.",
        "Ha a szerződés nincs aláírva, akkor nem lehet a könyvelésnek elküldeni.",
        "A számlákat harminc nap után fizetjük ki, de még a hónap vége előtt.",
    ),
    "Slovenian": (
        "cp1250",
        "Vsak zaposleni ima na leto trideset dni dopusta.",
        "Prošnjo za dopust je treba oddati vsaj dva tedna pred njegovim začetkom.",
        "Če pogodba ni podpisana, je ni mogoče poslati v računovodstvo.",
        "Računi so plačani po tridesetih dneh, vendar vedno pred koncem meseca.",
    ),
    "Croatian": (
        "cp1250",
        "Svaki zaposlenik ima trideset dana godišnjeg odmora.",
        "Zahtjev za odmor treba predati najmanje dva tjedna prije početka.",
        "Ako ugovor nije potpisan, ne može se poslati u računovodstvo.",
        "Računi se plaćaju nakon trideset dana, ali uvijek prije kraja mjeseca.",
    ),
    "Romanian": (
        "cp1250",
        "Fiecare angajat are treizeci de zile de concediu pe an, plătite integral.",
        "Cererea trebuie depusă cu cel puţin două săptămâni înainte de concediu.",
        "Dacă un contract nu este semnat, nu poate fi trimis la contabilitate.",
        "Facturile sunt plătite după treizeci de zile, dar până la sfârşitul lunii.",
    ),
    "Russian": (
        "cp1251",
        "Каждый сотрудник имеет право на тридцать дней отпуска в году.",
        "Заявление на отпуск нужно подать не позже чем за две недели до его начала.",
        "Если договор не подписан, его нельзя отправить в бухгалтерию.",
        "Счета оплачиваются через тридцать дней, но не позже конца месяца.",
    ),
    "Ukrainian": (
        "cp1251",
        "Кожен працівник має право на тридцять днів відпустки на рік.",
        "Заяву на відпустку треба подати не пізніше ніж за два тижні до її початку.",
        "Якщо договір не підписано, його не можна надіслати до бухгалтерії.",
        "Рахунки оплачуються через тридцять днів, але не пізніше кінця місяця.",
    ),
    "Bulgarian": (
        "cp1251",
        "Всеки служител има право на тридесет дни отпуск в годината.",
        "Молбата за отпуск се подава най-малко две седмици преди началото му.",
        "Ако договорът не е подписан, той не може да се изпрати в счетоводството.",
        "Фактурите се плащат след тридесет дни, но винаги преди края на месеца.",
    ),
    "Serbian": (
        "cp1251",
        "Сваки запослени има право на тридесет дана одмора у години.",
        "Захтев за одмор треба да се преда најмање две недеље пре почетка.",
        "Ако уговор није потписан, не може да се пошаље у рачуноводство.",
        "Рачуни се плаћају после тридесет дана, али увек пре краја месеца.",
    ),
    "English": (
        "cp1252",
        "Everybody at the “café” has thirty days of leave in a year.",
        "The naïve clerk asked for £30 two weeks before the leave began.",
        "If a contract isn’t signed, it cannot be sent to the accountants – ever.",
        "Invoices of the Zoë company are paid after thirty days, before the month ends.",
    ),
    "German": (
        "cp1252",
        "Jeder Beschäftigte hat dreißig Tage Urlaub im Jahr.",
        "Der Antrag ist spätestens zwei Wochen vor dem Beginn zu stellen.",
        "Ein Vertrag ohne Unterschrift wird nicht an die Buchführung geschickt.",
        "Rechnungen werden nach dreißig Tagen bezahlt, nie später.",
    ),
    "French": (
        "cp1252",
        "Chaque salarié a droit à trente jours de congé par an.",
        "La demande doit être déposée deux semaines avant le début du congé.",
        "Un contrat qui n'est pas signé ne peut être envoyé à la comptabilité.",
        "Les factures sont payées après trente jours, œuvres d’art comprises.",
    ),
    "Spanish": (
        "cp1252",
        "¿Cuántos días de vacaciones tiene cada empleado al año?",
        "La petición se presenta dos semanas antes del comienzo, según el manual.",
        "Si un contrato no está firmado, no se envía a la contabilidad.",
        "Las facturas se pagan a los treinta días, también en diciembre y en otoño: ¡siempre!",
    ),
    "Italian": (
        "cp1252",
        "Ogni dipendente ha diritto a trenta giorni di ferie all’anno, più due.",
        "La richiesta va fatta due settimane prima: così è più facile.",
        "Se un contratto non è firmato, non può essere inviato alla contabilità.",
        "Le fatture si pagano dopo trenta giorni, perché così è scritto.",
    ),
    "Portuguese": (
        "cp1252",
        "Cada funcionário tem trinta dias de férias por ano.",
        "O pedido é apresentado duas semanas antes do início das férias.",
        "Se um contrato não está assinado, não é enviado à contabilidade.",
        "As faturas são pagas após trinta dias, nunca após o fim do mês.",
    ),
    "Dutch": (
        "cp1252",
        "Iedere werknemer heeft dertig dagen vakantie per jaar, ook in België.",
        "Het verzoek wordt twee weken vóór het begin ingediend.",
        "Is een contract niet getekend, dan gaat het niet naar de boekhouding: één fout is genoeg.",
        "Facturen worden na dertig dagen betaald, ook die van cafés en ateliers in Curaçao.",
    ),
    "Danish": (
        "cp1252",
        "Alle ansatte på kontoret har tredive dages ferie om året.",
        "Ansøgningen skal indsendes to uger før ferien begynder.",
        "En kontrakt, der ikke er underskrevet, må ikke sendes til bogføringen.",
        "Fakturaer bliver betalt på tredive dage, også før jul.",
    ),
    "Swedish": (
        "cp1252",
        "Alla anställda har trettio dagars semester om året.",
        "Ansökan ska lämnas två veckor innan ledigheten börjar.",
        "Ett avtal som inte är underskrivet får inte skickas till bokföringen.",
        "Fakturor betalas på trettio dagar, även före jul.",
    ),
    "Finnish": (
        "cp1252",
        "Jokaisella työntekijällä on kolmekymmentä lomapäivää vuodessa.",
        "Hakemus jätetään kaksi viikkoa ennen loman alkua, myös keväällä.",
        "Jos sopimusta ei ole allekirjoitettu, sitä ei lähetetä kirjanpitoon. Se on sääntö.",
        "Laskut maksetaan kolmenkymmenen päivän kuluttua, ei myöhemmin.",
    ),
    "Icelandic": (
        "cp1252",
        "Allir starfsmenn eiga þrjátíu daga frí á ári.",
        "Umsókn þarf að berast tveimur vikum áður en fríið byrjar.",
        "Ef samningur er ekki undirritaður má ekki senda hann í bókhaldið.",
        "Reikningar eru greiddir eftir þrjátíu daga, einnig um jólin.",
    ),
}
# Of four texts of one sentence (three in Slovenian, where one has ASCII letters only), three of two
# sentences and one of four: how many are read right.
RIGHT = {
    "Polish": (2, 3, 1),
    "Czech": (2, 3, 1),
    "Slovak": (2, 2, 1),
    "Hungarian": (2, 2, 1),
    "Slovenian": (1, 3, 1),
    "Croatian": (2, 3, 1),
    "Romanian": (2, 2, 1),
    "Russian": (2, 3, 1),
    "Ukrainian": (2, 3, 1),
    "Bulgarian": (2, 3, 1),
    "Serbian": (3, 3, 1),
}
OTHER_PAGES = [name for name in TEXTS if name in RIGHT]
WESTERN = [name for name in TEXTS if name not in RIGHT]
# Encodings that are not looked for: such a text is guessed as before, or its letters are the same.
NOT_KNOWN = {
    "Polish": "iso8859-2",
    "Czech": "iso8859-2",
    "Russian": "koi8-r",
    "Ukrainian": "koi8-u",
    "Bulgarian": "cp866",
}
TURKISH = "Her çalışanın yılda otuz gün izni vardır. Bu bir kuraldır ve değişmez."
GREEK = "Κάθε εργαζόμενος έχει τριάντα ημέρες άδεια τον χρόνο. Αυτό είναι κανόνας."


def texts(language: str, count: int, encoding: str | None = None) -> list[bytes]:
    """All texts of so many sentences that follow each other, in the encoding of the language."""
    usual, *sentences = TEXTS[language]
    return [
        " ".join(sentences[first : first + count]).encode(encoding or usual)
        for first in range(len(sentences) - count + 1)
    ]


@pytest.mark.parametrize("language", WESTERN)
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_no_western_text_is_read_wrongly(language: str, count: int) -> None:
    for text in texts(language, count):
        assert not text.isascii()
        assert code_page(text) is None, text.decode("cp1252")


def test_the_table() -> None:
    measured = {}
    for language in OTHER_PAGES:
        encoding = TEXTS[language][0]
        answers = [[code_page(text) for text in texts(language, count)] for count in (1, 2, 4)]
        assert {page for pages in answers for page in pages} <= {encoding, None}
        measured[language] = tuple(pages.count(encoding) for pages in answers)
    assert measured == RIGHT


@pytest.mark.parametrize(("language", "encoding"), NOT_KNOWN.items())
def test_a_text_in_another_encoding_is_not_read_as_one_of_these(
    language: str, encoding: str
) -> None:
    for count in (1, 2, 3, 4):
        for text in texts(language, count, encoding):
            page = code_page(text)
            assert page is None or text.decode(page) == text.decode(encoding)


def test_languages_of_other_pages_are_not_judged() -> None:
    assert code_page(TURKISH.encode("cp1254")) is None
    assert code_page(GREEK.encode("cp1253")) is None


def test_a_western_text_with_a_name_of_another_language_is_western() -> None:
    text = "Die Verträge mit Herrn Łukasiewicz und mit Frau Świątek sind für beide gültig."
    assert code_page(text.encode("cp1250") * 3) is None


@pytest.mark.parametrize("language", OTHER_PAGES)
def test_the_guess_is_reported(language: str) -> None:
    [content] = texts(language, 4)
    encoding, *sentences = TEXTS[language]
    text, findings = decode(content)
    assert text == " ".join(sentences)
    name = encoding.replace("cp", "Windows-")
    assert findings == (DocumentFinding(kind="encoding_guessed", detail=name),)


def test_lines_of_utf_8_beside_others() -> None:
    _, *sentences = TEXTS["Polish"]
    lines = [line.encode("cp1250") for line in sentences]
    text, findings = decode(b"\n".join(["Nagłówek".encode(), *lines]))
    assert text == "\n".join(["Nagłówek", *sentences])
    assert [finding.detail for finding in findings] == ["UTF-8, 4 lines Windows-1250"]


def test_a_text_that_does_not_tell_is_guessed_as_before() -> None:
    text, findings = decode("Café".encode("cp1252"))
    assert text == "Café"
    assert [finding.detail for finding in findings] == ["Windows-1252"]
