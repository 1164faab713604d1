"""Cases as one person may read them, for each way in which a case can quote a document."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.examples.quality import Item, quality
from roadbed.kernel.settings import Settings
from roadbed.knowledge.readable_cases import ReadableCases
from roadbed.knowledge.withholding import NOTE, Withholding
from tests import libraries
from tests.acceptance.test_asking import declaration
from tests.libraries import NAME, Shelf

PAY = "The zebra keeper earns 91234 EUR in a year."
TURN = {"question": "And in a month?", "text": PAY}


@pytest.fixture
async def app(settings: Settings, url: str) -> AsyncIterator[App]:
    """A library with a document of the group ``hr``; ``shop`` is in it, ``eve`` is not."""
    root = settings.usecases / NAME
    root.mkdir(parents=True)
    (root / "usecase.py").write_text(declaration(), encoding="utf-8")
    libraries.write(
        root, {"hr/pay.md": f"# Pay\n\n{PAY}\n", "leave.md": "# Leave\n\nThirty days.\n"}
    )
    async with open_app(settings, url) as opened:
        shelf = Shelf(opened, root)
        await shelf.ingest()
        for person in ("ana", "shop", "eve"):
            await opened.members.add(person, by="test")
        await opened.libraries.access.add(NAME, shelf.library, "hr", "shop", by="ana")
        yield opened


async def task_of(app: App, sender: str, **more: Any) -> str:
    source = {"surface": "api", "by": sender}
    content = {"question": "What does the zebra keeper earn?", **more}
    admission, running = await app.decisions.submit(NAME, content, key=None, source=source)
    assert running is not None
    await running
    return admission.task.id


async def read(app: App, person: str, case: Mapping[str, Any]) -> Mapping[str, Any]:
    [shown] = await app.libraries.cases.of(NAME, person, [case])
    return shown


def said(text: str = PAY, *documents: str) -> dict[str, Any]:
    return {"route": "answer", "text": text, "citations": [{"document": one} for one in documents]}


async def test_what_is_shown_whole_is_the_same_object(app: App) -> None:
    case = {"task": None, "right": said("Thirty days.", "leave.md"), "input": "leave"}
    assert await read(app, "eve", case) is case
    hidden = {"task": None, "right": said(PAY, "hr/pay.md"), "input": "pay"}
    assert await read(app, "shop", hidden) is hidden


async def test_a_hidden_citation_withholds_text_notes_and_actions(app: App) -> None:
    case = {
        "task": None,
        "live": said("Thirty days.", "leave.md"),
        "right": said(PAY, "hr/pay.md"),
        "live_actions": [{"name": "pay"}],
        "why": PAY,
        "note": PAY,
        "input": "pay",
    }
    shown = await read(app, "eve", case)
    assert shown["live"] == case["live"]
    assert shown["right"]["text"] == shown["why"] == shown["note"] == str(NOTE)
    assert (shown["live_actions"], shown["input"], shown["withheld"]) == ([], "pay", True)


async def test_an_answer_without_citation_may_quote_if_its_sender_reads_more(app: App) -> None:
    task = await task_of(app, "shop")
    case = {"task": task, "answered": said(), "right": {"text": "What a person wrote."}, "why": PAY}
    shown = await read(app, "eve", case)
    assert shown["answered"]["text"] == shown["why"] == str(NOTE)
    assert shown["right"] == case["right"]
    own = {**case, "task": await task_of(app, "eve")}
    assert await read(app, "eve", own) is own


async def test_a_right_output_that_a_decider_gave_is_of_the_decider(app: App) -> None:
    case = {"task": await task_of(app, "shop"), "answered": said(), "right": said()}
    assert (await read(app, "eve", case))["right"]["text"] == str(NOTE)


async def test_earlier_turns_in_a_line_of_an_input(app: App) -> None:
    task = await task_of(app, "shop", earlier=[TURN])
    whole = {"question": "What does the zebra keeper earn?", "earlier": [TURN]}
    line = f"question: {whole['question']}, earlier: {[TURN]}"
    for given in (line, whole):
        shown = await read(app, "eve", {"task": task, "input": given})
        assert "91234" not in str(shown["input"])
        assert str(NOTE) in str(shown["input"])
        kept = {"task": task, "input": given}
        assert await read(app, "shop", kept) is kept


async def test_what_a_receiver_said_of_a_hidden_answer(app: App) -> None:
    task = await task_of(app, "shop")
    row = {"task_id": task, "reason": "zebra", "key": "zebra", "state": "held", "attempts": [1]}
    shown = await read(app, "eve", row)
    assert (shown["reason"], shown["key"], shown["attempts"]) == (str(NOTE), None, None)
    assert shown["state"] == "held"


async def test_who_reads_everything_costs_one_query_and_no_library_none(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    fetch = app.database.fetch

    async def counted(query: Any, facts: Any = None) -> Any:
        asked.append(query)
        return await fetch(query, facts)

    monkeypatch.setattr(app.database, "fetch", counted)

    def nobody() -> str:
        raise AssertionError("who reads makes no difference, so nobody is asked")

    libraries_ = app.libraries
    assert await libraries_.cases.reader(NAME, lambda: "shop") is None
    assert len(asked) == 1
    assert await libraries_.cases.reader(NAME, lambda: "eve") is not None
    asked.clear()
    without = Withholding(libraries_.documents, libraries_.access, lambda _name: None)
    cases = ReadableCases(app.database, without)
    case = {"task": "tsk_1", "right": said(PAY, "hr/pay.md")}
    assert await cases.reader(NAME, nobody) is None
    assert await cases.of(NAME, "eve", [case]) == [case]
    assert asked == []


async def test_groups_that_are_only_stored_count_too(app: App) -> None:
    """A group that the declaration dropped limits until the next ingestion."""
    await app.database.fetch("UPDATE document SET access_group = 'board' WHERE path = 'leave.md'")
    assert await app.libraries.cases.reader(NAME, lambda: "shop") is not None
    case = {"task": None, "right": said("Thirty days.", "leave.md")}
    assert (await read(app, "shop", case))["right"]["text"] == str(NOTE)


def test_withheld_examples_are_counted_as_they_are() -> None:
    def item(number: int, text: str) -> Item:
        output = {"text": text}
        return Item(
            id=f"exm_{number}",
            input={"question": "Zebra?"},
            output=output,
            task_id=None,
            person=None,
            born_at=datetime(2026, 11, 1, tzinfo=UTC),
        )

    items = [item(0, PAY), item(1, "Nothing.")]
    hidden = {"exm_0": item(0, str(NOTE)), "exm_1": item(1, str(NOTE))}
    told = quality(items, hidden)
    assert (told.contradictory, len(told.contradictions)) == (2, 1)
    assert [side.output for side in told.contradictions[0].sides] == [{"text": str(NOTE)}] * 2
