"""The message catalogue: ``make messages`` collects every message and makes the pseudo-language.

It also lists the messages that are stored, for ``kernel/stored_sentences.py``.

``tests/unit/test_messages.py`` fails if a file differs from what is made here.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import write_po

from roadbed.kernel.messages import DOMAIN, LOCALES
from roadbed.kernel.stored_sentences import FILE

_SOURCE = Path(__file__).parents[1] / "src" / "roadbed"
_METHODS = [
    ("**.py", "python"),
    ("**/queries.sql", "tests.messages:of_statements"),
    ("**.html", "jinja2.ext:babel_extract"),
]
# A text of a statement, with what is joined to it: columns and further texts.
_TEXT = r"'[^'\n]*'(?:\s*\n\s*'[^'\n]*')*"
_CHAIN = re.compile(rf"{_TEXT}(?:\s*\|\|\s*(?:{_TEXT}|[a-z_.]+))*")
_PART = re.compile(r"'(?P<text>[^'\n]*)'|(?:[a-z_]+\.)?(?P<column>[a-z_]+)")
_TOLD = re.compile(r"^[A-Z][a-z]* [a-z]+ .*(?:[.?]|\)s)$")  # a sentence, not a label
_OPTIONS = {
    "**.html": {
        "extensions": "jinja2.ext.i18n",
        "trimmed": "true",
        "encoding": "utf-8",
        "newstyle_gettext": "true",  # as pages are: a percent sign of a message is doubled
    }
}
# By what messages are found, and which arguments they are: a chip's word is its second.
_KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "several": (1, 2),
    "later": None,
    "sentence": None,
    "sentences": (1, 2),
    "Chip": (2,),
}
# Those among them of messages that are stored in English and worded again for each reader.
_STORED = {
    "stored_sentence": None,
    "stored_sentences": (1, 2),
    "stored_message": None,
    "stored_messages": (1, 2),
}
_KEYWORDS |= _STORED
PSEUDO = "en_XA"
_ACCENTS = str.maketrans("aceinosuyACEINOSUY", "áçéïñöšüýÁÇÉÏÑÖŠÜÝ")
_NEVER = datetime(2026, 1, 1, tzinfo=UTC)  # a catalogue that did not change is the same file
# What a pseudo message keeps: placeholders of both kinds, tags and entities.
_KEPT = re.compile(r"(%\(\w+\)[rs]|%%|\{[^}]*\}|</?[^>]*>|&\w+;)")


def of_statements(
    file: IO[bytes], keywords: object, tags: object, options: object
) -> Iterator[tuple[int, str, str, list[str]]]:
    """The sentences that statements store: ``'Ended ' || state || '.'`` is one with a value."""
    source = re.sub(r"--.*", lambda comment: " " * len(comment[0]), file.read().decode())
    for chain in _CHAIN.finditer(source):
        message = "".join(
            f"%({part['column']})s" if part["column"] else part["text"]
            for part in _PART.finditer(chain[0])
        )
        if _TOLD.search(message):
            yield source[: chain.start()].count("\n") + 1, "stored_sentence", message, []


def messages() -> Catalog:
    """Every message of the source, with the files that it stands in."""
    catalogue = Catalog(project="Roadbed", header_comment="# The messages of Roadbed.", fuzzy=False)
    extracted = extract_from_dir(_SOURCE, _METHODS, _OPTIONS, keywords=_KEYWORDS)
    for file, _, message, comments, context in sorted(extracted, key=lambda one: (one[0], one[1])):
        catalogue.add(message, None, [(file, 0)], auto_comments=comments, context=context)
    return catalogue


def stored_messages() -> list[str | tuple[str, ...]]:
    """Every message that is stored, once, sorted."""
    extracted = extract_from_dir(_SOURCE, _METHODS[:2], keywords=_STORED)
    stored = {message for _, _, message, *_ in extracted}
    return sorted(stored, key=lambda message: message if isinstance(message, str) else message[0])


def pseudo(message: str) -> str:
    """``message`` with accents, 40 % longer, and brackets that show where it ends."""
    parts = _KEPT.split(message)
    letters = sum(len(part) for part in parts[::2])
    told = "".join(part if at % 2 else part.translate(_ACCENTS) for at, part in enumerate(parts))
    return f"[{told}{'·' * -(-letters * 2 // 5)}]"


def files() -> dict[Path, bytes]:
    """The catalogue's files with their content: the template, and the compiled pseudo-language."""
    template = messages()
    made = Catalog(locale="en", project="Roadbed", header_comment="", fuzzy=False)
    for message in template:
        if not message.id:
            continue
        forms = message.id if isinstance(message.id, (list, tuple)) else (message.id,)
        told = tuple(pseudo(form) for form in forms)
        made.add(message.id, told if len(told) > 1 else told[0])
    for catalogue in (template, made):
        catalogue.creation_date = catalogue.revision_date = _NEVER
    folder = LOCALES / PSEUDO / "LC_MESSAGES"
    pot, mo = io.BytesIO(), io.BytesIO()
    write_po(
        pot,
        template,
        omit_header=True,
        width=100,
        sort_output=True,
        no_location=False,
        include_lineno=False,
    )
    write_mo(mo, made)
    stored = json.dumps(stored_messages(), indent=0, ensure_ascii=False) + "\n"
    return {
        LOCALES / f"{DOMAIN}.pot": pot.getvalue(),
        folder / f"{DOMAIN}.mo": mo.getvalue(),
        FILE: stored.encode(),
    }


if __name__ == "__main__":
    for path, content in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        print(f"{path.relative_to(_SOURCE.parents[1])}: {len(content):,} bytes")
