"""Everything verified (kiểm tra toàn bộ): every fact against tiles, checkpoints and what others keep, faults located.

It reads the database as it is and believes none of it: what was signed decides. A fault is located to the leaf where a
whole tile keeps the leaf's hash, else between two checkpoints.
"""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from uuid import UUID

from application.proof.tiles import WIDTH, hashes_in
from domain.proof.leaf import leaf_data
from domain.proof.merkle import Frontier, leaf_hash

UNREADABLE = b""
"""Stored bytes of a fact that the database cannot read."""
Row = tuple[int, int, UUID, int, str, bytes]
"""Leaf index, position, stream, version, stored name and stored bytes of a fact."""
TileHashes = Callable[[int], bytes | None]
"""Index of a tile of leaves → its hashes as stored, None where it is not stored."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was signed. ``first`` and ``last``: the leaves among which it lies."""

    code: str
    first: int
    last: int
    detail: str
    stream: UUID | None = None
    version: int | None = None

    def __str__(self) -> str:
        where = f"leaf {self.first}" if self.first == self.last else f"leaves {self.first} to {self.last}"
        whose = f", stream {self.stream} version {self.version}" if self.stream else ""
        return f"{self.code}: {where}{whose}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Point:
    """A root that the tree had at some size, and who says so."""

    size: int
    root: bytes
    by: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. ``size`` and ``root``: of the tree over the facts there are."""

    size: int
    root: bytes
    points: int
    faults: Sequence[Fault]


class Audit:
    """One pass over all facts, in the order of their leaves.

    ``points``: checkpoints to hold the tree against, those of the database and those kept elsewhere.
    """

    def __init__(self, tile_hashes: TileHashes, points: Iterable[Point]) -> None:
        self._tile_hashes = tile_hashes
        self._points = sorted(points, key=lambda point: point.size)
        self.faults: list[Fault] = []
        self._told = Frontier()
        """The tree over the facts as they are."""
        self._kept: Frontier | None = None
        """The tree over the tiles' hashes, since the two differ."""
        self._doubtful: list[Fault] = []
        self._at, self._position = 0, 0
        self._good: dict[str, int] = {}
        """By who signed: size of the last checkpoint that the facts agree with."""
        self._lost: set[str] = set()
        """Whose checkpoints went wrong where no tile tells it: then every later one of theirs does, too."""
        self._versions: dict[UUID, int] = {}
        self._tile: tuple[int, list[bytes]] = (-1, [])

    def run(self, rows: Iterable[Row]) -> Report:
        """Hold every fact against what was signed."""
        for row in rows:
            if row[0] < self._told.size:
                self._fault("extra", row, "a second fact has this leaf index")
                continue
            if row[0] > self._told.size:
                self._skip(row[0])
            self._take(row)
        self._beyond()
        self.faults += self._doubtful
        return Report(self._told.size, self._told.root(), len(self._points), sorted(self.faults, key=_place))

    def _take(self, row: Row) -> None:
        leaf, position, stream, version, _, state = row
        kept = self._kept_hash(leaf)
        if state == UNREADABLE:
            self._fault("unreadable", row, "the database cannot read it")
            self._add(kept or leaf_hash(b""), kept)
        else:
            told = leaf_hash(leaf_data(*row))
            if kept is not None and kept != told:
                self._doubtful.append(Fault("altered", leaf, leaf, "not the bytes its hash is of", stream, version))
            self._add(told, kept)
        if position <= self._position:
            self._fault("order", row, "its position is not after the one before it")
        self._position = position
        before = self._versions.get(stream, 0)
        if version != before + 1:
            self._fault("version", row, f"it follows on version {before}")
        self._versions[stream] = version
        self._compare()

    def _skip(self, leaf: int) -> None:
        """Facts that are not there: the tree goes on with the hashes that were kept of them."""
        first = self._told.size
        self.faults.append(Fault("missing", first, leaf - 1, "no fact has this leaf index"))
        for index in range(first, leaf):
            kept = self._kept_hash(index)
            self._add(kept or leaf_hash(b""), kept)
            self._compare()

    def _add(self, told: bytes, kept: bytes | None) -> None:
        if self._kept is None and kept is not None and kept != told:
            self._kept = deepcopy(self._told)
        self._told.append(told)
        if self._kept is not None:
            self._kept.append(kept or told)

    def _kept_hash(self, leaf: int) -> bytes | None:
        index, within = divmod(leaf, WIDTH)
        if self._tile[0] != index:
            stored = self._tile_hashes(index)
            self._tile = (index, hashes_in(stored) if stored else [])
        return self._tile[1][within] if self._tile[1] else None

    def _compare(self) -> None:
        while self._at < len(self._points) and self._points[self._at].size == self._told.size:
            point = self._points[self._at]
            self._at += 1
            if point.root == self._told.root():
                # What was signed are the facts: where a tile says otherwise, it is the tile.
                self.faults += [Fault("tile", f.first, f.last, "the tile keeps another hash") for f in self._doubtful]
                self._settle(self._told, point)
            elif self._kept is not None and point.root == self._kept.root():
                self.faults += self._doubtful
                self._settle(self._kept, point)
            elif point.by not in self._lost:
                self._lost.add(point.by)
                first = min((fault.first for fault in self._doubtful), default=self._good.get(point.by, 0))
                detail = f"the facts are not those of the checkpoint over {point.size} of {point.by}"
                self.faults.append(Fault("checkpoint", first, point.size - 1, detail))

    def _settle(self, tree: Frontier, point: Point) -> None:
        self._told, self._kept, self._doubtful = tree, None, []
        self._good[point.by] = point.size

    def _beyond(self) -> None:
        for point in self._points[self._at :]:
            detail = f"{point.by} signed a checkpoint over {point.size}"
            if point.size > self._told.size:
                first = self._good.get(point.by, 0)  # what is missing may be missing before the end
                self.faults.append(Fault("rolled-back", first, point.size - 1, detail))

    def _fault(self, code: str, row: Row, detail: str) -> None:
        self.faults.append(Fault(code, row[0], row[0], detail, row[2], row[3]))


def _place(fault: Fault) -> tuple[int, int, str]:
    return fault.first, fault.last, fault.code
