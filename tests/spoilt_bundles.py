"""Bundles made by hand, true and spoilt, each with the codes of the faults it must have: no more and no fewer."""

import base64
import json
from collections.abc import Iterator
from copy import deepcopy

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domain.proof.merkle import consistency_proof, inclusion_proof, leaf_hash, node_hash, root_of
from domain.proof.note import Checkpoint, Key, parse, sign, with_signatures
from tests.bundles import (
    FACTS,
    FOLLOWED,
    LINE,
    LOG,
    LOG_VKEY,
    ORIGIN,
    PARTLY,
    SECOND,
    SECOND_VKEY,
    SEEN_AT,
    SMALL,
    STRANGE_WITNESS_VKEY,
    STRANGER,
    STRANGER_VKEY,
    STREAMS,
    THIRD,
    THIRD_VKEY,
    WITNESS_VKEY,
    Change,
    Json,
    Vector,
    b64,
    bundle,
    change_fact,
    checkpoint,
    encoded,
    fact,
    leaf_of,
    node_of,
    replaced,
    whole,
    with_changes,
    with_state,
)

DATA, TEXT = encoded(SMALL), encoded(SMALL).decode()
LEAVES = [leaf_of(told) for told in FACTS]
ROOT = base64.b64decode(PARTLY["checkpoint"].split("\n")[2])
WHOLE, WITH_LEAVES, EMPTY = whole(FACTS), whole(FACTS, leaves=True), whole([])
WITNESSED = (WITNESS_VKEY,)


def vector(
    name: str, data: bytes, *codes: str, key: str | None = LOG_VKEY, witnesses: tuple[str, ...] = WITNESSED
) -> Vector:
    return Vector(name, data, key, witnesses, list(codes))


def but(told: Json, *at: str | int, to: Json) -> bytes:
    """A bundle with something else at that place."""
    return encoded(replaced(told, at, to))


def rewritten() -> Json:
    """A log signed anew after one fact was changed, with earlier checkpoints of the changed log."""
    log = [*FACTS[:4], {**FACTS[4], "state": b64(b'{"stars":5}')}, *FACTS[5:]]
    return bundle(log, log, (3, 8))


def far_out(index: int, size: int) -> Json:
    """A fact with its proof in a tree far too large to be made: every subtree beside its path is a hash made up."""
    told = {**FACTS[0], "leaf_index": index}
    proof = inclusion_proof(index, size, lambda *at: leaf_hash(repr(at).encode()))
    at, last, root = index, size - 1, leaf_of(told)
    for hash_ in proof:
        while at == last and not at & 1:  # the right edge rises until it has a sibling
            at, last = at >> 1, last >> 1
        root = node_hash(hash_, root) if at & 1 else node_hash(root, hash_)
        at, last = at >> 1, last >> 1
    note = sign(Checkpoint(ORIGIN, size, root), ORIGIN, LOG)
    return {**SMALL, "checkpoint": note, "facts": [{**told, "proof": [b64(h) for h in proof]}], "earlier": []}


def true_ones() -> Iterator[Vector]:
    for size in (1, 2, 3, 7, 13):
        yield vector(f"{size} facts", encoded(bundle(FACTS[:size], FACTS[:size], tuple(range(size + 1)))))
    for size in (2**40, 2**40 + 12_345, 2**53 - 1):
        for index in (0, 2**31, 2**33 + 5, size - 1):
            yield vector(f"leaf {index} of {size}", encoded(far_out(index, size)), witnesses=())
    yield vector("true", encoded(PARTLY))
    yield vector("small", DATA)
    yield vector("spaced", json.dumps(SMALL, indent=4).encode() + b"\r\n\t ")
    yield vector("its own key", DATA, key=None)
    yield vector("no witness asked for", DATA, witnesses=())
    yield vector("whole log", encoded(WHOLE))
    yield vector("whole log with leaves", encoded(WITH_LEAVES))
    yield vector("whole log of one", encoded(whole(FACTS[:1])))
    yield vector("empty log", encoded(EMPTY))
    yield vector("facts in another order", but(PARTLY, "facts", to=PARTLY["facts"][::-1]))
    yield vector("stream from later on", but(PARTLY, "facts", to=PARTLY["facts"][2:]))
    yield vector("no earlier", but(SMALL, "earlier", to=[]))
    yield vector("witnesses not named", but(SMALL, "witnesses", to=[]))
    yield vector("null proof in whole log", but(WHOLE, "facts", 3, to={**FACTS[3], "proof": None}))
    yield vector("log rewritten, nobody remembers", encoded(rewritten()))


