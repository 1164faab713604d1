"""Isolated deciders: handles of deciders that run in child processes, loading and fitting."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from roadbed.executors.children import Child, ForkServer, Source
from roadbed.executors.in_process import is_coroutine
from roadbed.kernel.sentences import Text, figure, sentence
from roadbed.usecases.decider import LabelledExample, Needs, OutOfFold, needs_of
from roadbed.usecases.errors import Problem, TrainingError, UseCaseError
from roadbed.usecases.loader import LoadedUseCase
from roadbed.usecases.parsing import written
from roadbed.usecases.use_case import UseCase

LOAD_SECONDS = 120.0
FIT_SECONDS = 3_600.0
MOST_LEARNED_BYTES = 1_000_000_000
_TRY_AGAIN = sentence(
    "Correct it in the folder, or give it more memory with isolation=Isolation(…)."
)
KEPT_SECONDS = 30.0  # how long an idle child is kept


@dataclass(kw_only=True, slots=True)
class Facts:
    """Facts that a child reports of its decider. ``known`` is false until one has reported."""

    known: bool = False
    kinds: Sequence[Mapping[str, Any] | None] | None = None
    label: str | None = None
    labels: Sequence[str] | None = None
    out_of_fold: OutOfFold | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class IsolatedDecider:
    """A decider that runs in child processes. ``shown`` replaces prompts and examples, unpatched.

    ``kind`` is trainable, coroutine or function. ``spare`` has a child that is ready.
    """

    source: Source
    server: ForkServer
    processes: int
    kind: str
    needs: Needs
    facts: Facts = field(default_factory=Facts, repr=False)
    shown: Mapping[str, Any] | None = None
    spare: list[Child] = field(default_factory=list, repr=False)

    @property
    def out_of_fold(self) -> OutOfFold | None:
        """Results of a trained decider on examples that it had not seen."""
        return self.facts.out_of_fold

    @property
    def kinds(self) -> Sequence[Mapping[str, object] | None] | None:
        """The outputs a trained decider knows."""
        return self.facts.kinds

    @property
    def label(self) -> str | None:
        """The field of the output that a trained decider fills."""
        return self.facts.label

    @property
    def labels(self) -> Sequence[str] | None:
        """The values of that field."""
        return self.facts.labels

    def showing(
        self, prompts: Mapping[str, str], examples: Sequence[Mapping[str, object]]
    ) -> IsolatedDecider:
        """The same decider without patches, with these prompts and examples in its context."""
        shown = {"prompts": dict(prompts), "examples": [dict(example) for example in examples]}
        return replace(self, shown=shown, spare=[])


class ChildFailedError(Exception):
    """A child could not load its version. ``exhausted``: for lack of memory.

    ``raised`` says that it was an exception, not the end of the process.
    """

    def __init__(self, sentence: str, *, exhausted: bool = False, raised: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.exhausted = exhausted
        self.raised = raised


async def describe(decider: IsolatedDecider) -> None:
    """Load the decider in a child, once, and store its facts. Raises ``ChildFailedError``."""
    if decider.facts.known:
        return
    child, told = await ready_child(decider.server, decider.source, "decide")
    facts = decider.facts
    try:
        facts.kinds, facts.label, facts.labels = told["kinds"], told["label"], told["labels"]
        facts.out_of_fold = _out_of_fold(told["out_of_fold"])
    except (KeyError, TypeError, ValueError) as error:
        child.close()
        raise ChildFailedError("it does not report the version that it loaded") from error
    facts.known = True
    child.ended = lambda _: decider.spare.clear()
    decider.spare.append(child)

    def leave() -> None:
        if decider.spare:
            decider.spare.pop().close()

    asyncio.get_running_loop().call_later(KEPT_SECONDS, leave)


async def fit(
    server: ForkServer, source: Source, examples: Sequence[Mapping[str, object]], *, seed: int
) -> tuple[Mapping[str, bytes], OutOfFold, Sequence[Mapping[str, object] | None] | None]:
    """Fit in a child: files, how it did out of fold, the outputs it knows.

    ``examples`` are ``{"input", "output"}``, as JSON. Raises ``TrainingError``.
    """
    name = source.use_case
    try:
        child, _ = await ready_child(server, source, "fit")
    except ChildFailedError as error:
        raise TrainingError(
            sentence(
                "%(name)s cannot be loaded in a child process: %(sentence)s.",
                name=name,
                sentence=error.sentence,
            ),
            sentence("Correct it in the folder and try again; nothing was changed."),
        ) from error
    lesson = _Lesson()
    child.received, child.ended = lesson.received, lesson.end
    try:
        child.send({"examples": list(examples), "seed": seed})
        async with asyncio.timeout(FIT_SECONDS):
            reason: Text | None = await lesson.over
    except TimeoutError:
        reason = sentence(
            "it took longer than %(hours)s h", hours=figure(f"{FIT_SECONDS / 3600:g}")
        )
    finally:
        child.close()
    told = lesson.told
    if reason or told is None:
        raise TrainingError(
            sentence("%(name)s did not learn: %(reason)s.", name=name, reason=reason),
            _TRY_AGAIN,
        )
    if "refused" in told:
        raise TrainingError(str(told["refused"]), str(told["remedy"]))
    try:
        out_of_fold, kinds = _out_of_fold(told["out_of_fold"]), told["kinds"]
    except (KeyError, TypeError, ValueError):
        out_of_fold = None
    if out_of_fold is None:
        raise TrainingError(
            sentence("%(name)s did not learn: it returned no out-of-fold scores.", name=name),
            _TRY_AGAIN,
        )
    return _files(lesson.lengths, b"".join(lesson.pieces)), out_of_fold, kinds


class _Lesson:
    """Reads what a fitting child sends: one frame, then the files that it names."""

    def __init__(self) -> None:
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.told: Mapping[str, Any] | None = None
        self.pieces: list[bytes] = []
        self.lengths: Mapping[str, int] = {}
        self._missing = 0  # bytes of files that were named

    def received(self, content: Mapping[str, Any] | bytes) -> None:
        """Take one frame of the child. Files that it did not name first are dropped."""
        if isinstance(content, bytes):
            self._missing -= len(content)
            if self._missing < 0:
                self.end("it sent more than it named")
                return
            self.pieces.append(content)
        elif "printed" not in content and self.told is None:
            self.told, self.lengths = content, content.get("files", {})
            if not _are_lengths(self.lengths):
                self.end(f"its files are larger than {MOST_LEARNED_BYTES:,} bytes, or no files")
                return
            self._missing = sum(self.lengths.values())
        if self.told is not None and not self._missing:
            self.end("")

    def end(self, reason: str) -> None:
        """Everything was sent, or the child has ended."""
        if not self.over.done():
            self.over.set_result(reason)


class DeciderProcesses:
    """Runs the deciders of use cases in child processes, if that is on and not declined.

    ``eager`` loads each version at once, as a server does; a command loads versions on use.
    """

    def __init__(self, *, enabled: bool, eager: bool = True) -> None:
        self._server = ForkServer()
        self._enabled = enabled
        self._eager = eager

    def isolates(self, declared: UseCase) -> bool:
        """Whether the decider of ``declared`` runs in child processes."""
        return self._enabled and declared.isolation is not None

    async def isolated(self, loaded: LoadedUseCase, files: Mapping[str, bytes]) -> IsolatedDecider:
        """The decider of ``loaded`` with its trained state and patches in ``files``.

        Raises ``ChildFailedError`` where a child cannot load it.
        """
        decider = self._handle(loaded, files)
        if self._eager:
            await describe(decider)
        return decider

    async def try_import(self, folder: Path) -> None:
        """Import a folder in a child before this process does.

        Raises ``UseCaseError`` where importing ends or hangs the process. An exception is for the
        import in this process to report.
        """
        if not self._enabled:
            return
        source = Source(use_case=folder.name, folder=folder, files={})
        try:
            child, _ = await ready_child(self._server, source, "decide")
        except ChildFailedError as error:
            if error.raised:
                return
            raise UseCaseError(
                folder.name,
                [
                    Problem(
                        file=folder / "usecase.py",
                        problem=sentence(
                            "Importing it failed: %(sentence)s.", sentence=error.sentence
                        ),
                        remedy=sentence("Let it declare a use case and do nothing else."),
                    )
                ],
            ) from error
        child.close()

    async def fit(
        self,
        loaded: LoadedUseCase,
        files: Mapping[str, bytes],
        examples: Sequence[LabelledExample],
        *,
        seed: int,
    ) -> tuple[IsolatedDecider, Mapping[str, bytes]]:
        """Fit in a child; gives the fitted decider and its files, without those in ``files``.

        Raises ``TrainingError``.
        """
        content = [
            {
                "input": written(example.input),
                "output": None if example.output is None else written(example.output),
            }
            for example in examples
        ]
        source = self._source(loaded, files)
        learned, out_of_fold, kinds = await fit(self._server, source, content, seed=seed)
        decider = self._handle(loaded, {**learned, **files})
        decider.facts.known, decider.facts.kinds = True, kinds
        decider.facts.out_of_fold = out_of_fold
        return decider, learned

    def close(self) -> None:
        """End every child."""
        self._server.close()

    def _handle(self, loaded: LoadedUseCase, files: Mapping[str, bytes]) -> IsolatedDecider:
        declared = loaded.declared
        decider = declared.trainable or declared.function
        assert declared.isolation is not None
        plain = "coroutine" if is_coroutine(decider) else "function"
        return IsolatedDecider(
            source=self._source(loaded, files),
            server=self._server,
            processes=declared.isolation.processes,
            kind="trainable" if declared.trainable is not None else plain,
            needs=needs_of(decider),
        )

    @staticmethod
    def _source(loaded: LoadedUseCase, files: Mapping[str, bytes]) -> Source:
        declared = loaded.declared
        decider = declared.trainable or declared.function
        home = type(decider).__module__
        isolation = declared.isolation
        assert isolation is not None
        needs = needs_of(decider)
        # The fork server imports nothing that a pod has named: others are forked from it too.
        ours = home.startswith("roadbed.")
        return Source(
            use_case=declared.name,
            folder=loaded.code or loaded.folder,
            files=files,
            secrets=tuple(needs.secrets),
            memory_megabytes=isolation.memory_megabytes,
            modules=tuple(needs.modules),
            preloaded=(home, *needs.modules) if ours else (),
        )


# Any: JSON of a child, checked by its readers.
async def ready_child(
    server: ForkServer, source: Source, work: str
) -> tuple[Child, Mapping[str, Any]]:
    """A child that has loaded ``source``, and its report. Raises ``ChildFailedError``."""
    loaded: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()

    def received(content: Mapping[str, Any] | bytes) -> None:
        if not isinstance(content, bytes) and "printed" not in content and not loaded.done():
            loaded.set_result(content)

    def ended(reason: str) -> None:
        if not loaded.done():
            loaded.set_result({"failed": reason})

    try:
        child = await server.start(source, work, received, ended)
    except (OSError, ValueError) as error:
        raise ChildFailedError(f"no process could be started: {error}") from error
    try:
        async with asyncio.timeout(LOAD_SECONDS):
            facts = await loaded
    except TimeoutError:
        facts = {"failed": f"it did not load within {LOAD_SECONDS:g} s"}
    except asyncio.CancelledError:
        child.close()
        raise
    if "failed" in facts:
        child.close()
        raise ChildFailedError(
            str(facts["failed"]),
            exhausted=bool(facts.get("exhausted")),
            raised="exhausted" in facts,
        )
    return child, facts


def _out_of_fold(content: Mapping[str, Any] | None) -> OutOfFold | None:
    if content is None:
        return None

    def numbers(name: str) -> Any:
        return None if content[name] is None else np.array(content[name], dtype=float)

    return OutOfFold(
        confidence=numbers("confidence"),
        wrong=np.array(content["wrong"], dtype=np.bool_),
        cautious=numbers("cautious"),
        novel=numbers("novel"),
    )


def _are_lengths(content: object) -> bool:
    """Whether it names files, each with how many bytes it has."""
    if not isinstance(content, dict):
        return False
    sizes = list(content.values())
    plain = all(type(size) is int and size >= 0 for size in sizes)
    return plain and sum(sizes) <= MOST_LEARNED_BYTES


def _files(lengths: Mapping[str, int], data: bytes) -> Mapping[str, bytes]:
    files, start = {}, 0
    for name, length in lengths.items():
        files[name] = data[start : start + length]
        start += length
    return files
