"""Normal forms of labels, and the meaning of typing errors."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.app import App
from roadbed.console.forms import as_declared
from roadbed.kernel.labels import closest, normal_label
from roadbed.usecases import templates

QUEUES = ("b1", "billing", "delivery", "refunds", "returns")


@pytest.mark.parametrize(
    "written",
    [
        "Rückgabe",
        " Rückgabe ",
        "Ru\u0308ckgabe",
        "\u00a0Rückgabe",
        "Rück\u200bgabe",
        "Rück\u200cgabe\u200d",
        "\ufeffRückgabe\u2003",
        "Rückgabe\r\n",
        "Ru\u200b\u0308ckgabe",
    ],
)
def test_a_label_has_one_form_however_it_was_typed(written: str) -> None:
    assert normal_label(written) == "Rückgabe"


def test_a_blank_inside_a_label_is_a_plain_one() -> None:
    assert normal_label("too\u00a0small") == "too small"
    assert normal_label(" \u200b\u2003") == ""


@given(st.text())
def test_the_form_is_stable_and_composed(text: str) -> None:
    once = normal_label(text)
    assert normal_label(once) == once
    assert once == once.strip()
    assert unicodedata.is_normalized("NFC", once)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("refnds", "refunds"),
        ("refudns", "refunds"),
        ("Refunds", "refunds"),
        ("a?returns", "returns"),
        ("  RETURNS ", "returns"),
        ("billings", "billing"),
        ("ｂｉｌｌｉｎｇ", "billing"),
        ("safety", None),
        ("x", None),
        ("b2", None),
        ("", None),
        ("refunds" * 30, None),
    ],
)
def test_what_was_probably_meant(typed: str, meant: str | None) -> None:
    assert closest(typed, QUEUES) == meant


def test_of_two_equally_near_labels_the_first_is_named() -> None:
    assert closest("tap", ["top", "tan", "tip"]) == "tan"
    assert closest("q", []) is None


@given(st.text(max_size=12), st.lists(st.text(max_size=12), max_size=6))
def test_what_is_named_is_known(typed: str, known: list[str]) -> None:
    named = closest(typed, known)
    assert named is None or named in known
    if typed in known:
        assert named is not None


def test_a_generated_use_case_declares_its_labels_and_escapes_them() -> None:
    given = ['Bill"ing', "R\u00fcck'gabe", "{x}\\", "a\u202eb", "\U0001f600", " b\u00a0c "]
    source = templates.TRAINED.format(
        name='"desk"',
        person='"ana"',
        random_sample=False,
        fields="    text: str",
        text='"text"',
        labels=templates.declared_labels("label", given),
    )
    names: dict[str, Any] = {}
    exec(source, names)
    assert set(names["usecase"].labels["label"]) == {normal_label(label) for label in given}
    assert "\u202e" not in source


def test_more_than_200_labels_are_not_declared() -> None:
    assert templates.declared_labels("label", map(str, range(201))) == ""
    assert "199" in templates.declared_labels("label", map(str, range(200)))


@pytest.mark.parametrize("sign", [0x00AD, 0x200B, 0x200E, 0x202E, 0x2060, 0x2066, 0xFEFF])
def test_an_invisible_character_makes_no_other_label(sign: int) -> None:
    assert normal_label(f"ref{chr(sign)}unds{chr(sign)}") == "refunds"


async def test_fields_of_an_input_are_shown_as_declared(app: App) -> None:
    asked = app.deployments.get("triage").loaded.declared.input
    assert list(as_declared(asked, {"a": 1, "text": "x"})) == ["text", "a"]
