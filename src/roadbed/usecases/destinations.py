"""Destinations and actions of a pod, and the protocol of connectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel, SecretStr

from roadbed.kernel.json import JsonObject


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryRequest:
    """One effect to make, as a connector receives it.

    ``key`` is the same at every attempt: a receiver that remembers keys makes the effect once.
    ``kind`` is ``result``, the name of an action, ``correction`` or ``approval``. ``facts`` is what
    templates may name: ``task``, ``input``, ``output``, ``action`` and so on.
    """

    id: str
    key: str
    use_case: str
    task_id: str
    destination: str
    kind: str
    content: JsonObject
    facts: JsonObject
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """The effect was made. ``reference`` is the receiver's own name for it, if it gave one."""

    reference: str | None = None
    detail: str = ""


class TemporaryError(Exception):
    """Nothing happened at the receiver; another attempt may do. ``retry_after`` in seconds."""

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class RefusedError(Exception):
    """Nothing happened, and a retry would fail too, so a person has to act.

    ``cause`` is one word for a cause that fails every delivery: ``401``, ``secret``.
    The pod gets one notice, not one per delivery.
    """

    def __init__(self, detail: str, *, cause: str | None = None) -> None:
        super().__init__(detail)
        self.cause = cause


class UnknownOutcomeError(Exception):
    """It was sent and no answer came: the effect may have been made, or not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """An HTTP answer, its body cut off at the limit. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class EgressClient(Protocol):
    """Access to the network for one attempt of a connector; there is no other access."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        private: bool = False,
    ) -> Response:
        """One HTTP exchange, within the attempt's deadline.

        No redirect is followed, no address of a private network is reached unless ``private``, and
        the body is read up to a limit.

        Raises ``TemporaryError`` when nothing was sent, ``UnknownOutcomeError`` when no whole
        answer came, ``RefusedError`` for an address that is not allowed.
        """
        ...

    async def address(self, host: str, port: int, *, private: bool = False) -> str:
        """The IP address to connect to. Raises ``TemporaryError``, ``RefusedError``."""
        ...

    def secret(self, name: str) -> SecretStr:
        """The secret in the environment variable ``name``. Raises ``RefusedError`` if unset."""
        ...

    def now(self) -> datetime:
        """The moment, UTC."""
        ...

    def in_time(self) -> None:
        """Check the deadline right before an effect that is not made by ``request``.

        ``request`` checks it itself. A suspended process must not continue after it wakes: a halt
        may rely on that. Raises ``TemporaryError`` once the attempt's deadline has passed.
        """
        ...


class Connector(Protocol):
    """A kind of receiver. Holds settings and names of secrets, never a secret.

    ``key_horizon``: how long the receiver recognises a key it has seen; ``None`` if it does not, so
    that nothing may be sent again unless it is known that nothing happened. ``can_look_up``:
    whether ``look_up`` can find out. ``can_compensate``: whether ``compensate`` can take an effect
    back.
    """

    @property
    def kind(self) -> str: ...
    @property
    def key_horizon(self) -> timedelta | None: ...
    @property
    def can_look_up(self) -> bool: ...
    @property
    def can_compensate(self) -> bool: ...

    def problems(self) -> Sequence[str]:
        """Problems of the settings, one sentence each; no I/O."""
        ...

    async def send(self, sending: DeliveryRequest, egress: EgressClient) -> Sent:
        """Make the effect.

        Raises ``TemporaryError``, ``RefusedError``, ``UnknownOutcomeError``; anything else counts
        as unknown.
        """
        ...

    async def look_up(self, sending: DeliveryRequest, egress: EgressClient) -> Sent | None:
        """The effect that the receiver has under the delivery's key; ``None`` if it has none."""
        ...

    async def compensate(self, sending: DeliveryRequest, sent: Sent, egress: EgressClient) -> Sent:
        """Take the effect back. Must be idempotent."""
        ...


class Effect(StrEnum):
    """The strongest effect that an action can have."""

    READ = "read"
    REVERSIBLE = "reversible"  # its connector can take it back
    IRREVERSIBLE = "irreversible"


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """Where results go. ``key``, ``in_order_of`` are templates, ``when`` is CEL.

    ``after`` names the destination that must have been delivered before; if this one fails for
    good, what was delivered before it is taken back.
    """

    name: str
    to: Connector
    key: str
    when: str | None = None
    in_order_of: str | None = None
    after: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionKind:
    """An effect that a decider may propose; ``rules.yaml`` says when it is allowed.

    ``after`` names the kind that must come before it in the same answer, and is sent first.
    """

    name: str
    arguments: type[BaseModel]
    to: Connector
    effect: Effect
    key: str
    per_task: int = 1
    per_day: int | None = None
    after: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """A proposed effect inside an ``Answer``; it needs the rules and the relay to happen."""

    name: str
    arguments: BaseModel | Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Approvals:
    """Where people are asked for approval, and for how many hours the request is open."""

    to: Connector | None = None
    within_hours: float = 24.0
