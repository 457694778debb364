"""Signed notes (C2SP signed-note, tlog-checkpoint, tlog-cosignature v1): how a log says what it holds.

A note is ``body``, an empty line, and signature lines ``— <name> <base64 of key id and signature>``. The body of a
checkpoint is three lines: origin, number of leaves, root in base64. Keys travel as verifier keys (``vkey``),
``<name>+<key id in hex>+<base64 of algorithm and public key>``; a key id says which key, it secures nothing.

Read more strictly than the specifications ask, since every note here is one of a log's own: no extension lines, names
in printable ASCII, base64 in its one canonical form, one signature a key.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domain.proof.merkle import HASH_BYTES

ED25519, COSIGNATURE = 0x01, 0x04
"""Algorithms: a log's signature, a witness's cosignature with its time."""
LARGEST_NOTE = 128 * 1024
MOST_SIGNATURES = 64
_NAME = re.compile(r"[!-*,-~]{1,255}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_VKEY = re.compile(r"([!-*,-~]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{1,100})")
_LATEST = 2**63
_SIGNATURE_BYTES = {ED25519: 64, COSIGNATURE: 8 + 64}


class BadNote(ValueError):
    """A note, key or checkpoint that is not in its form, or whose signature by a known key is false."""


def _from_base64(text: str) -> bytes:
    """Bytes of canonical base64; raises BadNote."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote("not base64") from error
    if base64.b64encode(found).decode() != text:
        raise BadNote("base64 is not in its canonical form")
    return found


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """That the log called ``origin`` held ``size`` leaves with this root (32 bytes). Raises BadNote."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.origin):
            raise BadNote("an origin is printable ASCII without spaces and plus")
        if not 0 <= self.size < _LATEST or len(self.root) != HASH_BYTES:
            raise BadNote("no checkpoint has such a size or root")

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Key:
    """A public key with its holder's name: ``ED25519`` of a log, ``COSIGNATURE`` of a witness. Raises BadNote."""

    name: str
    algorithm: int
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BadNote("a key's name is printable ASCII without spaces and plus")
        if self.algorithm not in _SIGNATURE_BYTES or len(self.public) != 32:
            raise BadNote("a key is of Ed25519: algorithm 1 or 4, then 32 bytes")

    @classmethod
    def of(cls, name: str, private: Ed25519PrivateKey, algorithm: int = ED25519) -> "Key":
        """Public part of a private key."""
        return cls(name, algorithm, private.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, vkey: str) -> "Key":
        """Key of a verifier key string; raises BadNote."""
        match = _VKEY.fullmatch(vkey)
        if not match:
            raise BadNote("not a verifier key")
        material = _from_base64(match[3])
        key = cls(match[1], material[0], material[1:])
        if key.id.hex() != match[2]:
            raise BadNote("the verifier key's id is not that of its key")
        return key

    @property
    def _typed(self) -> bytes:
        return bytes([self.algorithm]) + self.public

    @property
    def id(self) -> bytes:
        """Its four bytes on signature lines."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._typed).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key as text, to be handed to who verifies."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self._typed).decode()}"

    def line(self, signature: bytes) -> str:
        """A signature line of this key."""
        return Signature(self.name, self.id, signature).line


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature line, not verified. ``value``: what follows the key id."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        """The line as it stands in the note."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A checkpoint with its signature lines, none verified."""

    checkpoint: Checkpoint
    signatures: tuple[Signature, ...]

    @property
    def text(self) -> str:
        """The note: exactly what was parsed."""
        return self.checkpoint.body + "\n" + "".join(signature.line for signature in self.signatures)


@dataclass(frozen=True, slots=True)
class Signed:
    """That the key's holder validly signed; ``at``: Unix seconds of a cosignature, None of a log's signature."""

    key: Key
    at: int | None = None


def _cosigned(body: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{body}".encode()


def sign(checkpoint: Checkpoint, name: str, private: Ed25519PrivateKey) -> str:
    """The note of a checkpoint signed by its log, under the name of the log's key."""
    body = checkpoint.body
    return body + "\n" + Key.of(name, private).line(private.sign(body.encode()))


def cosign(checkpoint: Checkpoint, name: str, private: Ed25519PrivateKey, at: int) -> str:
    """A witness's signature line: that it saw the checkpoint consistent at that Unix second. Raises BadNote."""
    if not 0 <= at < _LATEST:
        raise BadNote("no cosignature has such a time")
    signature = private.sign(_cosigned(checkpoint.body, at))
    return Key.of(name, private, COSIGNATURE).line(struct.pack(">Q", at) + signature)


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "—" or not _NAME.fullmatch(name):
        raise BadNote("not a signature line")
    value = _from_base64(encoded)
    if len(value) <= 4:
        raise BadNote("a signature line without signature")
    return Signature(name, value[:4], value[4:])


def _checkpoint(body: str) -> Checkpoint:
    lines = body.split("\n")
    if len(lines) != 3 or not _SIZE.fullmatch(lines[1]):
        raise BadNote("a checkpoint is three lines: origin, size, root")
    return Checkpoint(lines[0], int(lines[1]), _from_base64(lines[2]))


def parse(note: str) -> SignedNote:
    """The checkpoint and signature lines of a note, nothing verified; raises BadNote."""
    if len(note) > LARGEST_NOTE:
        raise BadNote("the note is too large")
    body, divided, signatures = note.partition("\n\n")
    if not divided or not signatures.endswith("\n"):
        raise BadNote("a note is a body, an empty line and signature lines")
    lines = signatures[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise BadNote("the note has too many signatures")
    found = tuple(map(_signature, lines))
    if len({(s.name, s.key_id) for s in found}) != len(found):
        raise BadNote("a key signs a note once")
    return SignedNote(_checkpoint(body), found)


def with_signatures(note: str, lines: Iterable[str]) -> str:
    """The note with more signature lines; a line of a key that has one already takes its place. Raises BadNote."""
    known = parse(note)
    signatures = {(s.name, s.key_id): s for s in known.signatures}
    for line in lines:
        signature = _signature(line.removesuffix("\n"))
        signatures[signature.name, signature.key_id] = signature
    return parse(SignedNote(known.checkpoint, tuple(signatures.values())).text).text


def _verified(signature: Signature, key: Key, body: str) -> Signed:
    if len(signature.value) != _SIGNATURE_BYTES[key.algorithm]:
        raise BadNote(f"the signature of {key.name} has not the length of one")
    at = None
    message, value = body.encode(), signature.value
    if key.algorithm == COSIGNATURE:
        (at,), value = struct.unpack(">Q", value[:8]), value[8:]
        if at >= _LATEST:
            raise BadNote(f"the cosignature of {key.name} has no possible time")
        message = _cosigned(body, at)
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(value, message)
    except (InvalidSignature, ValueError) as error:
        raise BadNote(f"the signature of {key.name} is false") from error
    return Signed(key, at)


def verify(note: str, keys: Iterable[Key]) -> tuple[Checkpoint, list[Signed]]:
    """The note's checkpoint, and which of these keys validly signed it, in the order of the keys.

    Signatures of other keys say nothing and are passed over: an empty list means that nobody known signed. A false
    signature of a known key raises BadNote, as does a note that is not in its form.
    """
    parsed = parse(note)
    by_key = {(s.name, s.key_id): s for s in parsed.signatures}
    body = parsed.checkpoint.body
    known = {(key.name, key.id): key for key in keys}
    return parsed.checkpoint, [_verified(by_key[at], key, body) for at, key in known.items() if at in by_key]
