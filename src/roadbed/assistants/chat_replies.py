"""Answers that come after a chat request was answered: sent once at most, when they are released.

They go only where the signed request said, by the network client of deliveries: to no private
address, by no redirect. They tell the person what the receipt tells them, so a halt holds them back
but does not wait for one that is on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog

from roadbed.assistants.chat_accounts import ChatAccounts, LaterReply
from roadbed.assistants.chat_answers import chat_answer
from roadbed.assistants.replies import OPEN, reply_of
from roadbed.assistants.slack import SlackDialect
from roadbed.connectors.rendering import encoded
from roadbed.connectors.responses import accept
from roadbed.knowledge.libraries import Libraries
from roadbed.people.permissions import Permission
from roadbed.people.service import People
from roadbed.receipts.questions import for_an_asker
from roadbed.receipts.service import Receipts
from roadbed.usecases.destinations import (
    EgressClient,
    RefusedError,
    TemporaryError,
    UnknownOutcomeError,
)
from roadbed.usecases.use_case import UseCase

_LOOK_SECONDS = 1.0
_SEND_SECONDS = 10.0
_AGAIN_SECONDS = 5.0
_log = structlog.get_logger("roadbed")
_SLACK = SlackDialect()  # the only program that takes later answers


class ChatReplies:
    """Sends what ``ChatAccounts.reply_later`` keeps. Any number of processes may do this."""

    def __init__(
        self,
        accounts: ChatAccounts,
        *,
        people: People,
        receipts: Receipts,
        libraries: Libraries,
        declared: Callable[[str], UseCase | None],
        egress: Callable[[float], EgressClient],
        address: str,
    ) -> None:
        self._accounts = accounts
        self._people = people
        self._receipts = receipts
        self._libraries = libraries
        self._declared = declared
        self._egress = egress
        self._address = address

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self.send_ready()
            await asyncio.sleep(_LOOK_SECONDS)

    async def send_ready(self) -> None:
        """Send every answer that is released by now."""
        for task, use_case in await self._accounts.ready():
            if (declared := self._declared(use_case)) is None:
                continue  # another process serves it
            if (reply := await self._accounts.take(task, use_case)) is not None:
                await self._send(reply, declared)

    async def _send(self, reply: LaterReply, declared: UseCase) -> None:
        viewer = await self._people.viewer(reply.person)
        if not viewer.may(reply.use_case, Permission.SUBMIT):  # any more
            return
        receipt = await self._receipts.get(reply.task_id, viewer=reply.person)
        if viewer.only_asks(reply.use_case):
            receipt = for_an_asker(receipt, reply.person)
        shown = reply_of(receipt, self._address)
        if shown.state in OPEN:
            await self._accounts.put_back(reply, _AGAIN_SECONDS)
            return
        text, links = await chat_answer(
            shown,
            self._libraries,
            declared.library,
            person=reply.person,
            address=self._address,
            public=False,
            later=False,
        )
        try:
            await self._post(reply, encoded(_SLACK.written(text, links)))
        except TemporaryError:
            await self._accounts.put_back(reply, _AGAIN_SECONDS)
        except (RefusedError, UnknownOutcomeError) as error:
            _log.warning("chat reply not confirmed", task=reply.task_id, problem=str(error))

    async def _post(self, reply: LaterReply, body: bytes) -> None:
        egress = self._egress(_SEND_SECONDS)
        response = await egress.request(
            "POST",
            reply.address,
            headers={"Content-Type": "application/json"},
            content=body,
            private=reply.private,
        )
        # The address lets whoever has it write into the chat.
        hide = f"{reply.address} {urlsplit(reply.address).path}"
        accept(response, egress.now(), hide=hide)
