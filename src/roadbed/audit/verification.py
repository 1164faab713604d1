"""Verification of the log against its own entries and the copy outside the database.

Payloads are rendered by the server and hashed here, so that two cores share the work, a bundle at a
time. Everything is read from one snapshot; writers and sealers go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import cast

import psycopg
from psycopg.rows import dict_row

from roadbed.audit import irrevocable_events
from roadbed.audit.checkpoints import Checkpoints
from roadbed.audit.model import KeyChange, LogFinding, Verification
from roadbed.audit.rows import DescribedRow, LeavesRow, Queries
from roadbed.audit.tiles import ENTRIES, TileFolder, as_entries
from roadbed.audit.tree import (
    HASH_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    Recomputation,
    Tile,
    leaf_hash,
    pieces,
)
from roadbed.kernel.messages import gettext as _
from roadbed.kernel.messages import later
from roadbed.storage.database import BlockingConnection, RowT
from roadbed.storage.errors import StorageUnavailableError
from roadbed.storage.sql import Query, queries

_SQL = queries(Queries)
MOST_FINDINGS = 1_000
_ENTRY_BYTES = HASH_BYTES + 2
# The remedy for a finding. The log shows that data changed, not the earlier data.
_ENTRY_REMEDY = later(
    "Nothing is repaired by itself. Keep the database as it is for whoever looks into it, find out "
    "who could write to it, and take the entry's true content from a backup or a receipt's proof."
)
_LOG_REMEDY = later(
    "Nothing is repaired by itself. Keep the database and the folder as they are, and compare "
    "checkpoints with copies kept elsewhere; if a backup was restored on purpose, write that down."
)


def verify(url: str, folder: Path, monotonic: Callable[[], float]) -> Verification:
    """Recompute everything; findings are listed, never raised.

    Raises ``StorageUnavailableError`` when the database cannot be read to the end.
    """
    try:
        with BlockingConnection.connect(url, row_factory=dict_row) as connection:
            connection.execute(_SQL["snapshot"])
            return _Verifying(connection, folder).run(monotonic)
    except psycopg.OperationalError as error:
        raise StorageUnavailableError(str(error).strip().splitlines()[0]) from error


@dataclass(frozen=True, kw_only=True, slots=True)
class _Suspect:
    """A leaf whose entry does not give its commitment. ``sealed_so``: but does give the tile's."""

    position: int
    sealed_so: bool


