"""Paths of uploaded files: which may be a document of the library. Pure."""

from __future__ import annotations

import fnmatch
import unicodedata
from collections.abc import Sequence

from roadbed.kernel.sentences import Sentence, sentence
from roadbed.knowledge.errors import UploadRefusedError

# What programs leave beside documents: locks of office programs, marks of file managers.
NO_DOCUMENTS = (".*", "~$*", "Thumbs.db", "desktop.ini", "*.tmp", "*.part")
_LONGEST_PATH = 1_000  # characters
_LONGEST_NAME = 200  # bytes of a folder or file: file systems allow 255
# Control signs, invisible ones that turn the direction of text, and what is no character.
_NO_CHARACTERS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def checked(path: str, ignore: Sequence[str] = ()) -> str:
    """The path as it is stored. Raises ``UploadRefusedError`` with the reason.

    ``ignore`` are the patterns of the library: what they leave out would never be read.
    """
    composed = unicodedata.normalize("NFC", path)
    problem = _problem(composed, (*NO_DOCUMENTS, *ignore))
    if problem is not None:
        raise UploadRefusedError(
            problem,
            sentence("Name it with folders below the library, such as travel/policy.pdf."),
        )
    return composed


def _problem(path: str, patterns: Sequence[str]) -> Sentence | None:
    parts = path.split("/")
    if any(part in {"", ".", ".."} for part in parts) or "\\" in path:
        return sentence("%(path)r is no path of a file inside the library.", path=path)
    if any(unicodedata.category(sign) in _NO_CHARACTERS for sign in path):
        return sentence("%(path)r has a character that names of files must not have.", path=path)
    if any(part != part.strip() or part.endswith(".") for part in parts):
        return sentence("%(path)r has a name that begins or ends with a blank or a dot.", path=path)
    if len(path) > _LONGEST_PATH or any(len(part.encode()) > _LONGEST_NAME for part in parts):
        return sentence("%(path)r is too long.", path=path[:_LONGEST_NAME])
    if any(fnmatch.fnmatchcase(part, pattern) for part in parts for pattern in patterns):
        return sentence("%(path)r fits a pattern of files that are not read.", path=path)
    return None
