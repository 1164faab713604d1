"""``Webhook``: JSON to a URL, signed as https://www.standardwebhooks.com says."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from pydantic import SecretStr

from roadbed.connectors.egress import url_problem
from roadbed.connectors.rendering import encoded, header_key, secret_problems
from roadbed.connectors.responses import accept, condition_problems, dig
from roadbed.connectors.send_only import SendOnly
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.destinations import DeliveryRequest, EgressClient, RefusedError, Sent

_PREFIX = "whsec_"
_BEFORE = "_OLD"


@dataclass(frozen=True, slots=True)
class Webhook(SendOnly):
    """Posts a delivery's content to ``url``.

    ``secret`` names the environment variable with the signing key: ``whsec_`` and base64, or any
    text. As long as ``<secret>_OLD`` is set too, each delivery carries a signature by either.
    ``succeeded_when`` is CEL over ``status`` and ``body``, for receivers that answer 200 with an
    error inside. ``key_horizon``: for how long the receiver remembers a ``webhook-id``.
    """

    kind: ClassVar[str] = "webhook"

    url: str
    secret: str | None = None
    private: bool = False
    succeeded_when: str | None = None
    key_horizon: timedelta | None = timedelta(hours=24)

    def problems(self) -> Sequence[str]:
        return list(self._problems())

    async def send(self, request: DeliveryRequest, egress: EgressClient) -> Sent:
        body = encoded(request.content)
        key = header_key(request.key)
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, "webhook-id": key}
        if self.secret is not None:
            moment = str(int(egress.now().timestamp()))
            headers["webhook-timestamp"] = moment
            headers["webhook-signature"] = signatures(egress, self.secret, key, moment, body)
        response = await egress.request(
            "POST", self.url, headers=headers, content=body, private=self.private
        )
        answer = accept(response, egress.now(), self.succeeded_when)
        return Sent(
            reference=dig(answer, "id"),
            detail=stored_sentence("It answered %(status)s.", status=response.status),
        )

    def _problems(self) -> Iterator[str]:
        if (problem := url_problem(self.url)) is not None:
            yield f"url cannot be sent to: {problem}. Write https://host/path."
        elif self.url.startswith("http:") and not self.private:
            yield "url is not encrypted. Use https, or private=True inside your own network."
        yield from secret_problems("secret", self.secret)
        yield from condition_problems("succeeded_when", self.succeeded_when)


def signatures(egress: EgressClient, name: str, key: str, moment: str, body: bytes) -> str:
    """What ``webhook-signature`` says, by the secret ``name`` and, while it is set, the one before.

    The one before stands in the variable ``name`` and ``_OLD``: a receiver that knows either takes
    the delivery, so that both sides need not change at one moment. Raises ``RefusedError``.
    """
    secrets = [egress.secret(name)]
    with contextlib.suppress(RefusedError):  # not set: there is no old secret, or no longer
        secrets.append(egress.secret(name + _BEFORE))
    return " ".join(_signature(secret, key, moment, body) for secret in secrets)


def _signature(secret: SecretStr, key: str, moment: str, body: bytes) -> str:
    """``v1,`` and the base64 HMAC-SHA256 of ``key.moment.body``. Raises ``RefusedError``."""
    value = secret.get_secret_value()
    try:
        plain = value.encode("utf-8")
        with_key = (
            base64.b64decode(value.removeprefix(_PREFIX), validate=True)
            if value.startswith(_PREFIX)
            else plain
        )
    except binascii.Error as error:
        raise RefusedError(
            stored_sentence("The signing secret begins with whsec_ but is no base64."),
            cause="secret",
        ) from error
    signed = b".".join((key.encode(), moment.encode(), body))
    digest = hmac.new(with_key, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode("ascii")
