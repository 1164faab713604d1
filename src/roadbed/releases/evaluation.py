"""Runs two versions side by side on inputs whose right output is known, as the live path would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

from pydantic import BaseModel

from roadbed.decisions.model import (
    Answered,
    LiveVersion,
    NotAnswered,
    Reason,
    Route,
    Routed,
    Service,
)
from roadbed.decisions.paying import Paying
from roadbed.decisions.runner import Runner
from roadbed.decisions.trials import answered
from roadbed.intake.model import AdmittedTask
from roadbed.kernel.clock import Clock
from roadbed.kernel.ids import CertificateId, TaskId, VersionId
from roadbed.releases import rules
from roadbed.releases.store import Runnable
from roadbed.risk.slices import Pooling
from roadbed.risk.states import State
from roadbed.usecases.deciders import is_trainable
from roadbed.usecases.folder import LoadedUseCase

Json = Mapping[str, Any]
_Given: TypeAlias = tuple[Answered | NotAnswered, Routed, float]
# Small enough that nothing waits for a thread; a trainable answers a batch at once.
_AT_ONCE, _BATCH = 16, 64
# A busy moment of the machine is not the version's doing; where more than this is slow, it is.
_MOST_AGAIN = 0.5
# What a first answer imports and loads must not hold up many: so many are asked one by one at most.
_ALONE = 16
WENT_WRONG = (Reason.DECIDER_FAILED, Reason.DECIDER_TIMEOUT, Reason.INVALID_ANSWER)


class _Unread(BaseModel):
    """Stands for an input that each version reads by its own declaration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """An input with its right output; ``right`` is ``None`` where no answer would be right."""

    id: str
    task_id: str | None
    content: Json
    right: Json | None
    judges: bool
    corrected: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a version said to an item; ``by_rule``: a rule came first, and it was not asked.

    ``twice``: it was asked again, and ``seconds`` are those of the quicker time.
    """

    output: Json | None
    wrong: bool
    by_rule: bool
    automatic: bool
    seconds: float
    cost: float | None
    twice: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """A version that is run: its folder, and what it would have in force."""

    loaded: LoadedUseCase
    version: LiveVersion


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Both on one item. ``live`` is ``None`` if there is nothing to compare with."""

    item: Item
    live: Said | None
    candidate: Said


class Evaluation:
    """Interleaves the two in small chunks, so that what slows the machine slows both."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(
        self, live: Contender | None, candidate: Contender, items: Sequence[Item], paying: Paying
    ) -> list[Pair]:
        """Both versions on every item, in order. Raises as ``paying`` does."""
        sides = [each for each in (live, candidate) if each]
        runners = {id(each): Runner(each.loaded.declared) for each in sides}
        trained = all(is_trainable(each.version.decider) for each in sides)
        most = _BATCH if trained else _AT_ONCE
        said: dict[int, list[Said]] = {id(each): [] for each in sides}
        start = turn = 0
        try:
            while start < len(items):
                warm = all(runners[id(each)].warm(each.version) for each in sides)
                chunk = items[start : start + (most if warm or start >= _ALONE else 1)]
                start, turn = start + len(chunk), turn + 1
                for each in reversed(sides) if turn % 2 else sides:
                    given = await paying.ask(
                        [partial(self._ask, each, runners[id(each)], item) for item in chunk],
                        lambda given: given[0],
                        untold=each is live,  # else its successor, which tells, could not be shown
                    )
                    said[id(each)] += [
                        _said(each, *both) for both in zip(chunk, given, strict=True)
                    ]
        finally:
            for runner in runners.values():
                runner.close()
        olds = said[id(live)] if live else [None] * len(items)
        return [
            Pair(item=item, live=old, candidate=new)
            for item, old, new in zip(items, olds, said[id(candidate)], strict=True)
        ]

    async def slow_again(
        self, candidate: Contender, pairs: Sequence[Pair], limit: float, paying: Paying
    ) -> list[Pair]:
        """Asks once more what judges and took the candidate over ``limit`` seconds.

        The quicker time counts, the first answer stands. Raises as ``paying`` does.
        """
        judges = [each for each in pairs if each.item.judges]
        slow = [each.item for each in judges if each.candidate.seconds > limit]
        if len(slow) > _MOST_AGAIN * len(judges):
            return list(pairs)
        found = await self.run(None, candidate, slow, paying)
        again = {each.item.id: each.candidate.seconds for each in found}
        return [_quicker(each, again.get(each.item.id)) for each in pairs]

    async def _ask(self, side: Contender, runner: Runner, item: Item) -> _Given:
        service = Service(
            loaded=side.loaded, live=side.version, coin_seed=b"", halted=False, halt_epoch=0
        )
        task = AdmittedTask(
            id=TaskId(f"tsk_gate_{item.id}"),
            use_case=side.loaded.name,
            key=None,
            input=_Unread(),
            content=item.content,
            source={"surface": "gate"},
            reference=False,
            reference_rate=0.0,
            admitted_at=self._clock.now(),
        )
        began = self._clock.monotonic()
        answer, routed = await answered(service, side.version, runner, task)
        return answer, routed, self._clock.monotonic() - began


def _said(side: Contender, item: Item, given: _Given) -> Said:
    answer, routed, seconds = given
    output = answer.output if isinstance(answer, Answered) else None
    code = None if isinstance(answer, Answered) else answer.code
    return Said(
        output=output,
        wrong=is_wrong(output, code, as_declared(side.loaded, item.right)),
        by_rule=code is Reason.RULE,
        automatic=routed.route is Route.AUTOMATIC,
        seconds=seconds,
        cost=None if answer.cost is None else float(answer.cost),
    )


def _quicker(pair: Pair, again: float | None) -> Pair:
    if again is None:
        return pair
    said = pair.candidate
    return replace(pair, candidate=replace(said, seconds=min(said.seconds, again), twice=True))


def is_wrong(output: Json | None, code: str | None, right: Json | None) -> bool:
    """No answer is wrong, except where none would be right and the version said so itself."""
    if output is not None or right is not None:
        return output != right
    return code in WENT_WRONG


def as_declared(loaded: LoadedUseCase, right: Json | None) -> Json | None:
    """A right output as this version's declaration writes it."""
    if right is None:
        return None
    try:
        return loaded.declared.output.model_validate(right).model_dump(mode="json")
    except ValueError:
        return right


def contender(found: Runnable, certificate: Json | None, alarm_at: datetime | None) -> Contender:
    """A version with what its proof puts in force, if no alarm has sounded since."""
    proven = certificate if rules.in_force(certificate, alarm_at) else None
    pooling = proven["detail"].get("pooling") if proven else None
    return Contender(
        loaded=found.loaded,
        version=LiveVersion(
            id=VersionId(found.behaviour),
            decider=found.decider,
            threshold=proven["threshold"] if proven else None,
            certificate=CertificateId(proven["id"]) if proven else None,
            state=State.OPEN if proven else State.SHADOW,
            cautious=bool(proven and proven["bridged"]),
            pooling=Pooling(**pooling) if pooling else None,
            loaded=found.loaded,
        ),
    )
