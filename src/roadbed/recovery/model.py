"""Records of a restore and of its declaration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from roadbed.kernel.stored_sentences import stored_sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class Restoration:
    """A database that was restored from a copy.

    ``how``: ``restored`` by the command, or found ``behind`` its witness. ``kept`` entries of the
    log are here, ``lost`` the witness knows; ``lost`` is ``None`` where no witness is longer.
    """

    id: str
    how: str
    found_at: datetime
    kept: int | None
    lost: int | None

    @property
    def sentence(self) -> str:
        """The sentence that pods, pages and the log show."""
        if self.lost is None:
            return stored_sentence(
                "The database was restored from a copy. Everything is halted and nothing is sent "
                "until an administrator runs `roadbed restored --reason TEXT`."
            )
        return stored_sentence(
            "The database was restored from a copy. Its log has %(kept)s entries, the witness "
            "outside knows %(lost)s. Everything is halted and nothing is sent until an "
            "administrator runs `roadbed restored --reason TEXT`.",
            kept=format(self.kept or 0, ","),
            lost=format(self.lost, ","),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """The result of a declaration: numbers of repeated events and of withdrawn deliveries."""

    id: str
    kept: int
    lost: int | None
    erased: int
    documents: int
    halted: list[str]
    people: int
    tokens: int
    roles: int
    passwords: int
    access: int
    unknown: int
    unread: list[str]
    public_key: str
