"""External checks: HTTP services of a plan that answer whether a candidate may pass its gate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict

from roadbed.connectors.rendering import header_key
from roadbed.connectors.webhook import signatures
from roadbed.kernel.secrets import mask
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.destinations import EgressClient, Response
from roadbed.usecases.rollout import Check

_SECONDS = 30.0
_MOST_REASON = 500  # characters


class CheckAnswer(TypedDict):
    """The answer of one check."""

    name: str
    passed: bool
    reason: str


class ExternalChecks:
    """Posts JSON, signed as https://www.standardwebhooks.com says, and reads ``pass``, ``reason``.

    A check passes only with ``"pass": true``. Any other answer, an error or a timeout fails it.
    """

    def __init__(self, egress: Callable[[float], EgressClient]) -> None:
        self._egress = egress

    async def ask(
        self, checks: Sequence[Check], *, key: str, about: Mapping[str, object]
    ) -> list[CheckAnswer]:
        """Ask all checks at once about the candidate that ``about`` describes."""
        return await asyncio.gather(*(self._one(check, key, about) for check in checks))

    async def _one(self, check: Check, key: str, about: Mapping[str, object]) -> CheckAnswer:
        try:
            response = await self._post(check, header_key(f"{key}-{check.name}"), about)
            passed, reason = _read(response)
        except Exception as error:  # without an answer the check did not pass
            passed, reason = (
                False,
                stored_sentence("it could not be asked: %(value)s", value=str(error).rstrip(".")),
            )
        return {"name": check.name, "passed": passed, "reason": mask(reason)[:_MOST_REASON]}

    async def _post(self, check: Check, key: str, about: Mapping[str, object]) -> Response:
        egress = self._egress(_SECONDS)
        body = json.dumps({"check": check.name, **about}, sort_keys=True).encode()
        headers = {"Content-Type": "application/json", "webhook-id": key}
        moment = str(int(egress.now().timestamp()))
        headers["webhook-timestamp"] = moment
        if check.secret is not None:
            signed = signatures(egress, check.secret, key, moment, body)
            headers["webhook-signature"] = signed
        return await egress.request(
            "POST", check.url, headers=headers, content=body, private=check.private
        )


def _read(response: Response) -> tuple[bool, str]:
    if response.status != 200:
        return False, stored_sentence("it answered %(status)s", status=response.status)
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        return False, stored_sentence("its answer is no JSON")
    if not isinstance(answer, dict) or not isinstance(answer.get("pass"), bool):
        return False, stored_sentence('its answer does not say {"pass": true} or {"pass": false}')
    reason = answer.get("reason")
    return answer["pass"], reason if isinstance(reason, str) and reason else stored_sentence(
        "without a reason"
    )
