"""Function scorers: the code of a pod that scores, guarded against its errors.

A guarded scorer gives a score or an unknown one, never an error. It runs in a thread with a time
limit. After several calls that hang it is not called again in this process.
"""

from __future__ import annotations

import inspect
import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.scoring.content import Json, canonical
from roadbed.scoring.scorers import BUILT_IN, UNSTORABLE, Score, Scorer

SLOWEST_SECONDS = 2.0  # for one pair; a scorer that takes longer gives no score
_MOST_HUNG = 4

ScorerFunction: TypeAlias = Callable[[Json, Json, Json], Score]
_Call: TypeAlias = "tuple[Any, queue.SimpleQueue[Score]]"


class FunctionScorer:
    """A pod's function of (proposed, right, input), with protection against its errors.

    An error, an invalid result or a timeout gives an unknown score with the reason. It runs in its
    own thread, which is abandoned if it hangs, and on copies, which it may change.
    """

    needs_person: bool = False

    def __init__(self, function: ScorerFunction, *, seconds: float = SLOWEST_SECONDS) -> None:
        self.function = function
        self._seconds = seconds
        self._hung = 0
        self._calls: queue.SimpleQueue[_Call] | None = None
        self._one_at_a_time = threading.Lock()

    def score(self, proposed: Json, right: Json, input: Json) -> Score:
        with self._one_at_a_time:
            if self._hung >= _MOST_HUNG:
                return Score.unknown(
                    stored_sentence("The scorer was too slow several times and is not asked.")
                )
            reply: queue.SimpleQueue[Score] = queue.SimpleQueue()
            if self._calls is None:
                self._calls = queue.SimpleQueue()
                threading.Thread(target=self._work, args=(self._calls,), daemon=True).start()
            self._calls.put((tuple(map(_copied, (proposed, right, input))), reply))
            try:
                given = reply.get(timeout=self._seconds)
            except queue.Empty:
                self._hung += 1
                self._calls = None
                return Score.unknown(
                    stored_sentence(
                        "The scorer took more than %(seconds)s s.",
                        seconds=format(self._seconds, "g"),
                    )
                )
        return given

    def facts(self) -> Mapping[str, object]:
        return {"scorer": "function", "function": getattr(self.function, "__name__", "function")}

    def problems(self, fields: Mapping[str, object]) -> Iterator[str]:  # noqa: ARG002
        try:
            inspect.signature(self.function).bind(None, None, None)
        except (TypeError, ValueError):
            yield "The scorer does not take exactly (proposed, right, input)"

    def _work(self, calls: queue.SimpleQueue[_Call]) -> None:
        while True:
            arguments, reply = calls.get()
            try:
                # The result is read here too: reading may raise, or hang, like the call.
                value = _checked(self.function(*arguments))
            except BaseException as error:
                value = Score.unknown(
                    stored_sentence("The scorer failed: %(error)s", error=_named(error))
                )
            reply.put(value)


class GuardedScorer(FunctionScorer):
    """A pod's own scorer object, whose methods are kept from doing harm like a function."""

    def __init__(self, scorer: Scorer, *, seconds: float = SLOWEST_SECONDS) -> None:
        super().__init__(scorer.score, seconds=seconds)
        self.scorer = scorer
        self.needs_person = bool(scorer.needs_person)

    def facts(self) -> Mapping[str, object]:
        name = {"scorer": type(self.scorer).__name__}
        try:
            facts: dict[str, Any] = json.loads(UNSTORABLE.sub("", canonical(self.scorer.facts())))
        except Exception:
            return name
        return name | facts if isinstance(facts, dict) else name

    def problems(self, fields: Mapping[str, object]) -> Iterator[str]:
        try:
            yield from [str(problem) for problem in self.scorer.problems(fields)]
        except Exception as error:
            yield f"The scorer's problems() failed: {_named(error)}"


def as_scorer(given: object) -> Scorer:
    """A declared scorer: an object with the methods of ``Scorer``, or a function.

    Raises ``TypeError`` for anything else, and for the class in place of an object of it.
    """
    verbs = ("score", "facts", "problems")
    if not inspect.isclass(given):
        methods = all(callable(getattr(given, verb, None)) for verb in verbs)
        if methods and hasattr(given, "needs_person"):
            return given if _is_built_in(given) else GuardedScorer(given)  # type: ignore[return-value,arg-type]
        if callable(given):
            return FunctionScorer(given)
    raise TypeError(f"{given!r} is no scorer")


def _is_built_in(given: object) -> bool:
    """Whether it contains no code of the pod. A subclass may have its own methods."""
    built_in = {*BUILT_IN, FunctionScorer, GuardedScorer}
    return type(given) in built_in and "score" not in getattr(given, "__dict__", {})


def _checked(given: object) -> Score:
    """The result of a pod's code, converted: its class may also be the pod's. May raise."""
    if not isinstance(given, Score):
        return Score.unknown(
            stored_sentence(
                "The scorer gave %(name)s instead of a Score.", name=type(given).__name__
            )
        )
    return Score(loss=given.loss, why=given.why)


def _named(error: BaseException) -> str:
    """An error in words, also one that cannot be put in words."""
    name = type(error).__name__
    try:
        return f"{name}: {str(error)[:200]}"
    except Exception:
        return name


def _copied(value: object) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list | tuple) else value
