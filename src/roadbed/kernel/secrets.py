"""Secrets known to this process, and their removal from text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

MASK = "•••"
_SHORTEST = 8  # shorter values occur in ordinary text by chance
_NAMES = re.compile(
    r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|DATABASE_URL|_DSN$", re.IGNORECASE
)


class Secrets:
    """Secret values to mask in text. Values are added as they become known."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._forms: list[str] = []  # the longest first: one may be a part of another

    def learn(self, values: Iterable[str]) -> None:
        """Add values; those under eight characters are left out."""
        fresh = {value for value in values if len(value) >= _SHORTEST} - self._values
        if fresh:
            self._values |= fresh
            forms = {*self._forms, *(form for value in fresh for form in _forms(value))}
            self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def learn_environment(self, environ: Mapping[str, str], names: Iterable[str] = ()) -> None:
        """Add the variables ``names``, and variables whose name indicates a secret."""
        wanted = set(names)
        self.learn(
            value for name, value in environ.items() if name in wanted or _NAMES.search(name)
        )

    def mask(self, text: str) -> str:
        """``text`` with each secret masked."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text

    # Any: the result has the type of the argument, nested.
    def mask_all(self, content: Any) -> Any:
        """A JSON value with all texts and keys masked."""
        if not self._forms:
            return content
        if isinstance(content, str):
            return self.mask(content)
        if isinstance(content, Mapping):
            return {
                self.mask(key) if isinstance(key, str) else key: self.mask_all(value)
                for key, value in content.items()
            }
        if isinstance(content, Sequence) and not isinstance(content, bytes):
            return [self.mask_all(value) for value in content]
        return content

    def stands_in(self, content: object) -> bool:
        """Whether a JSON value contains a secret."""
        if not self._forms or not content:
            return False
        try:
            text = json.dumps(content, ensure_ascii=False, default=str)
        except (TypeError, ValueError, RecursionError):
            return False  # the value is refused for that reason and not shown
        return any(form in text for form in self._forms)


KNOWN = Secrets()


def mask(text: str) -> str:
    """``text`` without the secrets known to this process."""
    return KNOWN.mask(text)


def _forms(value: str) -> set[str]:
    """A value in plain text, in JSON and in a URL."""
    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        quote(value, safe=""),
    }
