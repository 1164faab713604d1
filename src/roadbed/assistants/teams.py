"""Outgoing webhooks of Microsoft Teams, signed with ``HMAC``.

https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from roadbed.assistants.chat_requests import (
    ChatLink,
    ChatQuestion,
    account_of,
    in_window,
    same_digest,
    shortened,
)
from roadbed.assistants.errors import ChatRefusal, ChatRequestRefusedError
from roadbed.kernel.json import JsonObject
from roadbed.usecases.chat_apps import ChatApp

_MENTION = re.compile(r"<at[^>]*>.*?</at>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
# Characters to which Markdown or HTML gives a meaning.
_MEANING = re.compile(r"[^\w\s.,;:%€$+?/()'\"-]")


class _Sender(BaseModel):
    model_config = ConfigDict(extra="ignore")

    account: str = Field("", alias="aadObjectId", max_length=100)


class _Tenant(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str = Field("", max_length=100)


class _ChannelData(BaseModel):
    model_config = ConfigDict(extra="ignore")

    tenant: _Tenant = _Tenant()


class _Activity(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str = Field(min_length=1, max_length=200)
    timestamp: datetime
    text: str = ""
    sender: _Sender = Field(alias="from")
    channel: _ChannelData = Field(_ChannelData(), alias="channelData")


class TeamsDialect:
    """A message that mentions the webhook; everybody in the channel reads the answer."""

    kind = "teams"
    answer_seconds = 3.5  # of five

    def read(
        self,
        app: ChatApp,  # noqa: ARG002 - of the protocol
        secret: SecretStr,
        headers: Mapping[str, str],
        body: bytes,
        now: datetime,
    ) -> ChatQuestion:
        try:
            key = base64.b64decode(secret.get_secret_value(), validate=True)
        except binascii.Error as error:
            raise ChatRequestRefusedError(ChatRefusal.SECRET) from error
        digest = base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() != "hmac":
            raise ChatRequestRefusedError(ChatRefusal.SIGNATURE)
        same_digest(given.strip(), digest)
        try:
            activity = _Activity.model_validate_json(body)
        except ValidationError as error:
            raise ChatRequestRefusedError(ChatRefusal.FORM) from error
        if activity.timestamp.tzinfo is None:
            raise ChatRequestRefusedError(ChatRefusal.TIME)
        in_window(activity.timestamp, now)
        text = html.unescape(_TAG.sub(" ", _MENTION.sub(" ", activity.text)))
        return ChatQuestion(
            account=account_of(activity.channel.tenant.id, activity.sender.account),
            text=" ".join(text.split()),
            id=hashlib.sha256(body).hexdigest(),
            reply_to=None,  # a webhook has no way for later messages
            public=True,
        )

    def written(self, text: str, links: Sequence[ChatLink]) -> JsonObject:
        lines = [_inert(line) for line in shortened(text).splitlines()]
        lines += [
            f'<a href="{html.escape(link.url, quote=True)}">{_inert(link.label)}</a>'
            for link in links
        ]
        return {"type": "message", "textFormat": "xml", "text": "<br/>".join(lines)}


def _inert(text: str) -> str:
    """``text`` with entities for all that could be markup, in HTML and in Markdown."""
    return _MEANING.sub(lambda match: f"&#{ord(match[0])};", text).replace("_", "&#95;")
