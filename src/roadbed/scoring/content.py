"""Content: the proposal of a version for one task, as one value with one hash."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

Json = Mapping[str, Any]
_FLOAT = re.compile(r"[0-9][.eE]")
_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """An output with its ordered actions and the provenance of their values.

    ``output`` and ``provenance`` are JSON. Each action has ``name`` and ``arguments``; other keys
    (such as the result of a rule) are not part of the content. This value is shown to the reviewer,
    compared between versions, bound by a verdict, and delivered.
    """

    output: Json
    actions: Sequence[Json] = ()
    provenance: Json = field(default_factory=dict)

    @property
    def proposed_actions(self) -> list[dict[str, object]]:
        """The actions by name and arguments alone, in order."""
        return [
            {"name": action["name"], "arguments": action["arguments"]} for action in self.actions
        ]

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical form, hexadecimal."""
        whole = {
            "output": self.output,
            "actions": self.proposed_actions,
            "provenance": self.provenance,
        }
        return hashlib.sha256(canonical(whole).encode()).hexdigest()

    @property
    def effect_hash(self) -> str | None:
        """The hash of its effects, without its sources; ``None`` if it names none."""
        return replace(self, provenance={}).hash if self.provenance else None

    @property
    def output_hash(self) -> str | None:
        """The hash of its output alone; ``None`` if it proposes no actions."""
        return Content(output=self.output).hash if self.actions else None


def content_hash(content: Content | None) -> str | None:
    """The hash of a content; ``None`` where nothing is proposed."""
    return None if content is None else content.hash


def canonical(value: object) -> str:
    """JSON that is the same for the same value, also after the database has stored it.

    Keys are sorted, nothing is escaped without need, and a whole number is written as an integer
    however it was stored. Raises ``ValueError`` for NaN and infinity.
    """
    try:
        text = _CANONICAL.encode(value)
    except TypeError:  # a mapping that is no dictionary
        return _CANONICAL.encode(_plain(value))
    # Most values hold no float. A text that looks like one is written twice, to the same result.
    return _CANONICAL.encode(_plain(value)) if _FLOAT.search(text) else text


def same(one: object, other: object) -> bool:
    """Whether two JSON values are the same value."""
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    return canonical(one) == canonical(other)


def _plain(value: object) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        # By the digits it is written with, which the database keeps: int(1e23) has others.
        return int(Decimal(float.__repr__(value))) if value.is_integer() else value
    if isinstance(value, dict | Mapping):  # asking the abstract class alone takes longer
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
