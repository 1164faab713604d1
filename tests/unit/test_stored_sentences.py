"""Stored sentences: English in the database, worded again for whoever reads them."""

from __future__ import annotations

import json
import random
import re

import pytest
from babel.support import NullTranslations
from markupsafe import escape

from roadbed.console import formatting, pages
from roadbed.kernel import messages
from roadbed.kernel import stored_sentences as module
from roadbed.kernel.sentences import sentence
from roadbed.kernel.stored_sentences import (
    FILE,
    indexed,
    matched,
    reworded,
    stored_message,
    stored_messages,
    stored_sentence,
    stored_sentences,
)
from tests.messages import PSEUDO, pseudo
from tests.messages import stored_messages as collected
from tests.plain_english import plain_english

BELOW = (
    "Confidence %(score)s is below %(threshold)s, the threshold at which the risk limit is proven."
)
_PLACE = re.compile(r"%\((\w+)\)([rs])")


def test_a_stored_sentence_is_english_whoever_writes_it() -> None:
    with messages.speaking(PSEUDO):
        told = stored_sentence("%(one)s of %(name)r", one=sentence("All good."), name="x")
        several = stored_sentences("%(n)s thing %(of)s", "%(n)s things %(of)s", 1200, of="here")
        one = stored_sentences("%(n)s thing", "%(n)s things", 1)
    assert told == "All good. of 'x'"
    assert (several, one) == ("1,200 things here", "1 thing")
    assert stored_message("All good.") == "All good."
    assert stored_messages("one", "many") == ("one", "many")
    assert stored_sentence("All 100 % good.") == "All 100 % good."


def test_a_stored_sentence_is_worded_again_with_its_values() -> None:
    text = BELOW % {"score": "0.412", "threshold": "0.900"}
    assert reworded(text) == text
    with messages.speaking(PSEUDO):
        assert reworded(text) == pseudo(BELOW) % {"score": "0.412", "threshold": "0.900"}
        assert reworded("The use case is halted.") == pseudo("The use case is halted.")


def test_a_sentence_inside_of_a_sentence_is_worded_again_too() -> None:
    inner = stored_sentence("its %(name)s is not a number", name="confidence")
    text = stored_sentence("The decider's answer cannot be used: %(problem)s.", problem=inner)
    with messages.speaking(PSEUDO):
        told = pseudo("its %(name)s is not a number") % {"name": "confidence"}
        message = pseudo("The decider's answer cannot be used: %(problem)s.")
        assert reworded(text) == message % {"problem": told}


def test_quoted_values_stay_as_they_are_quoted() -> None:
    text = stored_sentence("the rule %(name)r did not answer yes or no", name="it's")
    with messages.speaking(PSEUDO):
        assert reworded(text) == pseudo("the rule %(name)r did not answer yes or no") % {
            "name": "it's"
        }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "word",
        "Nobody stored this sentence here.",
        "the use case is halted.",
        "The use case is halted. Nothing more.",
        "Confidence 0.4 is below 0.9",
        "The use case is halted.".rjust(5_000),
    ],
)
def test_any_other_text_stays_as_it_is(text: str) -> None:
    with messages.speaking(PSEUDO):
        assert reworded(text) is text
    assert matched(text) is None


def test_numbers_get_the_form_of_the_language() -> None:
    """Without a catalogue of the language the words stay, and the numbers are its own."""
    with pytest.MonkeyPatch.context() as patch, messages.speaking("de"):
        patch.setattr(messages, "_catalogue", lambda _: NullTranslations())
        text = BELOW % {"score": "0.412", "threshold": "1,234.5"}
        assert reworded(text) == BELOW % {"score": "0,412", "threshold": "1.234,5"}


def test_every_stored_message_is_found_again() -> None:
    """Whatever its values are, a text is taken for its own message, or for one with its words."""
    known = json.loads(FILE.read_text(encoding="utf-8"))
    assert len(known) > 30
    for message in known:
        for form in [message] if isinstance(message, str) else message:
            names = {name for name, _ in _PLACE.findall(form)}
            text = form % dict.fromkeys(names, "7") if names else form
            assert matched(text, certain=True) == (
                message if isinstance(message, str) else tuple(message)
            )


