"""What people's corrections point at: conditions, aliases, wrong records, examples. No I/O."""

from __future__ import annotations

from roadbed.improvement.mining.mine import MOST_SEEN, mine
from roadbed.improvement.mining.model import Case, Draft, Kind, Seen, Support

__all__ = ["MOST_SEEN", "Case", "Draft", "Kind", "Seen", "Support", "mine"]
