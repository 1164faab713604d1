"""A task set with planted mistakes, to test whether improvement finds them.

Orders with a region, a product code, a supplier and a text go to one of five lines, which a decider
looks up by the code. Planted mistakes: in the north, codes that begin with 7 belong to the line
garden; one record of ``data/products.csv`` is wrong; and one supplier's name is often misspelt. All
data is drawn from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from roadbed.improvement.mining import ReviewedCase

LINES = ("house", "garden", "sport", "office", "toys")
REGIONS = ("north", "south", "east", "west")
SUPPLIERS = ("Brightwater", "Kestrel Tools", "Montrose", "Halloran")
ABROAD = "Halloran"  # all orders from here are for the office
MISSPELT = "Haloran"
_TEXTS = (
    "please order again the same box as last time with care",
    "send it soon to our shop thanks",
    "we need more of these small parts for spring",
    "new stock and the price list are attached",
    "large blue ones and a few green ones",
)
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
WRONG_KEY = "4711"


class Order(BaseModel):
    """The input."""

    region: str
    code: str
    supplier: str
    text: str
    amount: float


class Placement(BaseModel):
    """The output."""

    line: str


@dataclass(frozen=True, kw_only=True)
class Planted:
    """The verdicts, the reference table with its mistake, and the correct line."""

    seen: Sequence[ReviewedCase]
    table: dict[str, dict[str, str]]
    right_line: str


def planted(seed: int, *, corrections: int = 40, accepted: int = 400) -> Planted:
    """Verdicts with ``corrections`` corrections, half due to the rule, half due to the data."""
    chance = random.Random(f"planted {seed}")  # noqa: S311  # a seeded test set
    table = products(chance)
    right_line = "toys" if table[WRONG_KEY]["line"] == "sport" else "sport"
    wanted = {"rule": corrections // 2, "record": corrections // 5}
    wanted["alias"] = corrections - sum(wanted.values())
    seen: list[ReviewedCase] = []
    while any(wanted.values()) or len(seen) < corrections + accepted:
        order = _order(chance, table, wanted)
        decided, right = look_up(order, table), truth(order, table, right_line)
        mistake = _mistake(order) if decided != right else None
        if (mistake is None and len(seen) >= corrections + accepted) or (
            mistake is not None and not wanted[mistake]
        ):
            continue
        if mistake is not None:
            wanted[mistake] -= 1
        seen.append(_seen(len(seen), order, decided, right))
    return Planted(seen=seen, table=table, right_line=right_line)


def noise(seed: int, *, verdicts: int = 440, share: float = 0.1) -> Planted:
    """The same orders, with random corrections."""
    chance = random.Random(f"noise {seed}")  # noqa: S311  # a seeded test set
    table = products(chance)
    seen = []
    for number in range(verdicts):
        order = _order(chance, table, {})
        decided = look_up(order, table)
        right = {"line": chance.choice(LINES)} if chance.random() < share else decided
        seen.append(_seen(number, order, decided, right))
    return Planted(seen=seen, table=table, right_line="")


def products(chance: random.Random) -> dict[str, dict[str, str]]:
    """A reference table of 60 products."""
    codes = chance.sample([str(number) for number in range(1000, 10_000) if number != 4711], 59)
    codes += [WRONG_KEY]
    records = {code: {"code": code, "line": chance.choice(LINES)} for code in sorted(codes)}
    records[WRONG_KEY]["line"] = chance.choice(("house", "garden", "sport"))
    return records


def look_up(order: Order, table: dict[str, dict[str, str]]) -> dict[str, str]:
    """The decider: the line of the table, and office for all orders from abroad."""
    if order.supplier == ABROAD:
        return {"line": "office"}
    return {"line": table[order.code]["line"]}


def truth(order: Order, table: dict[str, dict[str, str]], right_line: str) -> dict[str, str]:
    """The right answer."""
    if order.region == "north" and order.code.startswith("7"):
        return {"line": "garden"}
    if order.supplier in (ABROAD, MISSPELT):
        return {"line": "office"}
    if order.code == WRONG_KEY:
        return {"line": right_line}
    return look_up(order, table)


def _mistake(order: Order) -> str:
    if order.region == "north" and order.code.startswith("7"):
        return "rule"
    return "alias" if order.supplier == MISSPELT else "record"


def _order(
    chance: random.Random, table: dict[str, dict[str, str]], wanted: dict[str, int]
) -> Order:
    open_ = [name for name, n in wanted.items() if n]
    aim = chance.choice(open_) if open_ and chance.random() < 0.15 else None
    codes = list(table)
    sevens = [item for item in codes if item.startswith("7")] or codes
    code = {"record": WRONG_KEY, "rule": chance.choice(sevens)}.get(aim or "", chance.choice(codes))
    region = "north" if aim == "rule" else chance.choice(REGIONS)
    supplier = MISSPELT if aim == "alias" else chance.choice(SUPPLIERS)
    return Order(
        region=region,
        code=code,
        supplier=supplier,
        text=", ".join(chance.sample(_TEXTS, k=chance.randint(1, 4))),
        amount=round(chance.uniform(1, 500), 2),
    )


def _seen(
    number: int, order: Order, decided: dict[str, Any], right: dict[str, Any]
) -> ReviewedCase:
    return ReviewedCase(
        task_id=f"tsk_{number:028d}",
        input=order.model_dump(mode="json"),
        decided=decided,
        right=right,
        given_at=START + timedelta(minutes=number),
        confidence=0.9,
    )