class _Verifying:
    """One run over one snapshot."""

    def __init__(self, connection: BlockingConnection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._findings: list[LogFinding] = []
        self._suspects: list[_Suspect] = []
        self._next = 0  # the bundle that comes next
        self._broken = False  # a bundle is missing or cut, so the tree ends there
        self._erased = 0
        self._files = _TileFiles(TileFolder(folder), 0)

    def run(self, monotonic: Callable[[], float]) -> Verification:
        began = monotonic()
        claims = Checkpoints.read(
            lambda: self._rows(_SQL["every_checkpoint"]),
            self._folder,
            lambda text: self._find(None, text),
        )
        published = max((checkpoint.size for checkpoint in claims.folder), default=0)
        self._files = _TileFiles(TileFolder(self._folder), published)
        retraced = Recomputation(claims.sizes())
        self._connection.execute(_SQL["by_key"], {"joins": "off"})
        with self._connection.cursor() as cursor:
            for row in cursor.stream(_SQL["leaves"], binary=True):
                self._bundle(cast("LeavesRow", row), retraced)
        waiting = self._waiting()
        self._journal(published)
        self._connection.execute(_SQL["by_key"], {"joins": "on"})
        self._judge_suspects()
        self._astray()
        self._higher_tiles(retraced)
        changes = self._key_changes(claims)
        for problem in claims.against(retraced.leaves, retraced.roots, cut=self._broken):
            self._find(None, problem)
        return Verification(
            entries=self._rows(_SQL["count"])[0]["entries"],
            erased=self._erased,
            pending=waiting,
            checkpoints=len(claims.database),
            seconds=monotonic() - began,
            newest=claims.newest,
            findings=self._findings[:MOST_FINDINGS],
            more=max(0, len(self._findings) - MOST_FINDINGS),
            key_changes=changes,
        )

    def _key_changes(self, claims: Checkpoints) -> list[KeyChange]:
        """Every handover of keys; one that only the folder or only the database has is found."""
        rows = {row["note"]: row for row in self._rows(_SQL["handovers"])}
        shown = {handover.note for handover in claims.handovers}
        for row in rows.values():
            if row["note"] not in shown:
                self._find(
                    None,
                    _("A handover of keys of %(day)s is not in the folder.")
                    % {"day": f"{row['at']:%Y-%m-%d}"},
                )
        changes = []
        for handover in claims.handovers:
            told = rows.get(handover.note)
            # A later restore may have lost the row of an earlier handover; the later one shows it.
            if told is None and handover is claims.handovers[-1]:
                self._find(None, _("The last handover of keys is not in the database."))
            changes.append(
                KeyChange(
                    why=handover.why,
                    old_key=str(handover.old),
                    new_key=str(handover.new),
                    kept=handover.kept.size,
                    lost=handover.lost.size if handover.lost else None,
                    by=told["actor"] if told else None,
                    reason=told["reason"] if told else None,
                    at=told["at"] if told else None,
                )
            )
        return changes

    def _bundle(self, row: LeavesRow, retraced: Recomputation) -> None:
        index, positions, commitments = row["index"], row["positions"], row["commitments"]
        preimages = row["preimages"] or []
        digests = [
            None if preimage is None else sha256(preimage).digest() for preimage in preimages
        ]
        if None in digests or b"".join(map(bytes, digests)) != commitments:  # type: ignore[arg-type]
            self._compare(positions, digests, commitments, row["hashes"] or b"")
        if index != self._next:
            self._find(
                None,
                _("Bundles %(first)s to %(last)s are missing.")
                % {"first": self._next, "last": index - 1},
            )
            self._broken = True
        if not 0 < len(positions) <= TILE_WIDTH or len(commitments) != len(positions) * HASH_BYTES:
            self._find(
                None, _("Bundle %(index)s is not as long as it was sealed.") % {"index": index}
            )
            self._broken = True
        self._next = index + 1
        if self._broken:
            return
        if retraced.leaves != index * TILE_WIDTH:
            self._find(
                None,
                _("Bundle %(index)s is not full, though another follows it.")
                % {"index": index - 1},
            )
            self._broken = True
            return
        hashes = retraced.add(commitments)
        if row["hashes"] != hashes:
            self._find(
                None, _("Tile 0/%(index)s is not what its leaves hash to.") % {"index": index}
            )
        for problem in self._files.bundle(index, commitments, hashes):
            self._find(None, problem)

    def _compare(
        self,
        positions: Sequence[int],
        digests: Sequence[bytes | None],
        commitments: bytes,
        hashes: bytes,
    ) -> None:
        """Which leaves of a bundle differ; why is judged when all are known."""
        sealed, tile = pieces(commitments), pieces(hashes)
        for place, (position, digest) in enumerate(zip(positions, digests, strict=True)):
            if digest is None or sealed[place : place + 1] != [digest]:
                so = digest is not None and tile[place : place + 1] == [leaf_hash(digest)]
                self._suspects.append(_Suspect(position=position, sealed_so=so))

    def _journal(self, published: int) -> None:
        """The folder's journal against the entries that its newest checkpoint covers."""
        rows = self._rows(
            _SQL["irrevocable"],
            first=0,
            most=self._next,
            kinds=list(irrevocable_events.KINDS),
            before=0,
            size=published,
        )
        wanted = {row["leaf"]: irrevocable_events.event(row["leaf"], row) for row in rows}
        try:
            shown = {event.leaf: event for event in irrevocable_events.events(self._folder)}
        except (OSError, ValueError, TypeError):
            self._find(None, _("%(file)s cannot be read.") % {"file": irrevocable_events.JOURNAL})
            return
        erased = {row["leaf"] for row in rows if row["detail"] is None}
        wrong = [
            leaf
            for leaf in wanted.keys() | {leaf for leaf in shown if leaf < published}
            if leaf not in erased and wanted.get(leaf) != shown.get(leaf)
        ]
        if wrong:
            self._find(
                None,
                _(
                    "%(file)s does not tell what the log holds at %(wrong)s places, the first "
                    "after entry %(entry)s: a restore would undo what must stay."
                )
                % {
                    "file": irrevocable_events.JOURNAL,
                    "wrong": len(wrong),
                    "entry": min(wrong),
                },
            )

    def _waiting(self) -> int:
        rows = self._rows(_SQL["waiting_leaves"])
        for row in rows:
            given = row["preimage"]
            if given is None or sha256(given).digest() != row["commitment"]:
                self._suspects.append(_Suspect(position=row["position"], sealed_so=False))
        return len(rows)

    def _judge_suspects(self) -> None:
        if not self._suspects:
            return
        erased = self._named_as_erased()
        wanted = [suspect.position for suspect in self._suspects]
        rows = {row["position"]: row for row in self._rows(_SQL["described"], positions=wanted)}
        for suspect in self._suspects:
            row = rows.get(suspect.position)
            if row is None:
                self._find(
                    suspect.position,
                    _("Entry %(position)s was sealed and is missing.")
                    % {"position": suspect.position},
                )
            elif row["unsalted"] and row["blank"] and suspect.position in erased:
                self._erased += 1
            elif row["unsalted"] or row["blank"]:
                self._find(
                    suspect.position,
                    _("%(entry)s was emptied, and no erasure names it.") % {"entry": _named(row)},
                )
            elif suspect.sealed_so:
                self._find(
                    suspect.position,
                    _("The commitment kept for %(entry)s was changed.") % {"entry": _named(row)},
                )
            else:
                self._find(
                    suspect.position,
                    _("%(entry)s is not what was committed to.") % {"entry": _named(row)},
                )

    def _named_as_erased(self) -> set[int]:
        """Positions that a later entry names as erased."""
        erased: set[int] = set()
        for row in self._rows(_SQL["erased"]):
            positions = row["detail"].get("positions") if isinstance(row["detail"], dict) else None
            if isinstance(positions, list):
                erased.update(
                    position
                    for position in positions
                    if isinstance(position, int) and position < row["position"]
                )
        return erased

    def _astray(self) -> None:
        rows = self._rows(_SQL["astray"])
        wanted = [row["position"] for row in rows]
        described: dict[int | None, DescribedRow] = {
            row["position"]: row for row in self._rows(_SQL["described"], positions=wanted)
        }
        for row in rows:
            entry, position = described.get(row["position"]), row["position"]
            if entry is not None and not row["places"]:
                self._find(
                    position, _("%(entry)s was never committed to.") % {"entry": _named(entry)}
                )
            elif row["places"] > 1:
                named = _named(entry) if entry else _("Entry %(position)s") % {"position": position}
                self._find(
                    position,
                    _("%(entry)s stands in %(places)s places.")
                    % {"entry": named, "places": row["places"]},
                )

    def _higher_tiles(self, retraced: Recomputation) -> None:
        for row in self._rows(_SQL["stray_tiles"]):
            self._find(None, _("Tile 0/%(index)s has no leaves.") % {"index": row["index"]})
        if self._broken:
            return
        expected = retraced.higher_tiles()
        stored = {
            (row["level"], row["index"]): row["hashes"] for row in self._rows(_SQL["higher_tiles"])
        }
        for level, index in sorted(expected.keys() | stored.keys()):
            if expected.get((level, index)) != stored.get((level, index)):
                self._find(
                    None,
                    _("Tile %(level)s/%(index)s is not what the tiles below it hash to.")
                    % {"level": level, "index": index},
                )
        for tile, hashes in expected.items():
            for problem in self._files.tile(tile, hashes):
                self._find(None, problem)

    def _rows(self, query: Query[RowT], **parameters: object) -> list[RowT]:
        return self._connection.execute(query, parameters).fetchall()

    def _find(self, position: int | None, problem: str) -> None:
        remedy = _(_ENTRY_REMEDY if position is not None else _LOG_REMEDY)
        self._findings.append(LogFinding(position=position, problem=problem, remedy=remedy))


def _named(row: DescribedRow) -> str:
    at = f"{row['at']:%Y-%m-%d %H:%M:%S.%f}"
    return _("Entry %(position)s (%(kind)s, %(subject)s, %(at)s UTC)") % {
        "position": row["position"],
        "kind": row["kind"],
        "subject": row["subject"],
        "at": at,
    }


class _TileFiles:
    """Compares the folder's tile files with the recomputed tree.

    ``size`` is the size of the folder's newest checkpoint: so many entries must exist.
    """

    def __init__(self, folder: TileFolder, size: int) -> None:
        self._folder = folder
        self._size = size

    def bundle(self, index: int, commitments: bytes, hashes: bytes) -> Iterator[str]:
        """Findings about the files of a bundle: its entries and its tile of level 0."""
        yield from self._compare(ENTRIES, index, 0, as_entries(commitments), _ENTRY_BYTES)
        yield from self.tile((0, index), hashes)

    def tile(self, tile: Tile, hashes: bytes) -> Iterator[str]:
        """Findings about the files of a tile of hashes."""
        level, index = tile
        yield from self._compare(f"tile/{level}", index, level, hashes, HASH_BYTES)

    def _compare(
        self, kind: str, index: int, level: int, content: bytes, unit_bytes: int
    ) -> Iterator[str]:
        """``unit_bytes``: how many bytes one hash or entry takes."""
        there = (self._size >> TILE_HEIGHT * level) - index * TILE_WIDTH
        if there <= 0:  # it may be on its way to the folder
            return
        wanted, widths = min(there, TILE_WIDTH), set()
        try:
            for width, content_there in self._folder.parts(kind, index):
                widths.add(width)
                # Entries published meanwhile are newer than the rows read from the database.
                common = min(width * unit_bytes, len(content))
                if (
                    len(content_there) != width * unit_bytes
                    or content_there[:common] != content[:common]
                ):
                    name = self._folder.name(kind, index, width)
                    yield _("The file %(name)s is not what the database's tiles hold.") % {
                        "name": name
                    }
        except OSError as error:
            name = self._folder.name(kind, index, wanted)
            yield _("The file %(name)s cannot be read: %(error)s.") % {
                "name": name,
                "error": error.strerror,
            }
            return
        if not widths & {wanted, TILE_WIDTH}:
            yield _("The file %(name)s is missing.") % {
                "name": self._folder.name(kind, index, wanted)
            }
