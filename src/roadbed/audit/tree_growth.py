"""How the stored tree grows, and what of it is needed to go on. Pure arithmetic on rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from roadbed.audit.model import Bundle, Growth
from roadbed.audit.tree import (
    HASH_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    Node,
    NodesOfTiles,
    Tile,
    edge,
    leaf_hash,
    levels,
    root,
    tile_of,
)

TILE_BYTES = TILE_WIDTH * HASH_BYTES


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
        for number, part in enumerate(pieces(commitments, TILE_BYTES))
    ]


def _higher_tiles(tiles: Mapping[Tile, bytes], size: int, hashes: bytes) -> dict[Tile, bytes]:
    added: dict[Tile, bytes] = {}
    level = 0
    while hashes:
        index, begun = divmod(size, TILE_WIDTH)
        before = tiles.get((level, index), b"") if begun else b""
        if len(before) != begun * HASH_BYTES:
            raise LookupError(f"tile {level}/{index} does not fit {size} hashes of its level")
        parts = pieces(before + hashes, TILE_BYTES)
        added.update({(level, index + number): part for number, part in enumerate(parts)})
        hashes = b"".join([levels(part)[-1] for part in parts if len(part) == TILE_BYTES])
        level, size = level + 1, size >> TILE_HEIGHT
    return added
