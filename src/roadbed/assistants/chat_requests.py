"""Requests of chat programs: what each dialect reads from them, and how it writes an answer. Pure.

A dialect checks the signature before it reads anything else. All that does not fit is refused in
the same words: whoever has not the secret learns nothing of use cases, clocks or people.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from roadbed.assistants.errors import ChatRefusal, ChatRequestRefusedError
from roadbed.kernel.json import JsonObject
from roadbed.usecases.chat_apps import ChatApp

MOST_BYTES = 64 * 1024
WINDOW_SECONDS = 300.0  # a signed request is refused when it is older, or from the future
_ID = re.compile(r"[A-Za-z0-9-]{1,100}")
LONGEST_TEXT = 2_900  # characters of an answer


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatQuestion:
    """A question whose signature was right.

    ``account`` is the person's account in the chat program, with that of their organization. ``id``
    is another one for each request. A later answer may go to ``reply_to``. ``public`` says that
    others read the answer too.
    """

    account: str
    text: str
    id: str
    reply_to: str | None
    public: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatLink:
    """A link below an answer."""

    label: str
    url: str


class ChatDialect(Protocol):
    """The requests and answers of one chat program."""

    kind: str
    answer_seconds: float  # how long the program waits, less the way back

    def read(
        self,
        app: ChatApp,
        secret: SecretStr,
        headers: Mapping[str, str],
        body: bytes,
        now: datetime,
    ) -> ChatQuestion:
        """The question of a request. Raises ``ChatRequestRefusedError``."""
        ...

    def written(self, text: str, links: Sequence[ChatLink]) -> JsonObject:
        """The JSON that shows ``text``: nothing in it is a link, picture, mention or command."""
        ...


def account_of(organization: str, own: str) -> str:
    """The account of a person with that of their organization.

    Raises ``ChatRequestRefusedError`` for what is no id.
    """
    if not (_ID.fullmatch(organization) and _ID.fullmatch(own)):
        raise ChatRequestRefusedError(ChatRefusal.ACCOUNT)
    return f"{organization}/{own}"


def same_digest(given: str, right: str) -> None:
    """Compare two signatures in constant time. Raises ``ChatRequestRefusedError``."""
    if not hmac.compare_digest(given.encode("utf-8", "replace"), right.encode()):
        raise ChatRequestRefusedError(ChatRefusal.SIGNATURE)


def in_window(sent_at: datetime, now: datetime) -> None:
    """Raise ``ChatRequestRefusedError`` unless a request was sent just now."""
    if abs((now - sent_at).total_seconds()) > WINDOW_SECONDS:
        raise ChatRequestRefusedError(ChatRefusal.TIME)


def shortened(text: str) -> str:
    """At most as much as every chat program shows."""
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
