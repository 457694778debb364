"""Time stamps of the log (dấu thời gian, RFC 3161): once a day an authority elsewhere states when a checkpoint existed.

Stamped is the last checkpoint signed before midnight in Vietnam: the bytes of its note as stored, with the log's
signature and without the lines of witnesses, which may come later. Authorities are other people's machines: away, slow
or lying, they hold up nothing, and are asked again later.
"""

import asyncio
import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import structlog
from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from application.access.addresses import is_loopback, is_secure
from application.database import service_conninfo
from application.proof.audit import Fault
from application.proof.der import sorted_at
from application.settings import BadSettings, Settings
from application.writer import utc_now
from domain.law.calendar import LEGAL_ZONE, legal_date

log = structlog.get_logger(__name__)

STAMPER_LOCK = 7229631
EVERY = 60.0
"""Seconds between two looks whether a day has ended."""
AGAIN = 600.0
"""Seconds after which an authority that gave no time stamp is asked again."""
PATIENCE = 10.0
"""Seconds that an answer may take, from the first byte sent to the last one read."""
LARGEST = 64 * 1024
"""Bytes of the largest answer that is read."""
SHA256 = "2.16.840.1.101.3.4.2.1"
CERTIFICATES = (1, 1, 0, 3)
"""In an answer: the token, its content, the signed data, the certificates; where there are none, the one signer."""
_HEADERS = {"Content-Type": "application/timestamp-query", "Accept-Encoding": "identity"}

GIVEN = "SELECT authority FROM ocop.timestamps WHERE day = %s"
LAST_BEFORE = (
    "SELECT tree_size, note, signed_at FROM ocop.checkpoints WHERE signed_at < %s ORDER BY tree_size DESC LIMIT 1"
)
CLOCKS_DIFFER = timedelta(minutes=5)
"""By how much an authority's clock may be behind ours."""
KEEP = (
    "INSERT INTO ocop.timestamps (day, authority, tree_size, response, stated_at, verified)"
    " VALUES (%s, %s, %s, %s, %s, %s)"
)
ALL = (
    "SELECT t.day, t.authority, t.tree_size, c.note, t.response, t.stated_at"
    " FROM ocop.timestamps AS t JOIN ocop.checkpoints AS c USING (tree_size) ORDER BY t.day, t.authority"
)

Roots = Sequence[Certificate]


class BadStamp(Exception):
    """The answer is no time stamp of what was asked; the message says why, in words of ours."""


def roots_of(settings: Settings) -> Roots:
    """Root certificates of the authorities, none where no file is named; raises BadSettings."""
    return _certificates(settings.tsa_roots) if settings.tsa_roots else ()


def _certificates(path: Path) -> Roots:
    try:
        return load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        raise BadSettings(
            "OCOP_TSA_ROOTS phải là tệp PEM chứa chứng thư gốc. OCOP_TSA_ROOTS must be a PEM file of root certificates."
        ) from None


