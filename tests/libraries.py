"""A use case with a library of files that a test writes, ingested by real reading processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from roadbed.app import App
from roadbed.bootstrap import open_app
from roadbed.console.navigation import TABS
from roadbed.kernel.settings import Settings
from roadbed.knowledge.ingestion import IngestionSummary
from roadbed.knowledge.libraries import Match
from roadbed.knowledge.model import Extraction
from roadbed.knowledge.reading.process import DocumentReader
from roadbed.knowledge.records import Document
from roadbed.usecases.library import Library
from roadbed.usecases.loader import LoadedUseCase
from tests.conftest import Folders, Site, serving

NAME = "handbook"
# Pages that are there only where a library is declared.
PAGES = tuple(place.path for tab in TABS for place in tab.places if place.library)
DECLARATION = """
from pydantic import BaseModel
from roadbed import DIRECT, Answer, Library, Pod, UseCase

class Question(BaseModel):
    question: str

class Reply(BaseModel):
    text: str

usecase = UseCase(
    "handbook", purpose="Answer questions of the staff from the handbook",
    input=Question, output=Reply, rollout=DIRECT, risk_limit=0.02,
    pod=Pod(domain_lead="ana", engineer="ben", data_specialist="chi", risk_partner="dev"),
    library=Library({library}),
)

@usecase.decider
def decide(question, context):
    return Answer(output=Reply(text="see the documents"), confidence=0.5)
"""


class Shelf:
    """The library of the use case ``handbook``: its folder, and what was made of it."""

    def __init__(self, app: App, root: Path) -> None:
        self.app = app
        self.root = root
        self.folder = root / "documents"

    @property
    def loaded(self) -> LoadedUseCase:
        return self.app.deployments.get(NAME).loaded

    @property
    def library(self) -> Library:
        assert self.loaded.declared.library is not None
        return self.loaded.declared.library

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files by their paths below the folder."""
        write(self.root, files)

    async def ingest(self, *, allow_gone: bool = False) -> IngestionSummary:
        ingestion = self.app.libraries.ingestion
        return await ingestion.run(self.loaded, by="ana", allow_gone=allow_gone)

    async def document(self, path: str) -> Document:
        return await self.app.libraries.documents.document(NAME, path)

    async def matches(self, question: str, *groups: str, most: int = 10) -> Sequence[Match]:
        library = self.library
        return await self.app.libraries.search(NAME, library, question, groups=groups, most=most)

    async def paths(self, question: str, *groups: str) -> list[str]:
        """The documents that a search gives, best first, each once."""
        matches = await self.matches(question, *groups)
        return list(dict.fromkeys(match.passage.path for match in matches))

    async def count(self, table: str) -> int:
        rows = await self.app.database.fetch(f"SELECT count(*)::integer AS n FROM {table}")
        return int(rows[0]["n"])


async def decided_citations(app: App, task: str) -> list[dict[str, object]]:
    """The citations of the decision on a task."""
    row = await app.database.fetch_one(
        "SELECT output -> 'citations' AS citations FROM decision WHERE task_id = %(task)s",
        {"task": task},
    )
    assert row is not None
    citations: list[dict[str, object]] = row["citations"]
    return citations


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write the documents of a use case by their paths."""
    (root / "documents").mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        file = root / "documents" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def declare(parent: Path, library: str = "") -> Path:
    """A folder of the use case, with ``Library(…)`` of these arguments."""
    folder = parent / NAME
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    (folder / "usecase.py").write_text(DECLARATION.format(library=library))
    return folder


@asynccontextmanager
async def shelf(settings: Settings, url: str, library: str = "") -> AsyncIterator[Shelf]:
    """The services with the use case and its library, which is still empty."""
    root = declare(settings.usecases, library)
    async with open_app(settings, url) as app:
        yield Shelf(app, root)


class ServedShelf(Shelf):
    """A library behind a server."""

    def __init__(self, site: Site, root: Path) -> None:
        super().__init__(site.app, root)
        self.site = site


@asynccontextmanager
async def served(
    settings: Settings,
    folders: Folders,
    url: str,
    files: Mapping[str, str | bytes],
    library: str = 'access={"board": "board"}',
) -> AsyncIterator[ServedShelf]:
    """A server of the use case with these files in its library, which are ingested."""
    folders.write()
    root = declare(settings.usecases, library)
    write(root, files)
    async with serving(settings, url) as site:
        made = ServedShelf(site, root)
        await made.ingest()
        yield made


def names_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that reading processes get from here on, in order."""
    names: list[str] = []
    genuine = DocumentReader.read

    async def counted(self: DocumentReader, content: bytes, name: str) -> Extraction:
        names.append(name)
        return await genuine(self, content, name)

    monkeypatch.setattr(DocumentReader, "read", counted)
    return names