def keys() -> Iterator[Vector]:
    yield vector("another key", DATA, "key-differs", "checkpoint-unsigned", "earlier-unsigned", key=STRANGER_VKEY)
    for name, key, witnesses in (
        ("no key", "", ()),
        ("bad key", LOG_VKEY[:-1], ()),
        ("witness's as key", WITNESS_VKEY, ()),
        ("key's as witness", LOG_VKEY, (LOG_VKEY,)),
        ("surrogate", "\ud800", ()),
        ("bad witness", LOG_VKEY, (WITNESS_VKEY, "x")),
    ):
        yield vector(name, DATA, "key-malformed", key=key, witnesses=witnesses)


def signed_by(key: Ed25519PrivateKey) -> str:
    """The checkpoint of all facts, signed by that key and cosigned."""
    return checkpoint(LEAVES, key=key)


def signatures() -> Iterator[Vector]:
    resigned = replaced(replaced(SMALL, ("checkpoint",), signed_by(STRANGER)), ("log", "vkey"), STRANGER_VKEY)
    yield vector("signed by another", encoded(resigned), "key-differs", "checkpoint-unsigned")
    yield vector("signed by another, taken at its word", encoded(resigned), "earlier-unsigned", key=None)
    false, true = (base64.b64decode(signed_by(key).split("\n")[4].split(" ")[2]) for key in (STRANGER, LOG))
    for name, signature in {"forged": true[:4] + false[4:], "short": true[:-1], "long": true + b"\0"}.items():
        note = SMALL["checkpoint"].replace(b64(true), b64(signature))
        yield vector(name, but(SMALL, "checkpoint", to=note), "checkpoint-signature-false")
    other = sign(Checkpoint("other.example/log", 20, ROOT), ORIGIN, LOG)
    yield vector("another log's", but(SMALL, "checkpoint", to=other), "checkpoint-other-log", witnesses=())
    great = sign(Checkpoint(ORIGIN, 2**53 - 1, ROOT), ORIGIN, LOG)
    told = ["proof-false", "proof-false", "earlier-inconsistent"]
    yield vector("a great log", but(SMALL, "checkpoint", to=great), *told, witnesses=())
    greater = sign(Checkpoint(ORIGIN, 2**53, ROOT), ORIGIN, LOG)
    yield vector("too great a log", but(SMALL, "checkpoint", to=greater), "checkpoint-malformed")
    many = with_signatures(SMALL["checkpoint"], [f"— w{n} {b64(bytes(70))}\n" for n in range(62)])
    yield vector("64 signatures", but(SMALL, "checkpoint", to=many))
    more = many + f"— more {b64(bytes(70))}\n"
    yield vector("65 signatures", but(SMALL, "checkpoint", to=more), "checkpoint-malformed")
    long = with_signatures(SMALL["checkpoint"], [f"— w {b64(bytes(80_000))}\n"])
    yield vector("a long note", but(SMALL, "checkpoint", to=long))
    longer = SMALL["checkpoint"] + f"— w {b64(bytes(100_000))}\n"
    yield vector("too long a note", but(SMALL, "checkpoint", to=longer), "checkpoint-malformed")


