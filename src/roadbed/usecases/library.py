"""``Library``: the documents that a use case answers from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from roadbed.kernel.sentences import sentence
from roadbed.usecases.errors import Problem

FOLDER = "documents"
# Of the languages whose word endings the search can remove.
LANGUAGES = (
    "arabic",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hungarian",
    "italian",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
)
GROUP = re.compile(r"[a-z][a-z0-9-]{0,59}")
HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Library:
    """The documents of a use case.

    ``folder`` is ``documents`` in the folder of the use case, one below it, or an absolute path.
    ``urls`` is a file with addresses of pages, one a line, below ``documents`` or an absolute path.
    ``private_hosts`` are hosts of addresses that may be in your own network.
    ``question`` is the field of the input that holds the question. ``access`` maps folders inside
    the library to access groups: only members of a group get passages from there; the deepest
    folder that fits counts, and what stands in none is for everybody who may ask. ``ignore`` are
    patterns of file names that are left out (``*.png``). ``language`` is the one that most
    documents are in: its word endings are removed for the search. ``earlier`` is the field with the
    earlier turns of a conversation, if the input has it. Paths use ``/``.
    """

    folder: str = FOLDER
    urls: str | None = None
    private_hosts: Sequence[str] = ()
    question: str = "question"
    access: Mapping[str, str] = field(default_factory=dict)
    ignore: Sequence[str] = ()
    language: str = "english"
    earlier: str | None = "earlier"

    def group_of(self, path: str) -> str | None:
        """The access group of a document; ``None``: everybody who may ask.

        A path that ends with ``/`` is a folder, which belongs to its own group.
        """
        groups = {_composed(inside): group for inside, group in self.access.items()}
        inside = PurePosixPath(_composed(path))
        for parent in (inside, *inside.parents) if path.endswith("/") else inside.parents:
            if (group := groups.get(str(parent))) is not None:
                return group
        return None

    def nearly_declared(self, path: str) -> tuple[str, str] | None:
        """The folder of a document and the declared one from which only its case differs.

        ``None`` if there is none, or if the exact folder or a deeper one is declared. A file in
        ``HR`` is not in the access group of ``hr``, which nobody means.
        """
        exact = {_composed(inside) for inside in self.access}
        alike = {inside.casefold(): inside for inside in exact}
        inside = PurePosixPath(_composed(path))
        for parent in (inside, *inside.parents) if path.endswith("/") else inside.parents:
            folder = str(parent)
            if folder in exact:
                return None
            if (declared := alike.get(folder.casefold())) is not None:
                return folder, declared
        return None


def _composed(path: str) -> str:
    """The one spelling of letters with accents: some systems store them as two characters."""
    return unicodedata.normalize("NFC", path)


def library_problems(library: object, asked: object) -> Iterator[Problem]:
    """Every mistake in a library of a use case whose input is ``asked``."""
    if library is None:
        return
    if not isinstance(library, Library):
        yield Problem(
            field="library",
            problem=sentence("library=%(library)r is no Library.", library=library),
            remedy=sentence('Write library=Library(folder="documents").'),
        )
        return
    fields = getattr(asked, "model_fields", None)
    if fields is not None and library.question not in fields:
        yield Problem(
            field="library.question",
            problem=sentence(
                "The input has no field %(name)r to search for.", name=library.question
            ),
            remedy=sentence("Name the field with the question: Library(question=…)."),
        )
    if fields is not None and library.earlier not in {None, "earlier", *fields}:
        yield Problem(
            field="library.earlier",
            problem=sentence(
                "The input has no field %(name)r with earlier turns.", name=library.earlier
            ),
            remedy=sentence("Name the field with the earlier turns: Library(earlier=…)."),
        )
    if not _is_below_documents(library.folder):
        yield Problem(
            field="library.folder",
            problem=sentence(
                "The library's folder %(folder)r is not below documents/.", folder=library.folder
            ),
            remedy=sentence("Name documents, a folder below it, or an absolute path."),
        )
    yield from _address_problems(library)
    if library.language not in LANGUAGES:
        yield Problem(
            field="library.language",
            problem=sentence(
                "The library's language %(language)r is not known.", language=library.language
            ),
            remedy=sentence("Name one of %(languages)s.", languages=", ".join(LANGUAGES)),
        )
    for inside, group in library.access.items():
        path = PurePosixPath(inside)
        if path.is_absolute() or ".." in path.parts or str(path) != inside:
            yield Problem(
                field="library.access",
                problem=sentence("%(inside)r is no folder inside the library.", inside=inside),
                remedy=sentence(
                    "Name it as it is below the library's folder, such as hr/salaries; "
                    "the whole library is a dot."
                ),
            )
        if not isinstance(group, str) or not GROUP.fullmatch(group):
            yield Problem(
                field="library.access",
                problem=sentence("%(group)r is no name of an access group.", group=group),
                remedy=sentence("Use lower-case letters, digits and hyphens, at most 60."),
            )


def _is_below_documents(path: str) -> bool:
    """Whether a path is absolute or below the folder that is no part of a version."""
    parts = PurePosixPath(path).parts
    return PurePosixPath(path).is_absolute() or (parts[:1] == (FOLDER,) and ".." not in parts)


def _address_problems(library: Library) -> Iterator[Problem]:
    if library.urls is not None and not _is_below_documents(library.urls):
        yield Problem(
            field="library.urls",
            problem=sentence(
                "The library's list of addresses %(file)r is not below documents/.",
                file=library.urls,
            ),
            remedy=sentence("Name a file such as documents/urls.txt, or an absolute path."),
        )
    for host in library.private_hosts:
        if not isinstance(host, str) or not HOST.fullmatch(host):
            yield Problem(
                field="library.private_hosts",
                problem=sentence("%(host)r is no name of a host.", host=host),
                remedy=sentence(
                    "Write it without https:// and without a port, such as wiki.example.org."
                ),
            )
