"""Endpoint: which model is used, its address, and the name of its key. It opens no connection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
_BASES = {"openai": "OPENAI_BASE_URL", "anthropic": "ANTHROPIC_BASE_URL"}
_HOME = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
MOST_BYTES = 16_000_000
_KEY = re.compile(r"[\x21-\x7e]+")


class NoReplyError(Exception):
    """A model gave no usable reply; ``reason`` says why, without text of the provider.

    Errors of providers may repeat the key or the input. ``again`` says whether the
    same request may succeed later, ``after_seconds`` when at the earliest. ``billed`` is false only
    if the provider certainly counted no tokens.
    """

    def __init__(
        self,
        reason: str,
        *,
        again: bool = False,
        after_seconds: float | None = None,
        billed: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.after_seconds = after_seconds
        self.billed = billed


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One model of a provider. ``base_url`` leads to another server with the same protocol.

    An answer of more than ``most_bytes`` is not read to its end.
    """

    provider: str
    model: str
    base_url: str | None = None
    most_bytes: int = MOST_BYTES

    @property
    def key_name(self) -> str:
        return KEYS[self.provider]

    @property
    def named(self) -> str:
        return f"{self.provider}:{self.model}"

    def address(self, environment: Mapping[str, str]) -> str:
        """The address for requests: declared, from the environment, or of the provider."""
        elsewhere = self.base_url or environment.get(_BASES[self.provider], "").strip()
        return elsewhere or _HOME[self.provider]

    def key(self, environment: Mapping[str, str]) -> SecretStr:
        """The key from the environment. Raises ``NoReplyError`` if it is missing or invalid."""
        key = environment.get(self.key_name, "").strip()
        if not key and self.address(environment) == _HOME[self.provider]:
            raise NoReplyError(
                f"no language model can be called: {self.key_name} is not set where Roadbed runs"
            )
        if key and _KEY.fullmatch(key) is None:
            # The clients would quote it in their logs when the request fails.
            raise NoReplyError(f"{self.key_name} contains a character that no key has")
        return SecretStr(key or "none")  # self-hosted servers often need no key


def endpoint(model: str, base_url: str | None = None, most_bytes: int = MOST_BYTES) -> Endpoint:
    """The endpoint of ``"openai:NAME"`` or ``"anthropic:NAME"``. Raises ``ValueError``."""
    provider, _, name = model.partition(":")
    if provider not in KEYS or not name.strip():
        raise ValueError(
            f"{model!r} names no model; write 'openai:NAME' (for every server that speaks its "
            "protocol, with base_url) or 'anthropic:NAME'"
        )
    if base_url is not None and not base_url.startswith(("http://", "https://")):
        raise ValueError("base_url begins with neither https:// nor http://")
    return Endpoint(provider=provider, model=name.strip(), base_url=base_url, most_bytes=most_bytes)
