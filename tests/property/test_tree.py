"""The tree against a naive one written straight from RFC 6962."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadbed.audit import tree
from roadbed.audit.model import Bundle
from roadbed.audit.tree import Recomputation

SIZES = st.integers(1, 700)


def leaf(number: int) -> bytes:
    return sha256(str(number).encode()).digest()


LEAVES = [leaf(number) for number in range(70_000)]


def split(size: int) -> int:
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = split(len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(place: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if place < k:
        return [*naive_path(place, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(place - k, leaves[k:]), naive_root(leaves[:k])]


def grown(size: int, step: int) -> tuple[Bundle | None, dict[tree.Tile, bytes], bytes]:
    """Leaves appended ``step`` at a time, as sealing does it, knowing the right edge only."""
    last, stored, top = None, dict[tree.Tile, bytes](), tree.EMPTY_ROOT
    for first in range(0, size, step):
        numbers = range(first, min(first + step, size))
        known = {tile: stored[tile] for tile in tree.edge_tiles(first)}
        growth = tree.grow(last, known, numbers, b"".join(LEAVES[number] for number in numbers))
        stored.update(growth.tiles)
        last, top = growth.bundles[-1], growth.root
        assert growth.size == numbers[-1] + 1
    return last, stored, top


@given(size=st.integers(0, 700), step=st.integers(1, 700))
def test_however_it_grows_its_root_is_that_of_its_leaves(size: int, step: int) -> None:
    last, stored, top = grown(size, step)
    assert tree.leaves_of(last) == size
    assert top == naive_root(LEAVES[:size]) == tree.root(size, tree.NodesOfTiles(stored))


@given(size=SIZES, asked=st.sets(SIZES, max_size=9))
def test_retracing_gives_the_roots_and_tiles_that_growing_gave(size: int, asked: set[int]) -> None:
    _, stored, _ = grown(size, 333)
    retraced = Recomputation(asked)
    for first in range(0, size, 256):
        hashes = retraced.add(b"".join(LEAVES[first : min(first + 256, size)]))
        assert stored[0, first // 256] == hashes
    assert retraced.leaves == size
    assert retraced.roots == {item: naive_root(LEAVES[:item]) for item in asked if item <= size}
    assert retraced.higher_tiles() == {key: tile for key, tile in stored.items() if key[0] > 0}


def test_three_levels_of_tiles() -> None:
    _, stored, top = grown(66_000, 20_000)
    assert {level for level, _ in stored} == {0, 1, 2}
    assert top == naive_root(LEAVES[:66_000])
    retraced = Recomputation([65_536, 66_000])
    for first in range(0, 66_000, 256):
        retraced.add(b"".join(LEAVES[first : min(first + 256, 66_000)]))
    assert retraced.higher_tiles() == {key: tile for key, tile in stored.items() if key[0] > 0}
    assert retraced.roots[66_000] == top
    hashes = tree.proof(tree.inclusion_nodes(40_000, 66_000), tree.NodesOfTiles(stored))
    assert tree.included(tree.leaf_hash(LEAVES[40_000]), 40_000, 66_000, hashes, top)


def test_what_makes_no_sense_is_refused() -> None:
    for place, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="is not in a tree"):
            tree.inclusion_nodes(place, size)
        assert not tree.included(b"", place, size, [], b"")
    with pytest.raises(LookupError):
        tree.grow(None, {}, [1], b"short")
    bundle = Bundle(index=0, positions=[1], commitments=LEAVES[0])
    with pytest.raises(LookupError, match="tile 0/0 does not fit"):
        tree.grow(bundle, {}, [2], LEAVES[1])