def cosignatures() -> Iterator[Vector]:
    told = but(SMALL, "checkpoint", to=checkpoint(LEAVES, witness=False))
    yield vector("not cosigned", told, "witness-missing")
    yield vector("not cosigned, nobody asks", told, witnesses=())
    yield vector("another witness", DATA, "witness-missing", witnesses=(STRANGE_WITNESS_VKEY,))
    lines = SMALL["checkpoint"].split("\n")
    dash, name, signature = lines[5].split(" ")
    value = base64.b64decode(signature)
    for at in (SEEN_AT + 1, 2**53, 2**64 - 1):
        dated = f"{dash} {name} {b64(value[:4] + at.to_bytes(8, 'big') + value[12:])}"
        told = but(SMALL, "checkpoint", to="\n".join([*lines[:5], dated, ""]))
        yield vector(f"dated {at}", told, "witness-signature-false")
        yield vector(f"dated {at}, not asked", told, "witness-signature-false", witnesses=())
    shorter = f"{dash} {name} {b64(value[:-1])}"
    told = but(SMALL, "checkpoint", to="\n".join([*lines[:5], shorter, ""]))
    yield vector("cosignature cut off", told, "witness-signature-false")


OTHER_VKEY = Key.of("other.example/log", SECOND).vkey
UNFOLLOWED = ["key-differs", "checkpoint-unsigned"]
"""What is said to who gives a key that does not lead to the bundle's."""


def lined(*line: Change, size: int = 20) -> Json:
    """A true bundle of a log whose key changed so."""
    return bundle([FACTS[1], FACTS[4]], with_changes(FACTS[:size], line), (), line)


def keys_followed() -> Iterator[Vector]:
    one, two = lined(LINE[0]), lined(*LINE)
    everybody = (LOG_VKEY, SECOND_VKEY, THIRD_VKEY)
    for name, told, keys in (("one change", one, everybody[:2]), ("two changes", two, everybody)):
        for number, key in enumerate((*keys, None)):
            yield vector(f"{name}, key {number}", encoded(told), key=key)
    for key in everybody:
        yield vector("earlier by each in its turn", encoded(FOLLOWED), key=key)
    yield vector("two changes, an unrelated key", encoded(two), *UNFOLLOWED, key=STRANGER_VKEY)
    unsigned = ["earlier-unsigned"] * 5
    yield vector("earlier ones, an unrelated key", encoded(FOLLOWED), *UNFOLLOWED, *unsigned, key=STRANGER_VKEY)
    yield vector("one change, the key after the next", encoded(one), *UNFOLLOWED, key=THIRD_VKEY)
    both = lined(*LINE, size=13)
    for number, key in enumerate(everybody):
        yield vector(f"checkpoint signed by both, key {number}", encoded(both), key=key)
        yield vector(f"the old one named, key {number}", but(both, "log", "vkey", to=SECOND_VKEY), key=key)
    yield vector("a change as the first fact", encoded(lined(Change(0, 1, LOG, SECOND))))
    yield vector("changes empty", but(SMALL, "changes", to=[]))


def ended_keys() -> Iterator[Vector]:
    """The bundle shows the change, and the key signs after its end or before its turn."""
    one = lined(LINE[0])
    log = with_changes(FACTS, LINE[:1])
    leaves = [leaf_of(told) for told in log]
    signed = {**one, "checkpoint": checkpoint(leaves), "log": {"vkey": LOG_VKEY}}
    yield vector("an ended key", encoded(signed), "key-out-of-turn")
    yield vector("an ended key, none given", encoded(signed), "key-out-of-turn", key=None)
    yield vector("an ended key, its heir given", encoded(signed), "key-out-of-turn", *UNFOLLOWED, key=SECOND_VKEY)
    named = but(one, "checkpoint", to=checkpoint(leaves))
    yield vector("an ended key signs for its heir", named, "checkpoint-unsigned")
    elsewhere = {**one, "checkpoint": checkpoint(leaves, key=STRANGER), "log": {"vkey": STRANGER_VKEY}}
    yield vector("a stranger after the line", encoded(elsewhere), "key-out-of-turn", *UNFOLLOWED)
    for size, key in ((3, SECOND), (6, STRANGER), (8, LOG), (13, THIRD)):
        hashes = [b64(h) for h in consistency_proof(size, 20, node_of(leaves))]
        earlier = [{"checkpoint": checkpoint(leaves[:size], key=key), "hashes": hashes}]
        yield vector(f"earlier of {size} out of turn", but(one, "earlier", to=earlier), "earlier-unsigned")


