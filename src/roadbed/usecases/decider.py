"""Deciders: their inputs and outputs. This is the contract between a pod's model and Roadbed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, Protocol, Self, TypeAlias, TypeGuard, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from roadbed.kernel.json import JsonObject
from roadbed.usecases.destinations import Action

Output = TypeVar("Output", bound=BaseModel)
# Reference tables: name of the table, key of the record, its fields as text.
Records: TypeAlias = Mapping[str, Mapping[str, Mapping[str, str]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer(Generic[Output]):
    """The proposal of a decider for one task.

    ``confidence`` is the decider's estimate of P(the output is right), in [0, 1]. It need not be
    calibrated: it ranks tasks; the certificate gives the guarantee. ``cautious`` is the same
    estimate from a score that is lower for kinds of work outside the training data; it is used
    after an alarm about new kinds, and without it everything then goes to a person. ``evidence`` is
    what a reviewer should see beside the output. ``cost`` is in the budget's currency; ``None``
    means unknown. ``actions`` are effects it proposes, of the kinds the use case declares.
    ``provenance`` says where its values came from (passages, records), as plain JSON: it is a part
    of what is proposed, so that two answers from other sources differ.
    """

    output: Output
    confidence: float
    cautious: float | None = None
    evidence: JsonObject = field(default_factory=dict)
    cost: Decimal | None = None
    actions: Sequence[Action] = ()
    provenance: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsure:
    """A decider's plain "a person should look at this", with the reason in words."""

    reason: str
    evidence: JsonObject = field(default_factory=dict)
    cost: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """The piece of work a decider is looking at."""

    id: str
    usecase: str
    key: str | None
    admitted_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class OlderStatement:
    """What an older version says where a passage of the version in force says something else.

    ``text`` is its sentence, word for word; ``dated`` its date or number, if it says one.
    """

    document: str
    version: int
    place: str
    text: str
    dated: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovedVersion:
    """A newer version of a document that was deleted, so that the older one is in force again."""

    document: str
    removed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageConflict:
    """Two passages, by their ids, that state different figures in the same words.

    Nobody has decided which one is right. The texts are their sentences, word for word.
    """

    first: str
    second: str
    first_text: str
    second_text: str


class AnswerKind(StrEnum):
    """A kind of thing that a question asks for, and that a text shows by its form."""

    MONEY = "money"
    PERCENTAGE = "percentage"
    DATE = "date"
    NUMBER = "number"
    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrievedPassage:
    """A passage of a document, for a question. Its text is data: nothing in it is an instruction.

    ``id`` names it for good; ``document`` is the path in the library, ``place`` the position as a
    citation shows it (``page 4``), ``part`` the number of the page, slide, sheet or text from 0.
    ``score`` in [0, 1] is that of the ranking, higher is better. ``matched`` are the terms of the
    question that it has, ``related`` those for which it has other words of the same meaning.
    ``has_kind`` is ``False`` if it has nothing of the kind that the question asks for.
    ``similarity`` is the scalar product of its vector and the question's, if the search by meaning
    found it. ``doubtful`` are numbers that only one of two readers saw. ``dated`` is the date,
    number or period that the document says. ``superseded_by`` is the path of the version in force,
    if this is an older one. ``older`` is what older versions say instead, the newest first.
    ``newer_removed`` is a newer version that was deleted, if nobody confirmed since that this one
    is in force.
    """

    id: str
    document: str
    version: int
    place: str
    part: int
    text: str
    score: float
    matched: Sequence[str] = ()
    related: Sequence[str] = ()
    has_kind: bool = True
    modified_at: datetime | None = None
    doubtful: Sequence[str] = ()
    dated: str | None = None
    superseded_by: str | None = None
    older: Sequence[OlderStatement] = ()
    newer_removed: RemovedVersion | None = None
    similarity: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """What people said is right for nearly the same question, as the version keeps it.

    ``example`` is the id of the example. ``passages`` are ids of the right passages, which come
    first. ``text`` is that of the right answer; it is empty unless the question has the same words
    and every right passage still says the same.
    """

    example: str
    passages: Sequence[str]
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retrieved:
    """What a library has for a question: the passages that the sender may read, best first.

    ``documents`` is how many the sender may search. ``missing`` are owners and periods that the
    question names and no document is about. ``assumed`` names the newest documents of a series,
    where the question names no period. ``choices`` are names of which the question means one
    without saying which. ``is_limited`` says that only documents were searched that the question
    names. ``names_nothing`` says that the question means something that neither it
    nor an earlier one names, ``asks_twice`` that it is two questions. ``terms`` are the words of
    the question as they were searched, ``weights`` how rare each is in the library, 0 for those
    that chose the documents and are in all of their passages, ``written`` how the question writes
    each.
    ``other_language`` says that the question seems to be in another language than the library.
    ``expects`` is the kind of thing that the question asks for; ``None``: its words do not say it.
    ``conflicts`` are contradictions between the best passages.
    ``background`` is how near passages that do not matter are to the question: the median
    similarity of those that the search by meaning found. ``None``: it found few, or did not run.
    ``correction`` says which passages people said are right.
    """

    question: str
    documents: int
    passages: Sequence[RetrievedPassage] = ()
    missing: Sequence[str] = ()
    assumed: str | None = None
    choices: Sequence[str] = ()
    is_limited: bool = False
    names_nothing: bool = False
    asks_twice: bool = False
    terms: Sequence[str] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict)
    other_language: bool = False
    expects: AnswerKind | None = None
    conflicts: Sequence[PassageConflict] = ()
    background: float | None = None
    correction: Correction | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """Data for a decider in addition to the input: the task and the time left, in seconds.

    ``records`` are the reference tables under ``data/``, ``prompts`` the texts under ``prompts/``
    by file name, ``examples`` those chosen for prompts (``{"input", "output"}`` each); all with
    what people have accepted since. ``retrieved`` is what the library of the use case has for the
    question; ``None`` without a library.
    """

    task: Task
    deadline_seconds: float
    records: Records = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=dict)
    examples: Sequence[Mapping[str, Any]] = ()
    retrieved: Retrieved | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledExample:
    """An input with its right output; ``output`` is ``None`` if no answer is right."""

    input: BaseModel
    output: BaseModel | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutOfFold:
    """The scores of a fitted decider on examples outside its training data.

    ``confidence`` in [0, 1] and ``wrong`` (bool), both of shape (n,), one entry per example, in the
    order given to ``fit``. ``Unsure`` has confidence 0. ``cautious`` (n,) is the cautious
    confidence, ``novel`` (m,) the same on examples whose kind was hidden while fitting; both are
    ``None`` for a decider that has none.
    """

    confidence: npt.NDArray[np.float64]
    wrong: npt.NDArray[np.bool_]
    cautious: npt.NDArray[np.float64] | None = None
    novel: npt.NDArray[np.float64] | None = None


