"""Which examples tune and which only judge."""

from __future__ import annotations

import hashlib

from roadbed.examples.model import Purpose

# Rows known to be a random sample are split evenly, as evidence is as scarce as training data.
# Other rows can prove nothing; a fifth is kept to judge candidates.
JUDGE_SHARE_OF_SAMPLE = 0.5
JUDGE_SHARE_OTHERWISE = 0.2


def purpose_of(content_hash: str, *, random_sample: bool) -> Purpose:
    """Fixed by the example's own content, so that importing it again changes nothing."""
    share = JUDGE_SHARE_OF_SAMPLE if random_sample else JUDGE_SHARE_OTHERWISE
    digest = hashlib.sha256(f"purpose {content_hash}".encode()).digest()
    return "judge" if int.from_bytes(digest[:8], "big") / 2**64 < share else "learn"
