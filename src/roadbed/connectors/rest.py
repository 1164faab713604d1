"""``Rest``: one call that makes an effect in a REST system, and the call that reverses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, TypedDict

from roadbed.connectors import rendering
from roadbed.connectors.egress import url_problem
from roadbed.connectors.responses import accept, condition_problems, dig, holds
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.destinations import (
    DeliveryRequest,
    EgressClient,
    RefusedError,
    Response,
    Sent,
)

_GONE = frozenset({404, 410})
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


class Call(TypedDict, total=False):
    """One HTTP call. ``path`` and ``headers`` are templates, ``body`` is a shape of templates."""

    method: str
    path: str
    body: Any
    headers: Mapping[str, str]


class Find(TypedDict, total=False):
    """How to find an effect. ``found_when`` is CEL; ``reference`` a place such as ``0.id``."""

    method: str
    path: str
    found_when: str
    reference: str


@dataclass(frozen=True, slots=True)
class Rest:
    """Fits Jira, ServiceNow and the like.

    Templates may name the delivery's facts, ``key``, ``content`` and, in ``take_back``,
    ``sent.reference``; fields in a path are percent-encoded. ``auth_header`` is a header's name
    and the environment variable with its whole value. ``key_header`` carries the key;
    ``key_horizon`` says for how long the receiver remembers it. Conditions are CEL over ``status``
    and ``body``.
    """

    kind: ClassVar[str] = "rest"

    base_url: str
    create: Call
    find: Find | None = None
    take_back: Call | None = None
    reference: str = "id"
    auth_header: tuple[str, str] | None = None
    succeeded_when: str | None = None
    key_header: str | None = None
    key_horizon: timedelta | None = None
    private: bool = False

    @property
    def can_look_up(self) -> bool:
        return self.find is not None

    @property
    def can_compensate(self) -> bool:
        return self.take_back is not None

    def problems(self) -> Sequence[str]:
        return list(self._problems())

    async def send(self, request: DeliveryRequest, egress: EgressClient) -> Sent:
        response = await self._call(self.create, "POST", rendering.facts_of(request), egress)
        answer = accept(response, egress.now(), self.succeeded_when, hide=self._hidden(egress))
        return Sent(
            reference=dig(answer, self.reference),
            detail=stored_sentence("It answered %(status)s.", status=response.status),
        )

    async def look_up(self, request: DeliveryRequest, egress: EgressClient) -> Sent | None:
        if self.find is None:
            raise RefusedError(
                stored_sentence("No call to find an effect is declared. Look there.")
            )
        call = Call(path=self.find["path"], method=self.find.get("method", "GET"))
        response = await self._call(call, "GET", rendering.facts_of(request), egress)
        if response.status in _GONE:
            return None
        answer = accept(response, egress.now(), hide=self._hidden(egress))
        if not holds(self.find.get("found_when", "true"), response):
            return None
        place = self.find.get("reference", self.reference)
        return Sent(reference=dig(answer, place), detail=stored_sentence("The effect exists."))

    async def compensate(self, request: DeliveryRequest, sent: Sent, egress: EgressClient) -> Sent:
        if self.take_back is None:
            raise RefusedError(
                stored_sentence("No call to take an effect back is declared. A person has to.")
            )
        facts = rendering.facts_of(
            request, sent={"reference": sent.reference, "detail": sent.detail}
        )
        response = await self._call(self.take_back, "DELETE", facts, egress)
        # It is gone: an earlier attempt removed it, and the response was lost.
        if response.status not in _GONE:
            accept(response, egress.now(), hide=self._hidden(egress))
        return Sent(
            reference=sent.reference,
            detail=stored_sentence("It answered %(status)s.", status=response.status),
        )

    async def _call(
        self, call: Call, method: str, facts: Mapping[str, Any], egress: EgressClient
    ) -> Response:
        headers = {
            name: rendering.text(value, facts) for name, value in call.get("headers", {}).items()
        }
        content = b""
        if call.get("body") is not None:
            headers.setdefault("Content-Type", "application/json")
            content = rendering.encoded(rendering.shape(call["body"], facts))
        if self.key_header is not None:
            headers[self.key_header] = rendering.header_key(str(facts["key"]))
        if self.auth_header is not None:
            headers[self.auth_header[0]] = self._hidden(egress)
        return await egress.request(
            call.get("method", method),
            self.base_url.rstrip("/") + rendering.path(call["path"], facts),
            headers=headers,
            content=content,
            private=self.private,
        )

    def _hidden(self, egress: EgressClient) -> str:
        if self.auth_header is None:
            return ""
        return egress.secret(self.auth_header[1]).get_secret_value()

    def _problems(self) -> Iterator[str]:
        if (problem := url_problem(self.base_url)) is not None:
            yield f"base_url cannot be called: {problem}. Write https://host."
        elif self.base_url.startswith("http:") and not self.private:
            yield "base_url is not encrypted. Use https, or private=True inside your own network."
        for name in ("create", "find", "take_back"):
            call = getattr(self, name)
            if call is not None:
                yield from _call_problems(name, call, Find if name == "find" else Call)
        if self.auth_header is not None:
            yield from rendering.secret_problems("auth_header", self.auth_header[1])
        yield from condition_problems("succeeded_when", self.succeeded_when)
        if self.find is not None:
            yield from condition_problems("find.found_when", self.find.get("found_when"))
        if self.key_horizon and not self.key_header and "{key}" not in str(self.create):
            yield "key_horizon is set, but no key is sent. Name key_header, or put {key} in create."


def _call_problems(name: str, call: Mapping[str, Any], known: type) -> Iterator[str]:
    if unknown := sorted(set(call) - set(known.__annotations__)):
        yield f"{name} holds {unknown}. It may hold {sorted(known.__annotations__)}."
    if not str(call.get("path", "")).startswith("/"):
        yield f"{name}.path does not begin with /. Write the path below base_url."
    if call.get("method", "GET") not in _METHODS:
        yield f"{name}.method is {call.get('method')!r}. Use one of {sorted(_METHODS)}."
    for part in ("path", "headers", "body"):
        yield from rendering.template_problems(f"{name}.{part}", call.get(part))
