"""The keeper of keys: one key a subject and purpose, wrapped by a master key that enters no database.

Content is sealed with AES-256-GCM; what it belongs to is authenticated with it, so that a box moved elsewhere
does not open. Keys lie in a store apart from the journal (``keys.py``), themselves sealed with the master key, which
is a file of the service (mode 600) or a setting. A dump of either database, or of both, opens nothing.
"""

import base64
import hashlib
import hmac
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic_core import from_json, to_json

from application.database import service_conninfo
from application.files import keep_folder
from application.keys import SHEETS, Key, KeyStore, WrappedKey
from domain.refusals import BrokenSeal
from domain.sealing import KeyDestroyed, Sealed, SealedField

KEY_BYTES = 32
NONCE_BYTES = 12
BLOCK = 64
"""A field is filled up to a multiple of this many bytes before it is sealed."""
KEPT_SECONDS = 5.0
"""How long an opened key is kept: within this time a key destroyed elsewhere is forgotten here."""
KEPT_KEYS = 4_096


class Randomness:
    """The operating system's random bytes, fetched in larger pieces, each given out once.

    Every question to the system lets the other threads run and waits for its turn again: at three a sealed field that
    is what sealing costs.
    """

    PIECE = 4_096

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)  # or two processes would give out the same

    def _begin(self) -> None:
        self._piece, self._given, self._lock = b"", 0, threading.Lock()

    def take(self, count: int) -> bytes:
        """So many bytes, at most ``PIECE``."""
        with self._lock:
            if len(self._piece) - self._given < count:
                self._piece, self._given = os.urandom(self.PIECE), 0
            self._given += count
            return self._piece[self._given - count : self._given]


RANDOM = Randomness()


