"""People and their accounts in chat programs, requests that were answered, answers for later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from roadbed.assistants.chat_requests import WINDOW_SECONDS
from roadbed.assistants.errors import ChatAccountInvalidError, ChatAccountUnknownError
from roadbed.assistants.rows import Queries
from roadbed.audit.events import AuditEvent, record
from roadbed.kernel.clock import Clock
from roadbed.kernel.sentences import sentence
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries

SQL = queries(Queries)
KINDS = ("slack", "teams")
REPLY_SECONDS = 29 * 60.0  # Slack takes later answers for 30 minutes
_LONGEST_ACCOUNT = 201


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatAccount:
    """An account in a chat program, and the person who asks by it."""

    kind: str
    account: str
    person: str
    linked_by: str
    linked_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class LaterReply:
    """Where the answer to a task is sent when it is released."""

    task_id: str
    use_case: str
    person: str
    kind: str
    address: str
    private: bool
    until: datetime


class ChatAccounts:
    """Links accounts to people, and remembers what was asked."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def link(self, kind: str, account: str, person: str, *, by: str) -> None:
        """Let ``account`` ask as ``person``, instead of any other. ``ChatAccountInvalidError``."""
        _check(kind, account)
        facts = {"kind": kind, "account": account, "person": person, "by": by}
        async with self._database.transaction() as connection:
            cursor = await connection.execute(SQL["link"], {**facts, "at": self._clock.now()})
            if await cursor.fetchone() is None:
                raise ChatAccountInvalidError(
                    sentence("There is no person %(person)r.", person=person),
                    sentence("`roadbed user list` shows everybody."),
                )
            await record(connection, _event("chat account linked", person, by, kind, account))

    async def unlink(self, kind: str, account: str, *, by: str) -> str:
        """End what ``link`` gave; whose it was. Raises ``ChatAccountInvalidError``."""
        async with self._database.transaction() as connection:
            facts = {"kind": kind, "account": account}
            row = await (await connection.execute(SQL["unlink"], facts)).fetchone()
            if row is None:
                raise ChatAccountInvalidError(
                    sentence("The account %(account)r is linked to nobody.", account=account),
                    sentence("`roadbed chat list` shows those that are."),
                )
            person: str = row["person"]
            await record(connection, _event("chat account unlinked", person, by, kind, account))
        return person

    async def accounts(self) -> Sequence[ChatAccount]:
        """Every linked account."""
        return [ChatAccount(**row) for row in await self._database.fetch(SQL["accounts"])]

    async def person_of(self, kind: str, account: str) -> str:
        """The person who asks by an account. Raises ``ChatAccountUnknownError``."""
        facts = {"kind": kind, "account": account}
        row = await self._database.fetch_one(SQL["person_of"], facts)
        if row is None:
            raise ChatAccountUnknownError(kind, account)
        return row["person"]

    async def first_time(self, request: str) -> bool:
        """Whether a signed request was not seen before, in any process. It counts from now on."""
        now = self._clock.now()
        before = now - timedelta(seconds=3 * WINDOW_SECONDS)
        await self._database.fetch(SQL["forget_requests"], {"before": before})
        row = await self._database.fetch_one(SQL["first_time"], {"id": request, "at": now})
        return row is not None

    async def reply_later(self, reply: LaterReply) -> None:
        """Send the answer to a task when it is released."""
        await self._keep(reply, self._clock.now())

    async def ready(self) -> Sequence[tuple[str, str]]:
        """Task and use case of answers that can be sent now; those too late are forgotten."""
        now = {"at": self._clock.now()}
        await self._database.fetch(SQL["forget_replies"], now)
        rows = await self._database.fetch(SQL["ready"], now)
        return [(row["task_id"], row["use_case"]) for row in rows]

    async def take(self, task: str, use_case: str) -> LaterReply | None:
        """Take an answer to send it; ``None`` if another process did, or the use case is halted."""
        facts = {"task": task, "use_case": use_case}
        async with self._database.transaction() as connection:
            await connection.execute(SQL["gate"], facts)
            row = await (await connection.execute(SQL["take"], facts)).fetchone()
        return None if row is None else LaterReply(**row)

    async def put_back(self, reply: LaterReply, seconds: float) -> None:
        """Send it again after a while: nothing has left yet."""
        await self._keep(reply, self._clock.now() + timedelta(seconds=seconds))

    async def _keep(self, reply: LaterReply, due_at: datetime) -> None:
        facts = {
            "task": reply.task_id,
            "use_case": reply.use_case,
            "person": reply.person,
            "kind": reply.kind,
            "address": reply.address,
            "private": reply.private,
            "due_at": due_at,
            "until": reply.until,
        }
        await self._database.fetch(SQL["keep_reply"], facts)


async def unlink_everybody(connection: Connection, *, by: str) -> None:
    """End every link after a restore: it is not known which ended since. They are made again."""
    if await (await connection.execute(SQL["unlink_all"])).fetchall():
        event = AuditEvent(
            use_case=None, kind="chat accounts unlinked", subject="chats", actor=by, detail={}
        )
        await record(connection, event)


def _check(kind: str, account: str) -> None:
    organization, _, own = account.partition("/")
    if kind not in KINDS:
        raise ChatAccountInvalidError(
            sentence("%(kind)r is no chat program that is known here.", kind=kind[:40]),
            sentence("It is slack or teams."),
        )
    if not (organization and own and account.isprintable()) or len(account) > _LONGEST_ACCOUNT:
        raise ChatAccountInvalidError(
            sentence("%(account)r is no account.", account=account[:80]),
            sentence("Write it as the chat told its owner: organization, slash, account."),
        )


def _event(what: str, person: str, by: str, kind: str, account: str) -> AuditEvent:
    detail = {"chat": kind, "account": account}
    return AuditEvent(use_case=None, kind=what, subject=person, actor=by, detail=detail)
