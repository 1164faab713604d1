"""The Merkle tree of RFC 6962: hashes, roots, proofs, growth, recomputation. Nothing here does I/O.

Hashes are 32 bytes. A node is (height, index): the complete subtree over the leaves from ``index <<
height`` up to ``(index + 1) << height``. The caller of a proof passes a function that gives the
hash of a node; ``NodesOfTiles`` is one for tiles of 256 hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import reduce
from hashlib import sha256
from typing import TypeAlias

from roadbed.audit.model import Bundle, Growth

Node: TypeAlias = tuple[int, int]
NodeHash: TypeAlias = Callable[[Node], bytes]
Tile: TypeAlias = tuple[int, int]

HASH_BYTES = 32
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
_TILE_BYTES = TILE_WIDTH * HASH_BYTES
EMPTY_ROOT = sha256().digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf that holds ``data``."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def edge(start: int, end: int) -> list[Node]:
    """The fewest complete subtrees that make up the leaves ``start`` up to ``end``, left to right.

    ``start`` is a multiple of the largest power of two that fits, as in every subtree of RFC 6962.
    """
    nodes = []
    while start < end:
        height = (end - start).bit_length() - 1
        nodes.append((height, start >> height))
        start += 1 << height
    return nodes


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over complete subtrees that become smaller to the right; of none, the empty root."""
    if not hashes:
        return EMPTY_ROOT
    return reduce(lambda right, left: node_hash(left, right), reversed(hashes))


def root(size: int, of: NodeHash) -> bytes:
    """The root of the first ``size`` leaves."""
    return fold([of(node) for node in edge(0, size)])


def inclusion_nodes(leaf: int, size: int) -> list[list[Node]]:
    """The nodes of the proof of a leaf: each inner list folds to one of its hashes.

    Raises ``ValueError`` for a leaf outside the tree. Source: RFC 6962, 2.1.1.
    """
    if not 0 <= leaf < size:
        raise ValueError(f"leaf {leaf} is not in a tree of {size}")
    start, end, lists = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if leaf < middle:
            lists.append(edge(middle, end))
            end = middle
        else:
            lists.append(edge(start, middle))
            start = middle
    return lists[::-1]


def proof(nodes: Iterable[Sequence[Node]], of: NodeHash) -> list[bytes]:
    """The hashes of a proof, in the order of RFC 6962."""
    return [fold([of(node) for node in item]) for item in nodes]


