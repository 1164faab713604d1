"""Signed notes: checkpoints written and read as text. Nothing here does I/O.

Formats: C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint) in a C2SP signed note
(https://c2sp.org/signed-note) with one Ed25519 signature.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from roadbed.audit.model import Checkpoint
from roadbed.audit.tree import HASH_BYTES

ED25519 = b"\x01"
_ID_BYTES = 4
_SIGNED_BY = "\N{EM DASH} "


class NoteError(ValueError):
    """A text is not a note or a key, or is not signed by the expected key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicKey:
    """Who signs a log: a name without spaces or ``+``, and 32 bytes of Ed25519 key."""

    name: str
    raw: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that a signature line names its key by."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.raw).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.raw).decode()}"

    @classmethod
    def read(cls, text: str) -> PublicKey:
        """The key written as ``name+id+base64``. Raises ``NoteError``."""
        name, _, rest = text.strip().partition("+")
        encoded = _decode(rest.partition("+")[2])
        if not name or encoded[:1] != ED25519 or len(encoded) != 1 + 32:
            raise NoteError("no Ed25519 key in the form name+id+base64")
        key = cls(name=name, raw=encoded[1:])
        if str(key) != text.strip():
            raise NoteError("the key's id does not fit the key")
        return key


class Signer:
    """A private key. Its content is never shown."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(name=name, raw=self._key.public_key().public_bytes_raw())

    def sign(self, size: int, root: bytes) -> str:
        """The signed note of a checkpoint."""
        text = f"{self.public.name}\n{size}\n{b64encode(root).decode()}\n"
        return f"{text}\n{self.signature(text)}"

    def signature(self, text: str) -> str:
        """The signature line of this key for ``text``."""
        signature = b64encode(self.public.id + self._key.sign(text.encode())).decode()
        return f"{_SIGNED_BY}{self.public.name} {signature}\n"

    def __repr__(self) -> str:
        return f"Signer({self.public})"


def read(note: str, key: PublicKey) -> Checkpoint:
    """The checkpoint in ``note``. Raises ``NoteError`` unless ``key`` signed just this text."""
    return _checkpoint(signed_text(note, key), note, key)


def signed_text(note: str, key: PublicKey) -> str:
    """The text of ``note``. Raises ``NoteError`` unless ``key`` signed just this."""
    text, blank, signatures = note.partition("\n\n")
    text += "\n"
    if not blank or not signatures.endswith("\n"):
        raise NoteError("no signature lines")
    for line in signatures.splitlines():
        name, _, encoded = line.removeprefix(_SIGNED_BY).partition(" ")
        signature = _decode(encoded)
        if name == key.name and signature[:_ID_BYTES] == key.id:
            try:
                Ed25519PublicKey.from_public_bytes(key.raw).verify(
                    signature[_ID_BYTES:], text.encode()
                )
            except InvalidSignature:
                raise NoteError("the signature does not fit the text") from None
            return text
    raise NoteError(f"not signed by {key.name}")


def _checkpoint(text: str, note: str, key: PublicKey) -> Checkpoint:
    """The three lines of a checkpoint; further lines are allowed by the format, and signed too."""
    lines = text.splitlines()
    if len(lines) < 3 or lines[0] != key.name or not (lines[1].isascii() and lines[1].isdigit()):
        raise NoteError("no checkpoint of this log")
    checkpoint = Checkpoint(size=int(lines[1]), root=_decode(lines[2]), note=note)
    if len(checkpoint.root) != HASH_BYTES:
        raise NoteError("a root hash has 32 bytes")
    return checkpoint


def _decode(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("not base64") from None
