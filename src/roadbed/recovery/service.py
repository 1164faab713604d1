"""Recovery: detect that the database is a restored copy, halt everything, declare the restore.

The audit folder shows it: it holds a checkpoint that the database does not have. From then on every
use case is halted, and nothing is sent or sealed, until an administrator declares the restore. The
declaration repeats what no restore may undo.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from roadbed.assistants.chat_accounts import unlink_everybody
from roadbed.audit import handovers, irrevocable_events, keys
from roadbed.audit.handovers import Head
from roadbed.audit.irrevocable_events import IrrevocableEvent
from roadbed.audit.model import Checkpoint
from roadbed.audit.service import AuditLog
from roadbed.audit.tiles import TileFolder
from roadbed.deliveries.rows import Queries as DeliveryQueries
from roadbed.guarantee.rows import Queries as GuaranteeQueries
from roadbed.halts.errors import RestoreUndeclaredError
from roadbed.halts.service import Halts
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import Ids
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.knowledge.access import AccessGroups
from roadbed.people.members import Members
from roadbed.receipts.erasure import Erasure
from roadbed.recovery import outstanding
from roadbed.recovery.errors import NotAdministratorError, NothingToDeclareError
from roadbed.recovery.model import Declared, Restoration
from roadbed.recovery.outstanding import Outstanding
from roadbed.recovery.rows import Queries
from roadbed.storage.background import Warnings
from roadbed.storage.database import Connection, Database
from roadbed.storage.sql import queries

_SQL = queries(Queries)
_DELIVERIES = queries(DeliveryQueries)
_NOTICES = queries(GuaranteeQueries)
_RESTORE = "restore"  # subject of the notice to pods, until the restore is declared
_log = structlog.get_logger("roadbed")
INTERVAL_SECONDS = 2.0
_WAIT_SECONDS = 0.02


class Recovery:
    """Whether the database is an undeclared copy; ``standing`` is the last observation."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        halts: Halts,
        members: Members,
        erasure: Erasure,
        access: AccessGroups,
        ids: Ids,
        clock: Clock,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.standing: Restoration | None = None
        self._database = database
        self._audit = audit
        self._halts = halts
        self._members = members
        self._erasure = erasure
        self._access = access
        self._ids = ids
        self._clock = clock
        self._entropy = entropy
        self._folder = TileFolder(audit.folder)
        self._warnings = Warnings()

    async def detect(self) -> Restoration | None:
        """Hold everything if the database is a copy; gives the restore that waits.

        Raises ``AuditFolderError`` or ``AuditKeyError`` where the witness cannot be read.
        """
        restoration = await self._open()
        if restoration is None:
            longer = await self._audit.longer()
            if longer is not None and not await self._finished_before(longer):
                restoration = await self._found(longer)
            elif longer is None:
                await self._audit.finish_handover()
        if restoration is not None:
            await self._halts.hold(
                restoration.id, stored_sentence("The database was restored from a copy")
            )
        self.standing = restoration
        return restoration

    async def watch(self) -> None:
        """Check every two seconds, until cancelled; warn while a restore waits."""
        while True:
            with self._warnings.caught("everything is halted, or not known to be whole"):
                if await self.detect() is not None:
                    raise RestoreUndeclaredError
            await asyncio.sleep(INTERVAL_SECONDS)

    async def until_declared(self) -> None:
        """Wait until nothing waits to be declared: before that nothing may be sent."""
        while self.standing is not None:  # noqa: ASYNC110 - another process may declare it
            await asyncio.sleep(INTERVAL_SECONDS / 4)

    async def declare(self, *, by: str, reason: str) -> Declared:
        """Continue from a copy, and repeat irrevocable events.

        Due deliveries become *unknown*. The log continues under a new key. Raises
        ``NothingToDeclareError``, ``NotAdministratorError``, and what reading the witness raises.
        """
        await self.detect()
        while True:
            with self._folder.writing() as mine:
                if mine:
                    declared = await self._declare(by, reason)
                    await self._finish(declared)
                    break
            await asyncio.sleep(_WAIT_SECONDS)
        await self._halts.tell_all()
        self.standing = await self._open()
        await self._audit.witness()
        return declared

    async def _open(self) -> Restoration | None:
        row = await self._database.fetch_one(_SQL["open"])
        return Restoration(**row) if row else None

    async def _found(self, longer: Checkpoint) -> Restoration | None:
        newest = await self._audit.newest()
        facts = {
            "id": self._ids.new("rst"),
            "kept": newest.size if newest else 0,
            "lost": longer.size,
            "note": longer.note,
        }
        made = await self._database.fetch(_SQL["found"], facts)
        restoration = await self._open()
        if made and restoration is not None:
            await self._tell_pods(restoration)
            _log.error("the database was restored from a copy", restore=restoration.sentence)
        return restoration

    async def _tell_pods(self, restoration: Restoration) -> None:
        for row in await self._database.fetch(_SQL["use_cases"]):
            facts = {"id": self._ids.new("ntc"), "use_case": row["name"], "kind": "restored"}
            await self._database.fetch(
                _NOTICES["announce"],
                {**facts, "text": restoration.sentence, "at": self._clock.now(), "about": _RESTORE},
            )

    async def _finished_before(self, longer: Checkpoint) -> bool:
        """Whether this was declared, and only the folder's part was cut off: it is done now."""
        row = await self._database.fetch_one(_SQL["declared_about"], {"note": longer.note})
        if row is None:
            return False
        while True:
            with self._folder.writing() as mine:
                if mine:
                    await self._set_aside(longer.size)
                    break
            await asyncio.sleep(_WAIT_SECONDS)
        await self._audit.finish_handover()
        return True

    async def _declare(self, by: str, reason: str) -> Declared:
        folder, audit = self._audit.folder, self._audit
        old = await asyncio.to_thread(keys.signer, folder, self._entropy)
        new = await asyncio.to_thread(keys.next_signer, folder, self._entropy)
        async with self._database.transaction() as connection:
            row = await (await connection.execute(_SQL["hold"])).fetchone()
            if row is None:
                raise NothingToDeclareError
            await audit.lock(connection)
            longer = await audit.longer_than(connection)
            lost = Head(size=longer.size, root=longer.root) if longer else None
            newest = await (await connection.execute(_SQL["newest"])).fetchone()
            kept = (
                Head(size=newest["size"], root=newest["root"]) if newest else Head(size=0, root=b"")
            )
            base = keys.keyring(folder).key_of(newest["note"]) if newest else None
            events, unread = await self._events(connection, kept.size)
            at = self._clock.now()
            facts = {"at": at, "by": by, "reason": reason}
            cursor = await connection.execute(_DELIVERIES["after_restore"], facts)
            unknown = cursor.rowcount
            again = outstanding.outstanding(events)
            erased, documents, people = await self._erase_and_revoke(connection, again, by)
            await self._halts.lift(connection, row["id"], actor=by)
            halted = await self._halt_again(connection, again, by)
            handover = handovers.write("restored", old, new, kept=kept, lost=lost, base=base)
            counts = {"erased": erased, "documents": documents, "unknown": unknown}
            counts |= {"halted": len(halted), **people}
            await audit.note_handover(
                connection, handover, by=by, detail={"reason": reason, **counts}
            )
            await connection.execute(
                _SQL["declare"],
                {
                    **facts,
                    "id": row["id"],
                    "kept": kept.size,
                    "lost": lost.size if lost else None,
                    "lost_note": longer.note if longer else None,
                },
            )
            await self._close_notices(connection, at)
        await self._erasure.documents.clear_indexes(again.documents)
        return Declared(
            id=row["id"],
            kept=kept.size,
            lost=lost.size if lost else None,
            erased=erased,
            documents=documents,
            halted=halted,
            unknown=unknown,
            unread=unread,
            public_key=str(new.public),
            **people,
        )

    async def _erase_and_revoke(
        self, connection: Connection, again: Outstanding, by: str
    ) -> tuple[int, int, dict[str, int]]:
        """Repeat erasures of tasks and documents, and revocations; returns the number of each.

        Raises ``NotAdministratorError`` where ``by`` is no administrator after that.
        """
        why = stored_sentence("erased before the database was lost")
        erased = await self._erasure.erase_again(connection, again.tasks, by=by, reason=why)
        documents = await self._erasure.documents.erase_again(
            connection, again.documents, by=by, reason=why
        )
        people = await self._members.after_restore(
            connection,
            disabled=again.disabled,
            demoted=again.demoted,
            roles=again.roles,
            tokens=again.tokens,
            passwords=again.passwords,
            by=by,
        )
        if not await self._members.is_admin(connection, by):
            raise NotAdministratorError(by)
        access = await self._access.end_again(connection, again.access, by=by)
        await unlink_everybody(connection, by=by)
        return erased, documents, {**people, "access": access}

    async def _close_notices(self, connection: Connection, at: datetime) -> None:
        for row in await (await connection.execute(_SQL["use_cases"])).fetchall():
            facts = {"about": _RESTORE, "at": at, "use_case": row["name"]}
            await connection.execute(_NOTICES["over"], facts)

    async def _finish(self, declared: Declared) -> None:
        if declared.lost is not None:
            await self._set_aside(declared.lost)
        await self._audit.finish_handover()

    async def _set_aside(self, size: int) -> None:
        number = len(keys.keyring(self._audit.folder).handovers) + 1
        await asyncio.to_thread(self._folder.set_aside, number, size)

    async def _halt_again(self, connection: Connection, again: Outstanding, by: str) -> list[str]:
        halted = []
        reasons = dict.fromkeys(
            again.looks,
            stored_sentence(
                "A version was rolled back, or automation narrowed, after the copy was made: look "
                "before it goes on"
            ),
        ) | dict.fromkeys(
            again.halts,
            stored_sentence("In force when the database was lost, and set again after the restore"),
        )
        for use_case, reason in sorted(reasons.items()):
            if await self._halts.set_again(connection, use_case, reason=reason, actor=by):
                halted.append(use_case)
        return halted

    async def _events(
        self, connection: Connection, kept: int
    ) -> tuple[list[tuple[IrrevocableEvent, bool]], list[str]]:
        """Every event of the folder, and whether the database has it; unreadable files.

        Events of logs that earlier restores lost come first: the copy may be one of those.
        """
        events_read: list[tuple[IrrevocableEvent, bool]] = []
        unread: list[str] = []
        logs = [(path, list(lines)) for path, lines in self._folder.lost()]
        for path, lines in [*logs, (self._audit.folder, list(self._folder.history()))]:
            shown = {_size(line.note): line.note for line in lines if line.note is not None}
            cursor = await connection.execute(_SQL["checkpoints"], {"sizes": list(shown)})
            rows = await cursor.fetchall()
            common = [row["size"] for row in rows if shown[row["size"]] == row["note"]]
            shared = min(max(common, default=0), kept)
            try:
                events = await asyncio.to_thread(irrevocable_events.events, path)
            except (OSError, ValueError, TypeError):
                unread.append(str(path / irrevocable_events.JOURNAL))
                continue
            events_read += [(event, event.leaf < shared) for event in events]
        return events_read, unread


def _size(note: str) -> int:
    lines: Sequence[str] = note.splitlines()
    return int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else 0
