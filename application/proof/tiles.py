"""The tree out of the database: tiles of 256 hashes, the complete ones as stored, the last of each level made up.

A tile (L, N) holds the hashes of nodes (8 L, 256 N …): of leaves, or of whole tiles of the level below. Whatever a
proof needs lies in two or three of them, however many leaves there are.
"""

from collections.abc import Iterable, Mapping
from typing import Any, LiteralString, NamedTuple

from domain.proof.leaf import leaf_data
from domain.proof.merkle import HASH_BYTES, Node, leaf_hash, root_of

HEIGHT = 8
WIDTH = 1 << HEIGHT
"""Hashes of a complete tile."""

STORED: LiteralString = (
    "SELECT t.level, t.tile_index, t.hashes FROM ocop.tiles AS t"
    " JOIN unnest(%(levels)s::int[], %(indexes)s::int8[]) AS n (level, tile_index) USING (level, tile_index)"
)
LEAVES: LiteralString = (
    "SELECT leaf_index, notification_id, originator_id, originator_version, topic, state FROM ocop.events"
    " WHERE leaf_index >= %(first)s AND leaf_index < %(end)s ORDER BY leaf_index"
)
ROOTS: LiteralString = (
    "SELECT root FROM ocop.tiles WHERE level = %(level)s AND tile_index >= %(first)s AND tile_index < %(end)s"
    " ORDER BY tile_index"
)


class Tile(NamedTuple):
    """Where a tile stands."""

    level: int
    number: int


class Query(NamedTuple):
    """A query that fetches what one unfinished tile is made of, and its parameters."""

    text: LiteralString
    params: dict[str, Any]


def tile_of(node: Node) -> Tile:
    """The tile that a node's hash is in, or is folded from."""
    level, index = node
    return Tile(level // HEIGHT, (index << level % HEIGHT) >> HEIGHT)


def width_of(tile: Tile, size: int) -> int:
    """How many hashes the tile has in a tree of ``size`` leaves, 0 to 256."""
    entries = size >> HEIGHT * tile.level
    return max(0, min(WIDTH, entries - tile.number * WIDTH))


def stored(tiles: Iterable[Tile]) -> dict[str, list[int]]:
    """Parameters of ``STORED``."""
    wanted = list(tiles)
    return {"levels": [tile.level for tile in wanted], "indexes": [tile.number for tile in wanted]}


def unfinished(tile: Tile, width: int) -> Query:
    """What fetches the first ``width`` hashes of a tile that is not stored yet; see ``hashes_of``."""
    first = tile.number * WIDTH
    span = {"first": first, "end": first + width}
    return Query(LEAVES, span) if tile.level == 0 else Query(ROOTS, {"level": tile.level - 1, **span})


def hashes_of(tile: Tile, rows: Iterable[tuple[Any, ...]]) -> bytes:
    """The hashes of an unfinished tile out of the rows of its query."""
    if tile.level:
        return b"".join(root for (root,) in rows)
    return b"".join(leaf_hash(leaf_data(*row)) for row in rows)


class Tree:
    """Nodes of the tree of ``size`` leaves, from the tiles that were fetched."""

    def __init__(self, tiles: Mapping[Tile, bytes]) -> None:
        self._tiles = tiles

    def node(self, level: int, index: int) -> bytes:
        """Hash of a perfect subtree; raises KeyError when its tile was not fetched."""
        hashes = self._tiles[tile_of((level, index))]
        below = level % HEIGHT
        first = (index << below) % WIDTH
        return root_of(hashes_in(hashes)[first : first + (1 << below)])


def hashes_in(tile: bytes) -> list[bytes]:
    """The hashes that a tile consists of."""
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]
