"""The demo's imitated language model: it speaks OpenAI's chat completions and knows no language.

It picks the sentences of the given passages that share most words with the question. For some
questions, always the same ones, it adds what no passage says, as a language model may: the checks
of the answer must drop that. It listens on loopback, calls nobody and keeps nothing: ``python -m
roadbed.demo.imitated_model PORT``.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send

from roadbed.models.answers.wording import content_words, sentences

JsonBody = Mapping[str, Any]  # of a request or response, as the protocol has it
ToolCall = tuple[str, Mapping[str, Any]]

PATH = "/v1/chat/completions"
INVENTS_ONE_IN = 24  # questions, for each of three kinds
_LEAST_SHARE = 0.42  # of the weight of the question's words, in the best passage
_SECOND_SHARE = 0.7  # of the score of the best sentence, for a second one
_OF_HEADING = 0.5  # the weight of a word in the heading or the name of the document
_OF_RANK = 0.3  # what a first place in the search is worth, in words
_OF_FIGURE = 0.5  # what a figure is worth where the question asks for one
_LONGEST = 600  # characters of a sentence
_FEWEST_WORDS = 3  # of a sentence
_DATA = re.compile(r'<data name="([^"]*)">(.*?)</data>', re.DOTALL)
_ASKS_FOR_FIGURE = re.compile(r"(?i)\bhow (?:much|many|long|often)\b|\bwhen\b|\bcosts?\b|\bprice\b")
_NUMBER = re.compile(r"(?<![\w.,-])\d+(?![\w-]|[.,]\d)")
# A mail breaks its lines in the middle of a sentence.
_BROKEN_LINE = re.compile(r"(?<=[a-z,])\n(?=[a-z0-9])")
# What people say besides what they ask.
_POLITE = content_words(
    "please tell thanks thank hi hello quick question colleague asks need today"
)
_UNSUPPORTED = "Colleagues usually treat such cases generously and grant exceptions informally."
_CELL = " | "


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownPassage:
    """A passage of the request. ``number`` is the one that a reply cites."""

    number: int
    document: str
    place: str
    text: str

    @property
    def heading(self) -> str:
        """Where it stands."""
        return f"{self.document} {self.place}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    """A sentence of a passage: as it is said, and as it stands there."""

    passage: ShownPassage
    text: str
    quote: str


def completion(body: JsonBody) -> JsonBody:
    """The response to a request for a chat completion, by one of the offered tools.

    Raises ``ValueError``, ``KeyError`` or ``TypeError`` for a request that has no question, or
    offers other tools.
    """
    user = "\n".join(item["content"] for item in body["messages"] if item["role"] == "user")
    tool, arguments = reply(*_read(user))
    if tool not in {item["function"]["name"] for item in body["tools"]}:
        raise ValueError(f"the request does not offer the tool {tool}")
    said = json.dumps(arguments, ensure_ascii=False)
    function = {"name": tool, "arguments": said}
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
    }
    heard = sum(len(str(item["content"]).split()) for item in body["messages"])
    written = len(said.split())
    return {
        "id": "chatcmpl-imitation",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls"}
        ],
        # Words in place of tokens: it has no tokens.
        "usage": {
            "prompt_tokens": heard,
            "completion_tokens": written,
            "total_tokens": heard + written,
        },
    }


def reply(question: str, passages: Sequence[ShownPassage]) -> ToolCall:
    """The tool that is called for a question, and its arguments; always the same for the same."""
    asked = content_words(question) - _POLITE
    if not asked:
        return "please_specify", {"text": "What is meant?"}
    weights = _weights(asked, passages)
    most = sum(weights.values())
    best = max((_weight(weights, f"{one.heading} {one.text}") for one in passages), default=0.0)
    if best < _LEAST_SHARE * most:
        return "not_in_documents", {"text": "No passage says anything about this."}
    chosen = _chosen(question, weights, passages)
    if not chosen:
        return "unsure", {"reason": "the passages have no sentence"}
    return "answer", {"sentences": list(_said(question, chosen))}


def invention(question: str) -> int:
    """What is invented for a question: 0 a figure, 1 a sentence, 2 another figure, else nothing."""
    plain = " ".join(question.lower().split())
    return int.from_bytes(hashlib.sha256(plain.encode()).digest()[:4]) % INVENTS_ONE_IN


def _said(question: str, chosen: Sequence[_Candidate]) -> Iterator[dict[str, Any]]:
    """The sentences of an answer, with what is invented for this question."""
    kind = invention(question)
    first = chosen[0]
    for item in chosen:
        text = item.text
        if kind == 2 and item is first:
            text = _NUMBER.sub(lambda number: _another(number.group(), first), text, count=1)
        yield {"text": text, "passages": [item.passage.number], "quotes": [item.quote]}
    if kind == 0:
        number = _another("36", first)
        yield {
            "text": f"In practice about {number} days are usual.",
            "passages": [first.passage.number],
            "quotes": [],
        }
    if kind == 1:
        yield {"text": _UNSUPPORTED, "passages": [first.passage.number], "quotes": []}


def _another(number: str, said: _Candidate) -> str:
    """The next number that stands nowhere in the passage."""
    other = int(number) + 1
    while str(other) in f"{said.passage.heading} {said.passage.text}":
        other += 1
    return str(other)


def _weights(asked: frozenset[str], passages: Sequence[ShownPassage]) -> Mapping[str, float]:
    """How rare each word of the question is among the passages."""
    texts = [content_words(f"{one.heading} {one.text}") for one in passages]
    count = len(texts)
    return {word: math.log(2 + count / (1 + sum(word in text for text in texts))) for word in asked}


def _weight(weights: Mapping[str, float], text: str) -> float:
    words = content_words(text)
    return sum(weight for word, weight in weights.items() if word in words)


def _chosen(
    question: str, weights: Mapping[str, float], passages: Sequence[ShownPassage]
) -> Sequence[_Candidate]:
    """The best sentence, and the best one of another passage if it is nearly as good."""
    wants_figure = _ASKS_FOR_FIGURE.search(question) is not None

    def score(item: _Candidate) -> float:
        own, passage = _weight(weights, item.text), item.passage
        around = _weight(weights, f"{item.text} {passage.heading}") - own
        figure = wants_figure and any(letter.isdigit() for letter in item.text)
        rank = 1 / passage.number
        return own + _OF_HEADING * around + _OF_RANK * rank + _OF_FIGURE * figure

    ranked = sorted(
        (item for passage in passages for item in _candidates(passage)), key=score, reverse=True
    )
    if not ranked:
        return []
    best = ranked[0]
    others = [
        item
        for item in ranked
        if item.passage is not best.passage and score(item) >= _SECOND_SHARE * score(best)
    ]
    return [best, *others[:1]]


def _candidates(passage: ShownPassage) -> Iterator[_Candidate]:
    """The sentences of a passage; a row of a table is one, with the heads of its columns."""
    heads: Sequence[str] = ()
    for quote in _parts(passage.text):
        cells = quote.split(_CELL)
        if len(cells) > 1 and not heads:
            heads = cells
            continue
        text = quote
        if len(cells) > 1 and len(cells) == len(heads):
            text = ", ".join(f"{head}: {cell}" for head, cell in zip(heads, cells, strict=True))
        if (
            len(text) <= _LONGEST
            and len(quote.split()) >= _FEWEST_WORDS
            and not passage.place.endswith(quote)  # a heading
        ):
            yield _Candidate(passage=passage, text=text, quote=quote)


def _parts(text: str) -> Iterator[str]:
    """Rows of tables as they are, and the sentences of everything else."""
    running: list[str] = []
    for line in text.split("\n"):
        if _CELL in line:
            yield from sentences(_BROKEN_LINE.sub(" ", "\n".join(running)))
            running = []
            yield line.strip()
        else:
            running.append(line)
    yield from sentences(_BROKEN_LINE.sub(" ", "\n".join(running)))


def _read(user: str) -> tuple[str, Sequence[ShownPassage]]:
    """The question and the passages of a user's message."""
    data = [(name, json.loads(content)) for name, content in _DATA.findall(user)]
    passages = [
        ShownPassage(number=int(name.removeprefix("passage ")), **content)
        for name, content in data
        if name.startswith("passage ")
    ]
    [question] = [content for name, content in data if name == "question"]
    return str(question), passages


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application: POST of a chat completion, and nothing else."""
    body = await _body(receive)
    status, content = 404, _error("there is no such path")
    if (scope["method"], scope["path"]) == ("POST", PATH):
        try:
            status, content = 200, completion(json.loads(body))
        except (ValueError, KeyError, TypeError):
            status, content = 400, _error("the request cannot be read")
    kind = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": kind})
    sent = json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")
    await send({"type": "http.response.body", "body": sent})


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _error(message: str) -> JsonBody:
    kind = "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": kind}}


def main(port: int) -> None:
    """Listen on loopback until stopped."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        log_level="error",
        interface="asgi3",
        lifespan="off",
        ws="none",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
