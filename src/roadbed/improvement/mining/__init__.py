"""What people's corrections point at: conditions, aliases, wrong records, examples. No I/O."""

from __future__ import annotations

from roadbed.improvement.mining.mine import mine
from roadbed.improvement.mining.model import Case, Draft, Kind, Seen, Support

__all__ = ["Case", "Draft", "Kind", "Seen", "Support", "mine"]
