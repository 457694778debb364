"""The keeper of keys: one key a subject, wrapped by a master key that never enters the database.

Content is sealed with AES-256-GCM; what it belongs to is authenticated with it, so that a box moved elsewhere
does not open. Keys lie in ``ocop.keys``, themselves sealed with the master key, which is a file of the
service (mode 600) or a setting. A dump of the database alone opens nothing.
"""

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Any, LiteralString, Protocol
from uuid import UUID

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg_pool import ConnectionPool

from application.database import service_conninfo
from application.store import StoreError
from domain.refusals import BrokenSeal
from domain.sealing import Sealed

KEY_BYTES = 32
NONCE_BYTES = 12


class KeyStore(Protocol):
    """Where wrapped keys are kept."""

    def add(self, subject: UUID, wrapped: bytes) -> bytes:
        """Keep a wrapped key unless the subject has one; the one that is kept."""

    def find(self, subject: UUID) -> bytes | None:
        """The subject's wrapped key, if there is one."""


class MemoryKeys:
    """Keys of one process: for tests and benches."""

    def __init__(self) -> None:
        self._kept: dict[UUID, bytes] = {}

    def add(self, subject: UUID, wrapped: bytes) -> bytes:
        """Keep a wrapped key unless the subject has one; the one that is kept."""
        return self._kept.setdefault(subject, wrapped)

    def find(self, subject: UUID) -> bytes | None:
        """The subject's wrapped key, if there is one."""
        return self._kept.get(subject)


class DatabaseKeys:
    """Keys in ``ocop.keys``, added through one function that never replaces a key."""

    def __init__(self, pool: "ConnectionPool[Any]") -> None:
        self._pool = pool

    def add(self, subject: UUID, wrapped: bytes) -> bytes:
        """Keep a wrapped key unless the subject has one; the one that is kept."""
        row = self._one("SELECT ocop.add_key(%s, %s)", subject, wrapped)
        assert row is not None
        return bytes(row[0])

    def find(self, subject: UUID) -> bytes | None:
        """The subject's wrapped key, if there is one."""
        row = self._one("SELECT wrapped FROM ocop.keys WHERE subject = %s", subject)
        return bytes(row[0]) if row else None

    def _one(self, query: LiteralString, *values: UUID | bytes) -> tuple[Any, ...] | None:
        try:
            with self._pool.connection() as connection:
                row: tuple[Any, ...] | None = connection.execute(query, values).fetchone()
                return row
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            # To the writer it is the store that is away: it waits and decides again.
            raise StoreError(str(error)) from error


class Keeper:
    """Seals and opens content, and signs what must not be guessed."""

    def __init__(self, master: bytes, keys: KeyStore) -> None:
        if len(master) != KEY_BYTES:
            raise ValueError(f"the master key must have {KEY_BYTES} bytes")
        self._master, self._keys = AESGCM(master), keys
        self._mac = hashlib.sha256(b"ocop request digests" + master).digest()
        self._known: dict[UUID, bytes] = {}

    def seal(self, subject: UUID, about: str, content: bytes) -> Sealed:
        """Encrypt under the subject's key, which is made at first use."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        box = nonce + AESGCM(self._key(subject, make=True)).encrypt(nonce, content, _bound(subject, about))
        return Sealed(subject=subject, box=base64.b64encode(box).decode(), sha256=hashlib.sha256(box).hexdigest())

    def unseal(self, sealed: Sealed, about: str) -> bytes:
        """Decrypt; raises BrokenSeal when it was altered, moved, or its key is gone."""
        return open_box(sealed, about, self._key(sealed.subject, make=False))

    def reveal(self, subject: UUID) -> str:
        """The subject's key in hex."""
        return self._key(subject, make=False).hex()

    def digest(self, text: str) -> bytes:
        """A keyed digest: equal texts are recognised, but nobody finds a short text by trying."""
        return hmac.digest(self._mac, text.encode(), "sha256")

    def _key(self, subject: UUID, *, make: bool) -> bytes:
        known = self._known.get(subject)
        if known is not None:
            return known
        wrapped = self._keys.find(subject)
        if wrapped is None:
            if not make:
                raise broken(f"no key for {subject}")
            nonce = secrets.token_bytes(NONCE_BYTES)
            fresh = AESGCM.generate_key(8 * KEY_BYTES)
            wrapped = self._keys.add(subject, nonce + self._master.encrypt(nonce, fresh, subject.bytes))
        try:
            key = self._master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], subject.bytes)
        except InvalidTag:
            raise broken("the key does not open under this master key") from None
        self._known[subject] = key
        return key


def open_box(sealed: Sealed, about: str, key: bytes) -> bytes:
    """Open with a given key, as anybody may once it was published; raises BrokenSeal."""
    box = base64.b64decode(sealed.box)
    if hashlib.sha256(box).hexdigest() != sealed.sha256:
        raise broken("the sealed content was altered")
    try:
        return AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], _bound(sealed.subject, about))
    except InvalidTag:
        raise broken("the sealed content was altered or moved") from None


def broken(why: str) -> BrokenSeal:
    """What a caller is told when sealed content does not open."""
    return BrokenSeal(
        "Không mở được niêm phong: nội dung bị thay đổi, hoặc khóa của hệ thống không đúng.",
        f"The seal does not open: {why}.",
        hint_vi="Báo người vận hành: kiểm tra khóa chính (OCOP_MASTER_KEY).",
        hint_en="Tell the operator: check the master key (OCOP_MASTER_KEY).",
    )


def _bound(subject: UUID, about: str) -> bytes:
    return subject.bytes + about.encode()


def fits(url: str, master: bytes) -> bool:
    """Whether the master key is the one this database's keys were wrapped with; any is, before there are keys."""
    with psycopg.connect(service_conninfo(url)) as connection:
        row = connection.execute("SELECT subject, wrapped FROM ocop.keys ORDER BY added_at DESC LIMIT 1").fetchone()
    if row is None:
        return True
    subject, wrapped = row
    try:
        AESGCM(master).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], subject.bytes)
    except InvalidTag:
        return False
    return True


def master_key(given: str | None, path: Path) -> bytes:
    """The master key: as given in 64 hex digits, else from the file, made at first use, mode 600."""
    if given:
        return bytes.fromhex(given)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES))
        try:
            os.link(draft, path)  # appears whole or not at all, and never replaces another process's key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return bytes.fromhex(path.read_text(encoding="ascii").strip())
