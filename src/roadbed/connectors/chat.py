"""``Chat``: a message to a Slack-compatible incoming webhook."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from roadbed.connectors import filling
from roadbed.connectors.answers import accept, excerpt
from roadbed.connectors.once import SendOnly
from roadbed.connectors.outside import url_problem
from roadbed.usecases.destinations import Outside, Parcel, RefusedError, Sent

TEXT_CHARACTERS = 2_900  # a section holds 3,000
BUTTON_CHARACTERS = 75
LINKS = 5


@dataclass(frozen=True, slots=True)
class Chat(SendOnly):
    """Posts ``text`` to the webhook whose URL stands in the environment variable ``url``.

    The URL is itself the secret. ``links`` among the facts, a list of ``{text, url}``, become
    buttons. What comes from facts is escaped: it can mention nobody, and no address in it becomes
    a link or is opened for a preview.
    """

    kind: ClassVar[str] = "chat"
    key_horizon: ClassVar[timedelta | None] = None

    url: str
    text: str
    private: bool = False

    def problems(self) -> Sequence[str]:
        return list(self._problems())

    async def send(self, parcel: Parcel, outside: Outside) -> Sent:
        url = outside.secret(self.url).get_secret_value()
        written = filling.text(self.text, escaped(filling.facts_of(parcel)))
        body = filling.encoded(message(shortened(written), list(_buttons(parcel.facts))))
        response = await outside.request(
            "POST",
            url,
            headers={"Content-Type": "application/json"},
            content=body,
            private=self.private,
        )
        hide = f"{url} {urlsplit(url).path}"
        if str(accept(response, outside.now(), hide=hide)).strip() != "ok":
            raise RefusedError(excerpt(response, hide=hide))
        return Sent(detail="It answered ok.")

    def _problems(self) -> Iterator[str]:
        if "://" in self.url:
            yield "url is a secret and must not stand here. Name an environment variable."
        else:
            yield from filling.secret_problems("url", self.url)
        if not self.text.strip():
            yield "text is empty. Write what the message says."
        yield from filling.template_problems("text", self.text)


def message(written: str, buttons: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The JSON of a message; nothing in it is unfurled."""
    blocks: list[Mapping[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": written, "verbatim": True}}
    ]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return {"text": written, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def escaped(facts: Any) -> Any:
    """The same facts with ``&``, ``<`` and ``>`` of every text and name made harmless."""
    if isinstance(facts, str):
        return facts.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if isinstance(facts, Mapping):
        return {escaped(name): escaped(value) for name, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [escaped(each) for each in facts]
    return facts


def shortened(written: str) -> str:
    """At most what a section holds; never cut inside an ``&amp;``."""
    if len(written) <= TEXT_CHARACTERS:
        return written
    return re.sub(r"&[a-z]{0,4}$", "", written[:TEXT_CHARACTERS]) + "…"


def _buttons(facts: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    links = facts.get("links")
    for each in links[:LINKS] if isinstance(links, list | tuple) else ():
        label, url = str(each.get("text", "")), str(each.get("url", ""))
        if url_problem(url) is not None:
            raise RefusedError(f"The link {label[:40]!r} does not lead to a web address.")
        yield {
            "type": "button",
            "text": {"type": "plain_text", "text": label[:BUTTON_CHARACTERS] or url[:40]},
            "url": url,
        }
