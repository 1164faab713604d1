"""Errors of assistants, and of the way to the server."""

from __future__ import annotations

from enum import StrEnum

from roadbed.kernel.errors import RoadbedError
from roadbed.kernel.sentences import Text, figure, sentence


class McpExtraMissingError(RoadbedError):
    """The packages of the extra ``mcp`` are not installed."""

    code = "mcp_not_installed"

    def __init__(self) -> None:
        super().__init__(
            sentence("The extra mcp is not installed."),
            sentence("Install it where this runs: make mcp."),
        )


class ServerAddressError(RoadbedError):
    """``ROADBED_URL`` is no address to which a token may be sent."""

    code = "server_address_invalid"

    def __init__(self) -> None:
        super().__init__(
            sentence("ROADBED_URL is no address that a token may be sent to."),
            sentence("Write https://host, or http:// with 127.0.0.1, [::1] or localhost."),
        )


class TokenMissingError(RoadbedError):
    """``ROADBED_TOKEN`` is not set."""

    code = "token_missing"

    def __init__(self) -> None:
        super().__init__(
            sentence("ROADBED_TOKEN is not set."),
            sentence("`roadbed user token` makes one; give it the scopes submit and read."),
        )


class ServerUnreachableError(RoadbedError):
    """The server gave no usable response."""

    code = "server_unreachable"

    def __init__(self, address: str, detail: Text) -> None:
        super().__init__(
            sentence("%(address)s does not respond: %(detail)s.", address=address, detail=detail),
            sentence("Check that `roadbed up` runs, and that ROADBED_URL is its address."),
        )


class ServerRefusedError(RoadbedError):
    """The server refused a request; ``reason`` is the code of its own error."""

    code = "server_refused"

    def __init__(self, problem: str, remedy: str, reason: str) -> None:
        super().__init__(problem, remedy)
        self.reason = reason


class ToolArgumentsError(RoadbedError):
    """The arguments of a tool do not fit its schema."""

    code = "tool_arguments_invalid"

    def __init__(self, tool: str, detail: str) -> None:
        super().__init__(
            sentence(
                "The arguments of the tool %(tool)s do not fit: %(detail)s.",
                tool=tool,
                detail=detail,
            ),
            sentence("Correct them; the list of tools has their schema."),
        )


class UnknownToolError(RoadbedError):
    """There is no tool of this name."""

    code = "tool_unknown"

    def __init__(self, tool: str) -> None:
        super().__init__(
            sentence("There is no tool %(tool)r.", tool=tool),
            sentence("List the tools for their names."),
        )


class NotAnsweredFromDocumentsError(RoadbedError):
    """A use case without a library is asked a question."""

    code = "no_library"

    def __init__(self, use_case: str) -> None:
        super().__init__(
            sentence("The use case %(use_case)s has no library to answer from.", use_case=use_case),
            sentence("Send it a task with its whole input instead."),
        )


class ForeignPageError(RoadbedError):
    """A page of another site calls the MCP server."""

    code = "forbidden_origin"

    def __init__(self) -> None:
        super().__init__(
            sentence("This request came from a page of another site."),
            sentence("Let a program call the MCP server, with an API token."),
        )


class ChatRefusal(StrEnum):
    """Why a request of a chat program is refused."""

    UNDECLARED = "undeclared"
    SECRET = "secret"  # noqa: S105 - it is not set, or no secret of this kind
    SIGNATURE = "signature"
    TIME = "time"
    FORM = "form"
    ACCOUNT = "account"


class ChatRequestRefusedError(RoadbedError):
    """A request of a chat program is not signed, too old, or for a use case without such an app.

    ``reason`` is for the log of the server: the response says nothing of it.
    """

    code = "chat_request_refused"

    def __init__(self, reason: ChatRefusal) -> None:
        super().__init__(
            sentence("This request does not come from a chat app that is declared here."),
            sentence("The log of the server says why; check the declaration, secret and clock."),
        )
        self.reason = reason


class ChatRequestRepeatedError(RoadbedError):
    """A signed request arrived a second time."""

    code = "chat_request_repeated"

    def __init__(self) -> None:
        super().__init__(
            sentence("This request was answered before."),
            sentence("Ask again in the chat."),
        )


class ChatRequestTooLargeError(RoadbedError):
    """A request of a chat program with more bytes than one has."""

    code = "body_too_large"

    def __init__(self, most: int) -> None:
        super().__init__(
            sentence("The body is larger than %(most)s bytes.", most=figure(f"{most:,}")),
            sentence("Ask in fewer words."),
        )


class ChatAccountUnknownError(RoadbedError):
    """Nobody has linked the account of a chat program to a person."""

    code = "chat_account_unknown"

    def __init__(self, kind: str, account: str) -> None:
        super().__init__(
            sentence(
                "Your account %(account)s in %(kind)s is linked to nobody here.",
                account=account[:200],
                kind=kind,
            ),
            sentence(
                "Ask an administrator for: roadbed chat link %(kind)s %(account)s NAME",
                kind=kind,
                account=account[:200],
            ),
        )


class ChatAccountInvalidError(RoadbedError):
    """A link of a chat account that cannot be made or ended."""

    code = "chat_account_invalid"