def changes_spoilt() -> Iterator[Vector]:
    two = lined(*LINE)
    changes = two["changes"]
    for name, fewer, codes in (
        ("no change", [], []),
        ("first change missing", changes[1:], ["change-order"]),
        ("last change missing", changes[:1], ["key-out-of-turn"]),
        ("sizes descend", changes[::-1], ["change-order", "change-order"]),
        ("a change twice", [*changes, changes[1]], ["change-order"]),
    ):
        yield vector(name, but(two, "changes", to=fewer), *codes, *UNFOLLOWED)
    leaves = [leaf_of(told) for told in with_changes(FACTS, LINE)]
    for name, note, code in (
        ("the old key alone", checkpoint(leaves[:6]), "unsigned"),
        ("the new key alone", checkpoint(leaves[:6], key=SECOND), "unsigned"),
        ("a stranger beside", checkpoint(leaves[:6], heir=STRANGER), "unsigned"),
        ("second signature forged", forged(checkpoint(leaves[:6], heir=SECOND, witness=False)), "signature-false"),
    ):
        told = but(two, "changes", 0, "checkpoint", to=note)
        yield vector(f"change signed by {name}", told, f"change-{code}", *UNFOLLOWED)
    yield vector(
        "last change missing, the last key given",
        but(two, "changes", to=changes[:1]),
        "key-out-of-turn",
        key=THIRD_VKEY,
    )
    swapped = replaced(two, ("changes", 0, "fact", "state"), change_fact(5, 1, SECOND_VKEY, LOG_VKEY)["state"])
    yield vector("before and after swapped", encoded(swapped), "change-proof-false", "change-order", *UNFOLLOWED)
    backwards = Change(5, 6, SECOND, LOG)
    note = checkpoint([leaf_of(told) for told in with_changes(FACTS, (backwards,))], key=SECOND)
    truly = {**lined(backwards), "log": {"vkey": SECOND_VKEY}, "checkpoint": note}
    yield vector("swapped in the log itself", encoded(truly), "key-out-of-turn", *UNFOLLOWED)
    not_in = replaced(two, ("changes", 0, "fact", "position"), 23)
    yield vector("change not in the log", encoded(not_in), "change-proof-false", *UNFOLLOWED)
    under = replaced(two, ("changes", 0, "checkpoint"), checkpoint(leaves[:5], heir=SECOND))
    told = ["change-proof-false", "change-inconsistent"]
    yield vector("change beyond what both signed", encoded(under), *told, *UNFOLLOWED)
    rewritten_log = [FACTS[0] | {"state": FACTS[1]["state"]}, *with_changes(FACTS, LINE)[1:]]
    other = bundle([], rewritten_log, (), LINE)["changes"]
    told = but(two, "changes", to=[changes[0], other[1]])
    yield vector("rewritten since a change", told, "change-inconsistent", *UNFOLLOWED)
    short = lined(LINE[0], size=8)
    told = but(short, "changes", to=[*short["changes"], changes[1]])
    yield vector("change after the checkpoint", told, "change-inconsistent", *UNFOLLOWED)
    loop = lined(LINE[0], Change(11, 13, SECOND, LOG))
    yield vector("changes in a loop", encoded(loop), "change-order")
    alone = lined(Change(5, 6, LOG, LOG))
    note = checkpoint([leaf_of(told) for told in with_changes(FACTS, (Change(5, 6, LOG, LOG),))][:6])
    yield vector("change to itself", but(alone, "changes", 0, "checkpoint", to=note), "change-order")
    for name, line in {
        "change from one that signs no more": (LINE[0], Change(11, 13, LOG, THIRD)),
        "change under the note before": (Change(5, 13, LOG, SECOND), Change(11, 15, SECOND, THIRD)),
    }.items():
        yield vector(name, encoded(lined(*line)), "change-order", *UNFOLLOWED)
    at_once = lined(Change(5, 13, LOG, SECOND), Change(11, 13, SECOND, THIRD))
    for change in at_once["changes"]:  # as who slips his own key in beside a true change, and signs beside the others
        line = parse(sign(parse(change["checkpoint"]).checkpoint, ORIGIN, THIRD)).signatures[0].line
        change["checkpoint"] = with_signatures(change["checkpoint"], [line])
    yield vector("two changes under one note", encoded(at_once), "change-order", *UNFOLLOWED)