def included(data_hash: bytes, leaf: int, size: int, hashes: Sequence[bytes], top: bytes) -> bool:
    """Whether ``hashes`` prove that leaf ``leaf`` of the tree with root ``top`` is ``data_hash``.

    Source: RFC 9162, 2.1.3.2.
    """
    if not 0 <= leaf < size:
        return False
    place, last, computed = leaf, size - 1, data_hash
    for hash_ in hashes:
        if last == 0:
            return False
        if place & 1 or place == last:
            computed = node_hash(hash_, computed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            computed = node_hash(computed, hash_)
        place, last = place >> 1, last >> 1
    return last == 0 and computed == top


def levels(hashes: bytes) -> list[bytes]:
    """All complete nodes over a tile's hashes: by height, each height joined into one string."""
    rows = [hashes]
    while len(rows[-1]) >= 2 * HASH_BYTES:
        below = rows[-1]
        rows.append(
            b"".join(
                [
                    sha256(b"\x01" + below[at : at + 2 * HASH_BYTES]).digest()
                    for at in range(0, len(below) - HASH_BYTES, 2 * HASH_BYTES)
                ]
            )
        )
    return rows


def tile_of(node: Node) -> Tile:
    """The tile (level, index) that holds ``node``, or the hashes it is made of."""
    height, index = node
    level, above = divmod(height, TILE_HEIGHT)
    return level, index << above >> TILE_HEIGHT


class NodesOfTiles:
    """Node hashes out of tiles. Raises ``LookupError`` for one that the tiles do not hold."""

    def __init__(self, tiles: Mapping[Tile, bytes]) -> None:
        self._tiles = tiles
        self._levels: dict[Tile, list[bytes]] = {}

    def __call__(self, node: Node) -> bytes:
        level, number = tile = tile_of(node)
        if tile not in self._levels:
            self._levels[tile] = levels(self._tiles.get(tile, b""))
        height, index = node
        above = height % TILE_HEIGHT
        at = (index % (TILE_WIDTH >> above)) * HASH_BYTES
        hash_ = b"".join(self._levels[tile][above : above + 1])[at : at + HASH_BYTES]
        if len(hash_) != HASH_BYTES:
            raise LookupError(f"tile {level}/{number} is missing or too short")
        return hash_


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1


def leaves_of(last: Bundle | None) -> int:
    """How many leaves there are, going by the last bundle."""
    return 0 if last is None else last.index * TILE_WIDTH + len(last.positions)


def tiles_of(nodes: Iterable[Node]) -> list[Tile]:
    """The tiles that hold ``nodes``, each once."""
    return sorted({tile_of(node) for node in nodes})


def edge_tiles(size: int) -> list[Tile]:
    """The tiles that the root of ``size`` leaves comes from, and to which the next is added."""
    return tiles_of(edge(0, size))


def pieces(data: bytes, width: int = HASH_BYTES) -> list[bytes]:
    """``data`` cut into parts of ``width`` bytes, the last perhaps shorter."""
    return [data[at : at + width] for at in range(0, len(data), width)]


def grow(
    last: Bundle | None,
    tiles: Mapping[Tile, bytes],
    positions: Sequence[int],
    commitments: bytes,
) -> Growth:
    """Append leaves behind ``last``, with ``tiles`` of the right edge as they were.

    Raises ``LookupError`` if the tiles do not fit the size, or the commitments their positions.
    """
    if len(commitments) != len(positions) * HASH_BYTES:
        raise LookupError("commitments do not fit their positions")
    size = leaves_of(last)
    hashes = b"".join([leaf_hash(piece) for piece in pieces(commitments)])
    added = _higher_tiles(tiles, size, hashes)
    grown = size + len(positions)
    return Growth(
        bundles=_bundles(last, positions, commitments),
        tiles=added,
        size=grown,
        root=root(grown, NodesOfTiles({**tiles, **added})),
    )


def _bundles(last: Bundle | None, positions: Sequence[int], commitments: bytes) -> list[Bundle]:
    index = leaves_of(last) // TILE_WIDTH
    if last is not None and last.index == index:  # the last one is partial: it is written again
        positions = [*last.positions, *positions]
        commitments = last.commitments + commitments
    return [
        Bundle(
            index=index + number,
            positions=positions[number * TILE_WIDTH : (number + 1) * TILE_WIDTH],
            commitments=part,
        )
        for number, part in enumerate(pieces(commitments, _TILE_BYTES))
    ]


def _higher_tiles(tiles: Mapping[Tile, bytes], size: int, hashes: bytes) -> dict[Tile, bytes]:
    added: dict[Tile, bytes] = {}
    level = 0
    while hashes:
        index, begun = divmod(size, TILE_WIDTH)
        before = tiles.get((level, index), b"") if begun else b""
        if len(before) != begun * HASH_BYTES:
            raise LookupError(f"tile {level}/{index} does not fit {size} hashes of its level")
        parts = pieces(before + hashes, _TILE_BYTES)
        added.update({(level, index + number): part for number, part in enumerate(parts)})
        hashes = b"".join([levels(part)[-1] for part in parts if len(part) == _TILE_BYTES])
        level, size = level + 1, size >> TILE_HEIGHT
    return added


class Recomputation:
    """The tree, recomputed from its leaves, for comparison with the stored hashes.

    It takes leaves bundle by bundle and keeps the roots at the sizes asked for.
    """

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
