"""For people who write connectors: a conformance suite, a receiver and a proxy that fails.

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
    make_parcel,
)
from roadbed.testing.proxy import Fault, FaultProxy
from roadbed.testing.receiver import Arrival, Receiver, Reply

__all__ = [
    "CHECKS",
    "HOSTILE",
    "Arrival",
    "ConformanceError",
    "Fault",
    "FaultProxy",
    "Ledger",
    "Receiver",
    "Reply",
    "Subject",
    "check_connector",
    "make_parcel",
]
