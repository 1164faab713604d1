"""The MCP server over the tools, by the official SDK: on standard input, and for one HTTP request.

The SDK is imported with this module, which is imported only where it is used.
"""

from __future__ import annotations

from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from starlette.types import Receive, Scope, Send

from roadbed import __version__
from roadbed.assistants.tools import INSTRUCTIONS, TOOLS, Tools
from roadbed.kernel.errors import RoadbedError


# Any: the SDK's parameter for the state of a connection, which is not used.
def _server_of(tools: Tools) -> Server[Any]:
    """An MCP server whose calls run ``tools``. An error becomes the result of its call."""

    async def listed(_: object, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=_TOOLS)

    async def called(_: object, given: CallToolRequestParams) -> CallToolResult:
        try:
            result = await tools.call(given.name, given.arguments or {})
        except RoadbedError as error:
            told = f"{error.problem} {error.remedy}".strip()
            return CallToolResult(content=[TextContent(text=told)], is_error=True)
        return CallToolResult(
            content=[TextContent(text=result.text)],
            structured_content={"told": result.told, "data": result.data},
        )

    return Server(
        "roadbed",
        version=__version__,
        title="Roadbed",
        instructions=INSTRUCTIONS,
        on_list_tools=listed,
        on_call_tool=called,
    )


async def serve_stdio(tools: Tools) -> None:
    """Serve the program at the other end of standard input until it closes that."""
    server = _server_of(tools)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


async def serve_request(
    tools: Tools, scope: Scope, receive: Receive, send: Send, *, most_bytes: int
) -> None:
    """Serve one request of the streamable HTTP transport, without a session and with JSON.

    Whoever calls this has checked token, host and origin.
    """
    manager = StreamableHTTPSessionManager(
        _server_of(tools), json_response=True, stateless=True, max_request_body_size=most_bytes
    )
    async with manager.run():
        await manager.handle_request(scope, receive, send)


_TOOLS = [
    Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.arguments.model_json_schema(),
        annotations=ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.reads,
            destructive_hint=False if tool.reads else None,
            open_world_hint=False,
        ),
    )
    for tool in TOOLS
]
