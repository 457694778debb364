"""What was signed last, remembered outside the database: whoever restores an older state of it is found out.

Whether in a file of ours or at a witness; what a witness has and the database has not goes into the file.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg

from application.database import service_conninfo
from application.files import put
from application.proof.tiles import (
    STORED,
    WIDTH,
    Tile,
    Tree,
    hashes_in,
    hashes_of,
    stored,
    tile_of,
    unfinished,
    width_of,
)
from domain.proof.merkle import HASH_BYTES, perfect_subtrees, root_of, tree_root
from domain.proof.note import BadNote, Checkpoint, parse


class Forgotten(Exception):
    """What was signed last cannot be read: whether the database is an older state, nobody can say."""


class Memory:
    """The newest checkpoint in a file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, note: str) -> None:
        """Remember a signed note."""
        put(self._path, note)

    def last(self) -> Checkpoint | None:
        """The checkpoint remembered, None where none was. Raises Forgotten where what is there cannot be read."""
        try:
            return parse(self._path.read_text(encoding="utf-8")).checkpoint
        except FileNotFoundError:
            return None
        except (OSError, BadNote, UnicodeDecodeError) as error:
            raise Forgotten(f"{self._path.name}: {error}") from error


def holds(url: str, checkpoint: Checkpoint) -> bool:
    """Whether the database's log still begins with what the checkpoint stands for."""
    nodes = perfect_subtrees(0, checkpoint.size)
    with psycopg.connect(service_conninfo(url), autocommit=True) as connection:
        row = connection.execute("SELECT coalesce(max(leaf_index), -1) + 1 FROM ocop.events").fetchone()
        if row is None or row[0] < checkpoint.size:
            return False
        tiles = tiles_of(connection, {tile_of(node) for node in nodes}, checkpoint.size)
    return tree_root(checkpoint.size, Tree(tiles).node) == checkpoint.root


def missing(url: str, memory: Memory, witnessed: Iterable[str] = ()) -> Checkpoint | None:
    """A checkpoint remembered that the database's log does not hold, or such a one of the witnessed notes.

    That one is remembered from then on.
    """
    last = memory.last()
    if last is not None and not holds(url, last):
        return last
    for note in witnessed:
        if not holds(url, checkpoint := parse(note).checkpoint):
            memory.keep(note)
            return checkpoint
    return None


def tiles_of(connection: psycopg.Connection[Any], wanted: set[Tile], size: int) -> dict[Tile, bytes]:
    """Tiles of the tree over ``size`` facts, the unfinished ones from the facts themselves."""
    found = {Tile(row[0], row[1]): bytes(row[2]) for row in connection.execute(STORED, stored(wanted))}
    for tile in wanted - found.keys():
        found[tile] = _made(connection, tile, width_of(tile, size))
    return found


def _made(connection: psycopg.Connection[Any], tile: Tile, width: int) -> bytes:
    """The first hashes of a tile that is not stored; from the facts, where the tiles below are not stored either."""
    query = unfinished(tile, width)
    hashes = hashes_of(tile, connection.execute(query.text, query.params))
    while tile.level and len(hashes) < width * HASH_BYTES:
        below = Tile(tile.level - 1, tile.number * WIDTH + len(hashes) // HASH_BYTES)
        hashes += root_of(hashes_in(_made(connection, below, WIDTH)))
    return hashes
