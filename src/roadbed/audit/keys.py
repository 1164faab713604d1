"""The keys that sign checkpoints, in files that only their owner may read."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import SecretStr

from roadbed.audit import handovers
from roadbed.audit.errors import AuditFolderError, AuditKeyError
from roadbed.audit.handovers import Handover, Keyring
from roadbed.audit.notes import ED25519, NoteError, PublicKey, Signer
from roadbed.kernel.sentences import Text, sentence

SIGNING_KEY = "audit-signing-key"
PUBLIC_KEY = "audit-public-key"
HANDOVERS = "audit-handovers.log"
_NEXT_KEY = "audit-signing-key.next"
_PREFIX = "PRIVATE+KEY+"
_SEED_BYTES = 32


def signer(folder: Path, entropy: Callable[[int], bytes]) -> Signer:
    """The key in ``folder``, created if there is none. Raises ``AuditFolderError``.

    Safe for many processes at once: one creates it, all get the same.
    """
    path = folder / SIGNING_KEY
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _make(path, entropy)
        key = _read(SecretStr(path.read_text(encoding="ascii").strip()))
        if public_key(folder) != key.public:
            replace(folder / PUBLIC_KEY, f"{key.public}\n".encode())
    except OSError as error:
        raise AuditFolderError(
            str(folder), error.strerror or sentence("it cannot be used")
        ) from error
    except ValueError:  # the content of the file is never shown
        raise AuditFolderError(
            str(folder), sentence("%(key)s holds no key", key=SIGNING_KEY)
        ) from None
    return key


def next_signer(folder: Path, entropy: Callable[[int], bytes]) -> Signer:
    """The next key, created if there is none; it signs nothing before ``hand_over``.

    Raises ``AuditFolderError``.
    """
    path = folder / _NEXT_KEY
    try:
        if not path.exists():
            _make(path, entropy)
        return _read(SecretStr(path.read_text(encoding="ascii").strip()))
    except (OSError, ValueError) as error:
        reason: Text | None = sentence("%(key)s holds no key", key=_NEXT_KEY)
        if isinstance(error, OSError):
            reason = error.strerror
        raise AuditFolderError(str(folder), reason or sentence("it cannot be used")) from None


def hand_over(folder: Path, handover: Handover) -> None:
    """Put the next key in the place of the one before; may be repeated. Raises ``OSError``."""
    known = [line.note for line in keyring(folder).handovers]
    if handover.note not in known:
        lines = [json.dumps(note).encode() + b"\n" for note in [*known, handover.note]]
        replace(folder / HANDOVERS, b"".join(lines))
    if (folder / _NEXT_KEY).exists():
        (folder / _NEXT_KEY).replace(folder / SIGNING_KEY)
    replace(folder / PUBLIC_KEY, f"{handover.new}\n".encode())


def keyring(folder: Path) -> Keyring:
    """The key that others verify with, and those before it.

    Raises ``AuditFolderError`` without a key, ``AuditKeyError`` where they do not follow one
    another.
    """
    current = public_key(folder)
    if current is None:
        raise AuditFolderError(str(folder), sentence("%(key)s is missing", key=PUBLIC_KEY))
    try:
        return Keyring(current, _followed(_handovers(folder), current))
    except OSError as error:
        raise AuditFolderError(
            str(folder), error.strerror or sentence("it cannot be used")
        ) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise AuditKeyError(str(folder), f"{HANDOVERS}: {error}") from error


def _handovers(folder: Path) -> list[Handover]:
    try:
        lines = (folder / HANDOVERS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [handovers.read(json.loads(line)) for line in lines]


def _followed(known: Sequence[Handover], current: PublicKey) -> Sequence[Handover]:
    """Without the last one if its key has not taken its place yet: a crash came in between."""
    return known[:-1] if known and known[-1].old == current else known


def public_key(folder: Path) -> PublicKey | None:
    """The key that others verify with, if there is a readable one."""
    try:
        return PublicKey.read((folder / PUBLIC_KEY).read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError, NoteError):
        return None


def replace(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file atomically: readers, also after a crash, see the old or the new content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path, content, mode)
    partial.replace(path)


def _make(path: Path, entropy: Callable[[int], bytes]) -> None:
    name = f"roadbed/{entropy(8).hex()}"
    seed = entropy(_SEED_BYTES)
    public = Signer(name, seed).public
    encoded = b64encode(ED25519 + seed).decode()
    text = f"{_PREFIX}{name}+{public.id.hex()}+{encoded}\n"
    partial = _partial(path, text.encode(), 0o600)
    with contextlib.suppress(FileExistsError):  # another process was quicker
        path.hardlink_to(partial)
    partial.unlink()


def _partial(path: Path, content: bytes, mode: int) -> Path:
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return partial


def _read(text: SecretStr) -> Signer:
    name, _, rest = text.get_secret_value().removeprefix(_PREFIX).partition("+")
    seed = b64decode(rest.partition("+")[2], validate=True)[1:]
    return Signer(name, seed)
