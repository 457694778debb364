"""The log's witnesses: every few seconds the newest checkpoint goes to them, what they put under it is kept.

They are other people's machines: away, slow or lying, they hold up nothing. A cosignature is kept if it verifies with
the witness's key; a checkpoint of theirs counts if our own key signed it.
"""

import re
import threading
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import structlog

from application.access.addresses import is_loopback, is_secure
from application.database import service_conninfo
from application.proof.memory import tiles_of
from application.proof.tiles import Tree, tile_of
from application.settings import BadSettings, Settings
from domain.proof.merkle import consistency_path, consistency_proof
from domain.proof.note import COSIGNATURE, LARGEST_NOTE, MOST_SIGNATURES, BadNote, Key, verify, with_signatures

log = structlog.get_logger(__name__)

EVERY = 3.0
"""Seconds between two looks for a checkpoint that a witness has not cosigned."""
PATIENCE = 5.0
"""Seconds that an answer may take."""
ASK_SECONDS = 3.0
"""Seconds that the service at its start waits for all witnesses together."""
TRIES = 3
"""Times a witness is asked in a row because it says that it stands elsewhere."""
_SIZE = re.compile(r"(0|[1-9][0-9]{0,17})\n")

NEWEST = (
    "SELECT c.tree_size, c.note, s.line IS NOT NULL FROM ocop.checkpoints AS c LEFT JOIN ocop.cosignatures AS s"
    " ON s.tree_size = c.tree_size AND s.witness = %s ORDER BY c.tree_size DESC LIMIT 1"
)
KEEP = "INSERT INTO ocop.cosignatures (tree_size, witness, line) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"


class BadAnswer(Exception):
    """The witness answers what is no answer."""


