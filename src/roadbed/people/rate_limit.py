"""Rate limits, counted per process."""

from __future__ import annotations

from dataclasses import dataclass

from roadbed.kernel.clock import Clock
from roadbed.people.errors import TooManyRequestsError

_MOST_KEPT = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Limit:
    """A token bucket per key: ``most`` at once, then one every ``seconds``."""

    def __init__(self, clock: Clock, *, most: int, seconds: float) -> None:
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._buckets: dict[str, _Bucket] = {}

    def spend(self, key: str) -> None:
        """Count one request. Raises ``TooManyRequestsError``."""
        now = self._clock.monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= _MOST_KEPT:
                self._drop(now)
            bucket = self._buckets[key] = _Bucket(float(self._most), now)
        bucket.left = self._filled(bucket, now)
        bucket.at = now
        if bucket.left < 1.0:
            raise TooManyRequestsError((1.0 - bucket.left) * self._seconds)
        bucket.left -= 1.0

    def _filled(self, bucket: _Bucket, now: float) -> float:
        return min(float(self._most), bucket.left + (now - bucket.at) / self._seconds)

    def _drop(self, now: float) -> None:
        """Drop the fuller half of the buckets; keys close to the limit stay."""
        by_fill = sorted(self._buckets, key=lambda key: self._filled(self._buckets[key], now))
        self._buckets = {item: self._buckets[item] for item in by_fill[: _MOST_KEPT // 2]}