def other_origins() -> Iterator[Vector]:
    """Changes of a log with another name, in the key, in the note, or in both."""
    leaves = [leaf_of(told) for told in with_changes(FACTS, LINE[:1])]
    one = lined(LINE[0])
    note = checkpoint(leaves[:6], origin="other.example/log", heir=SECOND)
    told = ["change-other-log", "change-unsigned", "change-other-log", "change-unsigned"]
    yield vector("change under another log's note", but(one, "changes", 0, "checkpoint", to=note), *told, *UNFOLLOWED)
    named = [FACTS[n] if n != 5 else change_fact(5, 1, LOG_VKEY, OTHER_VKEY) for n in range(20)]
    before = [leaf_of(told) for told in named]
    plain = bundle([FACTS[1], FACTS[4]], named)
    tree = Checkpoint(ORIGIN, 6, root_of(before[:6]))
    line = parse(sign(tree, "other.example/log", SECOND)).signatures[0].line
    change = {
        "fact": named[5] | {"proof": [b64(h) for h in inclusion_proof(5, 6, node_of(before[:6]))]},
        "checkpoint": with_signatures(sign(tree, ORIGIN, LOG), [line]),
        "hashes": [b64(h) for h in consistency_proof(6, 20, node_of(before))],
    }
    told = but(plain, "changes", to=[change])
    yield vector("change to another log's key", told, "change-other-log")


def changes_malformed() -> Iterator[Vector]:
    one = lined(LINE[0])
    for value in (None, {}, "x", 5, True):
        yield vector(f"changes {value!r}", but(one, "changes", to=value), "bundle-malformed")
        told = but(one, "changes", 0, to=value)
        yield vector(f"a change {value!r}", told, "change-malformed", *UNFOLLOWED)
    most = but(one, "changes", to=[None] * 1_000)
    yield vector("1000 changes", most, "change-malformed", *UNFOLLOWED)
    yield vector("1001 changes", but(one, "changes", to=[None] * 1_001), "bundle-malformed")
    change = one["changes"][0]
    fact_of, hash_ = change["fact"], b64(bytes(32))
    long = change["checkpoint"] + f"— w {b64(bytes(100_000))}\n"
    for name, spoilt in {
        "field more": {**change, "size": 6},
        "note too long": {**change, "checkpoint": long},
        "hashes too many": {**change, "hashes": [hash_] * 65},
        "proof too long": {**change, "fact": {**fact_of, "proof": [hash_] * 65}},
        "proof null": {**change, "fact": {**fact_of, "proof": None}},
    }.items():
        yield vector(f"change, {name}", but(one, "changes", 0, to=spoilt), "change-malformed", *UNFOLLOWED)
    for name, keys in {
        "no data": {},
        "no keys": {"data": {}},
        "no object": [{"data": {"before": LOG_VKEY, "now": SECOND_VKEY}}],
        "a key more": {"data": {"before": LOG_VKEY, "now": SECOND_VKEY, "then": THIRD_VKEY}},
        "a witness's key": {"data": {"before": LOG_VKEY, "now": WITNESS_VKEY}},
        "a number": {"data": {"before": 1, "now": SECOND_VKEY}},
        "a list": {"data": [LOG_VKEY, SECOND_VKEY]},
    }.items():
        yield vector(f"change says {name}", really({"state": b64(encoded(keys))}), "change-malformed", *UNFOLLOWED)
    for name, field in {
        "name": {"name": "product.recognised"},
        "stream": {"stream": str(STREAMS[2])},
        "state": {"state": b64(b"{")},
    }.items():
        yield vector(f"change of another {name}", really(field), "change-malformed", *UNFOLLOWED)
    yield vector("change that is the second", really({"version": 2}), "change-order", *UNFOLLOWED)
    beyond = really({"leaf_index": 9})
    yield vector("change that says it lies further on", beyond, "change-proof-false", *UNFOLLOWED)


