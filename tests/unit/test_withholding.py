"""What is withheld of one answer, for each way in which it can quote a document."""

from __future__ import annotations

from typing import Any

from roadbed.knowledge.withholding import ALL, NOTE, Readability

HIDDEN = Readability(hidden=frozenset({"hr/pay.md", "dov_1:3"}))
BEHIND = Readability(is_behind=True)
PAY = {
    "document": "hr/pay.md",
    "version": 2,
    "place": "page 1",
    "passage": "dov_1:3",
    "quote": "91",
}
LEAVE = {"document": "leave.md", "version": 1, "place": "", "passage": "dov_2:0", "quote": "30"}


def answer(*citations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"route": "answer", "text": "It is so.", "citations": list(citations), **more}


def test_nothing_is_withheld_of_what_may_be_read() -> None:
    output = answer(LEAVE, notes=["leave.md is new."])
    assert HIDDEN.output(output, decided=True) == output
    assert ALL.output(answer(PAY), decided=True) == answer(PAY)
    assert ALL.output(None, decided=True) is None
    assert ALL.evidence({"support": 1}) == {"support": 1}
    assert ALL.evidence(None) is None


def test_one_hidden_citation_withholds_the_text_and_keeps_the_others() -> None:
    shown = HIDDEN.output(answer(LEAVE, PAY, notes=["hr/pay.md differs."]), decided=False)
    assert shown is not None
    assert (shown["route"], shown["text"], shown["notes"]) == ("answer", str(NOTE), [str(NOTE)])
    assert shown["citations"][0] == LEAVE
    assert shown["citations"][1] == {
        "document": str(NOTE),
        "version": 1,
        "place": "",
        "passage": "",
        "quote": "",
        "withheld": True,
    }


def test_a_citation_that_names_only_its_passage_or_only_its_document() -> None:
    for citation in ({"passage": "dov_1:3"}, {"document": "hr/pay.md"}):
        assert HIDDEN.hides(citation)
        assert HIDDEN.hides({"passages": [{"at": citation}]})
    assert not HIDDEN.hides("hr/pay.md is not in here as a document")


def test_texts_of_other_fields_go_too_and_figures_stay() -> None:
    output = {"reply": {"lines": ["91234", ""]}, "amount": 3, "document": "hr/pay.md"}
    assert HIDDEN.output(output, decided=True) == {
        "reply": {"lines": [str(NOTE), ""]},
        "amount": 3,
        "document": str(NOTE),
    }


def test_what_a_decider_says_without_citations_may_quote_what_the_sender_reads() -> None:
    output = {"route": "please_specify", "text": "Which one is meant: Zebra, Yak?"}
    shown = BEHIND.output(output, decided=True)
    assert shown == {"route": "please_specify", "text": str(NOTE)}
    assert BEHIND.output(output, decided=False) == output  # a person wrote it
    noted = BEHIND.output(answer(LEAVE, notes=["hr/old.md says 91"]), decided=True)
    assert noted == answer(LEAVE, notes=[str(NOTE)])
    assert BEHIND.evidence({"passages": [LEAVE]}) == {"withheld": str(NOTE)}


def test_earlier_answers_of_somebody_who_may_read_more() -> None:
    turn = {"question": "How much?", "text": "91234"}
    asked = {"question": "And now?", "earlier": [turn, "odd"]}
    assert BEHIND.input(asked, "earlier") == {
        "question": "And now?",
        "earlier": [{"question": "How much?", "text": str(NOTE)}, "odd"],
    }
    assert BEHIND.input(asked, None) == asked
    assert BEHIND.input({"question": "?"}, "earlier") == {"question": "?"}
    assert HIDDEN.input(asked, "earlier") == asked
