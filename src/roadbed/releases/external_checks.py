"""Judgments from outside: each check of the plan is told of the candidate and answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from roadbed.connectors.rendering import header_key
from roadbed.connectors.webhook import signatures
from roadbed.kernel.secrets import mask
from roadbed.usecases.destinations import EgressClient, Response
from roadbed.usecases.rollout import Check

_SECONDS = 30.0
_MOST_REASON = 500  # characters


class ExternalChecks:
    """Posts JSON, signed as https://www.standardwebhooks.com says, and reads ``pass``, ``reason``.

    Anything but a plain yes is a no: another answer, an error, no answer in time.
    """

    def __init__(self, egress: Callable[[float], EgressClient]) -> None:
        self._egress = egress

    async def ask(
        self, checks: Sequence[Check], *, key: str, about: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Every check's answer: ``name``, ``passed``, ``reason``."""
        return await asyncio.gather(*(self._one(check, key, about) for check in checks))

    async def _one(self, check: Check, key: str, about: Mapping[str, Any]) -> dict[str, Any]:
        try:
            response = await self._post(check, header_key(f"{key}-{check.name}"), about)
            passed, reason = _read(response)
        except Exception as error:  # whatever keeps it from answering, it did not say yes
            passed, reason = False, f"it could not be asked: {str(error).rstrip('.')}"
        return {"name": check.name, "passed": passed, "reason": mask(reason)[:_MOST_REASON]}

    async def _post(self, check: Check, key: str, about: Mapping[str, Any]) -> Response:
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
        return False, f"it answered {response.status}"
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError):
        return False, "its answer is no JSON"
    if not isinstance(answer, dict) or not isinstance(answer.get("pass"), bool):
        return False, 'its answer does not say {"pass": true} or {"pass": false}'
    reason = answer.get("reason")
    said = reason if isinstance(reason, str) and reason else "without a reason"
    return answer["pass"], said
