"""Slash commands of Slack, signed with ``v0`` signatures.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from roadbed.assistants.chat_requests import (
    ChatLink,
    ChatQuestion,
    account_of,
    in_window,
    same_digest,
    shortened,
)
from roadbed.assistants.errors import ChatRefusal, ChatRequestRefusedError
from roadbed.connectors.chat import BUTTON_CHARACTERS, LINKS, escaped
from roadbed.kernel.json import JsonObject
from roadbed.usecases.chat_apps import ChatApp, SlackApp

_HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
_MOST_FIELDS = 60
_LONGEST_ADDRESS = 500


class SlackDialect:
    """A slash command; its answer is shown to the person who typed it."""

    kind = "slack"
    answer_seconds = 2.0  # of three

    def read(
        self,
        app: ChatApp,
        secret: SecretStr,
        headers: Mapping[str, str],
        body: bytes,
        now: datetime,
    ) -> ChatQuestion:
        moment = headers.get("x-slack-request-timestamp", "")
        if not (moment.isascii() and moment.isdecimal() and len(moment) <= 12):
            raise ChatRequestRefusedError(ChatRefusal.TIME)
        signed = b":".join((b"v0", moment.encode(), body))
        digest = hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).hexdigest()
        same_digest(headers.get("x-slack-signature", ""), f"v0={digest}")
        in_window(datetime.fromtimestamp(int(moment), UTC), now)
        try:
            fields = parse_qs(
                body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
            )
        except ValueError as error:
            raise ChatRequestRefusedError(ChatRefusal.FORM) from error
        assert isinstance(app, SlackApp)  # as the caller chose the dialect by it
        return ChatQuestion(
            account=account_of(_one(fields, "team_id"), _one(fields, "user_id")),
            text=_one(fields, "text").strip(),
            id=digest,
            reply_to=_reply_address(_one(fields, "response_url"), private=app.private),
            public=False,
        )

    def written(self, text: str, links: Sequence[ChatLink]) -> JsonObject:
        # Plain text: Slack makes neither links nor mentions of it. Buttons lead to our pages only.
        section: JsonObject = {"type": "plain_text", "text": shortened(text), "emoji": False}
        blocks: list[JsonObject] = [{"type": "section", "text": section}]
        if links:
            buttons: list[JsonObject] = [
                {
                    "type": "button",
                    "text": {"type": "plain_text", "text": link.label[:BUTTON_CHARACTERS]},
                    "url": link.url,
                }
                for link in links[:LINKS]
            ]
            blocks.append({"type": "actions", "elements": buttons})
        return {
            "response_type": "ephemeral",
            "text": escaped(shortened(text)),
            "blocks": blocks,
            "unfurl_links": False,
            "unfurl_media": False,
        }


def _one(fields: Mapping[str, Sequence[str]], name: str) -> str:
    values = fields.get(name, [""])
    if len(values) != 1:
        raise ChatRequestRefusedError(ChatRefusal.FORM)
    return values[0]


def _reply_address(given: str, *, private: bool) -> str | None:
    """Where a later answer may go; ``None`` if it may not go there."""
    if not given or len(given) > _LONGEST_ADDRESS:
        return None
    try:
        parts = urlsplit(given)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    own = parts.scheme == "https" and host in _HOSTS and port in (None, 443) and not parts.username
    return given if own or private else None
