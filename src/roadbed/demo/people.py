"""The demo's people: clients that send tasks, and a reviewer who knows the right answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from roadbed.demo.datasets import Labelled
from roadbed.demo.errors import DemoServerError
from roadbed.demo.use_cases import DemoUseCase

CLIENTS = 48
REVIEWERS_AT_ONCE = 16
_PATIENCE_SECONDS = 120.0


@dataclass(slots=True)
class Tally:
    """The result of a round, as its clients saw it."""

    tasks: int = 0
    automatic: int = 0
    wrong_automatic: int = 0


class Caller:
    """HTTP with retries: a request is repeated with the same key and body."""

    def __init__(self, address: str, token: str) -> None:
        self._client = httpx2.AsyncClient(
            base_url=f"{address}/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=60.0,
            limits=httpx2.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """The JSON answer; 409 answers come back too. Raises ``DemoServerError``."""
        waited = 0.0
        while True:
            try:
                response = await self._client.request(method, path, json=body)
                if response.status_code < 500:
                    content: dict[str, Any] = response.json()
                    return content
                detail = f"status {response.status_code}"
            except httpx2.HTTPError as error:
                detail = type(error).__name__
            if waited >= _PATIENCE_SECONDS:
                raise DemoServerError(detail)
            await asyncio.sleep(0.25)
            waited += 0.25


async def send_round(
    caller: Caller,
    use_case: DemoUseCase,
    prefix: str,
    tasks: Sequence[Labelled],
    tally: Tally,
    decided: Callable[[Mapping[str, Any]], None],
) -> None:
    """Send every task once, ``CLIENTS`` at a time, and count what was automatic, and wrongly so.

    ``decided`` gets each decision.
    """
    waiting = iter(enumerate(tasks))
    await asyncio.gather(
        *(_client(caller, use_case, prefix, waiting, tally, decided) for _ in range(CLIENTS))
    )


async def review_all(
    caller: Caller,
    use_case: DemoUseCase,
    truth: Mapping[str, str | None],
    tick: Callable[[], None],
) -> int:
    """Give verdicts until nothing waits; gives how many."""
    given = 0
    while True:
        claimed = await caller.call("POST", f"/usecases/{use_case.name}/reviews/claim?limit=50")
        if not claimed["reviews"]:
            return given
        gate = asyncio.Semaphore(REVIEWERS_AT_ONCE)
        await asyncio.gather(
            *(_review(caller, use_case, review, truth, gate) for review in claimed["reviews"])
        )
        given += len(claimed["reviews"])
        tick()


async def confirm_labels(lead: Caller, use_case: str) -> None:
    """Confirm every label that waits: these people make no typing errors."""
    path = f"/usecases/{use_case}/labels"
    for label in (await lead.call("GET", path))["waiting"]:
        await lead.call(
            "POST", path, {"field": label["field"], "value": label["value"], "new": True}
        )


async def answer_some(
    caller: Caller, use_case: DemoUseCase, truth: Mapping[str, str | None], *, leave: int
) -> None:
    """Give verdicts, the most pressing first, until no more than ``leave`` wait."""
    path = f"/usecases/{use_case.name}/reviews"
    waiting = await caller.call("GET", f"{path}?limit={leave + 50}")
    if (more := len(waiting.get("reviews", [])) - leave) <= 0:
        return
    claimed = await caller.call("POST", f"{path}/claim?limit={more}")
    gate = asyncio.Semaphore(REVIEWERS_AT_ONCE)
    await asyncio.gather(
        *(_review(caller, use_case, review, truth, gate) for review in claimed.get("reviews", []))
    )


async def _client(
    caller: Caller,
    use_case: DemoUseCase,
    prefix: str,
    waiting: Iterator[tuple[int, Labelled]],
    tally: Tally,
    decided: Callable[[Mapping[str, Any]], None],
) -> None:
    for number, (text, label) in waiting:
        receipt = await caller.call(
            "POST",
            f"/usecases/{use_case.name}/tasks",
            {"key": f"{prefix}-{number}", "input": {use_case.field: text}, "wait": 30},
        )
        while receipt["decision"] is None:
            await asyncio.sleep(0.5)
            receipt = await caller.call("GET", f"/receipts/{receipt['task']}")
        tally.tasks += 1
        if receipt["decision"]["route"] == "automatic":
            tally.automatic += 1
            tally.wrong_automatic += not use_case.is_right(receipt["decision"]["output"], label)
        decided(receipt["decision"])


async def _review(
    caller: Caller,
    use_case: DemoUseCase,
    review: Mapping[str, Any],
    truth: Mapping[str, str | None],
    gate: asyncio.Semaphore,
) -> None:
    text = review["input"][use_case.field]
    if text not in truth:
        return  # somebody else sent it, whose answer these people do not know
    label = truth[text]
    body: dict[str, object] = {"verdict": "reject"}
    if label is not None:
        body = {"verdict": "accept"}
        if review["blind"] or not use_case.is_right(review["output"], label):
            right = use_case.output(label)
            body = {"verdict": "correct", "output": right, "new_labels": True}
    async with gate:
        await caller.call("POST", f"/reviews/{review['id']}/verdict", body)
