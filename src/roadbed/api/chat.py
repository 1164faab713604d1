"""Requests of chat programs: signed, answered as the person whose account asks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

import structlog
from fastapi import APIRouter, Request
from pydantic import SecretStr
from starlette.responses import Response

from roadbed.access import admit, open_to_all
from roadbed.api.deps import app_of, as_json
from roadbed.app import App
from roadbed.assistants.chat_accounts import REPLY_SECONDS, ChatAccounts, LaterReply
from roadbed.assistants.chat_answers import chat_answer
from roadbed.assistants.chat_requests import MOST_BYTES, ChatDialect, ChatLink, ChatQuestion
from roadbed.assistants.errors import (
    ChatRefusal,
    ChatRequestRefusedError,
    ChatRequestRepeatedError,
    ChatRequestTooLargeError,
    NotAnsweredFromDocumentsError,
)
from roadbed.assistants.replies import OPEN, reply_of
from roadbed.assistants.slack import SlackDialect
from roadbed.assistants.teams import TeamsDialect
from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.secrets import KNOWN
from roadbed.kernel.sentences import sentence
from roadbed.people.permissions import Permission
from roadbed.receipts.questions import for_an_asker
from roadbed.usecases.chat_apps import ChatApp
from roadbed.usecases.errors import UnknownUseCaseError
from roadbed.usecases.use_case import UseCase

router = APIRouter()
_DIALECTS: Mapping[str, ChatDialect] = {
    dialect.kind: dialect for dialect in (SlackDialect(), TeamsDialect())
}
_log = structlog.get_logger("roadbed")


@router.post("/usecases/{name}/chat/{kind}", include_in_schema=False)
@open_to_all
async def chat(name: str, kind: str, request: Request) -> Response:
    """A question from a chat program. Its signature stands for a token, its account for a person.

    Answered in the form of the program, also if there is no answer: it shows nothing else.
    """
    app, loop = app_of(request), asyncio.get_running_loop()
    began = loop.time()
    body = await _body(request)
    try:
        declared, dialect, chat_app, asked = _verified(app, name, kind, request, body)
    except ChatRequestRefusedError as error:
        _log.warning(
            "chat request refused", usecase=name[:80], chat=kind[:40], why=error.reason.value
        )
        raise
    accounts = ChatAccounts(app.database, app.clock)
    if not await accounts.first_time(f"{kind}:{asked.id}"):
        raise ChatRequestRepeatedError
    try:
        left = dialect.answer_seconds - (loop.time() - began)
        text, links = await _answer(app, accounts, declared, chat_app, asked, left)
    except RoadbedError as error:
        text, links = f"{error.problem} {error.remedy}", []
    return as_json(dialect.written(text, links))


async def _body(request: Request) -> bytes:
    """The body, read no further than one may be long. Raises ``ChatRequestTooLargeError``."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise ChatRequestTooLargeError(MOST_BYTES)
    return bytes(body)


def _verified(
    app: App, name: str, kind: str, request: Request, body: bytes
) -> tuple[UseCase, ChatDialect, ChatApp, ChatQuestion]:
    """The question, by the first declared app whose secret signed it."""
    dialect = _DIALECTS.get(kind)
    if dialect is None or name not in app.deployments.names():
        raise ChatRequestRefusedError(ChatRefusal.UNDECLARED)
    declared = app.deployments.get(name).loaded.declared
    refused = ChatRequestRefusedError(ChatRefusal.UNDECLARED)
    for chat_app in declared.chat_apps:
        if chat_app.kind != kind:
            continue
        value = os.environ.get(chat_app.secret, "").rstrip("\r\n")
        if not value:
            refused = ChatRequestRefusedError(ChatRefusal.SECRET)
            continue
        KNOWN.learn([value])
        try:
            secret = SecretStr(value)
            asked = dialect.read(chat_app, secret, request.headers, body, app.clock.now())
        except ChatRequestRefusedError as error:
            refused = error
        else:
            return declared, dialect, chat_app, asked
    raise refused


async def _answer(
    app: App,
    accounts: ChatAccounts,
    declared: UseCase,
    chat_app: ChatApp,
    asked: ChatQuestion,
    seconds: float,
) -> tuple[str, list[ChatLink]]:
    """The answer, or how far it is. Raises what keeps the person from asking."""
    name = declared.name
    person = await accounts.person_of(chat_app.kind, asked.account)
    viewer = await app.people.viewer(person)
    admit(viewer, name, (Permission.SUBMIT,), partial(UnknownUseCaseError, name))
    library = declared.library
    if library is None:
        raise NotAnsweredFromDocumentsError(name)
    if not asked.text:
        return str(sentence("Write your question behind the command.")), []
    admission, running = await app.decisions.submit(
        name,
        {library.question: asked.text},
        key=f"{chat_app.kind}:{asked.id}",
        source={"surface": chat_app.kind, "by": person},
        waits=True,
    )
    if running is not None and not running.done():
        await asyncio.wait([running], timeout=max(0.0, seconds))
    address, task = app.settings.public_address(), admission.task.id
    receipt = await app.receipts.get(task, viewer=person)
    if viewer.only_asks(name):
        receipt = for_an_asker(receipt, person)
    reply = reply_of(receipt, address)
    later = reply.state in OPEN and asked.reply_to is not None
    if later and asked.reply_to is not None:
        await accounts.reply_later(
            LaterReply(
                task_id=task,
                use_case=name,
                person=person,
                kind=chat_app.kind,
                address=asked.reply_to,
                private=getattr(chat_app, "private", False),
                until=app.clock.now() + timedelta(seconds=REPLY_SECONDS),
            )
        )
    text, links = await chat_answer(
        reply,
        app.libraries,
        library,
        person=person,
        address=address,
        public=asked.public,
        later=later,
    )
    return text, list(links)