def really(spoilt: Json) -> bytes:
    """A bundle whose change is spoilt in the log itself: in the tree that both keys signed."""
    log = with_changes(FACTS, LINE[:1])
    log[5] = {**log[5], **spoilt}
    return encoded(bundle([FACTS[1], FACTS[4]], log, (), LINE[:1]))


def forged(note: str) -> str:
    """A note whose last signature is another one's."""
    *lines, last = note.removesuffix("\n").split("\n")
    dash, name, signature = last.split(" ")
    value = base64.b64decode(signature)
    return "\n".join([*lines, f"{dash} {name} {b64(value[:4] + value[4:][::-1])}", ""])


def exchanged(field: str) -> bytes:
    """Two neighbouring facts, of two streams, with each other's value of a field."""
    told = deepcopy(PARTLY)
    one, other = told["facts"][3], told["facts"][4]
    one[field], other[field] = other[field], one[field]
    return encoded(told)


def disordered() -> Json:
    """A log that itself holds two facts of a stream the wrong way round, at one position."""
    log = [{**FACTS[0], "version": 2}, {**FACTS[3], "leaf_index": 1, "version": 1, "position": FACTS[0]["position"]}]
    return bundle(log, log)


def facts() -> Iterator[Vector]:
    in_two_streams = ["version-double", "version-gap", "version-gap", "version-double"]
    for field, codes in {
        "state": [],
        "name": [],
        "proof": [],
        "position": ["position-order"],
        "leaf_index": ["position-order"],
        "stream": in_two_streams,
        "version": in_two_streams,
    }.items():
        yield vector(f"{field} exchanged", exchanged(field), *codes, "proof-false", "proof-false")
    yield vector(
        "a fact twice", but(PARTLY, "facts", to=[*PARTLY["facts"], PARTLY["facts"][5]]), "leaf-double", "version-double"
    )
    fewer = PARTLY["facts"][:4] + PARTLY["facts"][5:]
    yield vector("a fact left out", but(PARTLY, "facts", to=fewer), "version-gap")
    yield vector("log in disorder", encoded(disordered()), "position-order", "version-order")
    yield vector("index outside", but(SMALL, "facts", 1, "leaf_index", to=20), "leaf-outside")
    yield vector("great index", but(SMALL, "facts", 1, "leaf_index", to=2**53 - 1), "leaf-outside")
    yield vector("too great an index", but(SMALL, "facts", 1, "leaf_index", to=2**53), "fact-malformed")
    yield vector("no proof of one", but(SMALL, "facts", 1, "proof", to=None), "proof-missing")
    yield vector("facts of another log", but(SMALL, "facts", to=rewritten()["facts"]), *["proof-false"] * 20)
    yield vector("fact no object", but(SMALL, "facts", 1, to="fact"), "fact-malformed")
    yield vector("one more field", but(SMALL, "facts", 1, to={**SMALL["facts"][1], "stars": 5}), "fact-malformed")
    prototype = {**SMALL["facts"][0], "__proto__": 1}
    yield vector("a prototype in a fact", but(SMALL, "facts", 0, to=prototype), "fact-malformed")
    for name, told in {"empty": "", "long": "x" * 256, "surrogate": "\ud800", "number": 5}.items():
        yield vector(f"name {name}", but(SMALL, "facts", 0, "name", to=told), "fact-malformed")
    for name, told in {"NUL": "a\0b", "longest": "x" * 255, "pair": "\U0001f375"}.items():
        yield vector(f"name {name}", but(SMALL, "facts", 0, "name", to=told), "proof-false")
    for told in (str(STREAMS[1]).upper(), STREAMS[1].hex, f"{{{STREAMS[1]}}}", f"{STREAMS[1]}\n"):
        yield vector(f"stream {told!r}", but(SMALL, "facts", 0, "stream", to=told), "fact-malformed")