@dataclass(frozen=True, slots=True)
class Authority:
    """Where a time-stamping authority is reached. ``name``: its host, the only part that is told to anybody."""

    url: str
    name: str

    @classmethod
    def parse(cls, url: str, signed: bool) -> "Authority":
        """Authority at an address: https, or http where its answers are verified by signature; raises BadSettings."""
        as_https = f"https{url.removeprefix('http')}" if signed and url.startswith("http://") else url
        if not is_secure(as_https) or "?" in url:
            raise _bad(
                "một địa chỉ https, hoặc http khi có OCOP_TSA_ROOTS", "an https address, or http with OCOP_TSA_ROOTS"
            )
        return cls(url, urlsplit(url).hostname or "")

    async def answer(self, request: bytes) -> bytes:
        """What it answers to a request; raises BadStamp, httpx.HTTPError, TimeoutError."""
        taken = bytearray()
        async with (
            asyncio.timeout(PATIENCE),  # also for one that sends a byte now and then
            httpx.AsyncClient(timeout=PATIENCE, trust_env=not is_loopback(self.url)) as client,
            client.stream("POST", self.url, content=request, headers=_HEADERS) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise BadStamp(f"HTTP {answer.status_code}")
            async for piece in answer.aiter_raw():
                taken += piece
                if len(taken) > LARGEST:
                    raise BadStamp("too large")
        return bytes(taken)

    def stamp(self, note: str, roots: Roots) -> tuple[bytes, datetime]:
        """Its time stamp of a note, as it came, and the time in it; raises BadStamp, httpx.HTTPError, TimeoutError."""
        request = TimestampRequestBuilder().data(note.encode()).hash_algorithm(HashAlgorithm.SHA256).build()
        response = asyncio.run(self.answer(request.as_bytes()))
        return response, checked(response, note, roots, request.nonce).tst_info.gen_time


def _bad(vi: str, en: str) -> BadSettings:
    return BadSettings(f"OCOP_TSA: mỗi tổ chức cấp dấu thời gian là {vi}. OCOP_TSA: each authority is {en}.")


def authorities_of(settings: Settings) -> tuple[Authority, ...]:
    """The authorities of these settings; raises BadSettings."""
    signed = bool(roots_of(settings))
    found = tuple(Authority.parse(url, signed) for url in settings.tsa.split())
    if len({authority.name for authority in found}) != len(found):
        raise _bad("một máy chủ khác nhau", "on a host of its own")
    return found


def checked(response: bytes, note: str, roots: Roots, nonce: int | None = None) -> TimeStampResponse:
    """The answer, if it grants a time stamp of this note; its signature is verified where there are roots.

    ``nonce``: of the request; None where nobody knows it any more. Raises BadStamp.
    """
    with contextlib.suppress(ValueError, IndexError):  # a refusal has none; nonsense is for the reader to find
        response = sorted_at(response, CERTIFICATES)
    try:
        found = decode_timestamp_response(response)
        status, info = found.status, found.tst_info if found.status == PKIStatus.GRANTED else None
    except Exception as error:  # whatever its reader makes of nonsense
        raise BadStamp("not a time stamp") from error
    if info is None:
        raise BadStamp(f"not granted: status {status}")
    imprint = info.message_imprint
    if (imprint.hash_algorithm.dotted_string, imprint.message) != (SHA256, hashlib.sha256(note.encode()).digest()):
        raise BadStamp("of something else than the checkpoint")
    if nonce is not None and info.nonce != nonce:
        raise BadStamp("of another request")
    if roots:
        try:
            VerifierBuilder(roots=list(roots)).build().verify_message(found, note.encode())
        except (VerificationError, ValueError) as error:
            raise BadStamp("not signed by an authority under the root certificates") from error
    return found


class Stamping:
    """Has the end of each day of one database's log stamped by each authority, once."""

    def __init__(
        self, url: str, authorities: Sequence[Authority], roots: Roots, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._conninfo = service_conninfo(url, application_name="ocop-timestamps")
        self._authorities, self._roots, self._clock = authorities, roots, clock
        self._not_before: dict[str, float] = {}
        """By name of an authority that gave no time stamp: when it is asked again."""

    def run(self, stop: threading.Event) -> None:
        """Look every minute until told to stop; begin again after any failure."""
        while not stop.is_set():
            try:
                with psycopg.connect(self._conninfo, autocommit=True) as connection:
                    self.look(connection)
            except psycopg.Error as error:
                log.warning("time-stamper-restarts", error=type(error).__name__)
            except Exception:
                log.exception("time-stamper-fails")
            stop.wait(EVERY)

    def look(self, connection: psycopg.Connection[Any]) -> None:
        """Ask for the time stamps of yesterday's end that there are not; one process at a time.

        Days before that stay without, if nobody asked then: the log only grows, so this one is over their facts, too.
        """
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (STAMPER_LOCK,)).fetchone()
        if row is None or not row[0]:
            return
        today = legal_date(self._clock())
        day = today - timedelta(days=1)
        given = {name for (name,) in connection.execute(GIVEN, (day,))}
        now = time.monotonic()
        waiting = [a for a in self._authorities if a.name not in given and now >= self._not_before.get(a.name, now)]
        if not waiting:
            return
        midnight = datetime.combine(today, datetime.min.time(), LEGAL_ZONE)
        last = connection.execute(LAST_BEFORE, (midnight,)).fetchone()
        if last is None:
            return
        size, note, signed_at = last
        for authority in waiting:
            try:
                response, stated = authority.stamp(note, self._roots)
                if stated < signed_at - CLOCKS_DIFFER:
                    raise BadStamp("states a time before the checkpoint was signed")  # noqa: TRY301
            except (BadStamp, httpx.HTTPError, TimeoutError) as error:
                self._not_before[authority.name] = time.monotonic() + AGAIN
                why = str(error) if isinstance(error, BadStamp) else type(error).__name__
                log.warning("time-stamp-not-given", authority=authority.name, day=str(day), why=why)
                continue
            connection.execute(KEEP, (day, authority.name, size, response, stated, bool(self._roots)))
            log.info("time-stamped", authority=authority.name, day=str(day), size=size, stated_at=stated.isoformat())


def stamps_audited(url: str, roots: Roots) -> tuple[int, list[Fault]]:
    """How many time stamps are stored, and what is wrong with them; signatures are verified where there are roots."""
    with psycopg.connect(service_conninfo(url, application_name="ocop-verify"), autocommit=True) as connection:
        rows = connection.execute(ALL).fetchall()
    faults = []
    for day, authority, size, note, response, stated in rows:
        if (wrong := _wrong(bytes(response), note, stated, roots)) is not None:
            detail = f"{authority} for {day}, checkpoint over {size}: {wrong}"
            faults.append(Fault("timestamp", 0, size - 1, detail))
    return len(rows), faults


def _wrong(response: bytes, note: str, stated: datetime, roots: Roots) -> str | None:
    try:
        found = checked(response, note, roots)
    except BadStamp as bad:
        return str(bad)
    return None if found.tst_info.gen_time == stated else "another time is stored than it states"