@dataclass(frozen=True, slots=True)
class Living:
    """A subject's key in use; ``until``: when it is to be asked for again, 0 of one that was only just made up."""

    key: WrappedKey
    cipher: AESGCM
    until: float

    def seal(self, place: str, value: Any) -> SealedField:
        """Encrypt a JSON value; ``place``: where it stands."""
        written = to_json(value)
        # Filled up, or the length would tell true from false and one name from another.
        filled = written.ljust(-(-len(written) // BLOCK) * BLOCK)
        box = _sealed(self.cipher, filled, _bound(self.key.key_id, place))
        return SealedField(self.key.key_id, base64.b64encode(box).decode())


class Keeper:
    """Seals and opens content, and signs what must not be guessed. Used by several threads at once.

    Opened keys are kept ``KEPT_SECONDS`` at most, so that one destroyed by another process is soon forgotten here.
    """

    def __init__(self, master: bytes, keys: KeyStore, now: Callable[[], float] = time.monotonic) -> None:
        if len(master) != KEY_BYTES:
            raise ValueError(f"the master key must have {KEY_BYTES} bytes")
        self._master, self._keys, self._now = AESGCM(master), keys, now
        self._mac = _mac(b"ocop request digests" + master)
        self._subjects = _mac(b"ocop subjects of personal data" + master)
        self._opened: OrderedDict[UUID, tuple[float, bytes | None]] = OrderedDict()
        self._living: OrderedDict[tuple[UUID, str], Living] = OrderedDict()
        self._gone: OrderedDict[UUID, None] = OrderedDict()
        """Keys destroyed here: what another thread read of them a moment before is not kept."""
        self._lock = threading.Lock()

    # Score sheets

    def seal(self, subject: UUID, about: str, content: bytes) -> Sealed:
        """Encrypt; ``about`` says what it belongs to and must be named again to open it."""
        box = _sealed(AESGCM(self._sheet_key(subject, make=True)), content, _bound(subject, about))
        return Sealed(subject=subject, box=base64.b64encode(box).decode(), sha256=hashlib.sha256(box).hexdigest())

    def unseal(self, sealed: Sealed, about: str) -> bytes:
        """Decrypt; raises BrokenSeal when it was altered, moved, or its key is gone."""
        return open_box(sealed, about, self._sheet_key(sealed.subject, make=False))

    def reveal(self, subject: UUID) -> str:
        """The subject's key in hex."""
        return self._sheet_key(subject, make=False).hex()

    def _sheet_key(self, subject: UUID, *, make: bool) -> bytes:
        key = self._key(subject, or_none=make)
        if key is None and make:
            self._keys.make([self._wrapped(subject, subject, SHEETS, RANDOM.take(KEY_BYTES))])
            key = self._key(subject)
        if key is None:
            raise broken("its key was destroyed")
        return key

    # Personal data

    def subject(self, kind: str, text: str) -> UUID:
        """Id of the subject that a text names: the same for the same text, and nothing to be guessed from."""
        return UUID(bytes=_keyed(self._subjects, f"{kind}\n{text}")[:16], version=5)

    def seal_field(self, subject: UUID, purpose: str, place: str, value: Any) -> SealedField:
        """Encrypt a JSON value under the subject's key for a purpose; ``place``: where it stands."""
        living = self.last_known(subject, purpose)
        while living is None or not self.is_recent(living):
            # Or the one that is there, if there is one; neither if that was destroyed in this very moment.
            living = next(iter(self.make([self.made_up(subject, purpose)])), None)
        return living.seal(place, value)

    def batch(self) -> "BatchSeals":
        """Seals for decisions that are stored together: their new keys are made together."""
        return BatchSeals(self)

    def last_known(self, subject: UUID, purpose: str) -> Living | None:
        """The subject's living key as last heard of."""
        with self._lock:
            return self._living.get((subject, purpose))

    def is_recent(self, living: Living) -> bool:
        """Whether the store named the key a moment ago."""
        return self._now() < living.until

    def made_up(self, subject: UUID, purpose: str) -> Living:
        """A new key, which nothing may be stored under before ``make`` took it to the store."""
        key_id, key = UUID(bytes=RANDOM.take(16), version=4), RANDOM.take(KEY_BYTES)
        return Living(self._wrapped(key_id, subject, purpose, key), AESGCM(key), 0.0)

    def make(self, wanted: Sequence[Living]) -> list[Living]:
        """Have the store keep keys; the living ones, which are others where the subjects have some already."""
        ciphers = {living.key.key_id: living.cipher for living in wanted}
        kept = [
            Living(key, ciphers.get(key.key_id) or AESGCM(self._unwrapped(key.key_id, key.wrapped)), until)
            for until in [self._now() + KEPT_SECONDS]
            for key in self._keys.make([living.key for living in wanted])
        ]
        with self._lock:
            for living in wanted:  # one that was destroyed elsewhere is not returned, and known no more
                self._living.pop((living.key.subject, living.key.purpose), None)
            kept = [living for living in kept if living.key.key_id not in self._gone]  # destroyed here meanwhile
            for living in kept:
                self._living[living.key.subject, living.key.purpose] = living
            _shorten(self._living)
        return kept

    def open_field(self, sealed: SealedField, place: str) -> Any:
        """Decrypt; raises KeyDestroyed when it is erased, BrokenSeal when it was altered or moved."""
        key = self._key(sealed.key)
        if key is None:
            raise KeyDestroyed
        box = base64.b64decode(sealed.box)
        try:
            return from_json(AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], _bound(sealed.key, place)))
        except InvalidTag:
            raise broken("the sealed content was altered or moved") from None

    def fetch(self, ids: Iterable[UUID]) -> None:
        """Look many keys up at once, before their content is opened."""
        now = self._now()
        with self._lock:
            unknown = [i for i in set(ids) if i not in self._opened or self._opened[i][0] <= now]
        for held in self._keys.find(unknown):
            self._keep(held)

    def destroy(self, subject: UUID, purposes: Sequence[str], why: str) -> list[Key]:
        """Destroy the subject's living keys for some purposes; forgotten here at once, elsewhere within seconds."""
        gone = self._keys.destroy(subject, purposes, why)
        with self._lock:
            for key in gone:
                self._opened.pop(key.key_id, None)
                self._gone[key.key_id] = None
            _shorten(self._gone)
        self.forget(subject)
        return gone

    def keys_of(self, subjects: Sequence[UUID]) -> list[Key]:
        """All keys of some subjects, the destroyed ones too."""
        return self._keys.of_subjects(subjects)

    def known(self, ids: Sequence[UUID]) -> list[Key]:
        """Keys by their ids, the destroyed ones too."""
        return self._keys.find(ids)

    def destroyed(self) -> list[Key]:
        """Every destroyed key, the oldest first."""
        return self._keys.destroyed()

    def forget(self, subject: UUID) -> None:
        """Ask the store anew for the subject's living keys."""
        with self._lock:
            for place in [place for place in self._living if place[0] == subject]:
                self._opened.pop(self._living.pop(place).key.key_id, None)

    def digest(self, text: str) -> bytes:
        """A keyed digest: equal texts are recognised, but nobody finds a short text by trying."""
        return _keyed(self._mac, text)

    def _key(self, key_id: UUID, *, or_none: bool = False) -> bytes | None:
        """The opened key, None where it was destroyed; raises BrokenSeal when the store has none of this id."""
        with self._lock:
            known = self._opened.get(key_id)
        if known is not None and known[0] > self._now():
            return known[1]
        found = self._keys.find([key_id])
        if not found:
            if or_none:
                return None
            raise broken("its key is not in the key store")
        return self._keep(found[0])

    def _keep(self, held: Key) -> bytes | None:
        opened = None if held.wrapped is None else self._unwrapped(held.key_id, held.wrapped)
        with self._lock:
            if held.key_id in self._gone:
                return None
            self._opened[held.key_id] = (self._now() + KEPT_SECONDS, opened)
            self._opened.move_to_end(held.key_id)
            _shorten(self._opened)
        return opened

    def _wrapped(self, key_id: UUID, subject: UUID, purpose: str, key: bytes) -> WrappedKey:
        return WrappedKey(key_id, subject, purpose, _sealed(self._master, key, key_id.bytes))

    def _unwrapped(self, key_id: UUID, wrapped: bytes) -> bytes:
        try:
            return self._master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], key_id.bytes)
        except InvalidTag:
            raise broken("the key does not open under this master key") from None