def states() -> Iterator[Vector]:
    for name, state in {
        "array": b"[]",
        "text": b'"x"',
        "twice": b'{"a":1,"a":2}',
        "bytes": b"\xff",
        "none": b"",
        "65 deep": b'{"a":' * 65 + b"1" + b"}" * 65,
    }.items():
        yield vector(f"state {name}", encoded(with_state(state)), "state-not-json")
    for name, state in {
        "numbers": b'{"a":1e999,"b":-0.0}',
        "surrogate": b'{"a":"\\ud800"}',
        "64 deep": b'{"a":' * 64 + b"1" + b"}" * 64,
    }.items():
        yield vector(f"state {name}", encoded(with_state(state)))


def whole_logs() -> Iterator[Vector]:
    told, changed = WHOLE["facts"], b64(b"{}")
    yield vector("changed", but(WHOLE, "facts", 4, "state", to=changed), "root-differs")
    yield vector("changed, located", but(WITH_LEAVES, "facts", 4, "state", to=changed), "leaf-differs", "root-differs")
    yield vector("leaf changed", but(WITH_LEAVES, "leaves", 4, to=b64(bytes(32))), "leaves-differ", "leaf-differs")
    yield vector("leaf malformed", but(WITH_LEAVES, "leaves", 4, to="AAAA"), "leaves-malformed")
    stored = WITH_LEAVES["leaves"]
    yield vector("leaf missing", but(WITH_LEAVES, "leaves", to=stored[:-1]), "leaves-malformed")
    yield vector("leaf too many", but(WITH_LEAVES, "leaves", to=[*stored, stored[0]]), "leaves-malformed")
    yield vector("fact missing", but(WHOLE, "facts", to=told[:7] + told[8:]), "version-gap", "log-incomplete")
    yield vector("last missing", but(WHOLE, "facts", to=told[:-1]), "log-incomplete")
    yield vector("all missing", but(WHOLE, "facts", to=[]), "log-incomplete")
    yield vector(
        "one malformed", but(WHOLE, "facts", 4, "state", to="="), "fact-malformed", "version-gap", "log-incomplete"
    )
    yield vector("one no object", but(WHOLE, "facts", 19, to=[]), "fact-malformed", "log-incomplete")
    yield vector("one too many", but(WHOLE, "facts", to=[*told, fact(20)]), "leaf-outside")
    yield vector("fact for an empty log", but(EMPTY, "facts", to=FACTS[:1]), "leaf-outside")
    one = but(WHOLE, "facts", 19, to={**FACTS[19], "proof": []})
    yield vector("one with a proof", one, *["proof-missing"] * 19, "proof-false")
    yield vector("leaves beside proofs", encoded({**SMALL, "leaves": []}), "bundle-malformed")
    great = sign(Checkpoint(ORIGIN, 2**53 - 1, ROOT), ORIGIN, LOG)
    yield vector("far too few", but(WHOLE, "checkpoint", to=great), "log-incomplete", witnesses=())


def earlier_checkpoints() -> Iterator[Vector]:
    told, true = rewritten(), bundle(FACTS, FACTS, (3, 8))
    told["earlier"][1]["checkpoint"] = true["earlier"][1]["checkpoint"]
    yield vector("rewritten since", encoded(told), "earlier-inconsistent")
    shrunk = {**SMALL, "checkpoint": SMALL["earlier"][0]["checkpoint"]}
    shrunk["earlier"] = [{"checkpoint": SMALL["checkpoint"], "hashes": []}]
    yield vector("shrunk", encoded(shrunk), "proof-false", "proof-false", "earlier-inconsistent", witnesses=())
    stranger = but(SMALL, "earlier", 0, "checkpoint", to=signed_by(STRANGER))
    yield vector("earlier of a stranger", stranger, "earlier-unsigned", "earlier-inconsistent")
    forged = SMALL["earlier"][0]["checkpoint"].replace("\n5\n", "\n4\n")
    told = but(SMALL, "earlier", 0, "checkpoint", to=forged)
    yield vector("earlier of another size", told, "earlier-signature-false", "earlier-inconsistent")
    other = sign(Checkpoint("other.example/log", 20, ROOT), ORIGIN, LOG)
    told = but(SMALL, "earlier", 0, to={"checkpoint": other, "hashes": []})
    yield vector("earlier of another log", told, "earlier-other-log")
    emptied = {"checkpoint": sign(Checkpoint(ORIGIN, 0, leaf_hash(b"")), ORIGIN, LOG), "hashes": []}
    yield vector("empty with a root", but(SMALL, "earlier", 0, to=emptied), "earlier-inconsistent")
    yield vector("earlier no object", but(SMALL, "earlier", 0, to=5), "earlier-malformed")


