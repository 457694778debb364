"""Bundles for the verifiers: a small log, true bundles of it, and a great many that somebody altered."""

import base64
import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.log.facts import LOG as LOG_STREAM
from domain.log.facts import KeyChanged
from domain.proof.leaf import leaf_data
from domain.proof.merkle import consistency_proof, inclusion_proof, leaf_hash, node_hash, root_of
from domain.proof.note import COSIGNATURE, Checkpoint, Key, cosign, parse, sign, with_signatures

ORIGIN = "ocop.example/log"
LOG, WITNESS, STRANGER, SECOND, THIRD = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(1, 6))
LOG_VKEY, SECOND_VKEY, THIRD_VKEY = (Key.of(ORIGIN, key).vkey for key in (LOG, SECOND, THIRD))
WITNESS_VKEY = Key.of("inspectorate.example/w", WITNESS, COSIGNATURE).vkey
STRANGER_VKEY = Key.of(ORIGIN, STRANGER).vkey
STRANGE_WITNESS_VKEY = Key.of("stranger.example/w", STRANGER, COSIGNATURE).vkey
SEEN_AT = 1_790_000_000
STREAMS = [UUID(f"0a000000-0000-4000-8000-00000000000{n}") for n in range(3)]
NAMES = ("product.identified", "product.idea-submitted", "product.recognised")

Json = Any


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def fact(index: int) -> Json:
    """The fact of leaf ``index``: three streams take turns, positions have gaps."""
    state = json.dumps({"data": {"name": f"Chè Shan số {index}", "stars": 4}, "fact_version": 1}, ensure_ascii=False)
    return {
        "leaf_index": index,
        "position": 3 * index + 7,
        "stream": str(STREAMS[index % 3]),
        "version": index // 3 + 1,
        "name": NAMES[index // 3 % 3],
        "state": b64(state.encode()),
    }


def leaf_of(told: Json) -> bytes:
    """Leaf hash of a bundle's fact."""
    state = base64.b64decode(told["state"])
    place = told["leaf_index"], told["position"], UUID(told["stream"]), told["version"], told["name"]
    return leaf_hash(leaf_data(*place, state))


def node_of(leaves: list[bytes]) -> Callable[[int, int], bytes]:
    """A tree's perfect subtrees."""

    def node(level: int, index: int) -> bytes:
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1)) if level else leaves[index]

    return node


def checkpoint(
    leaves: list[bytes],
    *,
    origin: str = ORIGIN,
    key: Ed25519PrivateKey = LOG,
    heir: Ed25519PrivateKey | None = None,
    witness: bool = True,
) -> str:
    """A log's signed note over these leaves, cosigned. ``heir``: another key that signs it too."""
    told = Checkpoint(origin, len(leaves), root_of(leaves))
    lines = [s.line for s in parse(sign(told, origin, heir)).signatures] if heir else []
    lines += [cosign(told, "inspectorate.example/w", WITNESS, SEEN_AT)] if witness else []
    return with_signatures(sign(told, origin, key), lines)


@dataclass(frozen=True)
class Change:
    """A change of the log's key: ``leaf`` of its fact, ``size`` of the checkpoint that both sign."""

    leaf: int
    size: int
    before: Ed25519PrivateKey
    now: Ed25519PrivateKey


def change_fact(leaf: int, version: int, before: str, now: str) -> Json:
    """The fact of a change of the key, between verifier keys."""
    told = {"fact_version": 1, "data": {"before": before, "now": now}}
    state = json.dumps(told, separators=(",", ":")).encode()
    named = {"stream": str(LOG_STREAM), "version": version, "name": KeyChanged.stored_name, "state": b64(state)}
    return fact(leaf) | named


def with_changes(log: list[Json], line: tuple[Change, ...]) -> list[Json]:
    """A log in which the key changes at those leaves."""
    facts = {
        change.leaf: change_fact(
            change.leaf, number, Key.of(ORIGIN, change.before).vkey, Key.of(ORIGIN, change.now).vkey
        )
        for number, change in enumerate(line, 1)
    }
    return [facts.get(told["leaf_index"], told) for told in log]


def _signers(size: int, line: tuple[Change, ...]) -> tuple[Ed25519PrivateKey, Ed25519PrivateKey | None]:
    """Who signs a checkpoint of that size."""
    for change in line:
        if size <= change.size:
            return change.before, change.now if size == change.size else None
    return (line[-1].now if line else LOG), None


