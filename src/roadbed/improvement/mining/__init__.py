"""What people's corrections point at: conditions, aliases, wrong records, examples. No I/O."""

from __future__ import annotations

from roadbed.improvement.mining.mine import MOST_SEEN, mine
from roadbed.improvement.mining.model import ChangedCase, Draft, Kind, ReviewedCase, Support

__all__ = ["MOST_SEEN", "ChangedCase", "Draft", "Kind", "ReviewedCase", "Support", "mine"]
