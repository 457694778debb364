"""The Merkle tree against RFC 9162 read literally, the published vectors, and proofs that were tampered with."""

import hashlib
from collections.abc import Callable, Sequence
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.proof.leaf import leaf_data
from domain.proof.merkle import (
    EMPTY_ROOT,
    Frontier,
    OutsideTree,
    consistency_path,
    consistency_proof,
    inclusion_path,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

# The eight test leaves of RFC 6962's reference implementation, and the roots of the trees over the first 0 to 8.
CLASSIC = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CLASSIC_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CLASSIC_INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CLASSIC_CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
LARGEST = 300
LEAVES = [leaf_hash(b"%d" % number) for number in range(LARGEST)]


def mth(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, 2.1.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    return [*path(m, leaves[:k]), mth(leaves[k:])] if m < k else [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    """RFC 9162, 2.1.4.1."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def nodes_of(leaves: Sequence[bytes]) -> Callable[[int, int], bytes]:
    """Perfect subtrees as a store of tiles would hold them: only those whose leaves are all there."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
    return lambda level, index: levels[level][index]


NODE = nodes_of(LEAVES)
ROOTS = [mth(LEAVES[:size]) for size in range(LARGEST + 1)]


def test_the_classic_leaves_give_the_published_roots_and_proofs() -> None:
    leaves = [leaf_hash(leaf) for leaf in CLASSIC]
    node = nodes_of(leaves)

    assert [root_of(leaves[:size]).hex() for size in range(9)] == CLASSIC_ROOTS
    for (index, size), proof in CLASSIC_INCLUSION.items():
        assert [hash_.hex() for hash_ in inclusion_proof(index, size, node)] == proof
    for (first, second), proof in CLASSIC_CONSISTENCY.items():
        assert [hash_.hex() for hash_ in consistency_proof(first, second, node)] == proof


def test_every_root_is_that_of_the_rfc_however_it_is_come_by() -> None:
    growing = Frontier()
    for size in range(LARGEST + 1):
        assert growing.root() == ROOTS[size] == tree_root(size, NODE)
        growing = Frontier(size, growing.hashes)  # put away and taken up again
        assert growing.hashes == Frontier.stored(size, NODE).hashes
        if size < LARGEST:
            growing.append(LEAVES[size])
    assert root_of(LEAVES) == ROOTS[LARGEST]
    assert ROOTS[0] == EMPTY_ROOT


@pytest.mark.parametrize("size", [*range(1, 71), 127, 128, 129, 255, 256, 257, LARGEST])
def test_every_inclusion_proof_is_the_rfc_s_and_holds(size: int) -> None:
    for index in range(size):
        proof = inclusion_proof(index, size, NODE)
        assert proof == path(index, LEAVES[:size])
        assert verify_inclusion(index, size, LEAVES[index], proof, ROOTS[size])


@pytest.mark.parametrize("second", [*range(1, 71), 128, 129, 256, 257, LARGEST])
def test_every_consistency_proof_is_the_rfc_s_and_holds(second: int) -> None:
    for first in range(1, second + 1):
        proof = consistency_proof(first, second, NODE)
        assert proof == subproof(first, LEAVES[:second], True)
        assert verify_consistency(first, second, proof, ROOTS[first], ROOTS[second])
    assert consistency_proof(0, second, NODE) == []
    assert verify_consistency(0, second, [], EMPTY_ROOT, ROOTS[second])


def spoilt(hashes: list[bytes]) -> list[list[bytes]]:
    """A proof altered in each of the ways a list of hashes can be."""
    other = leaf_hash(b"of another tree")
    flipped = [[*hashes[:i], bytes([h[0] ^ 1]) + h[1:], *hashes[i + 1 :]] for i, h in enumerate(hashes)]
    short = [[*hashes[:i], h[:-1], *hashes[i + 1 :]] for i, h in enumerate(hashes)]
    missing = [hashes[:i] + hashes[i + 1 :] for i in range(len(hashes))]
    added = [[*hashes[:i], extra, *hashes[i:]] for i in range(len(hashes) + 1) for extra in (other, b"", EMPTY_ROOT)]
    return [*flipped, *short, *missing, *added, *([hashes[::-1]] if len(hashes) > 1 else [])]


SIZES = st.integers(1, LARGEST)


@settings(max_examples=150)
@given(SIZES, st.data())
def test_no_altered_inclusion_proof_holds(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, leaf, root = inclusion_proof(index, size, NODE), LEAVES[index], ROOTS[size]

    assert not any(verify_inclusion(index, size, leaf, altered, root) for altered in spoilt(proof))
    assert not any(verify_inclusion(other, size, leaf, proof, root) for other in range(-1, size + 2) if other != index)
    assert not verify_inclusion(index, size, LEAVES[index - 1] if size > 1 else EMPTY_ROOT, proof, root)
    assert not verify_inclusion(index, size, leaf, proof, ROOTS[size - 1])
    for malformed in (None, "0", 1.0, True, 2**70, -1):
        assert not verify_inclusion(malformed, size, leaf, proof, root)
        assert not verify_inclusion(index, malformed, leaf, proof, ROOTS[0])
    for malformed in (None, "", leaf.hex(), b"", leaf + b"\0", 7):
        assert not verify_inclusion(index, size, malformed, proof, root)
        assert not verify_inclusion(index, size, leaf, [malformed, *proof], root)
        assert not verify_inclusion(index, size, leaf, proof, malformed)


@settings(max_examples=150)
@given(SIZES, st.data())
def test_no_altered_consistency_proof_holds(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, second))
    proof, old, new = consistency_proof(first, second, NODE), ROOTS[first], ROOTS[second]

    assert verify_consistency(first, second, proof, old, new)
    assert not any(verify_consistency(first, second, altered, old, new) for altered in spoilt(proof))
    assert not verify_consistency(first, second, proof, ROOTS[first - 1], new)
    assert not verify_consistency(second + 1, first, proof, new, old)
    if first:
        assert first == second or not verify_consistency(first, second, proof, old, ROOTS[second - 1])
        others = range(first - 1, first + 2)
        assert not any(verify_consistency(other, second, proof, old, new) for other in others if other != first)
    for malformed in (None, "0", 1.0, 2**70, -1):
        assert not verify_consistency(malformed, second, proof, old, new)
        assert not verify_consistency(first, malformed, proof, old, new)
    for malformed in (None, "", b"", old + b"\0", 7):
        assert not verify_consistency(first, second, [*proof, malformed], old, new)
        assert not verify_consistency(first, second, proof, malformed, new)
        assert not verify_consistency(first, second, proof, old, malformed)


def test_an_empty_log_is_the_beginning_of_every_log_and_only_with_its_own_root() -> None:
    assert verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    assert not verify_consistency(0, 0, [], LEAVES[0], LEAVES[0])
    assert not verify_consistency(0, 5, [], LEAVES[0], ROOTS[5])
    assert not verify_consistency(0, 5, [EMPTY_ROOT], EMPTY_ROOT, ROOTS[5])


def test_a_fork_is_consistent_with_neither_branch() -> None:
    other = [*LEAVES[:40], leaf_hash(b"another history"), *LEAVES[41:80]]
    node = nodes_of(other)

    for first in range(41, 80):
        assert not verify_consistency(first, 80, consistency_proof(first, 80, node), ROOTS[first], mth(other))
        assert not verify_consistency(first, 80, consistency_proof(first, 80, NODE), ROOTS[first], mth(other))


@pytest.mark.parametrize("size", [1_000_000, 2**20, 2**40 + 1])
def test_a_proof_over_a_great_tree_reads_few_nodes(size: int) -> None:
    depth = size.bit_length()
    for index in (0, 1, size // 3, size - 2, size - 1):
        assert sum(map(len, inclusion_path(index, size))) <= 2 * depth
        assert sum(map(len, consistency_path(index + 1, size))) <= 2 * depth


@given(st.integers(1, 2**40), st.data())
def test_only_complete_subtrees_are_asked_for(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    for nodes in [*inclusion_path(index, size), *consistency_path(index + 1, size)]:
        assert nodes
        for level, place in nodes:
            assert (place + 1) << level <= size


def test_what_a_tree_does_not_have_is_refused() -> None:
    for index, size in ((0, 0), (5, 5), (-1, 5), (6, 5)):
        with pytest.raises(OutsideTree):
            inclusion_proof(index, size, NODE)
    for first, second in ((6, 5), (-1, 5)):
        with pytest.raises(OutsideTree):
            consistency_proof(first, second, NODE)
    with pytest.raises(OutsideTree):
        Frontier(3, [EMPTY_ROOT])


def test_leaf_data_is_written_as_laid_down() -> None:
    stream = UUID("00112233-4455-6677-8899-aabbccddeeff")

    data = leaf_data(1, 258, stream, 3, "product.identified", b'{"a":"\xc4\x91"}')

    assert data.hex() == (
        b"ocop/leaf/1\n".hex()
        + "0000000000000001"
        + "0000000000000102"
        + "00112233445566778899aabbccddeeff"
        + "0000000000000003"
        + "00000012"
        + b"product.identified".hex()
        + "0000000a"
        + b'{"a":"\xc4\x91"}'.hex()
    )


FACTS = st.tuples(
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.uuids(),
    st.integers(0, 2**64 - 1),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    st.binary(max_size=40),
)


@given(FACTS, FACTS)
def test_two_facts_never_have_the_same_leaf_data(one: tuple, other: tuple) -> None:
    assert (leaf_data(*one) == leaf_data(*other)) == (one == other)