def bundle(facts: list[Json], log: list[Json], earlier: tuple[int, ...] = (), line: tuple[Change, ...] = ()) -> Json:
    """A true bundle of some facts of a log, each with its proof. ``line``: changes of the key that it shows."""
    leaves = [leaf_of(told) for told in log]
    node = node_of(leaves)
    proofs = [[b64(h) for h in inclusion_proof(told["leaf_index"], len(log), node)] for told in facts]

    def signed(size: int, *, witness: bool = False) -> str:
        key, heir = _signers(size, line)
        return checkpoint(leaves[:size], key=key, heir=heir, witness=witness)

    def grown(size: int) -> list[str]:
        return [b64(h) for h in consistency_proof(size, len(log), node)]

    changes = [
        {
            "fact": log[change.leaf]
            | {"proof": [b64(h) for h in inclusion_proof(change.leaf, change.size, node_of(leaves[: change.size]))]},
            "checkpoint": signed(change.size),
            "hashes": grown(change.size),
        }
        for change in line
    ]
    key, heir = _signers(len(log), line)
    return {
        "format": "ocop-bundle/1",
        "log": {"vkey": Key.of(ORIGIN, heir or key).vkey},
        **({"changes": changes} if line else {}),
        "witnesses": [WITNESS_VKEY],
        "checkpoint": signed(len(log), witness=True),
        "facts": [{**told, "proof": proof} for told, proof in zip(facts, proofs, strict=True)],
        "earlier": [{"checkpoint": signed(size), "hashes": grown(size)} for size in earlier],
    }


def whole(log: list[Json], *, leaves: bool = False) -> Json:
    """A true bundle of a whole log, without proofs; with its stored leaves if asked for."""
    told = bundle([], log)
    hashes = {"leaves": [b64(leaf_of(each)) for each in log]} if leaves else {}
    return {**told, "facts": deepcopy(log), **hashes}


FACTS = [fact(index) for index in range(20)]
PARTLY = bundle([told for told in FACTS if told["stream"] != str(STREAMS[2])], FACTS, (0, 1, 8, 13, 20))
SMALL = bundle([FACTS[1], FACTS[4]], FACTS, (5,))
LINE = (Change(5, 6, LOG, SECOND), Change(11, 13, SECOND, THIRD))
"""Two changes of the key; over the second one both signed only when one more fact was there."""
FOLLOWED = bundle([FACTS[1], FACTS[4]], with_changes(FACTS, LINE), (3, 6, 8, 13, 20), LINE)