def with_version(token: str) -> bytes:
    """The small bundle with that in the place of its first fact's version."""
    return TEXT.replace('"version":1', f'"version":{token}', 1).encode()


def texts() -> Iterator[Vector]:
    for name in ("format", "log", "witnesses", "checkpoint", "facts", "version"):
        twice = TEXT.replace(f'"{name}":', f'"{name}":1,"{name}":', 1)
        yield vector(f"{name} twice", twice.encode(), "bundle-not-json")
    escaped = TEXT.replace('{"format":', '{"\\u0066ormat":1,"format":', 1)
    yield vector("a name twice, once escaped", escaped.encode(), "bundle-not-json")
    for name, data in {
        "nothing": b"",
        "blank": b" \n",
        "byte order mark": b"\xef\xbb\xbf" + DATA,
        "UTF-16": TEXT.encode("utf-16"),
        "something after": DATA + b"{}",
        "NUL after": DATA + b"\0",
        "NUL within": DATA.replace(b'"witnesses"', b'"wit\0nesses"'),
        "no UTF-8": DATA.replace(b"product", b"prod\xffct", 1),
        "overlong": DATA.replace(b"product", b"prod\xc1\xb5ct", 1),
        "encoded surrogate": DATA.replace(b"product", b"prod\xed\xa0\x80ct", 1),
        "single quotes": TEXT.replace('"', "'").encode(),
        "comment": b"/* */" + DATA,
        "leading zero": with_version("01"),
        "plus": with_version("+1"),
        "NaN": with_version("NaN"),
        "minus infinity": with_version("-Infinity"),
        "hexadecimal": with_version("0x1"),
        "digits of another script": with_version("١"),
        "comma": TEXT.replace("]}", ",]}", 1).encode(),
        "brackets": b"[" * 100_000,
        "brackets closed": b"[" * 100_000 + b"]" * 100_000,
        "braces": b'{"a":' * 100_000,
        "65 deep": with_version("[" * 62 + "]" * 62),
    }.items():
        yield vector(name, data, "bundle-not-json")
    for name, token in {
        "64 deep": "[" * 61 + "]" * 61,
        "many digits": "1" + "0" * 5000,
        "a fraction": "1.0",
        "an exponent": "1e0",
        "minus zero": "-0",
    }.items():
        yield vector(name, with_version(token), "fact-malformed")


def shapes() -> Iterator[Vector]:
    for value in (b"null", b"[]", b'"ocop-bundle/1"', b"1", b"{}", b'{"format":"ocop-bundle/1"}'):
        yield vector(f"only {value.decode()}", value, "bundle-malformed")
    yield vector("another format", but(SMALL, "format", to="ocop-bundle/2"), "bundle-malformed")
    yield vector("one more part", encoded({**SMALL, "comment": "đã kiểm"}), "bundle-malformed")
    yield vector("a prototype", encoded({**SMALL, "__proto__": {}}), "bundle-malformed")
    yield vector("a witness of no algorithm", but(SMALL, "witnesses", to=[LOG_VKEY]), "bundle-malformed")


BY_HAND = [
    *true_ones(),
    *keys(),
    *keys_followed(),
    *ended_keys(),
    *changes_spoilt(),
    *other_origins(),
    *changes_malformed(),
    *signatures(),
    *cosignatures(),
    *facts(),
    *states(),
    *whole_logs(),
    *earlier_checkpoints(),
    *texts(),
    *shapes(),
]
