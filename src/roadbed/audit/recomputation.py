"""The tree once more, from its leaves alone: what stored hashes are held against."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256

from roadbed.audit.tree import (
    HASH_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    edge,
    fold,
    levels,
    node_hash,
)

_TILE_BYTES = TILE_WIDTH * HASH_BYTES


class Recomputation:
    """Takes leaves bundle by bundle; keeps the roots at the sizes asked for."""

    def __init__(self, sizes: Collection[int]) -> None:
        self.leaves = 0
        self.roots: dict[int, bytes] = {}
        self._sizes = sorted(sizes, reverse=True)
        self._peaks: list[tuple[int, bytes]] = []
        self._tops: list[bytes] = []

    def add(self, commitments: bytes) -> bytes:
        """The next bundle's leaves, to be full except for the last; gives its tile's hashes."""
        hashes = b"".join(
            [
                sha256(b"\x00" + commitments[at : at + HASH_BYTES]).digest()
                for at in range(0, len(commitments), HASH_BYTES)
            ]
        )
        within = levels(hashes)
        begun, self.leaves = self.leaves, self.leaves + len(hashes) // HASH_BYTES
        while self._sizes and self._sizes[-1] <= self.leaves:
            size = self._sizes.pop()
            parts = [
                within[height][at * HASH_BYTES : (at + 1) * HASH_BYTES]
                for height, at in edge(0, size - begun)
            ]
            self.roots[size] = fold([*(peak for _, peak in self._peaks), *parts])
        if len(hashes) == _TILE_BYTES:
            self._tops.append(within[-1])
            self._climb(within[-1])
        return hashes

    def higher_tiles(self) -> dict[Tile, bytes]:
        """Every tile above level 0."""
        tiles: dict[Tile, bytes] = {}
        level, row = 1, b"".join(self._tops)
        while row:
            parts = [row[at : at + _TILE_BYTES] for at in range(0, len(row), _TILE_BYTES)]
            tiles.update({(level, index): part for index, part in enumerate(parts)})
            row = b"".join([levels(part)[-1] for part in parts if len(part) == _TILE_BYTES])
            level += 1
        return tiles

    def _climb(self, top: bytes) -> None:
        height = TILE_HEIGHT
        while self._peaks and self._peaks[-1][0] == height:
            top = node_hash(self._peaks.pop()[1], top)
            height += 1
        self._peaks.append((height, top))
