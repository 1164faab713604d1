"""Answer kinds: what sort of thing a question asks for, and whether a text has one. Pure.

"What does it cost?" asks for an amount of money. A passage with all the words of the question and
without an amount does not answer it. Questions are read in English, German, Spanish and French.
Only kinds that a text shows by its form are known; of other questions nothing is expected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from roadbed.kernel.amounts import CURRENCY
from roadbed.knowledge.dates import DATE, MONTH
from roadbed.usecases.decider import AnswerKind


def _pattern(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


_PRICE = "price|fee|cost|salary|wage|rent|budget|fine|premium|deposit|allowance"
_PREIS = "preis|gebühr|kosten|gehalt|lohn|miete|budget|strafe|prämie|kaution"
_PRECIO = "precio|tarifa|coste|costo|salario|sueldo|alquiler|presupuesto|multa|prima"
_PRIX = "prix|frais|coût|salaire|loyer|budget|amende|prime|caution"
# The first kind that fits is the kind of the question.
_ASKED: Mapping[AnswerKind, re.Pattern[str]] = MappingProxyType(
    {
        AnswerKind.EMAIL: _pattern(
            r"\b(?:what|which)\b.*\be-?mail address",
            r"\bwelche[rsn]?\b.*\be-?mail-?adresse",
            r"\b(?:cuál|qué)\b.*\b(?:correo electrónico|dirección de correo)",
            r"\bquelle\b.*\badresse (?:e-?mail|électronique)",
        ),
        AnswerKind.PHONE: _pattern(
            r"\b(?:what|which)\b.*\b(?:tele)?phone number",
            r"\bwelche\b.*\btelefonnummer|\bwie (?:lautet|ist)\b.*\btelefonnummer",
            r"\bcuál\b.*\b(?:número de )?teléfono",
            r"\bquel\b.*\bnuméro de téléphone",
        ),
        AnswerKind.PERCENTAGE: _pattern(
            r"\b(?:what|which|how many) (?:percent|percentage)\b",
            r"\bwie ?viel(?:e)? prozent\b|\bwelcher prozentsatz\b",
            r"\b(?:qué|cuál es el) porcentaje\b|\bcuánto por ciento\b",
            r"\bquel(?: est le)? pourcentage\b",
        ),
        AnswerKind.MONEY: _pattern(
            r"\bwhat (?:does|do|did|will|would)\b.*\b(?:cost|charge)\b",
            r"\bhow much (?:does|do|did|will|would)\b.*\b(?:cost|charge)\b",
            rf"\b(?:what|which) (?:{_PRICE})\b",
            rf"\b(?:what|how high) (?:is|are|was|were|will) (?:the|our|my|your) [\w -]*\b"
            rf"(?:{_PRICE})\b",
            r"\bwas kostet(?:e|en)?\b|\bwas kosten\b|\bwie teuer\b",
            rf"\bwie hoch (?:ist|sind|war|waren)\b.*(?:{_PREIS})",
            rf"\bwelche[rsn]? (?:{_PREIS})\b",
            r"\bcuánto (?:cuesta|cuestan|costó|vale|valen)\b",
            rf"\b(?:cuál es|cuál fue|qué) (?:el |la )?(?:{_PRECIO})\b",
            r"\bcombien (?:coûte|coûtent|a coûté)\b",
            rf"\bquel(?:le|s|les)?(?: est| était| sont)?(?: le| la| les)? (?:{_PRIX})\b",
        ),
        AnswerKind.DATE: _pattern(
            r"\bwhen (?:did|was|were)\b|\b(?:by|since|until) when\b",
            r"\b(?:what|which) (?:date|day|month|year)\b",
            r"\b(?:seit|bis) wann\b|\bwann (?:war|waren|wurde|wurden|hat|haben)\b",
            r"\b(?:an welchem tag|in welchem (?:jahr|monat)|zu welchem datum)\b",
            r"\b(?:desde|hasta) cuándo\b|\bcuándo (?:fue|fueron|se publicó|empezó|terminó)\b",
            r"\b(?:qué (?:fecha|día|mes|año))\b",
            r"\b(?:depuis|jusqu.à) quand\b|\bquand (?:a|ont|fut|était)\b",
            r"\bquel(?:le)? (?:date|jour|mois|année)\b",
        ),
        AnswerKind.NUMBER: _pattern(
            r"\bhow (?:many|long|large|big|high|old|far|heavy|fast|often)\b",
            r"\bhow much\b",
            r"\bwhat (?:number|amount) of\b|\bwhat (?:is|was|are|were) the (?:total )?number of\b",
            r"\bwie ?(?:viele?|lange|gro(?:ß|ss)|hoch|alt|weit|schwer|schnell|oft)\b",
            r"\bcuánt[oa]s?\b|\bcuál es el número de\b",
            r"\bcombien\b|\bquel est le nombre\b",
        ),
    }
)
# Words that only say which kind is asked for: a passage with the thing need not have them.
_WORDS: Mapping[AnswerKind, str] = MappingProxyType(
    {
        AnswerKind.MONEY: "high cost charge price hoch teuer kostet kosten preis cuesta"
        " cuestan precio coûte coûtent prix",
        AnswerKind.PERCENTAGE: "percentage percent prozent prozentsatz porcentaje pourcentage",
        AnswerKind.DATE: "since until date day month year wann seit bis datum tag monat jahr fecha"
        " día mes año desde hasta jour mois année depuis",
        AnswerKind.NUMBER: "long large big high old far heavy fast often number amount"
        " take takes took lange groß hoch alt weit schwer schnell oft anzahl dauert"
        " número dura nombre dure",
        AnswerKind.EMAIL: "e mail email address adresse correo electrónico dirección électronique",
        AnswerKind.PHONE: "phone telephone number telefonnummer nummer número teléfono numéro"
        " téléphone",
    }
)
_COUNTS = (
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven"
    "|eigh|nine)teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million"
    "|billion|dozen|half|third|quarter|once|twice|both|several|single|every|always|never|an hour"
    "|a (?:day|week|month|quarter|year)|hourly|nightly|until|jede[nrms]?|immer|nie|stündlich|bis"
    "|mehrere|beide|cada|siempre|nunca|hasta|varios|ambos|chaque|toujours|jamais|plusieurs"
    "|daily|weekly|monthly|quarterly|annual(?:ly)?|yearly|unlimited|indefinite(?:ly)?|permanent(?:ly)?"
    "|none|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|zwanzig"
    "|hundert|tausend|dutzend|halb(?:e[rnms]?)?|einmal|zweimal|täglich|wöchentlich|monatlich|jährlich"
    "|unbegrenzt|unbefristet|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce"
    "|veinte|cien(?:to)?|mil|medi[oa]|diari[oa]|semanal|mensual|anual|ilimitad[oa]|indefinid[oa]"
    "|deux|trois|quatre|cinq|sept|huit|neuf|dix|onze|douze|vingt|trente|cent|mille|demi"
    "|quotidien(?:ne)?|hebdomadaire|mensuel(?:le)?|annuel(?:le)?|illimité"
)
# These are articles too: they count what is counted, and say nothing before another word.
_ONE = (
    "einzige[rnms]?|ein(?:e[rnms]?)? (?:tag|woche|monat|quartal|jahr|stunde|minute)"
    "|un[oa]? (?:día|semana|mes|trimestre|año|hora|minuto|vez|sol[oa])"
    "|une? (?:jour|semaine|mois|trimestre|an|année|heure|minute|fois|seule?)"
)
_WEEKDAYS = (
    "(?:mon|tues|wednes|thurs|fri|satur|sun)days?|montags?|dienstags?|mittwochs?|donnerstags?"
    "|freitags?|samstags?|sonntags?|lunes|martes|miércoles|jueves|viernes|sábados?|domingos?"
    "|lundis?|mardis?|mercredis?|jeudis?|vendredis?|samedis?|dimanches?"
)
_TIMES = (
    "days?|weeks?|months?|years?|quarters?|hours?|minutes?|tage?n?|wochen?|monate?n?|jahre?n?"
    "|stunden?|días?|semanas?|meses|mes|años?|horas?|jours?|semaines?|mois|ans?|années?|heures?"
)
_DIGIT = re.compile(r"\d")
_CELL = re.compile(r"\|\s*\d+(?:[.,]\d+)?\s*(?:\||$)", re.MULTILINE)
_PRICED = _pattern(rf"\b(?:{_PRICE}|{_PREIS}|{_PRECIO}|{_PRIX})")
_FREE = _pattern(
    r"\b(?:free of charge|no (?:charge|fee|cost)s?|for free|kostenlos|gebührenfrei|gratis)\b",
    r"\bgratuite?s?\b",
    r"\bsin (?:coste?|cargo)\b|\bsans frais\b",
)
_HELD: Mapping[AnswerKind, re.Pattern[str]] = MappingProxyType(
    {
        AnswerKind.EMAIL: re.compile(
            r"[\w.+-]+ ?(?:@|\(at\)|\[at\]) ?[\w-]+\.[\w.-]+", re.IGNORECASE
        ),
        AnswerKind.PHONE: re.compile(r"(?:\+|\b\d)[\d()/ .-]{5,}\d"),
        AnswerKind.PERCENTAGE: re.compile(
            r"\d\s*%|\d\s*(?:percent|per cent|pct|prozent|por ciento|pour ?cent|basis points)\b"
            r"|\b(?:half|third|quarter|hälfte|drittel|viertel|mitad|tercio|moitié|tiers)\b"
            r"|\b(?:percent|per cent|prozent|por cien(?:to)?|pour ?cent)\b",
            re.IGNORECASE,
        ),
        AnswerKind.DATE: re.compile(
            rf"{MONTH.pattern}|\b(?:{_WEEKDAYS})\b|\b\d+(?:st|nd|rd|th)\b|\b(?:{_TIMES})\b"
            r"|\b\d\d?[./-]\d\d?\b|\bq[1-4]\b",
            re.IGNORECASE,
        ),
        AnswerKind.NUMBER: re.compile(rf"\d|\b(?:{_COUNTS}|{_ONE})\b", re.IGNORECASE),
    }
)


def answer_kind(question: str) -> AnswerKind | None:
    """The kind of thing that a question asks for; ``None`` if its words do not say it."""
    for kind, pattern in _ASKED.items():
        if pattern.search(question):
            return kind
    return None


def words_of(kind: AnswerKind) -> str:
    """Words of questions that say which kind is asked for, and nothing of the subject."""
    return _WORDS[kind]


def has_kind(text: str, kind: AnswerKind) -> bool:
    """Whether a text has a thing of a kind, as far as its form shows it."""
    if kind is AnswerKind.MONEY:
        return _has_money(text)
    if kind is AnswerKind.DATE and DATE.search(text):
        return True
    return _HELD[kind].search(text) is not None


def _has_money(text: str) -> bool:
    """Whether a text has an amount, says that something is free, or has prices in a table.

    A table may name the currency in its head, or prices and no currency.
    """
    has_currency = CURRENCY.search(text) is not None and _DIGIT.search(text) is not None
    has_column = _CELL.search(text) is not None and _PRICED.search(text) is not None
    return has_currency or has_column or _FREE.search(text) is not None
