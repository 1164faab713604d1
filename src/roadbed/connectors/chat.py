"""``Chat``: a message to a Slack-compatible incoming webhook."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from roadbed.connectors import rendering
from roadbed.connectors.egress import url_problem
from roadbed.connectors.responses import accept, excerpt
from roadbed.connectors.send_only import SendOnly
from roadbed.kernel.stored_sentences import stored_sentence
from roadbed.usecases.destinations import DeliveryRequest, EgressClient, RefusedError, Sent

TEXT_CHARACTERS = 2_900  # a section holds 3,000
BUTTON_CHARACTERS = 75
LINKS = 5


@dataclass(frozen=True, slots=True)
class Chat(SendOnly):
    """Posts ``text`` to the webhook whose URL is in the environment variable ``url``.

    The URL itself is the secret. ``links`` among the facts, a list of ``{text, url}``, become
    buttons. Text from facts is escaped: it cannot mention people, and its addresses become neither
    links nor previews.
    """

    kind: ClassVar[str] = "chat"
    key_horizon: ClassVar[timedelta | None] = None

    url: str
    text: str
    private: bool = False

    def problems(self) -> Sequence[str]:
        return list(self._problems())

    async def send(self, request: DeliveryRequest, egress: EgressClient) -> Sent:
        url = egress.secret(self.url).get_secret_value()
        written = rendering.text(self.text, escaped(rendering.facts_of(request)))
        body = rendering.encoded(message(shortened(written), list(_buttons(request.facts))))
        response = await egress.request(
            "POST",
            url,
            headers={"Content-Type": "application/json"},
            content=body,
            private=self.private,
        )
        hide = f"{url} {urlsplit(url).path}"
        if str(accept(response, egress.now(), hide=hide)).strip() != "ok":
            raise RefusedError(excerpt(response, hide=hide))
        return Sent(detail=stored_sentence("It answered ok."))

    def _problems(self) -> Iterator[str]:
        if "://" in self.url:
            yield "url is a secret and must not be written here. Name an environment variable."
        else:
            yield from rendering.secret_problems("url", self.url)
        if not self.text.strip():
            yield "text is empty. Write what the message says."
        yield from rendering.template_problems("text", self.text)


def message(written: str, buttons: Sequence[Mapping[str, object]]) -> Mapping[str, object]:
    """The JSON of a message; nothing in it is unfurled."""
    blocks: list[Mapping[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": written, "verbatim": True}}
    ]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return {"text": written, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


# Any: JSON of any shape; the result has the same shape.
def escaped(facts: Any) -> Any:
    """The same facts with ``&``, ``<`` and ``>`` of every text and name made harmless."""
    if isinstance(facts, str):
        return facts.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if isinstance(facts, Mapping):
        return {escaped(name): escaped(value) for name, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [escaped(fact) for fact in facts]
    return facts


def shortened(written: str) -> str:
    """At most what a section holds; never cut inside an ``&amp;``."""
    if len(written) <= TEXT_CHARACTERS:
        return written
    return re.sub(r"&[a-z]{0,4}$", "", written[:TEXT_CHARACTERS]) + "…"


def _buttons(facts: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    links = facts.get("links")
    for link in links[:LINKS] if isinstance(links, list | tuple) else ():
        label, url = str(link.get("text", "")), str(link.get("url", ""))
        if url_problem(url) is not None:
            raise RefusedError(
                stored_sentence(
                    "The link %(label)r does not lead to a web address.", label=label[:40]
                )
            )
        yield {
            "type": "button",
            "text": {"type": "plain_text", "text": label[:BUTTON_CHARACTERS] or url[:40]},
            "url": url,
        }
