"""Connectors: the built-in destinations for results, each loaded on first use.

Know the declared destinations and the egress rules; nothing of the outbox. Own no table.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from roadbed.connectors.chat import Chat
    from roadbed.connectors.egress import EgressPool, HttpEgressClient
    from roadbed.connectors.folder import Folder
    from roadbed.connectors.mail import Email
    from roadbed.connectors.postgres import PostgresTable
    from roadbed.connectors.rest import Rest
    from roadbed.connectors.webhook import Webhook

__all__ = [
    "Chat",
    "EgressPool",
    "Email",
    "Folder",
    "HttpEgressClient",
    "PostgresTable",
    "Rest",
    "Webhook",
]

_HOMES = {
    "Chat": "roadbed.connectors.chat",
    "Email": "roadbed.connectors.mail",
    "Folder": "roadbed.connectors.folder",
    "HttpEgressClient": "roadbed.connectors.egress",
    "EgressPool": "roadbed.connectors.egress",
    "PostgresTable": "roadbed.connectors.postgres",
    "Rest": "roadbed.connectors.rest",
    "Webhook": "roadbed.connectors.webhook",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'roadbed.connectors' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
