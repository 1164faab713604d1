"""``Prompted``: a decider that asks a language model for the declared output."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Self

import httpx2
from pydantic import BaseModel

from roadbed.kernel.json import flat
from roadbed.models.prompts.endpoint import MOST_BYTES, NoReplyError, endpoint
from roadbed.models.prompts.fallback import (
    Drawn,
    LanguageModel,
    ModelConnection,
    draw,
    language_models,
    needs_of_models,
)
from roadbed.models.prompts.price import Price
from roadbed.models.prompts.rendering import ANSWER, UNSURE, instructions, message
from roadbed.models.prompts.requests import ModelRequest, Tool
from roadbed.models.prompts.sampling import read
from roadbed.models.prompts.self_consistency import Neighbour, Sample, Settled, settle, tally
from roadbed.usecases.decider import Answer, Context, Needs, Unsure

# The part of the deadline that is reserved for everything except the model.
_SHARE_OF_DEADLINE = 0.9
_MOST_SHOWN = 300  # characters of a neighbour, as evidence
_REASON = {
    "type": "object",
    "properties": {"reason": {"type": "string"}},
    "required": ["reason"],
    "additionalProperties": False,
}


class Prompted:
    """Asks ``model`` with the prompt ``prompts/FILE`` and the examples most like the input.

    ``model`` is ``"openai:NAME"``, with ``base_url`` for every server that speaks that protocol, or
    ``"anthropic:NAME"``; the key comes from ``OPENAI_API_KEY`` or ``ANTHROPIC_API_KEY``. Without
    ``price`` the cost stays unknown. ``neighbours`` examples are shown, ``samples`` replies asked
    for at ``temperature`` (``None``: the model's default): their agreement is the confidence. An
    input of more than ``most_characters`` goes to a person; a reply has at most ``most_tokens``,
    what the model thinks before it included. The provider's whole answer has at most
    ``most_answer_bytes``. ``fallback`` is asked when the model gives no reply; its answers rank
    below those of ``model``. ``transport`` answers in place of the network, for tests.
    Raises ``ValueError`` for settings that cannot work.
    """

    def __init__(
        self,
        file: str,
        *,
        model: str,
        price: Price | None = None,
        base_url: str | None = None,
        fallback: LanguageModel | None = None,
        neighbours: int = 6,
        samples: int = 3,
        temperature: float | None = None,
        most_characters: int = 60_000,
        most_tokens: int = 4_000,
        most_answer_bytes: int = MOST_BYTES,
        environment: Mapping[str, str] = os.environ,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        if min(samples, most_characters, most_tokens, most_answer_bytes) < 1 or neighbours < 0:
            raise ValueError("samples and the limits are at least 1, neighbours at least 0")
        self.file = file
        self.price = price
        self.endpoint = endpoint(model, base_url, most_answer_bytes)
        self.environment = environment
        self._models = language_models(model, price, base_url, fallback)
        self._connection = ModelConnection(
            environment=environment, most_bytes=most_answer_bytes, transport=transport
        )
        self._neighbours = neighbours
        self._samples = samples
        self._temperature = temperature
        self._most_characters = most_characters
        self._most_tokens = most_tokens
        self._declared: _Declared | None = None
        self._indexes: Any = None  # made on first use: scikit-learn imports slowly

    @property
    def needs(self) -> Needs:
        """Its prompt, the providers' keys unless it uses other servers, its currency."""
        return needs_of_models(self.file, self._models)

    @property
    def samples(self) -> int:
        """The number of calls of the model for one task, without retries."""
        return self._samples

    def bind(self, input: type[BaseModel], output: type[BaseModel]) -> Self:
        """A copy that knows the models. Raises ``ValueError`` for an output that is no object."""
        schema = output.model_json_schema()
        if schema.get("type") != "object":
            raise ValueError("a language model can only fill in an object with named fields")
        declared = _Declared(fields=tuple(input.model_fields), output=output, schema=schema)
        return self._changed(_declared=declared)

    def alone(self) -> Self:
        """A copy that calls the model once per task: a cheap way to compare prompts."""
        return self._changed(_samples=1)

    async def __call__(self, input: BaseModel, context: Context) -> Answer[BaseModel] | Unsure:
        """The output most samples agree on; ``Unsure`` with the reason for anything else."""
        end = asyncio.get_running_loop().time() + context.deadline_seconds * _SHARE_OF_DEADLINE
        prompt = context.prompts.get(self.file, "")
        if not prompt.strip():
            return _unasked(f"prompts/{self.file} is missing or empty")
        content = input.model_dump(mode="json")
        neighbours = await self._nearest(context.examples, content)
        asked = self._request(prompt, content, neighbours)
        while len(asked.message) > self._most_characters and neighbours:
            neighbours = neighbours[1:]  # the least similar
            asked = self._request(prompt, content, neighbours)
        if len(asked.message) > self._most_characters:
            return _unasked(f"the input is longer than {self._most_characters:,} characters")
        try:
            drawn = await draw(
                self._models,
                asked,
                partial(read, output=self._bound.output),
                count=self._samples,
                end=end,
                connection=self._connection,
            )
        except NoReplyError as error:
            return _unasked(error.reason)
        return self._settled(prompt, drawn, neighbours)

    @property
    def _bound(self) -> _Declared:
        if self._declared is None:
            raise ValueError("give it to usecase.decider(…) first: it does not know the models yet")
        return self._declared

    async def _nearest(
        self, examples: Sequence[Mapping[str, Any]], content: Mapping[str, Any]
    ) -> Sequence[Neighbour]:
        if not examples or not self._neighbours:
            return ()
        return await asyncio.to_thread(self._look_up, examples, content)

    def _look_up(
        self, examples: Sequence[Mapping[str, Any]], content: Mapping[str, Any]
    ) -> Sequence[Neighbour]:
        from roadbed.models.prompts.neighbours import Indexes

        if self._indexes is None:
            self._indexes = Indexes()
        nearest: Sequence[Neighbour] = self._indexes.nearest(examples, content, self._neighbours)
        return nearest

    def _request(
        self, prompt: str, content: Mapping[str, Any], neighbours: Sequence[Neighbour]
    ) -> ModelRequest:
        declared = self._bound
        shown = [{"input": neighbour.input, "output": neighbour.output} for neighbour in neighbours]
        return ModelRequest(
            instructions=instructions(prompt, declared.fields),
            message=message(content, shown, declared.fields),
            tools=[
                Tool(name=ANSWER, description="The answer.", schema=declared.schema),
                Tool(name=UNSURE, description="No answer would be right.", schema=_REASON),
            ],
            temperature=self._temperature,
            most_tokens=self._most_tokens,
        )

    def _settled(
        self, prompt: str, drawn: Drawn, neighbours: Sequence[Neighbour]
    ) -> Answer[BaseModel] | Unsure:
        settled = settle(drawn.samples, neighbours)
        evidence = {
            **drawn.told,
            "prompt": {"file": self.file, "sha256": digest(prompt)},
            **_evidence(drawn.samples, settled),
            "neighbours": [_shown(neighbour) for neighbour in reversed(neighbours)],
        }
        if settled.output is None:
            return Unsure(reason=settled.reason, evidence=evidence, cost=drawn.cost)
        return Answer(
            output=self._bound.output.model_validate(settled.output),
            confidence=drawn.ranked(settled.confidence),
            evidence=evidence,
            cost=drawn.cost,
        )

    def _changed(self, **changes: object) -> Self:
        changed = copy.copy(self)
        for name, value in changes.items():
            setattr(changed, name, value)
        return changed


@dataclass(frozen=True, kw_only=True, slots=True)
class _Declared:
    """What the use case declares: fields of the input, the output and its JSON schema."""

    fields: tuple[str, ...]
    output: type[BaseModel]
    schema: Mapping[str, Any]


def digest(prompt: str) -> str:
    """The hash of a prompt's text."""
    return hashlib.sha256(prompt.encode(errors="replace")).hexdigest()


def _unasked(reason: str) -> Unsure:
    return Unsure(reason=reason, cost=Decimal(0))


def _evidence(drawn: Sequence[Sample], settled: Settled) -> dict[str, Any]:
    votes = [
        {"output": "unsure" if output is None else flat(output)[:_MOST_SHOWN], "votes": n}
        for output, n in tally(drawn)
    ]
    failed = sorted({sample.failed for sample in drawn if sample.failed})
    return {
        "agreement": f"{settled.votes} of {len(drawn)} samples",
        "votes": votes,
        **({"failed": failed} if failed else {}),
    }


def _shown(neighbour: Neighbour) -> dict[str, Any]:
    return {
        "input": flat(neighbour.input)[:_MOST_SHOWN],
        "output": "unsure" if neighbour.output is None else flat(neighbour.output)[:_MOST_SHOWN],
        "similarity": round(neighbour.similarity, 3),
    }
