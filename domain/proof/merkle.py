"""The Merkle tree of RFC 9162, section 2: roots, proofs that a leaf is in it, proofs that it only grew.

A **node** is ``(level, index)``: the root of the perfect subtree over the ``2**level`` leaves from
``index * 2**level`` on. Those never change once their leaves are there, so they are what is stored; whatever
else a tree of some size needs is folded from at most ``log2(size)`` of them. Proofs are built from a ``Nodes``
callable and never touch the leaves themselves. Hashes are SHA-256, 32 bytes.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import reduce

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()

Node = tuple[int, int]
"""(level, index) of a perfect subtree."""
Nodes = Callable[[int, int], bytes]
"""(level, index) → hash of that perfect subtree."""


class OutsideTree(ValueError):
    """A leaf index or tree size that the tree does not have."""


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf's bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node over its two children's hashes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _folded(hashes: Iterable[bytes]) -> bytes:
    """Hash over neighbouring subtrees, the last two joined first; at least one."""
    return reduce(lambda right, left: node_hash(left, right), reversed(list(hashes)))


class Frontier:
    """The compact range of a growing tree: of each complete subtree on the right edge, its hash, largest first.

    All that an append and the root need, ``log2(size)`` hashes: ``Frontier(size, hashes)`` takes up where another
    with that ``size`` and those ``hashes`` stood. Raises OutsideTree if their number does not fit.
    """

    __slots__ = ("_hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if size < 0 or len(hashes) != size.bit_count():
            raise OutsideTree(f"{len(hashes)} hashes are no frontier of {size} leaves")
        self.size = size
        self._hashes = list(hashes)

    @classmethod
    def stored(cls, size: int, node: Nodes) -> "Frontier":
        """The frontier of a tree of ``size`` leaves whose nodes are stored."""
        return cls(size, [node(*at) for at in perfect_subtrees(0, size)])

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Hashes of the complete subtrees, from left to right."""
        return tuple(self._hashes)

    def append(self, hash_: bytes) -> list[bytes]:
        """Take one more leaf's hash; hashes of the perfect subtrees that it completes, by height, its own first."""
        made = [hash_]
        joins = (self.size ^ (self.size + 1)).bit_length() - 1  # as many as the size ends in ones
        for _ in range(joins):
            made.append(node_hash(self._hashes.pop(), made[-1]))
        self._hashes.append(made[-1])
        self.size += 1
        return made

    def root(self) -> bytes:
        """Root of the tree as it is now."""
        return _folded(self._hashes) if self._hashes else EMPTY_ROOT


def root_of(hashes: Iterable[bytes]) -> bytes:
    """Root over these leaf hashes."""
    frontier = Frontier()
    for hash_ in hashes:
        frontier.append(hash_)
    return frontier.root()


def perfect_subtrees(begin: int, end: int) -> tuple[Node, ...]:
    """The perfect subtrees that leaves ``begin`` to ``end`` (exclusive) consist of, from left to right.

    ``begin`` is a place where RFC 9162 may split a tree: a multiple of the largest of them.
    """
    found: list[Node] = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        found.append((level, begin >> level))
        begin += 1 << level
    return tuple(found)


def tree_root(size: int, node: Nodes) -> bytes:
    """Root of the tree of the first ``size`` leaves, from stored nodes."""
    return Frontier.stored(size, node).root()


def _split(begin: int, end: int) -> int:
    """Where a tree of more than one leaf divides: the largest power of two smaller than its size."""
    return begin + (1 << (end - begin - 1).bit_length() - 1)


def inclusion_path(leaf_index: int, size: int) -> list[tuple[Node, ...]]:
    """Of each hash of an inclusion proof, from the leaf upwards, the perfect subtrees it is folded from.

    ``O(log size)`` nodes in all. Raises OutsideTree.
    """
    if not 0 <= leaf_index < size:
        raise OutsideTree(f"no leaf {leaf_index} in a tree of {size}")
    path = []
    begin, end = 0, size
    while end - begin > 1:
        middle = _split(begin, end)
        if leaf_index < middle:
            path.append(perfect_subtrees(middle, end))
            end = middle
        else:
            path.append(perfect_subtrees(begin, middle))
            begin = middle
    return path[::-1]


def consistency_path(first: int, second: int) -> list[tuple[Node, ...]]:
    """The same of a consistency proof from a tree of ``first`` leaves to one of ``second``.

    From the empty tree, and from a tree to itself, there is nothing to prove: no hashes. Raises OutsideTree.
    """
    if not 0 <= first <= second:
        raise OutsideTree(f"a tree of {first} leaves does not grow to {second}")
    if first == 0:
        return []
    path = []
    begin, end = 0, second
    while end != first:
        middle = _split(begin, end)
        if first <= middle:
            path.append(perfect_subtrees(middle, end))
            end = middle
        else:
            path.append(perfect_subtrees(begin, middle))
            begin = middle
    if begin:  # else the subtree is the first tree itself, whose root the verifier has
        path.append(perfect_subtrees(begin, end))
    return path[::-1]


def _fetched(path: Iterable[Iterable[Node]], node: Nodes) -> list[bytes]:
    return [_folded(node(*at) for at in nodes) for nodes in path]


def inclusion_proof(leaf_index: int, size: int, node: Nodes) -> list[bytes]:
    """Hashes that lead from a leaf to the root of the tree of ``size`` leaves. Raises OutsideTree."""
    return _fetched(inclusion_path(leaf_index, size), node)


def consistency_proof(first: int, second: int, node: Nodes) -> list[bytes]:
    """Hashes that show the tree of ``first`` leaves to be the beginning of that of ``second``. Raises OutsideTree."""
    return _fetched(consistency_path(first, second), node)


def _number(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _all_hashes(*values: object) -> bool:
    return all(isinstance(value, bytes) and len(value) == HASH_BYTES for value in values)


def verify_inclusion(leaf_index: int, tree_size: int, leaf: bytes, hashes: Sequence[bytes], root: bytes) -> bool:
    """Whether the hashes lead from the leaf's hash to the root (RFC 9162, 2.1.3.2). Whatever is malformed does not."""
    if not (_number(leaf_index) and _number(tree_size) and leaf_index < tree_size and _all_hashes(leaf, root, *hashes)):
        return False
    at, last, found = leaf_index, tree_size - 1, leaf
    for hash_ in hashes:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(hash_, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, hash_)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(first: int, second: int, hashes: Sequence[bytes], first_root: bytes, second_root: bytes) -> bool:
    """Whether the tree of the first root is the beginning of that of the second (RFC 9162, 2.1.4.2).

    The empty tree is the beginning of every tree. Whatever is malformed is consistent with nothing.
    """
    if not (_number(first) and _number(second) and first <= second and _all_hashes(first_root, second_root, *hashes)):
        return False
    if first == second:
        return not hashes and first_root == second_root and (first > 0 or first_root == EMPTY_ROOT)
    if first == 0:
        return not hashes and first_root == EMPTY_ROOT
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    path = [first_root, *hashes] if at == 0 else list(hashes)
    if not path:
        return False
    old = new = path[0]
    for hash_ in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(hash_, old), node_hash(hash_, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, hash_)
        at, last = at >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root