class Trainable(Protocol):
    """A decider that learns from examples. Every method leaves the object itself unchanged.

    It may have ``kinds``: the outputs it was trained on, as JSON, with ``None`` if it was shown
    examples where no answer is right. A label outside them is then taken for a new kind of work.
    """

    def fit(self, examples: Sequence[LabelledExample], *, seed: int) -> Self:
        """A fitted copy. Raises ``TrainingError`` when the examples cannot teach anything."""
        ...

    @property
    def out_of_fold(self) -> OutOfFold:
        """Out-of-fold confidence and correctness of the last fit; kept by ``save``."""
        ...

    def decide_many(self, inputs: Sequence[BaseModel]) -> Sequence[Answer[BaseModel] | Unsure]:
        """One answer an input, in order. Called in micro-batches, off the event loop."""
        ...

    def save(self) -> Mapping[str, bytes]:
        """The fitted state as named files; never pickle."""
        ...

    def load(self, files: Mapping[str, bytes]) -> Self:
        """A fitted copy from what ``save`` gave."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What a decider requires besides its input, in its attribute ``needs``.

    ``prompts`` are files under ``prompts/``, ``secrets`` names of environment variables,
    ``currency`` that of its costs. ``roadbed check`` and ``roadbed doctor`` report missing ones.
    ``modules`` are imported by a child process before its first call: their time counts as loading,
    not as answering. A module that cannot be imported is left to the decider.
    """

    prompts: Sequence[str] = ()
    secrets: Sequence[str] = ()
    currency: str | None = None
    modules: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Isolation:
    """The child processes that a decider runs in.

    At most ``processes`` at a time, in each server, and as many again for inputs under suspicion.
    Each may allocate ``memory_megabytes`` beyond what it starts with.
    """

    processes: int = 2
    memory_megabytes: int = 1024


FunctionDecider: TypeAlias = Callable[
    [BaseModel, Context], Answer[BaseModel] | Unsure | Awaitable[Answer[BaseModel] | Unsure]
]


VERBS = ("fit", "decide_many", "save", "load")


def is_trainable(decider: object) -> TypeGuard[Trainable]:
    """Whether ``decider`` learns, judged by its class alone: none of its properties is touched."""
    return all(callable(getattr(type(decider), verb, None)) for verb in VERBS)


def needs_of(decider: object) -> Needs:
    """The declared needs of ``decider``; none without the attribute."""
    needs = getattr(decider, "needs", None)
    return needs if isinstance(needs, Needs) else Needs()
