"""What an audit reads of a database: facts page by page, also where some cannot be read, tiles, checkpoints."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psycopg

from application.database import service_conninfo
from application.proof.audit import UNREADABLE, Audit, Fault, Point, Report, Row
from application.proof.succession import Succession, changes
from application.proof.tiles import LEAVES, WIDTH, hashes_in
from domain.proof.merkle import root_of
from domain.proof.note import BadNote, Key, verify

PAGE = 10_000
TILE = "SELECT hashes FROM ocop.tiles WHERE level = 0 AND tile_index = %s"
TILES = "SELECT level, tile_index, hashes, root FROM ocop.tiles ORDER BY level, tile_index"
CHECKPOINTS = "SELECT tree_size, root, note FROM ocop.checkpoints ORDER BY tree_size"
WHERE_IT_WAS = (
    "SELECT leaf_index, notification_id, originator_id, originator_version, topic FROM ocop.events"
    " WHERE leaf_index = %s"
)
BEHIND = "SELECT coalesce(max(leaf_index), -1) + 1 FROM ocop.events"

Connection = psycopg.Connection[tuple[Any, ...]]


def quietly(_done: int, _all: int) -> None:
    """For who needs no progress."""


def audited(
    url: str, keys: Iterable[Key], kept: Iterable[Point], progress: Callable[[int, int], None] = quietly
) -> Report:
    """Verify a whole database; reads only.

    ``keys``: one of those that its checkpoints are signed with, or several. ``kept``: checkpoints from elsewhere (a
    witness, a file, a bundle).
    ``progress`` is told (facts verified, facts there are).
    """
    with psycopg.connect(service_conninfo(url, application_name="ocop-verify"), autocommit=True) as connection:
        signed, unsigned = _signed(connection, list(keys))

        def tile(index: int) -> bytes | None:
            row = connection.execute(TILE, (index,), prepare=True).fetchone()
            return bytes(row[0]) if row else None

        audit = Audit(tile, [*signed, *kept])
        audit.faults += unsigned
        audit.faults += _crooked(connection)
        return audit.run(_facts(connection, progress))


def _crooked(connection: Connection) -> list[Fault]:
    """Tiles whose root is not that of their hashes, or whose hashes are not the roots of the tiles below."""
    faults, roots = [], dict[tuple[int, int], bytes]()
    with connection.transaction(), connection.cursor("tiles") as cursor:
        for level, number, hashes, root in cursor.execute(TILES):
            roots[level, number] = bytes(root)
            whole = bytes(root) == root_of(hashes_in(bytes(hashes)))
            if level and whole:
                below = (roots.get((level - 1, number * WIDTH + n)) for n in range(WIDTH))
                whole = hashes_in(bytes(hashes)) == list(below)
            if not whole:
                span = WIDTH ** (level + 1)
                where = number * span, (number + 1) * span - 1
                faults.append(Fault("tile", *where, f"tile {level}/{number} is not made of what is below it"))
    return faults


def _signed(connection: Connection, keys: list[Key]) -> tuple[list[Point], list[Fault]]:
    points, faults = [], []
    succession = Succession(changes(connection), keys)
    for size, root, note in connection.execute(CHECKPOINTS).fetchall():
        try:
            checkpoint, by = verify(note, succession.known)
        except BadNote as bad:
            faults.append(Fault("signature", 0, max(size - 1, 0), f"checkpoint over {size}: {bad}"))
            continue
        signed = succession.signed(size, {signature.key for signature in by})
        if not signed or (checkpoint.size, checkpoint.root) != (size, bytes(root)):
            detail = f"checkpoint over {size}: not signed by the key whose turn it was"
            faults.append(Fault("signature", 0, max(size - 1, 0), detail))
            continue
        points.append(Point(checkpoint.size, checkpoint.root, "this database"))
    return points, faults


def _facts(connection: Connection, progress: Callable[[int, int], None]) -> Iterator[Row]:
    row = connection.execute(BEHIND).fetchone()
    size = row[0] if row else 0
    for first in range(0, size, PAGE):
        yield from _page(connection, first, min(first + PAGE, size))
        progress(min(first + PAGE, size), size)


def _page(connection: Connection, first: int, end: int) -> list[Row]:
    """Facts of some leaves; where the database fails, smaller pieces, down to the one that cannot be read."""
    try:
        rows = connection.execute(LEAVES, {"first": first, "end": end}, prepare=True, binary=True).fetchall()
        return [(leaf, at, stream, version, name, bytes(state)) for leaf, at, stream, version, name, state in rows]
    except psycopg.Error:
        if connection.closed:
            raise
        if end - first > 1:
            middle = (first + end) // 2
            return _page(connection, first, middle) + _page(connection, middle, end)
        return _unreadable(connection, first)


def _unreadable(connection: Connection, leaf: int) -> list[Row]:
    """The fact without its bytes; nothing where not even that can be read: then it is missing."""
    try:
        row = connection.execute(WHERE_IT_WAS, (leaf,)).fetchone()
    except psycopg.Error:
        row = None
    return [(row[0], row[1], row[2], row[3], row[4], UNREADABLE)] if row else []
