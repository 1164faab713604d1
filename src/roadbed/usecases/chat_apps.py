"""Chat programs in which people ask a use case: what is declared of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from roadbed.kernel.sentences import sentence
from roadbed.usecases.errors import Problem

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class SlackApp:
    """A Slack app with a slash command; ``secret`` names the variable with its signing secret.

    Answers are shown only to the person who asked. Later answers go to Slack's own host. With
    ``private`` they may go to any address, also of your own network: for servers that speak as
    Slack does.
    """

    kind: ClassVar[str] = "slack"

    secret: str
    private: bool = False


@dataclass(frozen=True, slots=True)
class TeamsWebhook:
    """An outgoing webhook of Microsoft Teams; ``secret`` names the variable with its token.

    Everybody in the channel reads its answers.
    """

    kind: ClassVar[str] = "teams"

    secret: str


ChatApp: TypeAlias = SlackApp | TeamsWebhook


def chat_app_problems(apps: Sequence[object], library: object) -> Iterator[Problem]:
    """Every mistake in the chat apps of a use case with this library."""
    if apps and library is None:
        yield Problem(
            field="chat_apps",
            problem=sentence("Chat programs ask questions, and the use case has no library."),
            remedy=sentence("Declare library=Library(…), or no chat_apps."),
        )
    for app in apps:
        if not isinstance(app, SlackApp | TeamsWebhook):
            yield Problem(
                field="chat_apps",
                problem=sentence("%(app)r is no chat app.", app=app),
                remedy=sentence("Write SlackApp(…) or TeamsWebhook(…) of roadbed."),
            )
        elif not isinstance(app.secret, str) or not _VARIABLE.fullmatch(app.secret):
            yield Problem(
                field="chat_apps.secret",
                problem=sentence("secret is no name of an environment variable."),
                remedy=sentence("Put the secret there and name it."),
            )
