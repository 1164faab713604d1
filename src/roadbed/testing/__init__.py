"""Testing: tools for authors of connectors and deciders.

Conformance suites, a receiver, a proxy that fails, and a server that plays a language model.

Nothing in here needs pytest.
"""

from __future__ import annotations

from roadbed.testing.conformance import (
    CHECKS,
    HOSTILE,
    ConformanceError,
    Ledger,
    Subject,
    check_connector,
    make_request,
)
from roadbed.testing.embeddings import check_embeddings
from roadbed.testing.model_server import ModelCall, ModelReply, ModelServer
from roadbed.testing.proxy import Fault, FaultProxy
from roadbed.testing.receiver import ReceivedRequest, Receiver, Reply
from roadbed.testing.recordings import RecordedTransport, UnrecordedRequestError

__all__ = [
    "CHECKS",
    "HOSTILE",
    "ConformanceError",
    "Fault",
    "FaultProxy",
    "Ledger",
    "ModelCall",
    "ModelReply",
    "ModelServer",
    "ReceivedRequest",
    "Receiver",
    "RecordedTransport",
    "Reply",
    "Subject",
    "UnrecordedRequestError",
    "check_connector",
    "check_embeddings",
    "make_request",
]
