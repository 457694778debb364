"""Kiểm chứng hồ sơ OCOP / verifies an OCOP bundle, without the service and without network.

    python verifier.py BUNDLE.json [--key VKEY] [--witness VKEY ...] [--json]

Needs Python 3.11 and ``cryptography``, nothing else. Recomputes the hash of every fact from its stored bytes and
follows its proof to the root that the log signed (RFC 9162; C2SP signed-note, tlog-checkpoint, tlog-cosignature).
``--key``: the log's verifier key, had from elsewhere than the bundle; without it a bundle is only shown to agree with
itself. A key that the log changed since is followed to its successor, where both signed over the change.
``--witness``: keys of those who must have cosigned. Exit code 0: good; 1: faults; 2: the input is not usable.
"""

import argparse
import base64
import hashlib
import json
import re
import struct
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.stderr.write("Cần gói / needed: python -m pip install cryptography\n")
    sys.exit(2)

FORMAT = "ocop-bundle/1"
LARGEST_BUNDLE = 256 * 1024 * 1024
LARGEST_NOTE = 128 * 1024
LARGEST_NUMBER = 2**53 - 1  # what the page's numbers hold exactly
MOST_SIGNATURES = 64
MOST_CHANGES = 1_000
DEEPEST = 64
LOG, WITNESS = 1, 4  # algorithms of keys
SHOWN = 200  # faults in the readable report; --json has all

TEXTS = {
    "bundle-unreadable": ("Không đọc được tệp", "The file cannot be read"),
    "bundle-too-large": ("Tệp quá lớn", "The file is too large"),
    "bundle-not-json": ("Tệp không phải JSON hợp lệ", "The file is not valid JSON"),
    "bundle-malformed": ("Tệp không đúng dạng ocop-bundle/1", "The file is not in the form ocop-bundle/1"),
    "key-malformed": ("Khóa được đưa không đúng dạng", "A key that was given is malformed"),
    "key-differs": ("Hồ sơ nêu khóa khác với khóa được đưa", "The bundle names another key than the one given"),
    "key-out-of-turn": (
        "Theo các lần thay khóa, đến lượt khóa khác ký",
        "By the changes of the key it was another one's turn to sign",
    ),
    "change-malformed": ("Lần thay khóa không đúng dạng", "A change of the key is malformed"),
    "change-other-log": ("Lần thay khóa là của nhật ký khác", "A change of the key is another log's"),
    "change-unsigned": (
        "Một trong hai khóa không ký lần thay khóa",
        "One of the two keys did not sign over the change",
    ),
    "change-signature-false": ("Chữ ký ở lần thay khóa là giả", "A signature over a change of the key is false"),
    "change-proof-false": (
        "Sự kiện thay khóa đã bị thay đổi, hoặc không có trong nhật ký mà hai khóa ký",
        "The fact of a change was altered, or is not in the log that both keys signed",
    ),
    "change-order": ("Lần thay khóa không nối tiếp lần trước", "A change of the key does not follow on the one before"),
    "change-inconsistent": (
        "Nhật ký đã bị viết lại từ khi thay khóa",
        "The log was rewritten since a change of the key",
    ),
    "checkpoint-malformed": ("Điểm kiểm tra không đúng dạng", "The checkpoint is malformed"),
    "checkpoint-other-log": ("Điểm kiểm tra là của nhật ký khác", "The checkpoint is another log's"),
    "checkpoint-unsigned": ("Nhật ký không ký điểm kiểm tra này", "The log did not sign this checkpoint"),
    "checkpoint-signature-false": ("Chữ ký của nhật ký là giả", "The log's signature is false"),
    "witness-missing": ("Thiếu chữ ký của người làm chứng", "A required witness did not cosign"),
    "witness-signature-false": ("Chữ ký của người làm chứng là giả", "A witness's cosignature is false"),
    "fact-malformed": ("Sự kiện không đúng dạng", "A fact is malformed"),
    "state-not-json": ("Nội dung sự kiện không phải đối tượng JSON", "A fact's state is not a JSON object"),
    "leaf-outside": ("Chỉ số lá nằm ngoài nhật ký", "A leaf index is outside the log"),
    "leaf-double": ("Một lá được dùng hai lần", "A leaf is used twice"),
    "position-order": ("Vị trí không tăng theo chỉ số lá", "Positions do not rise with leaf indexes"),
    "version-double": ("Một phiên bản có hai lần", "A version of a stream is there twice"),
    "version-gap": ("Thiếu phiên bản của một dòng sự kiện", "Versions of a stream are missing"),
    "version-order": ("Thứ tự phiên bản trái với thứ tự lá", "Versions of a stream are not in the order of leaves"),
    "proof-missing": ("Sự kiện không có bằng chứng", "A fact has no proof"),
    "proof-false": (
        "Sự kiện đã bị thay đổi, hoặc không có trong nhật ký",
        "A fact was altered, or is not in the log",
    ),
    "log-incomplete": ("Thiếu sự kiện của nhật ký", "Facts of the log are missing"),
    "leaves-malformed": ("Danh sách lá không đúng dạng", "The list of leaves is malformed"),
    "leaf-differs": ("Sự kiện khác với lá đã lưu", "A fact differs from its stored leaf"),
    "leaves-differ": ("Các lá đã lưu không cho ra gốc đã ký", "The stored leaves do not give the signed root"),
    "root-differs": ("Các sự kiện không cho ra gốc đã ký", "The facts do not give the signed root"),
    "earlier-malformed": ("Điểm kiểm tra trước không đúng dạng", "An earlier checkpoint is malformed"),
    "earlier-other-log": ("Điểm kiểm tra trước là của nhật ký khác", "An earlier checkpoint is another log's"),
    "earlier-unsigned": ("Nhật ký không ký điểm kiểm tra trước", "The log did not sign an earlier checkpoint"),
    "earlier-signature-false": ("Chữ ký ở điểm kiểm tra trước là giả", "An earlier checkpoint's signature is false"),
    "earlier-inconsistent": ("Nhật ký đã bị viết lại", "The log was rewritten since an earlier checkpoint"),
}
"""Code of a fault → what it says, in Vietnamese and in English. The codes never change."""
UNUSABLE = {"bundle-unreadable", "bundle-too-large", "bundle-not-json", "bundle-malformed", "key-malformed"}
WARNINGS = {
    "key-of-the-bundle": (
        "CẢNH BÁO: không có khóa lấy từ nguồn khác. Khóa trong hồ sơ chỉ chứng tỏ hồ sơ tự nhất quán; ai cũng làm được",
        "WARNING: no key from elsewhere. The bundle's own proves only that it agrees with itself; anybody can do that.",
    ),
    "key-followed": (
        "Khóa ký hồ sơ không phải khóa được đưa: đã lần theo các lần thay khóa mà cả hai khóa cùng ký.",
        "The key that signed is not the one given: it was followed through changes that both keys signed.",
    ),
    "no-witness": (
        "Không có khóa của người làm chứng: không ai bên ngoài xác nhận đây là nhật ký mà mọi người cùng thấy.",
        "No witness's key: nobody outside confirms that this is the log which everybody sees.",
    ),
    "stream-begins-later": (
        "Có dòng sự kiện không bắt đầu từ phiên bản 1.",
        "Some stream does not begin at version 1.",
    ),
}


