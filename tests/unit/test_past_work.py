"""Past work from a table to a use case: labels that look alike, several texts, and equal rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from roadbed.cli import use_cases
from roadbed.tables import TableError
from roadbed.usecases import scaffold
from roadbed.usecases.check import check
from roadbed.usecases.loader import load, read_examples
from roadbed.usecases.past_work import (
    Answers,
    Columns,
    LabelsUnclearError,
    PastWork,
    read_past_work,
)

Read = Callable[..., PastWork]
COLUMNS = Columns(texts=["text"], label="label")


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def write(content: str, columns: Columns = COLUMNS, **more: Any) -> PastWork:
        path = tmp_path / "past.csv"
        path.write_text(content, encoding="utf-8")
        return read_past_work(path, columns, **more)

    return write


def rows(past: PastWork) -> list[tuple[str, str | None]]:
    return [(texts[0], label) for texts, label in past.rows]


def table(*labels: str) -> str:
    return "text,label\n" + "".join(f"t{place},{name}\n" for place, name in enumerate(labels))


class TestReading:
    def test_a_table_becomes_a_use_case(self, read: Read, tmp_path: Path) -> None:
        past = read(
            '\ufeffid;subject;team\n1;"a; b";x\n2;c;y\n3;;y\n4;d;\n;;\n5;e;x\n6;f;y\n7;g;y\n8;h;x\n'
            "9;i;x\n10;j;y\n",
            Columns(texts=["subject"], label="team"),
        )
        assert rows(past)[:3] == [("a; b", "x"), ("c", "y"), ("e", "x")]
        left_out = {why: lines.first for why, lines in past.account.left_out.items()}
        assert left_out == {"no text": [4, 6], "no label": [5]}
        assert (past.account.rows, past.account.used, len(past.rows)) == (11, 8, 8)
        scaffold.write_from_table(tmp_path / "desk", past, person="ana", random_sample=True)
        looked = check(tmp_path / "desk")
        assert (looked.problems, looked.examples) == ((), 8)
        assert looked.loaded is not None
        assert looked.loaded.declared.examples_are_random_sample

    def test_empty_labels_may_mean_none_of_them(self, read: Read) -> None:
        past = read("text,label\na,x\nb,\nc,\n", empty_is_none=True)
        assert rows(past) == [("a", "x"), ("b", None), ("c", None)]

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("text,other\na,b\n", "no column 'label'"),
            ("text,label,label\na,b,c\n", "names 'label' 2 times"),
            (table("x", "x"), "holds 1 label"),
            ("text,label\n", "holds 0 labels"),
            ("", "has no header"),
            ("text,label\n" + "a,x\nb,y\nc,\n" * 4 + "d,\ne,\n" * 2, "of 16 rows have no"),
        ],
    )
    def test_a_table_that_cannot_serve_is_refused_with_the_remedy(
        self, read: Read, content: str, says: str
    ) -> None:
        with pytest.raises(TableError) as caught:
            read(content)
        assert says in caught.value.problem
        assert caught.value.remedy

    def test_the_column_that_is_missing_is_named_and_no_other(self, read: Read) -> None:
        rows_that_do_not_fit = "text;label\na;x;1\nb;y;2;3\n" * 9
        with pytest.raises(TableError, match="no column 'Teams'"):
            read(rows_that_do_not_fit, Columns(texts=["text"], label="Teams"))

    def test_what_cannot_be_stored_does_not_get_into_examples(
        self, read: Read, tmp_path: Path
    ) -> None:
        past = read("text,label\na\x00b,x\nc,y\n")
        scaffold.write_from_table(tmp_path / "desk", past, person="ana", random_sample=False)
        first = next(iter(read_examples(load(tmp_path / "desk"))))[2]
        assert json.loads(first.input.model_dump_json()) == {"text": "ab"}  # type: ignore[union-attr]

    def test_several_columns_of_text(self, read: Read, tmp_path: Path) -> None:
        past = read(
            "Betreff (kurz),body,class,label\nlost,parcel,7,x\n,torn,8,y\nlate,,9,x\n",
            Columns(texts=["Betreff (kurz)", "body", "class"], label="label"),
        )
        assert [texts for texts, _ in past.rows] == [
            ("lost", "parcel", "7"),
            ("", "torn", "8"),
            ("late", "", "9"),
        ]
        scaffold.write_from_table(tmp_path / "desk", past, person="ana", random_sample=False)
        loaded = load(tmp_path / "desk")
        assert list(loaded.declared.input.model_fields) == ["betreff_kurz", "body", "the_class"]
        trainable = loaded.declared.trainable
        assert trainable is not None
        assert trainable.texts == ("betreff_kurz", "body", "the_class")  # type: ignore[attr-defined]

    def test_names_of_fields(self) -> None:
        assert scaffold.field_names(["Größe"]) == ["text"]
        names = scaffold.field_names(["a b", "a-b", "日本", "copy", "model_x", "2nd", "import"])
        assert names == [
            "a_b",
            "a_b_2",
            "text_3",
            "the_copy",
            "the_model_x",
            "text_6",
            "the_import",
        ]


class TestLabels:
    def test_blanks_forms_and_invisible_characters_make_no_new_label(self, read: Read) -> None:
        past = read(table("caf\u00e9", "cafe\u0301", "\u00a0caf\u00e9", "caf\u200b\u00e9", "x"))
        assert past.labels == {"caf\u00e9": 4, "x": 1}
        assert "in their usual form: 3 (lines 3, 4, 5)" in " ".join(past.account.sentences())

    @pytest.mark.parametrize(
        ("odd", "many"),
        [("Refunds", "refunds"), ("refnds", "refunds"), ("ＲＥＦＵＮＤＳ", "refunds")],
    )
    def test_one_that_looks_like_another_is_asked_about(
        self, read: Read, odd: str, many: str
    ) -> None:
        content = table(odd, *[many] * 200, *["delivery"] * 100)
        with pytest.raises(LabelsUnclearError) as caught:
            read(content)
        assert [(item.label, item.other) for item in caught.value.questions] == [(odd, many)]
        assert "--same" in caught.value.remedy
        for answers, labels in (
            (Answers(same={odd: many}), {many: 201, "delivery": 100}),
            (Answers(keep=[odd]), {odd: 1, many: 200, "delivery": 100}),
            (Answers(keep_all=True), {odd: 1, many: 200, "delivery": 100}),
        ):
            assert read(content, answers=answers).labels == labels

    def test_a_typing_error_that_some_made_again_and_again_is_asked_about(self, read: Read) -> None:
        content = table(*["refnds"] * 7, *["refunds"] * 70, *["delivery"] * 70)
        with pytest.raises(LabelsUnclearError) as caught:
            read(content)
        assert [(item.label, item.other) for item in caught.value.questions] == [
            ("refnds", "refunds")
        ]
        assert len(read(content + "t,refnds\n").labels) == 3

    def test_labels_that_are_alike_and_frequent_are_two(self, read: Read) -> None:
        past = read(table(*["card_arrival"] * 50, *["card_arrived"] * 60))
        assert len(past.labels) == 2

    @pytest.mark.parametrize("odd", ["None", "NULL", "#N/A", "-", "nan"])
    def test_placeholders_need_a_decision(self, read: Read, odd: str) -> None:
        content = table(odd, *["x", "y"] * 9)
        with pytest.raises(LabelsUnclearError, match="looks like an empty cell"):
            read(content)
        assert read(content, answers=Answers(keep=[odd])).labels[odd] == 1
        past = read(content, answers=Answers(empty=[odd]))
        assert past.account.left_out["no label"].first == [2]
        none = read(content, answers=Answers(empty=[odd]), empty_is_none=True)
        assert rows(none)[0] == ("t0", None)


class TestNotes:
    def test_rows_that_are_equal_are_counted_and_kept(self, read: Read) -> None:
        past = read("text,label\na,x\nb,y\na,x\na,y\na,x\n")
        assert len(past.rows) == 5
        assert "equal to an earlier one, which all count: 2 (lines 4, 6)" in " ".join(
            past.account.sentences()
        )


class TestTerminal:
    def test_questions_are_asked_one_by_one(
        self, read: Read, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said = {"'Refunds'": True, "'retuns'": False, "'-'": True, "'NA'": False}
        asked = []

        def confirm(text: str) -> bool:
            asked.append(text)
            return next(answer for label, answer in said.items() if text.startswith(label))

        monkeypatch.setattr(typer, "confirm", confirm)
        labels = ["refunds"] * 200 + ["returns"] * 200
        with pytest.raises(LabelsUnclearError) as caught:
            read(table("Refunds", "retuns", "-", "NA", *labels))
        answers = use_cases._ask(caught.value.questions, Answers())
        assert len(asked) == 4
        assert answers.same == {"Refunds": "refunds"}
        assert set(answers.keep) == {"retuns", "NA"}
        assert list(answers.empty) == ["-"]

    @pytest.mark.parametrize("text", ["a", "a=", "=b"])
    def test_a_pair_that_is_none(self, text: str) -> None:
        with pytest.raises(typer.BadParameter):
            use_cases._pair(text)
