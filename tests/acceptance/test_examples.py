"""The use-case folders under examples/ work as documented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from roadbed.bootstrap import open_app
from roadbed.kernel.settings import Settings
from roadbed.usecases.check import check
from roadbed.usecases.loader import read_examples

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(path.parent for path in EXAMPLES.glob("*/usecase.py"))


def test_every_folder_is_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert FOLDERS
    assert all(f"[{item.name}]" in listed for item in FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_it_has_no_mistakes(folder: Path) -> None:
    assert check(folder).problems == ()


async def submit(settings: Settings, url: str, name: str, content: dict[str, Any]) -> Any:
    async with open_app(settings.model_copy(update={"usecases": EXAMPLES}), url) as app:
        _, task = await app.decisions.submit(name, content, key=None, source={})
        assert task is not None
        decision = await task
        assert decision is not None
        return decision


@pytest.mark.parametrize(
    ("purpose", "amount", "route", "says"),
    [
        ("train to Leeds", 900.0, "review", "large-amounts"),
        ("train to Leeds", 0.0, "refused", "nothing-to-book"),
        ("train and lunch", 20.0, "review", "unsure"),
    ],
)
async def test_expense_claims_are_held_back_by_rule(
    settings: Settings, url: str, purpose: str, amount: float, route: str, says: str
) -> None:
    content = {"purpose": purpose, "amount": amount}
    decision = await submit(settings, url, "expense-claims", content)
    assert decision.routed.route == route
    assert says in decision.routed.reason


async def test_most_of_its_past_claims_are_booked_right(settings: Settings, url: str) -> None:
    async with open_app(settings.model_copy(update={"usecases": EXAMPLES}), url) as app:
        service = app.deployments.get("expense-claims")
        examples = [example for _, _, example in read_examples(service.loaded)]
        judged = await app.examples.in_use(service.loaded.declared, "judge")
        learn = await app.examples.in_use(service.loaded.declared, "learn")
        assert len(judged.examples) + len(learn.examples) == len(examples)
        right = 0
        for example in [*judged.examples, *learn.examples]:
            _, task = await app.decisions.submit(
                "expense-claims", example.input.model_dump(), key=None, source={}
            )
            assert task is not None
            decision = await task
            assert decision is not None
            expected = example.output.model_dump() if example.output else None
            right += decision.output == expected
        assert right >= 5
