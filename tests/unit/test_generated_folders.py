"""Folders that ``new`` writes, and folders of people: names, literals, first bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from roadbed.tables.reader import STRIPPED
from roadbed.usecases import scaffold
from roadbed.usecases.check import check
from roadbed.usecases.loader import load, read_examples
from roadbed.usecases.past_work import Columns, read_past_work
from roadbed.usecases.validation import ROLES
from tests.conftest import Folders

COLUMNS = Columns(texts=["text"], label="label")


@pytest.mark.parametrize("kind", ["empty", "prompted", "table"])
@pytest.mark.parametrize(
    "person", ['ana"', "ana\\", 'a", engineer="b', "a\nimport os", "{name}", "ana\u2028'", "𝒜na"]
)
def test_no_text_becomes_code(tmp_path: Path, kind: str, person: str) -> None:
    folder = tmp_path / "desk"
    if kind == "table":
        label = person.replace('"', '""')
        (tmp_path / "past.csv").write_text(f'text,label\na,x\nb,"y{label}"\n', newline="")
        past = read_past_work(tmp_path / "past.csv", COLUMNS)
        scaffold.write_from_table(folder, past, person=person, random_sample=False)
    elif kind == "empty":
        scaffold.write_empty(folder, person=person)
    else:
        scaffold.write_prompted(folder, person=person)
    pod = load(folder).declared.pod
    assert {getattr(pod, role) for role in ROLES} == {person}


def test_examples_hold_what_a_sender_may_send_and_the_rest_is_reported(tmp_path: Path) -> None:
    table = tmp_path / "past.csv"
    table.write_bytes(b"text,label\na\x00\f\x1b[1m\x00b,x\nc,y\n")
    past = read_past_work(table, COLUMNS, encoding="utf-8")
    assert any(STRIPPED in sentence for sentence in past.account.sentences())
    scaffold.write_from_table(tmp_path / "desk", past, person="ana", random_sample=False)
    results = [item for _, _, item in read_examples(load(tmp_path / "desk"))]
    assert {item.input.model_dump()["text"] for item in results} == {  # type: ignore[union-attr]
        "a\f\x1b[1mb",
        "c",
    }


def test_files_may_begin_with_a_byte_order_mark(folders: Folders) -> None:
    folder = folders.write(
        examples='\ufeff{"input": {"text": "a"}, "output": {"queue": "returns"}}\n'
    )
    declared = (folder / "usecase.py").read_text()
    (folder / "usecase.py").write_text("\ufeff" + declared.replace("0.02", "2.0"))
    [problem] = check(folder).problems
    assert problem.line == declared[: declared.index("risk_limit")].count("\n") + 1
    (folder / "usecase.py").write_text("\ufeff" + declared)
    assert (check(folder).problems, check(folder).examples) == ((), 1)


def test_people_of_the_pod_who_can_never_sign_in_are_named(folders: Folders) -> None:
    folder = folders.write()
    code = folder / "usecase.py"
    text = code.read_text()
    for name, other in (("ana", "Ana Müller"), ("ben", "Ben"), ("chi", "chi@corp.example")):
        text = text.replace(f'"{name}"', f'"{other}"')
    code.write_text(text)
    result = check(folder).problems
    assert len({problem.line for problem in result}) == 1
    for problem, name, remedy in zip(
        result,
        ("Ana Müller", "Ben", "chi@corp.example"),
        ("ana-m-ller", "ben", "chi"),
        strict=True,
    ):
        assert f"Nobody can sign in as {name!r}" in str(problem.problem)
        assert f"such as {remedy!r}" in str(problem.remedy)
