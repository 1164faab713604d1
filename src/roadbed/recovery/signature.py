"""The signature of a backup: its manifest, signed with the key of the audit log. No I/O.

The manifest names every file with its hash, so the signature covers the whole backup. It is a
signed note (https://c2sp.org/signed-note); its second line keeps it apart from checkpoints and
handovers, which the same key signs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from roadbed.audit.notes import NoteError, PublicKey, Signer, signed_text

_FORMAT = "roadbed/backup/1"
SIGNATURE = "signature"  # its place in the manifest


def signed(manifest: Mapping[str, Any], signer: Signer) -> str:
    """The note that belongs into ``manifest``."""
    text = _text(manifest, signer.public)
    return f"{text}\n{signer.signature(text)}"


def is_signed(manifest: Mapping[str, Any], keys: Sequence[PublicKey]) -> bool:
    """Whether one of ``keys`` signed just this manifest."""
    note = manifest.get(SIGNATURE)
    if not isinstance(note, str):
        return False
    for key in keys:
        try:
            if signed_text(note, key) == _text(manifest, key):
                return True
        except NoteError:
            continue
    return False


def _text(manifest: Mapping[str, Any], key: PublicKey) -> str:
    content = {name: value for name, value in manifest.items() if name != SIGNATURE}
    written = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return f"{key.name}\n{_FORMAT}\n{hashlib.sha256(written).hexdigest()}\n"