class BatchSeals:
    """Seals for decisions that are stored together.

    A key that the store did not name lately counts as it was last known, or is made up; ``keep`` asks the store about
    all of them at once, before anything is stored.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._used: dict[tuple[UUID, str], Living] = {}
        self.seal, self.unseal, self.reveal = keeper.seal, keeper.unseal, keeper.reveal
        self.subject, self.digest, self.open_field = keeper.subject, keeper.digest, keeper.open_field

    def seal_field(self, subject: UUID, purpose: str, place: str, value: Any) -> SealedField:
        """Encrypt a JSON value under the subject's key for a purpose; ``place``: where it stands."""
        living = self._used.get((subject, purpose))
        if living is None:
            living = self._keeper.last_known(subject, purpose) or self._keeper.made_up(subject, purpose)
            self._used[subject, purpose] = living
        return living.seal(place, value)

    def keep(self) -> bool:
        """Have the store keep the keys used; False: a subject has another key, what was sealed must not be stored."""
        assumed = [living for living in self._used.values() if not self._keeper.is_recent(living)]
        kept = {living.key.key_id for living in self._keeper.make(assumed)} if assumed else set()
        for place, used in self._used.items():
            if used.key.key_id not in kept:
                # What was destroyed here meanwhile is known no more, or is another key by now.
                known = self._keeper.last_known(*place)
                if known is None or known.key.key_id != used.key.key_id:
                    return False
        return True


def _mac(secret: bytes) -> hmac.HMAC:
    return hmac.new(hashlib.sha256(secret).digest(), digestmod="sha256")


def _keyed(mac: hmac.HMAC, text: str) -> bytes:
    # Not hmac.digest(): it lets other threads run and waits for its turn again, fifty times what it computes.
    mac = mac.copy()
    mac.update(text.encode())
    return mac.digest()


def _sealed(key: AESGCM, content: bytes, bound: bytes) -> bytes:
    nonce = RANDOM.take(NONCE_BYTES)
    return nonce + key.encrypt(nonce, content, bound)


def _shorten(kept: "OrderedDict[Any, Any]") -> None:
    while len(kept) > KEPT_KEYS:
        kept.popitem(last=False)


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


def fits(keys_url: str, master: bytes) -> bool:
    """Whether the master key is the one this store's keys were wrapped with; any is, before there are keys."""
    query = "SELECT key_id, wrapped FROM keys.keys WHERE wrapped IS NOT NULL ORDER BY made_at DESC LIMIT 1"
    with psycopg.connect(service_conninfo(keys_url)) as connection:
        row = connection.execute(query).fetchone()
    if row is None:
        return True
    key_id, wrapped = row
    try:
        AESGCM(master).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], key_id.bytes)
    except InvalidTag:
        return False
    return True


def secret_of(given: str | None, path: Path) -> bytes:
    """A secret of 32 bytes: as given in 64 hex digits, else from the file, made at first use, mode 600."""
    if given:
        return bytes.fromhex(given)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # appears whole or not at all, and never replaces another process's key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        keep_folder(path.parent)
    return bytes.fromhex(path.read_text(encoding="ascii").strip())