def test_the_placeholders_of_a_stored_message_can_be_found() -> None:
    for message in collected():
        for form in [message] if isinstance(message, str) else message:
            rest = _PLACE.sub("\0", form)
            if "\0" in rest:
                assert "%" not in rest.replace("%%", ""), f"{form!r}: use %(name)s or %(name)r"
            assert "\0\0" not in rest, f"{form!r}: nothing separates two values"


def test_a_message_of_two_words_is_read_only_where_code_wrote_the_text() -> None:
    """What people write may resemble it."""
    text = "Where is the parcel: lost again"
    rule = stored_sentence("Where %(condition)s: %(consequence)s", condition="a", consequence="b")
    assert matched(text) is None
    assert matched(rule) is None
    assert matched(rule, certain=True) == "Where %(condition)s: %(consequence)s"
    with messages.speaking(PSEUDO):
        assert formatting.upright(text) == text
        message = pseudo("Where %(condition)s: %(consequence)s")
        assert formatting.stored(rule) == message % {"condition": "a", "consequence": "b"}


def test_a_list_of_sentences_is_worded_again_one_by_one() -> None:
    halted, proven = "The use case is halted.", "Nothing is proven for this version yet."
    text = f"{halted}; by nobody; {proven}"
    with messages.speaking(PSEUDO):
        assert reworded(text) == text
        assert reworded(text, certain=True) == f"{pseudo(halted)}; by nobody; {pseudo(proven)}"


def test_a_message_without_a_word_of_its_own_is_refused() -> None:
    with pytest.raises(ValueError, match="stands apart"):
        indexed(["%(one)s: %(two)s"])


def test_both_forms_of_a_message_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    made = indexed([("%(n)s thing waits here", "%(n)s things wait here")])
    monkeypatch.setattr(module, "_index", lambda: made)
    with messages.speaking(PSEUDO):
        assert reworded("1 thing waits here") == "1 thing waits here"  # in no catalogue
        assert reworded("1,200 things wait here") == "1,200 things wait here"
    assert matched("1 thing waits here") == ("%(n)s thing waits here", "%(n)s things wait here")


def test_no_text_takes_long() -> None:
    """Words of messages in any order and number: the work is counted, not timed."""
    generator = random.Random(44)
    words = " ".join(collected_text()).split()
    with messages.speaking(PSEUDO):
        for _ in range(200):
            text = " ".join(generator.choices(words, k=generator.randrange(1, 600)))
            assert isinstance(reworded(text[: module.LONGEST]), str)
        assert reworded("the rule " * 400) == "the rule " * 400


def collected_text() -> list[str]:
    return [one if isinstance(one, str) else one[1] for one in collected()]


def test_a_page_words_stored_sentences_and_escapes_their_values() -> None:
    environment = pages._environment
    rule = stored_sentence("The rule %(rule)r applies: %(reason)s", rule="x", reason="<b>a</b>")
    source = "{{ text }}|{% trans %}Refused: {{ text }}{% endtrans %}|{{ text|sentence }}"
    with messages.speaking(PSEUDO):
        shown = environment.from_string(source).render(text=rule)
        message = pseudo("The rule %(rule)r applies: %(reason)s")
        told = escape(message % {"rule": "x", "reason": "<b>a</b>"})
        assert shown.split("|")[0] == told
        assert told in shown.split("|")[1]
        assert "<b>" not in shown
    plain = environment.from_string(source).render(text=rule)
    assert plain.split("|")[0] == escape(rule)


def test_what_a_form_sends_back_is_not_worded_again() -> None:
    kept = formatting.Unchanged("The use case is halted.")
    with messages.speaking(PSEUDO):
        assert formatting.upright(kept) is kept
        assert formatting.upright("The use case is halted.") == pseudo("The use case is halted.")


def test_english_of_a_page_is_found() -> None:
    page = (
        '<p title="Not good at all">Nor is this here</p><code>all is good</code>'
        f"<p>{pseudo('All of this is good')} {pseudo('so is this')}</p><p>tsk_1 of 2</p>"
    )
    assert plain_english(page) == ["Not good at all", "Nor is this here"]
    assert plain_english(page, "Not good at all", "Nor is this") == []