@dataclass(frozen=True, slots=True)
class Reached:
    """An answer of a witness."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Witness:
    """Where a witness is reached, and its key."""

    url: str
    key: Key

    @classmethod
    def parse(cls, text: str) -> "Witness":
        """Witness of ``<verifier key>@<address>``; raises BadSettings."""
        vkey, _, url = text.rpartition("@")
        try:
            key = Key.parse(vkey)
        except BadNote:
            raise _bad("khóa@địa chỉ", "key@address") from None
        if key.algorithm != COSIGNATURE or not is_secure(url) or "?" in url:
            raise _bad("khóa chứng kiến và địa chỉ https", "a witness's key and an https address")
        return cls(url.rstrip("/"), key)

    def client(self) -> httpx.Client:
        """Connections to it; a proxy of the environment is not used for this machine itself."""
        plain = {"Accept-Encoding": "identity"}
        return httpx.Client(timeout=PATIENCE, trust_env=not is_loopback(self.url), headers=plain)

    def answer(self, client: httpx.Client, path: str, body: str | None = None) -> Reached:
        """What it answers to a body sent there, or to a question; raises BadAnswer, httpx.HTTPError."""
        until, taken = time.monotonic() + PATIENCE, bytearray()
        method = "GET" if body is None else "POST"
        with client.stream(method, self.url + path, content=body) as answer:
            for piece in answer.iter_raw():
                taken += piece
                if len(taken) > LARGEST_NOTE or time.monotonic() > until:
                    raise BadAnswer("too large or too slow")
        try:
            return Reached(answer.status_code, taken.decode())
        except UnicodeDecodeError as error:
            raise BadAnswer("not UTF-8") from error


def _bad(vi: str, en: str) -> BadSettings:
    return BadSettings(f"OCOP_WITNESSES: mỗi bên chứng kiến là {vi}. OCOP_WITNESSES: each witness is {en}.")


def witnesses_of(settings: Settings) -> tuple[Witness, ...]:
    """The witnesses of these settings; raises BadSettings."""
    found = tuple(map(Witness.parse, settings.witnesses.split()))
    if len({witness.key.name for witness in found}) != len(found):
        raise _bad("một tên khác nhau", "of a name of its own")
    return found


def witnessed(witnesses: tuple[Witness, ...], origin: str, keys: Sequence[Key]) -> list[str]:
    """What the witnesses say they cosigned last of this log, as notes that one of its own keys signed.

    Who has not answered in ``ASK_SECONDS`` is passed over, as is who answers nonsense.
    """
    answers: SimpleQueue[tuple[Witness, str | None]] = SimpleQueue()

    def ask(witness: Witness) -> None:
        try:
            with witness.client() as client:
                answers.put((witness, _last_of(witness, client, origin, keys)))
        except (httpx.HTTPError, BadAnswer, BadNote) as error:
            log.warning("witness-not-asked", witness=witness.key.name, error=type(error).__name__)
            answers.put((witness, None))

    for witness in witnesses:
        threading.Thread(target=ask, args=(witness,), daemon=True).start()
    until, waiting, notes = time.monotonic() + ASK_SECONDS, {w.key.name for w in witnesses}, []
    while waiting:
        try:
            witness, note = answers.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            log.warning("witnesses-silent", witnesses=sorted(waiting))
            break
        waiting.discard(witness.key.name)
        notes += [note] if note is not None else []
    return notes


def _last_of(witness: Witness, client: httpx.Client, origin: str, keys: Sequence[Key]) -> str | None:
    """What one witness has; None of one that has nothing. Raises BadNote if no key of ours signed it."""
    reached = witness.answer(client, f"/checkpoint/{quote(origin, safe='')}")
    if reached.status == 404:
        return None
    if reached.status != 200:
        raise BadAnswer(f"status {reached.status}")
    checkpoint, signed = verify(reached.text, keys)
    if not signed or checkpoint.origin != origin:
        raise BadNote("not a checkpoint of this log")
    return reached.text


class Cosigning:
    """Has the newest checkpoints of one database cosigned by one witness."""

    def __init__(self, url: str, witness: Witness) -> None:
        self._conninfo = service_conninfo(url, application_name="ocop-witness")
        self._witness = witness
        self._size = 0
        """What the witness cosigned last, as far as is known."""
        self._said: dict[str, Any] = {}

    def run(self, stop: threading.Event) -> None:
        """Look for new checkpoints until told to stop; begin again after any failure."""
        while not stop.is_set():
            try:
                with self._witness.client() as client, psycopg.connect(self._conninfo, autocommit=True) as connection:
                    while not stop.is_set():
                        self.step(client, connection)
                        stop.wait(EVERY)
            except (httpx.HTTPError, BadAnswer, psycopg.Error) as error:
                self._say("witness-away", error=type(error).__name__)
            except Exception:
                log.exception("witness-fails", witness=self._witness.key.name)
            stop.wait(EVERY)

    def step(self, client: httpx.Client, connection: psycopg.Connection[Any]) -> None:
        """Have the newest checkpoint cosigned, if it is not. Raises httpx.HTTPError, BadAnswer."""
        for _ in range(TRIES):
            row = connection.execute(NEWEST, (self._witness.key.name,)).fetchone()
            if row is None or row[2]:
                return
            size, note, _ = row
            if self._size > size:  # read anew: another process may have signed more meanwhile
                self._say("log-rolled-back-says-witness", size=size, witnessed=self._size)
                self._size = 0
                return
            reached = self._witness.answer(client, "/add-checkpoint", _request(connection, self._size, size, note))
            known = _SIZE.fullmatch(reached.text) if reached.status == 409 else None
            if reached.status == 200:
                line = self._line(note, reached.text)
                connection.execute(KEEP, (size, self._witness.key.name, line))
                self._size, self._said = size, {}
                return
            if known is None and reached.status != 422:
                raise BadAnswer(f"status {reached.status}")
            if known is None or int(known[1]) == self._size:
                self._say("log-rolled-back-says-witness", size=size, witnessed=self._size)
                return
            self._size = int(known[1])

    def _line(self, note: str, text: str) -> str:
        """The witness's own valid line among those answered; raises BadAnswer."""
        for line in text.split("\n")[:MOST_SIGNATURES]:
            try:
                if verify(with_signatures(note, [line]), [self._witness.key])[1]:
                    return line
            except BadNote:
                continue
        raise BadAnswer("no cosignature of its key")

    def _say(self, event: str, **what: Any) -> None:
        """Log what is the matter once, until something else is."""
        if self._said != (said := {"event": event, **what}):
            self._said = said
            tell = log.error if event == "log-rolled-back-says-witness" else log.warning
            tell(event, witness=self._witness.key.name, **what)


def _request(connection: psycopg.Connection[Any], old: int, size: int, note: str) -> str:
    wanted = {tile_of(node) for nodes in consistency_path(old, size) for node in nodes}
    tree = Tree(tiles_of(connection, wanted, size))
    hashes = [b64encode(hash_).decode() for hash_ in consistency_proof(old, size, tree.node)]
    return "".join(f"{line}\n" for line in (f"old {old}", *hashes, "")) + note
