"""Mining: rules, aliases, corrected records and prompt examples from reviewed cases. No I/O."""

from __future__ import annotations

from roadbed.improvement.mining.mine import MOST_SEEN, mine
from roadbed.improvement.mining.model import ChangedCase, Draft, Kind, ReviewedCase, Support

__all__ = ["MOST_SEEN", "ChangedCase", "Draft", "Kind", "ReviewedCase", "Support", "mine"]
