"""Key handovers: text, signed by both keys, by which a new key continues a log. No I/O.

A handover states: this key signs at most ``kept`` entries; the next key signs the rest of the log.
After a restore it also states how many entries the old key had signed (``lost``); the later ones
are no longer in the log.
"""

from __future__ import annotations

import binascii
import itertools
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from roadbed.audit import notes
from roadbed.audit.model import Checkpoint
from roadbed.audit.notes import NoteError, PublicKey, Signer

_FORMAT = "roadbed/handover/1"
Why = Literal["rotated", "restored"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """How far a log goes: ``size`` entries, which hash to ``root``."""

    size: int
    root: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Handover:
    """The change from one key to the next. ``base``, an earlier key, signed ``kept``.

    ``lost`` is ``None`` where nothing is known to be lost.
    """

    why: Why
    old: PublicKey
    new: PublicKey
    base: PublicKey
    kept: Head
    lost: Head | None
    note: str


def write(
    why: Why,
    old: Signer,
    new: Signer,
    *,
    kept: Head,
    lost: Head | None = None,
    base: PublicKey | None = None,
) -> Handover:
    """The statement, signed by both keys."""
    base = base or old.public
    lines = [
        old.public.name,
        _FORMAT,
        why,
        str(old.public),
        str(new.public),
        str(base),
        _written(kept),
        "-" if lost is None else _written(lost),
    ]
    text = "".join(f"{line}\n" for line in lines)
    return Handover(
        why=why,
        old=old.public,
        new=new.public,
        base=base,
        kept=kept,
        lost=lost,
        note=f"{text}\n{old.signature(text)}{new.signature(text)}",
    )


def read(note: str) -> Handover:
    """A handover. Raises ``NoteError`` unless both of its keys signed it."""
    lines = note.partition("\n\n")[0].splitlines()
    if len(lines) != 8 or lines[1] != _FORMAT:
        raise NoteError("no handover from one key to another")
    why, old, new = lines[2], PublicKey.read(lines[3]), PublicKey.read(lines[4])
    if lines[0] != old.name or old == new:
        raise NoteError("the handover names another log, or no other key")
    for key in (old, new):
        notes.signed_text(note, key)
    return Handover(
        why="restored" if why == "restored" else "rotated",
        old=old,
        new=new,
        base=PublicKey.read(lines[5]),
        kept=_head(lines[6]),
        lost=None if lines[7] == "-" else _head(lines[7]),
        note=note,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Span:
    """A key may sign checkpoints of more than ``above`` and at most ``most`` entries."""

    key: PublicKey
    above: int
    most: int | None


class Keyring:
    """The key of a log and those before it, each with the sizes that it may have signed."""

    def __init__(self, current: PublicKey, handovers: Sequence[Handover]) -> None:
        """Raises ``NoteError`` unless the handovers lead, one after another, to ``current``."""
        for earlier, later in itertools.pairwise(handovers):
            if earlier.new != later.old:
                raise NoteError("the handovers do not follow one another")
        if handovers and handovers[-1].new != current:
            raise NoteError("the last handover leads to another key")
        self.current = current
        self.handovers = handovers
        first = handovers[0].old if handovers else current
        # What may be signed by whom while a key is the newest, by its text.
        known = {str(first): [_Span(key=first, above=0, most=None)]}
        for handover in handovers:
            if (before := known.get(str(handover.base))) is None:
                raise NoteError("a handover continues from a key that never signed this log")
            kept = handover.kept.size
            known[str(handover.new)] = [
                *(
                    _Span(key=span.key, above=span.above, most=_least(kept, span.most))
                    for span in before
                ),
                _Span(key=handover.new, above=kept, most=None),
            ]
        self.all = [spans[-1].key for spans in known.values()]
        spans = known[str(current)]
        self._spans = spans

    def read(self, note: str) -> Checkpoint:
        """The checkpoint in ``note``, signed by any key of this log. Raises ``NoteError``."""
        checkpoint = self.read_lost(note)
        key = self.key_of(note)
        for span in self._spans:
            most = checkpoint.size if span.most is None else span.most
            if span.key == key and span.above < checkpoint.size <= most:
                return checkpoint
        raise NoteError(
            f"{key.name} signed it and may not have: another key signs what has so many entries"
        )

    def key_of(self, note: str) -> PublicKey:
        """The key whose name ``note`` carries, the newest of all if none is."""
        name = note.partition("\n")[0]
        return next((key for key in self.all if key.name == name), self.current)

    def read_lost(self, note: str) -> Checkpoint:
        """The same as ``read``, also of what an earlier key signed and a restore lost."""
        return notes.read(note, self.key_of(note))


def _least(kept: int, most: int | None) -> int:
    return kept if most is None else min(kept, most)


def _written(head: Head) -> str:
    return f"{head.size} {b64encode(head.root).decode()}"


def _head(line: str) -> Head:
    size, _, root = line.partition(" ")
    if not (size.isascii() and size.isdigit()):
        raise NoteError("a handover without a size")
    try:
        return Head(size=int(size), root=b64decode(root, validate=True))
    except (binascii.Error, ValueError):
        raise NoteError("not base64") from None