def encoded(told: Json) -> bytes:
    """A bundle as its bytes; what is no text in Unicode becomes an escape."""
    try:
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(told, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Vector:
    """Bytes to be judged, and with which keys. ``codes``: the faults' codes in order, or None if only "not good"."""

    name: str
    data: bytes
    key: str | None = LOG_VKEY
    witnesses: tuple[str, ...] = (WITNESS_VKEY,)
    codes: list[str] | None = None


Path = tuple[str | int, ...]


def paths(value: Json, at: Path = ()) -> Iterator[Path]:
    """Every place in a value, itself included."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*at, key))


def replaced(value: Json, at: Path, new: Json) -> Json:
    """The value with another one at that place."""
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = replaced(value[at[0]], at[1:], new) if at[1:] else new
    return copy


def removed(value: Json, at: Path) -> Json:
    """The value without what is at that place."""
    copy = deepcopy(value)
    inner = copy
    for key in at[:-1]:
        inner = inner[key]
    del inner[at[-1]]
    return copy


def at_place(value: Json, at: Path) -> Json:
    for key in at:
        value = value[key]
    return value


ANYTHING = [None, True, False, -1, 0, 7, 1.5, 1e400, 2**53, 2**64, 10**30, "", "x", "\0", "\ud800", "é", [], {}, [[]]]


def variants(value: Json) -> list[Json]:
    """Other values in the place of one: of every type, and like it but not quite."""
    like: list[Json] = [[value], {"": value}]
    if isinstance(value, str) and value:
        middle = len(value) // 2
        other = "B" if value[middle] == "A" else "A"
        like += [value[:-1], value[1:], value + "=", value + "\n", " " + value, value + "\0", value.swapcase()]
        like += [value[:middle] + other + value[middle + 1 :], value[:middle] + " " + value[middle:], value + value]
        like += [value.replace("=", ""), value[:-2] + "B=", value[::-1]]
    if type(value) is int:
        like += [value + 1, value - 1, str(value), float(value), float(value) + 0.5, value + 2**32]
    if isinstance(value, list) and value:
        like += [value[1:], value[::-1] if len(value) > 1 else value * 2, value * 2, [*value, value[0]], value * 70]
    return [new for new in [*ANYTHING, *like] if new != value or type(new) is not type(value)]


def altered() -> Iterator[Vector]:
    """Every place of a small bundle, and of the changes in one that shows them, with every variant and without it."""
    in_changes = [at for at in paths(FOLLOWED) if at[:1] == ("changes",)]
    for told, places in ((SMALL, paths(SMALL)), (FOLLOWED, in_changes)):
        for at in places:
            for number, new in enumerate(variants(at_place(told, at))):
                yield Vector(f"{at}, variant {number}", encoded(replaced(told, at, new)))
            if at:
                yield Vector(f"{at} removed", encoded(removed(told, at)))


def flipped(step: int) -> Iterator[Vector]:
    """One byte of a small bundle changed, at every so many places; and the bundle cut off there."""
    data = encoded(SMALL)
    for at in range(0, len(data), step):
        for bit in (0x01, 0x20, 0x80):
            yield Vector(f"byte {at} ^ {bit}", data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
        yield Vector(f"cut at {at}", data[:at])


def with_state(state: bytes) -> Json:
    """A true bundle of a log in which that stands as a fact's state."""
    log = [{**FACTS[0], "state": b64(state)}]
    return bundle(log, log)


def states_of_all_sorts(count: int) -> list[bytes]:
    """Texts near JSON, by a fixed seed: some are JSON objects, most are not quite."""
    chance = random.Random(9162)
    pieces = [
        '{"a":',
        '"b"',
        "}",
        "[",
        "]",
        ",",
        "1",
        "-0",
        "0",
        "1e5",
        "-",
        ".5",
        "true",
        "nul",
        "null",
        '"',
        "\\u00e9",
    ]
    pieces += [
        '"\\ud800"',
        '"\\u12',
        " ",
        "\t",
        "\ufeff",
        "\x0b",
        "é",
        "NaN",
        "Infinity",
        ":",
        "\\n",
        '"\\/"',
        "\0",
        "{}",
    ]
    pieces += ['{"a":1,"a":2}', '{"a":1,"b":2}', '"\x7f"', "01", "1.", "+1", "{", '{"":', "\u2028", "9" * 5000, "[1,]"]
    made = ['{"a":' + "".join(chance.choices(pieces, k=chance.choice((1, 1, 1, 2, 3)))) + "}" for _ in range(count)]
    made += ["".join(chance.choices(pieces, k=chance.randint(0, 5))) for _ in range(count)]
    broken = [b"\xff", b"\xc0\x80", b'{"a":"\xed\xa0\x80"}', b'\xef\xbb\xbf{"a":1}', '{"a":1}'.encode("utf-16")]
    nested = [b'{"a":' * n + b"1" + b"}" * n for n in (2, 63, 64, 65, 20_000)]
    nested += [b'{"a":' + b"[" * n + b"]" * n + b"}" for n in (62, 63, 64)] + [b'{"a":' + b"[" * 300_000]
    quoted = [b'{"a":"' + b"[{" * 500 + b'"}', b'{"a":"\\"' + b"[" * 100 + b'"}', b'{"a":"\\\\"' + b"[" * 100 + b'"}']
    return [text.encode() for text in made] + broken + nested + quoted


TOKENS = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"0",
    b"-",
    b"1e3",
    b"null",
    b"=",
    b"+",
    b"AAAA",
    b"\n",
    b" ",
]
TOKENS += [b"\\u0041", b"\xc3", b"\0", b"\xed\xa0\x80"]


def _text_mangled(data: bytes, chance: random.Random) -> bytes:
    """Up to three pieces of the text changed, cut out, doubled, moved or written over."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data))
        end = min(len(data), at + chance.randrange(1, 60))
        elsewhere = chance.randrange(len(data))
        middle = chance.choice(
            [
                bytes([chance.randrange(256)]) + data[at + 1 : end],
                b"",
                data[at:end] * 2,
                chance.choice(TOKENS) + data[at:end],
                data[elsewhere : elsewhere + end - at],
                chance.choice(TOKENS),
            ]
        )
        data = data[:at] + middle + data[end:]
    return data


def _value_mangled(told: Json, chance: random.Random) -> Json:
    """Up to three places removed, altered, or given what stands at another place."""
    for _ in range(chance.randint(1, 3)):
        places = list(paths(told))
        at = chance.choice(places)
        if at and chance.random() < 0.3:
            told = removed(told, at)
        elif chance.random() < 0.5:
            told = replaced(told, at, at_place(told, chance.choice(places)))
        else:
            told = replaced(told, at, chance.choice(variants(at_place(told, at))))
    return told


def mangled(count: int, seed: int) -> Iterator[Vector]:
    """True bundles mangled by chance, half as texts and half as values, judged with and without keys."""
    chance = random.Random(seed)
    true = [SMALL, PARTLY, whole(FACTS, leaves=True), bundle(FACTS[:5], FACTS[:7], (2, 5)), FOLLOWED]
    for number in range(count):
        told = chance.choice(true)
        as_text = number % 2
        data = _text_mangled(encoded(told), chance) if as_text else encoded(_value_mangled(told, chance))
        key, witnesses = chance.choice((None, LOG_VKEY)), chance.choice(((), (WITNESS_VKEY,)))
        yield Vector(f"mangled {seed}, {number}", data, key, witnesses)
