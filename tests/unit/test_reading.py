"""Models that read back their own output, and models that do not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    computed_field,
    field_validator,
)

from roadbed.intake.errors import InputError
from roadbed.intake.validation import read_input
from roadbed.usecases.check import check
from roadbed.usecases.parsing import NOT_READ_BACK, UnfitError, form_of, read_form, read_stored
from roadbed.usecases.samples import model_problems


class Plain(BaseModel):
    text: str
    count: int = 1


class Secret(BaseModel):
    card: SecretStr


class Left(BaseModel):
    kept: str
    dropped: str = Field("", exclude=True)


class Rounded(BaseModel):
    amount: Annotated[float, PlainSerializer(lambda amount: f"{amount:.0f} EUR")]


class Prefixed(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def prefix(cls, name: str) -> str:
        return f"x{name}"


class Swapped(BaseModel):
    one: str = Field(alias="two")
    two: str = Field(alias="one")


class Area(BaseModel):
    width: float
    height: float = 1.0

    @computed_field
    def size(self) -> float:
        return self.width * self.height


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow", serialize_by_alias=True)

    text: str = Field("", alias="Text")


class Broken(BaseModel):
    text: str

    @field_validator("text")
    @classmethod
    def fail(cls, text: str) -> str:
        raise KeyError(text)


class Raw(BaseModel):
    data: bytes


def test_a_value_is_read_to_the_letter_or_made_plain() -> None:
    exact = read_form(Plain, {"text": "a", "count": 1})
    assert (exact.form, exact.as_given) == ({"text": "a", "count": 1}, True)
    loose = read_form(Plain, {"text": "a", "count": "1"})
    assert (loose.form, loose.as_given) == (exact.form, False)
    assert read_form(Plain, Plain(text="a")).form == exact.form
    assert not read_form(Plain, {"text": "a"}).as_given
    built = Plain.model_construct(text="a", count="2")  # type: ignore[arg-type]
    assert read_form(Plain, built).form == {"text": "a", "count": 2}


def test_what_is_computed_is_no_part_of_the_form() -> None:
    assert read_form(Area, {"width": 2}).form == {"width": 2.0, "height": 1.0}


def test_aliases_are_taken_and_never_written() -> None:
    assert read_form(Loose, {"Text": "a"}).form == {"text": "a"}
    assert read_form(Loose, Loose(Text="a")).form == {"text": "a"}


@pytest.mark.parametrize(
    ("model", "given", "place", "why"),
    [
        (Plain, {"text": "a", "more": 1}, "more", "Extra inputs"),
        (Loose, {"text": "a", "more": 1}, "more", "Extra inputs"),
        (Plain, "text", "", "valid dictionary"),
        (Plain, {"text": "\x00"}, "text", "NUL"),
        (Broken, {"text": "a"}, "", "its model failed: KeyError"),
        (Raw, {"data": b"\xff"}, "", "its model failed: UnicodeDecodeError"),
        (Secret, {"card": "4111"}, "card", NOT_READ_BACK),
        (Left, {"kept": "a", "dropped": "b"}, "dropped", NOT_READ_BACK),
        (Rounded, {"amount": 1.4}, "amount", NOT_READ_BACK),
        (Prefixed, {"name": "a"}, "name", NOT_READ_BACK),
        (Swapped, {"one": "1", "two": "2"}, "one", NOT_READ_BACK),
    ],
)
def test_mismatches_are_reported_with_their_place(
    model: type[BaseModel], given: object, place: str, why: str
) -> None:
    with pytest.raises(UnfitError) as told:
        read_form(model, given)
    assert told.value.fields[0][0] == place
    assert why in told.value.fields[0][1]


def test_what_was_stored_is_read_with_the_model_of_today() -> None:
    assert read_stored(Plain, {"text": "a", "count": "3", "gone": 1}).form == {
        "text": "a",
        "count": 3,
    }
    assert form_of(Plain, {"text": "a"}) == {"text": "a", "count": 1}
    assert form_of(Plain, {"texts": "a"}) == {"texts": "a"}


def test_what_cannot_be_stored_is_refused_at_the_door_and_nothing_else() -> None:
    class Open(BaseModel):
        more: dict[str, Any]

    for more, place in (
        ({"a": ["b", "\ud800"]}, "more.a.1"),
        ({"a\x00": 1}, "more.a\ufffd"),
        ({"a": float("nan")}, "more.a"),
        ({"a": 10**400}, "more.a"),
    ):
        with pytest.raises(InputError) as told:
            read_input(Open, {"more": more})
        assert told.value.fields[0][0] == place
    assert read_input(Open, {"more": {"a": "😀 ퟿ 한국어"}}).as_given
    assert read_input(Open, {"more": {"a\x07": ["page 1\fpage 2\x0b", "\x1b[31mred"]}}).as_given


@pytest.mark.parametrize("model", [Secret, Rounded, Prefixed, Swapped])
def test_a_model_that_is_not_read_back_is_found_without_examples(model: type[BaseModel]) -> None:
    [problem] = model_problems("input", "input", model)
    assert problem.field == "input"
    assert "does not read" in str(problem.problem)
    assert "SecretStr" in str(problem.remedy)


class Everything(BaseModel):
    class Inner(BaseModel):
        sku: str = Field(min_length=3, max_length=9)
        when: Annotated[str, Field(json_schema_extra={"format": "date"})] = ""

    texts: list[str] = Field(min_length=2)
    inner: Inner
    more: dict[str, int] = {}
    amount: Decimal | None = None
    share: float = Field(0.5, gt=0, lt=1)
    low: int = Field(3, ge=3)
    high: int = Field(3, le=3)
    yes: bool = True
    pair: tuple[int, str] = (1, "a")
    self: Everything | None = None
    code: str = Field("AB-1", pattern=r"^[A-Z]{2}-\d$")


@pytest.mark.parametrize("model", [Plain, Area, Loose, Everything, Broken])
def test_a_model_that_reads_what_it_writes_has_no_problem(model: type[BaseModel]) -> None:
    assert list(model_problems("input", "input", model)) == []


def test_check_names_the_model_and_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "triage"
    folder.mkdir()
    (folder / "usecase.py").write_text(
        """from pydantic import BaseModel, SecretStr
from roadbed import Answer, Pod, UseCase

class Inquiry(BaseModel):
    card: SecretStr

class Routing(BaseModel):
    queue: str

usecase = UseCase(
    "triage", purpose="Send each inquiry to its team",
    input=Inquiry,
    output=Routing, risk_limit=0.02,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
)

@usecase.decider
def decide(inquiry, context):
    return Answer(output=Routing(queue="a"), confidence=0.5)
"""
    )
    [problem] = check(folder).problems
    assert (problem.file, problem.line) == (folder / "usecase.py", 12)
    assert "its field 'card'" in str(problem.problem)


class Sets(BaseModel):
    tags: set[str]
    inner: list[dict[str, frozenset[int]]] = []


def test_the_form_of_a_set_is_the_same_in_every_order_and_process() -> None:
    """Members come in the order of their hashes, which differ from process to process."""
    tags = [f"tag {number:02}" for number in range(50)]
    inner = [{"a": list(range(40, 0, -1))}]
    form = read_form(Sets, {"tags": tags[::-1], "inner": inner}).form
    assert form["tags"] == tags
    assert form == read_form(Sets, {"tags": tags, "inner": inner}).form
    assert sorted(form["inner"][0]["a"]) == list(range(1, 41))
