"""``mcp``: an MCP server for the assistant that starts this command."""

from __future__ import annotations

import os

from roadbed.cli.output import run

DEFAULT_URL = "http://127.0.0.1:8423"


def mcp() -> None:
    """Let an assistant ask a running Roadbed, as an MCP server on standard input and output.

    ROADBED_TOKEN is a token of the person it asks for, ROADBED_URL the address of the server.
    """
    run(_serve(os.environ.get("ROADBED_URL") or DEFAULT_URL, os.environ.get("ROADBED_TOKEN", "")))


async def _serve(url: str, token: str) -> None:
    from roadbed.assistants.client import RoadbedClient, connected
    from roadbed.assistants.errors import McpExtraMissingError, TokenMissingError
    from roadbed.assistants.tools import Tools

    if not token.strip():
        raise TokenMissingError
    try:
        from roadbed.assistants.mcp_server import serve_stdio
    except ModuleNotFoundError as error:
        raise McpExtraMissingError from error
    async with connected(url, token.strip()) as http:
        await serve_stdio(Tools(RoadbedClient(http, url.rstrip("/"))))