class Malformed(ValueError):
    """Something is not in its form; the message says what."""


class Unusable(Exception):
    """The input as a whole cannot be judged: a code of ``UNUSABLE``, and what it is about."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong and where."""

    code: str
    leaf_index: int | None = None
    stream: str | None = None
    version: int | None = None
    detail: str = ""


class Key(NamedTuple):
    """A verifier key."""

    vkey: str
    name: str
    id: bytes
    algorithm: int
    public: bytes


class Note(NamedTuple):
    """A checkpoint's note, its signatures not verified: (name, key id) → signature."""

    body: str
    origin: str
    size: int
    root: bytes
    signatures: dict[tuple[str, bytes], bytes]


class Leaf(NamedTuple):
    """A fact that is in its form. ``proof``: None if it has none."""

    leaf_index: int
    position: int
    stream: str
    version: int
    hash: bytes
    proof: list[bytes] | None


class Change(NamedTuple):
    """A change of the log's key that is in its form. ``hashes``: from the note both signed to the bundle's."""

    before: Key
    now: Key
    leaf: Leaf
    note: Note
    hashes: list[bytes]


@dataclass(slots=True)
class Result:
    """All that was found."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: int = 0
    size: int | None = None
    root: str | None = None
    signed_by: list[dict[str, Any]] = field(default_factory=list)

    def fault(self, code: str, leaf: Leaf | None = None, detail: str = "") -> None:
        """Note a fault, of a fact or of the whole."""
        where: tuple[int | None, str | None, int | None] = (None, None, None)
        if leaf:
            where = (leaf.leaf_index, leaf.stream, leaf.version)
        self.faults.append(Fault(code, *where, detail))

    def as_json(self) -> dict[str, Any]:
        """The result as ``--json`` prints it."""
        return {"ok": not self.faults, **asdict(self)}

    @property
    def exit_code(self) -> int:
        """0 good, 1 faults, 2 not usable."""
        return 0 if not self.faults else 2 if self.faults[0].code in UNUSABLE else 1


# Reading: JSON without doubled names, base64 in its one form, notes and keys


UNFIT = object()  # a number that is none of ours: a fraction, or too large
STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
BRACKET = re.compile(r"[][{}]")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a name is there twice")
    return found


def _refuse(_: str) -> object:
    raise Malformed("not a number")


DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=lambda digits: int(digits) if len(digits) <= 16 and digits != "-0" else UNFIT,
    parse_float=lambda _: UNFIT,
    parse_constant=_refuse,
)


def _too_deep(text: str) -> bool:
    """Whether brackets outside strings are nested more deeply than ``DEEPEST``."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    depth = 0
    for bracket in BRACKET.finditer(STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > DEEPEST:
            return True
    return False


def read_json(data: bytes) -> object:
    """The value of JSON bytes; raises Malformed."""
    try:
        text = data.decode()
        if _too_deep(text):
            raise Malformed("nested too deeply")
        return DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error


def is_json_object(data: bytes) -> bool:
    """Whether the bytes are a JSON object, as ours are."""
    try:
        return isinstance(read_json(data), dict)
    except Malformed:
        return False


def read_object(value: object, required: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Any]:
    """An object with these fields and no others; raises Malformed."""
    if not isinstance(value, dict) or not set(required) <= value.keys() <= {*required, *optional}:
        raise Malformed("fields")
    return value


def read_number(value: object) -> int:
    """A number from 0 to ``LARGEST_NUMBER``; raises Malformed."""
    if type(value) is not int or not 0 <= value <= LARGEST_NUMBER:
        raise Malformed("number")
    return value


def read_text(value: object) -> str:
    """A string; raises Malformed."""
    if not isinstance(value, str):
        raise Malformed("text")
    return value


def read_list(value: object) -> list[Any]:
    """A list; raises Malformed."""
    if not isinstance(value, list):
        raise Malformed("list")
    return value


def read_base64(value: object) -> bytes:
    """Bytes of base64 in its canonical form; raises Malformed."""
    text = read_text(value)
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed("base64") from error
    if base64.b64encode(found).decode() != text:
        raise Malformed("base64")
    return found


def read_hash(value: object) -> bytes:
    """A hash in base64; raises Malformed."""
    found = read_base64(value)
    if len(found) != 32:
        raise Malformed("hash")
    return found


def read_hashes(value: object) -> list[bytes]:
    """The hashes of a proof, of which there are never more than levels of a tree; raises Malformed."""
    hashes = read_list(value)
    if len(hashes) > 64:
        raise Malformed("too many hashes")
    return [read_hash(hash_) for hash_ in hashes]


NAME = r"[!-*,-~]{1,255}"  # printable ASCII without space and plus
VKEY = re.compile(rf"({NAME})\+([0-9a-f]{{8}})\+([A-Za-z0-9+/=]{{1,100}})")
SIGNATURE_LINE = re.compile(rf"— ({NAME}) ([A-Za-z0-9+/=]+)")
BODY = re.compile(rf"({NAME})\n(0|[1-9][0-9]{{0,15}})\n([A-Za-z0-9+/=]{{44}})\n")


def read_vkey(value: object, algorithm: int) -> Key:
    """A verifier key of that algorithm; raises Malformed."""
    text = read_text(value)
    match = VKEY.fullmatch(text)
    if not match:
        raise Malformed("key")
    typed = read_base64(match[3])
    key_id = hashlib.sha256(match[1].encode() + b"\n" + typed).digest()[:4]
    if len(typed) != 33 or typed[0] != algorithm or key_id.hex() != match[2]:
        raise Malformed("key")
    return Key(text, match[1], key_id, algorithm, typed[1:])


def read_note(value: object) -> Note:
    """A checkpoint's signed note; raises Malformed."""
    text = read_text(value)
    body, divided, lines = text.partition("\n\n")
    match = BODY.fullmatch(body + "\n")
    if len(text) > LARGEST_NOTE or not divided or not lines.endswith("\n") or not match:
        raise Malformed("note")
    signatures: dict[tuple[str, bytes], bytes] = {}
    for line in lines[:-1].split("\n"):
        signed = SIGNATURE_LINE.fullmatch(line)
        if not signed:
            raise Malformed("signature line")
        found = read_base64(signed[2])
        if len(found) <= 4 or (signed[1], found[:4]) in signatures or len(signatures) == MOST_SIGNATURES:
            raise Malformed("signature line")
        signatures[signed[1], found[:4]] = found[4:]
    return Note(body + "\n", match[1], read_number(int(match[2])), read_hash(match[3]), signatures)


# The tree of RFC 9162


def sha256(data: bytes) -> bytes:
    """Hash of bytes."""
    return hashlib.sha256(data).digest()


def joined(left: bytes, right: bytes) -> bytes:
    """Hash of a node over its children's."""
    return sha256(b"\x01" + left + right)


def split(size: int) -> int:
    """Leaves in the left child of a tree of more than one: the largest power of two smaller than its size."""
    return 1 << (size - 1).bit_length() - 1


def root_through(leaf_index: int, size: int, leaf: bytes, proof: list[bytes]) -> bytes:
    """The root a proof leads to; the proof's hashes are taken from its end. Raises Malformed if they do not suffice."""
    if size == 1:
        return leaf
    if not proof:
        raise Malformed("proof")
    k, sibling = split(size), proof.pop()
    if leaf_index < k:
        return joined(root_through(leaf_index, k, leaf, proof), sibling)
    return joined(sibling, root_through(leaf_index - k, size - k, leaf, proof))


def included(leaf: Leaf, size: int, root: bytes) -> bool:
    """Whether the fact's proof leads to the root."""
    proof = list(leaf.proof or ())
    try:
        return root_through(leaf.leaf_index, size, leaf.hash, proof) == root and not proof
    except Malformed:
        return False


def roots_through(first: int, second: int, whole: bytes | None, proof: list[bytes]) -> tuple[bytes, bytes]:
    """Both roots a consistency proof leads to; ``whole``: the first tree's root while it may be the subtree itself."""
    if first == second:
        same = proof.pop() if whole is None and proof else whole
        if same is None:
            raise Malformed("proof")
        return same, same
    if not proof:
        raise Malformed("proof")
    k, sibling = split(second), proof.pop()
    if first <= k:
        old, new = roots_through(first, k, whole, proof)
        return old, joined(new, sibling)
    old, new = roots_through(first - k, second - k, None, proof)
    return joined(sibling, old), joined(sibling, new)


def consistent(older: Note, newer: Note, hashes: list[bytes]) -> bool:
    """Whether the older tree is the beginning of the newer one."""
    if older.size > newer.size:
        return False
    if older.size == 0:  # the beginning of every tree
        return not hashes and older.root == sha256(b"") and (newer.size > 0 or newer.root == older.root)
    proof = list(hashes)
    try:
        return roots_through(older.size, newer.size, older.root, proof) == (older.root, newer.root) and not proof
    except Malformed:
        return False


def root_over(leaves: Iterable[bytes]) -> bytes:
    """Root over all leaf hashes."""
    complete: list[tuple[int, bytes]] = []  # perfect subtrees from left to right: (leaves, hash)
    for leaf in leaves:
        complete.append((1, leaf))
        while len(complete) > 1 and complete[-1][0] == complete[-2][0]:
            (count, right), (_, left) = complete.pop(), complete.pop()
            complete.append((count * 2, joined(left, right)))
    if not complete:
        return sha256(b"")
    _, root = complete.pop()
    while complete:
        root = joined(complete.pop()[1], root)
    return root


# Checking


def _u64(number: int) -> bytes:
    return struct.pack(">Q", number)


def _u32(number: int) -> bytes:
    return struct.pack(">I", number)


STREAM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PARTS = ("format", "log", "witnesses", "checkpoint", "facts")
FACT_FIELDS = ("leaf_index", "position", "stream", "version", "name", "state")
CHANGED = ("log.key-changed", "6f636f70-0000-4000-8000-6c6f67000000")  # name and stream of facts that change the key


def read_stream(value: object) -> str:
    """A stream's UUID in its canonical form; raises Malformed."""
    text = read_text(value)
    if not STREAM.fullmatch(text):
        raise Malformed("stream")
    return text


def read_name(value: object) -> bytes:
    """A stored name in UTF-8; raises Malformed."""
    try:
        name = read_text(value).encode()
    except UnicodeEncodeError as error:
        raise Malformed("name") from error
    if not 0 < len(name) <= 255:
        raise Malformed("name")
    return name


def _found(read: Callable[[object], Any], value: object, field_: str) -> Any:
    try:
        return read(value)
    except Malformed as error:
        raise Malformed(field_) from error


def read_fact(entry: object) -> tuple[Leaf, bytes]:
    """A fact with its leaf's hash, and its stored bytes; raises Malformed with the field's name."""
    fact = read_object(entry, FACT_FIELDS, ("proof",))
    index = _found(read_number, fact["leaf_index"], "leaf_index")
    position = _found(read_number, fact["position"], "position")
    stream = _found(read_stream, fact["stream"], "stream")
    version = _found(read_number, fact["version"], "version")
    name = _found(read_name, fact["name"], "name")
    state = _found(read_base64, fact["state"], "state")
    proof = fact.get("proof")
    hashes = None if proof is None else _found(read_hashes, proof, "proof")
    data = b"ocop/leaf/1\n" + _u64(index) + _u64(position) + bytes.fromhex(stream.replace("-", "")) + _u64(version)
    data += _u32(len(name)) + name + _u32(len(state)) + state
    return Leaf(index, position, stream, version, sha256(b"\x00" + data), hashes), state


def _place_of(entry: object) -> tuple[int | None, str | None, int | None]:
    """Where a malformed fact says that it stands, as far as that can be read."""
    fact = entry if isinstance(entry, dict) else {}

    def told(read: Callable[[object], Any], name: str) -> Any:
        try:
            return read(fact.get(name))
        except Malformed:
            return None

    return told(read_number, "leaf_index"), told(read_stream, "stream"), told(read_number, "version")


def check_facts(entries: list[object], result: Result) -> list[Leaf]:
    """The facts that are in their form; what is not is a fault."""
    leaves = []
    for number, entry in enumerate(entries):
        try:
            leaf, state = read_fact(entry)
        except Malformed as error:
            result.faults.append(Fault("fact-malformed", *_place_of(entry), f"facts[{number}]: {error}"))
            continue
        leaves.append(leaf)
        if not is_json_object(state):
            result.fault("state-not-json", leaf)
    return leaves


def check_order(leaves: list[Leaf], result: Result) -> None:
    """Leaf indexes distinct, positions rising with them, each stream's versions without gap or double."""
    by_index = sorted(leaves, key=lambda leaf: leaf.leaf_index)
    for before, leaf in pairwise(by_index):
        if leaf.leaf_index == before.leaf_index:
            result.fault("leaf-double", leaf)
        elif leaf.position <= before.position:
            result.fault("position-order", leaf, f"{leaf.position} after {before.position}")
    streams: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        streams.setdefault(leaf.stream, []).append(leaf)
    for facts in streams.values():
        facts.sort(key=lambda leaf: leaf.version)
        if facts[0].version > 1 and "stream-begins-later" not in result.warnings:
            result.warnings.append("stream-begins-later")
        for before, leaf in pairwise(facts):
            if leaf.version == before.version:
                result.fault("version-double", leaf)
            elif leaf.version != before.version + 1:
                result.fault("version-gap", leaf, f"{leaf.version} after {before.version}")
            if leaf.leaf_index < before.leaf_index:
                result.fault("version-order", leaf)


def check_proofs(leaves: list[Leaf], note: Note, result: Result) -> None:
    """Each fact's own proof."""
    for leaf in leaves:
        if leaf.leaf_index >= note.size:
            result.fault("leaf-outside", leaf)
        elif leaf.proof is None:
            result.fault("proof-missing", leaf)
        elif not included(leaf, note.size, note.root):
            result.fault("proof-false", leaf)


def check_whole(leaves: list[Leaf], stored: list[object] | None, note: Note, result: Result) -> None:
    """Facts without proofs: they must be the whole log, and give its root. ``stored``: leaf hashes that locate."""
    known: dict[int, bytes] = {}
    for number, hash_ in enumerate(stored or ()):
        try:
            known[number] = read_hash(hash_)
        except Malformed:
            result.faults.append(Fault("leaves-malformed", number))
    if stored is not None and len(stored) != note.size:
        result.fault("leaves-malformed", detail=f"{len(stored)} of {note.size}")
    elif stored is not None and len(known) == note.size and root_over(known.values()) != note.root:
        result.fault("leaves-differ")
    by_index: dict[int, Leaf] = {}
    for leaf in leaves:
        by_index.setdefault(leaf.leaf_index, leaf)
        if leaf.leaf_index >= note.size:
            result.fault("leaf-outside", leaf)
        elif known.get(leaf.leaf_index, leaf.hash) != leaf.hash:
            result.fault("leaf-differs", leaf)
    missing = next((index for index in range(note.size) if index not in by_index), None)
    if missing is not None:
        result.faults.append(Fault("log-incomplete", missing, detail=f"{len(by_index)} of {note.size}"))
    elif root_over(by_index[index].hash for index in range(note.size)) != note.root:
        result.fault("root-differs")


def signature_of(note: Note, key: Key) -> tuple[str, int | None]:
    """Of the key's signature on the note: "unsigned", "signature-false" or "good", and a cosignature's time."""
    value = note.signatures.get((key.name, key.id))
    if value is None:
        return "unsigned", None
    at, message = None, note.body
    if key.algorithm == WITNESS:
        if len(value) != 72:
            return "signature-false", None
        at, value = int.from_bytes(value[:8], "big"), value[8:]
        message = f"cosignature/v1\ntime {at}\n{note.body}"
    if len(value) != 64 or (at or 0) > LARGEST_NUMBER:
        return "signature-false", None
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(value, message.encode())
    except (InvalidSignature, ValueError):
        return "signature-false", None
    return "good", at


def check_signature(note: Note, key: Key, what: str, result: Result, detail: str = "") -> bool:
    """The log's signature on a checkpoint; ``what``: "checkpoint" or "earlier". True if it is good."""
    if note.origin != key.name:
        result.fault(f"{what}-other-log", detail=detail)
    judged, _ = signature_of(note, key)
    if judged != "good":
        result.fault(f"{what}-{judged}", detail=detail)
    return judged == "good"


def check_witnesses(note: Note, required: list[Key], named: list[Key], result: Result) -> None:
    """Cosignatures of those who must have given one, and of those whom the bundle names."""
    for key in dict.fromkeys([*required, *named]):
        judged, at = signature_of(note, key)
        if judged == "good":
            result.signed_by.append({"vkey": key.vkey, "at": at, "given": key in required})
        elif judged == "signature-false":
            result.fault("witness-signature-false", detail=key.vkey)
        elif key in required:
            result.fault("witness-missing", detail=key.vkey)


def read_change(entry: object) -> Change:
    """A change of the key, as the stored bytes of its fact say it; raises Malformed."""
    fields = read_object(entry, ("fact", "checkpoint", "hashes"))
    leaf, state = read_fact(fields["fact"])
    if (fields["fact"]["name"], leaf.stream) != CHANGED or leaf.proof is None:
        raise Malformed("fact")
    told = read_json(state)
    keys = read_object(told.get("data") if isinstance(told, dict) else None, ("before", "now"))
    before, now = (read_vkey(keys[name], LOG) for name in ("before", "now"))
    return Change(before, now, leaf, read_note(fields["checkpoint"]), read_hashes(fields["hashes"]))


def follows(change: Change, line: list[Change]) -> bool:
    """Whether it is the next change: from the key that signed last to one that never signed."""
    signed = [line[0].before, *(one.now for one in line)] if line else [change.before]
    return (
        change.leaf.version == len(line) + 1
        and change.before == signed[-1]
        and change.now not in signed
        and change.leaf.leaf_index >= (line[-1].note.size if line else 0)  # not under the last note signed twice
    )


def check_changes(entries: list[object], note: Note, log: Key, result: Result) -> list[Change]:
    """The line of keys, the oldest change first; empty where it has a fault, or does not lead to the bundle's key."""
    line: list[Change] = []
    faults = len(result.faults)
    for number, entry in enumerate(entries):
        where = f"changes[{number}]"
        try:
            change = read_change(entry)
        except Malformed:
            result.fault("change-malformed", detail=where)
            return []  # nothing after it can be said to follow
        for key in (change.before, change.now):
            check_signature(change.note, key, "change", result, where)
        if change.leaf.leaf_index >= change.note.size or not included(change.leaf, change.note.size, change.note.root):
            result.fault("change-proof-false", change.leaf, where)
        if not follows(change, line):
            result.fault("change-order", change.leaf, where)
        if not consistent(change.note, note, change.hashes):
            result.fault("change-inconsistent", change.leaf, where)
        line.append(change)
    if len(result.faults) > faults:
        return []
    # Where both signed the bundle's checkpoint, either may be its key.
    if log not in (key_at(note.size, line, log), key_at(note.size + 1, line, log)):
        result.fault("key-out-of-turn")
        return []
    return line


def key_at(size: int, line: list[Change], log: Key) -> Key:
    """Whose turn it was to sign: up to the note that both signed the old key, from there on the new one."""
    newest = line[-1].now if line else log
    return next((change.before for change in line if size <= change.note.size), newest)


def check_earlier(entries: list[object], note: Note, line: list[Change], log: Key, result: Result) -> None:
    """Earlier checkpoints: signed by the key whose turn it was, and the beginning of this one."""
    for number, entry in enumerate(entries):
        where = f"earlier[{number}]"
        try:
            fields = read_object(entry, ("checkpoint", "hashes"))
            older, hashes = read_note(fields["checkpoint"]), read_hashes(fields["hashes"])
        except Malformed:
            result.fault("earlier-malformed", detail=where)
            continue
        check_signature(older, key_at(older.size, line, log), "earlier", result, where)
        if not consistent(older, note, hashes):
            result.fault("earlier-inconsistent", detail=f"{where}: {older.size}")


class Bundle(NamedTuple):
    """A bundle's parts; changes, facts, leaves and earlier checkpoints are not yet read."""

    log: Key
    changes: list[object]
    witnesses: list[Key]
    checkpoint: str
    facts: list[object]
    leaves: list[object] | None
    earlier: list[object]


def _without_proofs(facts: list[Any]) -> bool:
    return all(fact.get("proof") is None for fact in facts if isinstance(fact, dict))


def read_leaves(leaves: object, facts: list[Any]) -> list[object]:
    """Stored leaf hashes, which only go with facts without proofs; raises Malformed."""
    if not _without_proofs(facts):
        raise Malformed("leaves")
    return read_list(leaves)


def read_changes(value: object) -> list[object]:
    """The changes of the key, of which there are never very many; raises Malformed."""
    changes = read_list(value)
    if len(changes) > MOST_CHANGES:
        raise Malformed("too many changes")
    return changes


def read_format(value: object) -> str:
    """The name of this form; raises Malformed if it is another's."""
    if value != FORMAT:
        raise Malformed("format")
    return FORMAT


def read_bundle(data: bytes) -> Bundle:
    """A bundle's parts; raises Unusable."""
    if len(data) > LARGEST_BUNDLE:
        raise Unusable("bundle-too-large", "")
    try:
        value = read_json(data)
    except Malformed as error:
        raise Unusable("bundle-not-json", "") from error
    try:
        fields = _found(lambda v: read_object(v, PARTS, ("changes", "earlier", "leaves")), value, "bundle")
        _found(read_format, fields["format"], "format")
        log = _found(lambda v: read_vkey(read_object(v, ("vkey",))["vkey"], LOG), fields["log"], "log")
        changes = _found(read_changes, fields.get("changes", []), "changes")
        witnesses = _found(lambda v: [read_vkey(w, WITNESS) for w in read_list(v)], fields["witnesses"], "witnesses")
        checkpoint = _found(read_text, fields["checkpoint"], "checkpoint")
        facts = _found(read_list, fields["facts"], "facts")
        leaves = _found(lambda v: read_leaves(v, facts), fields["leaves"], "leaves") if "leaves" in fields else None
        earlier = _found(read_list, fields.get("earlier", []), "earlier")
    except Malformed as error:
        raise Unusable("bundle-malformed", str(error)) from error
    return Bundle(log, changes, witnesses, checkpoint, facts, leaves, earlier)


def _given(vkeys: Iterable[str], algorithm: int) -> list[Key]:
    try:
        return [read_vkey(vkey, algorithm) for vkey in vkeys]
    except Malformed as error:
        raise Unusable("key-malformed", "--key" if algorithm == LOG else "--witness") from error


def check_bundle(data: bytes, key: str | None, witnesses: list[str], result: Result) -> None:
    """Everything that can be checked of a bundle; raises Unusable."""
    keys, required = _given([] if key is None else [key], LOG), _given(witnesses, WITNESS)
    bundle = read_bundle(data)
    result.facts = len(bundle.facts)
    result.warnings += [] if keys else ["key-of-the-bundle"]
    result.warnings += [] if required else ["no-witness"]
    try:
        note = read_note(bundle.checkpoint)
    except Malformed:
        note = None
    line = check_changes(bundle.changes, note, bundle.log, result) if note else []
    log = bundle.log
    if keys and keys[0] != log:
        if any(keys[0] in (change.before, change.now) for change in line):
            result.warnings.append("key-followed")
        else:
            log, line = keys[0], []
            result.fault("key-differs")
    if note:
        result.size, result.root = note.size, base64.b64encode(note.root).decode()
        if check_signature(note, log, "checkpoint", result):
            result.signed_by.append({"vkey": log.vkey, "at": None, "given": log in keys})
        check_witnesses(note, required, bundle.witnesses, result)
    else:
        result.fault("checkpoint-malformed")
    leaves = check_facts(bundle.facts, result)
    check_order(leaves, result)
    if note and _without_proofs(bundle.facts):
        check_whole(leaves, bundle.leaves, note, result)
    elif note:
        check_proofs(leaves, note, result)
    if note:
        check_earlier(bundle.earlier, note, line, log, result)


def verify(data: bytes, key: str | None = None, witnesses: Iterable[str] = ()) -> Result:
    """All that is found about a bundle's bytes; raises nothing."""
    result = Result()
    try:
        check_bundle(data, key, list(witnesses), result)
    except Unusable as error:
        result = Result([Fault(error.code, detail=error.detail)])
    return result


# Telling


def _where(fault: Fault) -> str:
    places = [
        f"lá/leaf {fault.leaf_index}" if fault.leaf_index is not None else "",
        f"dòng/stream {fault.stream}" if fault.stream else "",
        f"phiên bản/version {fault.version}" if fault.version is not None else "",
        fault.detail,
    ]
    return ", ".join(filter(None, places))


def _moment(at: int) -> str:
    """A cosignature's Unix second in Vietnam's time, where a calendar has it."""
    if at >= 2**37:
        return f"Unix {at}"
    return datetime.fromtimestamp(at, timezone(timedelta(hours=7))).strftime("%d/%m/%Y %H:%M:%S +07:00")


def report(result: Result) -> str:
    """The result for people, Vietnamese first."""
    lines = []
    for code in result.warnings:
        lines += [f"! {text}" for text in WARNINGS[code]]
    if result.exit_code == 2:
        lines.append("KHÔNG KIỂM CHỨNG ĐƯỢC / NOT VERIFIABLE")
    elif result.faults:
        lines.append(f"SAI: {len(result.faults)} lỗi / FAULTY: {len(result.faults)} faults")
    else:
        lines.append(
            f"ĐÚNG: {result.facts} sự kiện khớp nhật ký đã ký / GOOD: {result.facts} facts match the signed log"
        )
    for fault in result.faults[:SHOWN]:
        vi, en = TEXTS[fault.code]
        lines += [f"  - [{fault.code}] {vi} / {en}", f"      {_where(fault)}"]
    if len(result.faults) > SHOWN:
        lines.append(f"  … {len(result.faults) - SHOWN} (--json)")
    if result.root is not None:
        lines.append(f"Nhật ký / log: {result.size} lá / leaves, gốc / root {result.root}")
    for signer in result.signed_by:
        at = "" if signer["at"] is None else f", {_moment(signer['at'])}"
        lines.append(f"Ký bởi / signed by: {signer['vkey']}{at}")
    return "\n".join(line.rstrip() for line in lines if line.strip())


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bundle", metavar="BUNDLE.json")
    parser.add_argument("--key", metavar="VKEY", help="khóa của nhật ký / the log's verifier key")
    parser.add_argument("--witness", metavar="VKEY", nargs="+", action="extend", default=[], help="người làm chứng")
    parser.add_argument("--json", action="store_true", help="in kết quả dạng JSON / print the result as JSON")
    told = parser.parse_args(arguments)
    try:
        with Path(told.bundle).open("rb") as file:
            result = verify(file.read(LARGEST_BUNDLE + 1), told.key, told.witness)
    except (OSError, ValueError, MemoryError):
        result = Result([Fault("bundle-unreadable")])
    text = json.dumps(result.as_json(), ensure_ascii=False, indent=1) if told.json else report(result)
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")  # whatever the terminal says its encoding is
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main())
