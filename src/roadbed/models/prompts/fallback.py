"""Fallback: another model is asked when the first gives no reply.

A guarantee was measured on the first model. So the confidence of an answer by the fallback is made
small: it ranks below the answers of the first, and a person sees it unless the certificate reaches
down to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import httpx2

from roadbed.kernel.json import Json
from roadbed.models.prompts.endpoint import MOST_BYTES, Endpoint, NoReplyError, endpoint
from roadbed.models.prompts.price import Price, Tokens, cost
from roadbed.models.prompts.requests import ModelAnswer, ModelRequest, line, modules_of
from roadbed.models.prompts.sampling import samples
from roadbed.models.prompts.self_consistency import Sample
from roadbed.usecases.decider import Needs

# Of the time that is left: so much waits for the first model where there is a fallback.
_SHARE_OF_FIRST = 0.6
# Times the confidence: below every answer of the first model that is worth ranking.
_UNMEASURED = 0.01

Read = Callable[[ModelAnswer, Tokens], Sample]


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageModel:
    """A model of a provider: ``"openai:NAME"`` or ``"anthropic:NAME"``, and what it costs.

    ``base_url`` leads to another server with the same protocol. Without ``price`` the cost stays
    unknown. Raises ``ValueError`` for a name or an address that cannot work.
    """

    model: str
    price: Price | None = None
    base_url: str | None = None

    def __post_init__(self) -> None:
        endpoint(self.model, self.base_url)

    def endpoint(self, most_bytes: int = MOST_BYTES) -> Endpoint:
        """Where it is asked. An answer of more than ``most_bytes`` is not read to its end."""
        return endpoint(self.model, self.base_url, most_bytes)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The name of the provider's key; none for another server."""
        return () if self.base_url else (self.endpoint().key_name,)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConnection:
    """How models are reached: keys and addresses, and in tests another transport."""

    environment: Mapping[str, str]
    most_bytes: int = MOST_BYTES
    transport: httpx2.AsyncBaseTransport | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """The samples of the model that answered, and what all models asked have cost together.

    ``model`` names it. ``instead_of`` is the reason why the first gave no reply, if another
    answered.
    """

    samples: Sequence[Sample]
    model: str
    tokens: Tokens
    cost: Decimal | None
    instead_of: str | None = None

    @property
    def told(self) -> dict[str, Json]:
        """Which model answered, and the tokens of all that were asked, as evidence."""
        spent = self.tokens
        return {
            "model": self.model,
            **({"fallback": self.instead_of} if self.instead_of else {}),
            "tokens": {"input": spent.input, "output": spent.output, "complete": spent.known},
        }

    def ranked(self, confidence: float) -> float:
        """``confidence``, small if the fallback answered: nothing was measured on it."""
        return confidence if self.instead_of is None else confidence * _UNMEASURED


def language_models(
    model: str, price: Price | None, base_url: str | None, *others: LanguageModel | None
) -> tuple[LanguageModel, ...]:
    """The models of a decider, the first first. Raises ``ValueError`` for two currencies."""
    first = LanguageModel(model=model, price=price, base_url=base_url)
    models = (first, *(other for other in others if other is not None))
    if len({one.price.currency for one in models if one.price is not None}) > 1:
        raise ValueError("the prices of the models are in several currencies; write them in one")
    return models


def needs_of_models(file: str, models: Sequence[LanguageModel]) -> Needs:
    """The prompt, the keys, the currency and the modules of a decider that asks ``models``."""
    currencies = [model.price.currency for model in models if model.price is not None]
    providers = [model.endpoint().provider for model in models]
    return Needs(
        prompts=(file,),
        secrets=tuple(dict.fromkeys(name for model in models for name in model.secrets)),
        currency=currencies[0] if currencies else None,
        modules=tuple(dict.fromkeys(name for one in providers for name in modules_of(one))),
    )


async def draw(
    models: Sequence[LanguageModel],
    asked: ModelRequest,
    read: Read,
    *,
    count: int,
    end: float,
    connection: ModelConnection,
) -> Drawn:
    """``count`` samples of the first of ``models`` that replies, by ``end`` of the loop's clock.

    A model replies if at least one of its samples is a reply, usable or not. Raises
    ``NoReplyError`` if no request could be made to any of them.
    """
    tokens = Tokens()
    total: Decimal | None = Decimal(0)
    failed: list[str] = []
    drawn: tuple[int, Sequence[Sample]] | None = None
    for position, model in enumerate(models):
        is_last = position == len(models) - 1
        try:
            replies = await _drawn(model, asked, read, count, _by(end, is_last=is_last), connection)
        except NoReplyError as error:
            failed.append(error.reason)
            if is_last and drawn is None:
                raise
            continue
        drawn = position, replies
        spent = sum((sample.tokens for sample in replies), Tokens())
        price = cost(model.price, spent)
        tokens += spent
        total = None if total is None or price is None else total + price
        if any(sample.replied for sample in replies):
            break
        failed.append(replies[0].failed or "")
    assert drawn is not None  # the last model was asked, or its error was raised
    position, replies = drawn
    return Drawn(
        samples=replies,
        model=models[position].endpoint().named,
        tokens=tokens,
        cost=total,
        instead_of=failed[0] if position > 0 else None,
    )


def _by(end: float, *, is_last: bool) -> float:
    now = asyncio.get_running_loop().time()
    return end if is_last else now + (end - now) * _SHARE_OF_FIRST


async def _drawn(
    model: LanguageModel,
    asked: ModelRequest,
    read: Read,
    count: int,
    end: float,
    connection: ModelConnection,
) -> Sequence[Sample]:
    at = model.endpoint(connection.most_bytes)
    async with line(at, connection.environment, connection.transport) as opened:
        return await samples(opened, asked, read, count=count, end=end)
