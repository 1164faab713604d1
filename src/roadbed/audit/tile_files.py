"""The tile files of the folder, held against the tree as it was recomputed."""

from __future__ import annotations

from collections.abc import Iterator

from roadbed.audit.tiles import ENTRIES, TileFolder, as_entries
from roadbed.audit.tree import HASH_BYTES, TILE_HEIGHT, TILE_WIDTH, Tile

_ENTRY_BYTES = HASH_BYTES + 2


class TileFiles:
    """Compares. ``size`` is what the folder's newest checkpoint covers: so much must be there."""

    def __init__(self, folder: TileFolder, size: int) -> None:
        self._folder = folder
        self._size = size

    def bundle(self, index: int, commitments: bytes, hashes: bytes) -> Iterator[str]:
        """What is wrong with the files of a bundle: its entries and its tile of level 0."""
        yield from self._compare(ENTRIES, index, 0, as_entries(commitments), _ENTRY_BYTES)
        yield from self.tile((0, index), hashes)

    def tile(self, tile: Tile, hashes: bytes) -> Iterator[str]:
        """What is wrong with the files of a tile of hashes."""
        level, index = tile
        yield from self._compare(f"tile/{level}", index, level, hashes, HASH_BYTES)

    def _compare(
        self, kind: str, index: int, level: int, content: bytes, unit_bytes: int
    ) -> Iterator[str]:
        """``unit_bytes``: how many bytes one hash or entry takes."""
        there = (self._size >> TILE_HEIGHT * level) - index * TILE_WIDTH
        if there <= 0:  # it may be on its way to the folder
            return
        wanted, widths = min(there, TILE_WIDTH), set()
        try:
            for width, content_there in self._folder.parts(kind, index):
                widths.add(width)
                # What was published meanwhile reaches beyond what was read from the database.
                common = min(width * unit_bytes, len(content))
                if (
                    len(content_there) != width * unit_bytes
                    or content_there[:common] != content[:common]
                ):
                    name = self._folder.name(kind, index, width)
                    yield f"The file {name} is not what the database's tiles hold."
        except OSError as error:
            name = self._folder.name(kind, index, wanted)
            yield f"The file {name} cannot be read: {error.strerror}."
            return
        if not widths & {wanted, TILE_WIDTH}:
            yield f"The file {self._folder.name(kind, index, wanted)} is missing."
