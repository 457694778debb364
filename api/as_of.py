"""The two instants of a question: what was known when (``known``), and had happened by which day (``effective``).

Both are echoed with the position of the newest fact known, so that an answer can be cited and asked for again. Whose
area a thing lies in, and who may read, is always today's.
"""

import asyncio
import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from anyio import to_thread
from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field, StringConstraints

from api.problems import Problem
from application.recorded import Recorded
from application.store import Journal
from domain.asof import happened
from domain.decide import EARLIEST_YEAR
from domain.law.calendar import LEGAL_ZONE, legal_date

PATIENCE, LOOK_EVERY = 1.5, 0.1
"""Seconds for which a checkpoint over the newest fact is waited for, and between two looks."""
_POSITION = re.compile(r"^position:([0-9]{1,18})$")
_DAY = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
_INSTANT = re.compile(
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)(Z|z|[+ -][0-9]{2}:[0-9]{2})$"
)

Effective = Annotated[
    date | None,
    Query(description="What had happened by this day of the law in Vietnam, YYYY-MM-DD; without it by today."),
]
Known = Annotated[
    str | None,
    StringConstraints(max_length=50),
    Query(
        description="What was known then: an instant (RFC 3339), a day (its end in Vietnam) or position:N, the place of"
        " a fact in the order of all facts, which repeats an answer exactly; without it now."
    ),
]


@dataclass(frozen=True, slots=True)
class AsOf:
    """Facts up to ``position`` are known, and what is dated up to ``effective`` has happened.

    ``known``: the instant or position as it was asked for. ``checkpoint``: size and root of the first one that was
    signed over those facts.
    """

    effective: date
    known: datetime | str
    position: int
    checkpoint: tuple[int, bytes] | None = None

    @property
    def echo(self) -> dict[str, Any]:
        """What every answer says of the question. All that makes an answer citable stands here, and only here."""
        size, root = self.checkpoint or (0, b"")
        signed = {"size": size, "root": base64.b64encode(root).decode()} if self.checkpoint else None
        return {
            "effective": self.effective,
            "known": self.known,
            "position": self.position,
            "checkpoint": signed,
        }

    def of(self, facts: Sequence[Recorded]) -> list[Recorded]:
        """A product's facts, known ones alone, as far as they had happened."""
        versions = {entry.version for entry in happened([r.told for r in facts], self.effective)}
        return [r for r in facts if r.originator_version in versions]


class SignedRoot(BaseModel):
    """A signed checkpoint: number of facts and root in base64; see ``GET /v1/log/checkpoint``."""

    size: int
    root: str


class AsOfEcho(BaseModel):
    """The instants an answer was asked for with.

    ``position``: of the newest fact known then; ``checkpoint``: the first one signed over it, None where the service
    signs none or, for a second, not yet.
    """

    effective: date
    known: datetime | str
    position: int
    checkpoint: SignedRoot | None


Echoed = Annotated[AsOfEcho | None, Field(exclude_if=lambda value: value is None)]
"""In answers that were asked for with an instant, and absent from the others."""


async def as_of(request: Request, effective: Effective = None, known: Known = None) -> AsOf | None:
    """The instants in the query; None where there are none. Raises problems that name the parameter."""
    if effective is None and known is None:
        return None
    return await instants(request, effective, known)


async def instants(request: Request, effective: date | None, known: str | None, prefix: str = "") -> AsOf:
    """Instants of a question, today and now where they are not named; ``prefix``: of the parameters' names."""
    found = await _instants(request, effective, known, prefix)
    return replace(found, checkpoint=await _signed_over(request, found.position))


async def _signed_over(request: Request, position: int) -> tuple[int, bytes] | None:
    """The first checkpoint over a fact; a fact of this second is waited for, or the answer could not be repeated."""
    journal, limiter = request.app.state.journal, request.app.state.feed
    for _ in range(int(PATIENCE / LOOK_EVERY)):
        found: tuple[int, bytes] | None = await to_thread.run_sync(journal.signed_over, position, limiter=limiter)
        state = request.app.state
        if found is not None or not position or state.log_key is None or state.missing is not None:
            return found
        await asyncio.sleep(LOOK_EVERY)
    return None


async def _instants(request: Request, effective: date | None, known: str | None, prefix: str) -> AsOf:
    now: datetime = request.app.state.clock()
    day = effective or legal_date(now)
    if day > legal_date(now):
        raise _in_future(f"{prefix}effective", "ngày", "day")
    if day.year < EARLIEST_YEAR:
        raise _before_all(f"{prefix}effective")
    journal: Journal = request.app.state.journal
    limiter = request.app.state.feed
    if known is None:
        return AsOf(day, now, await to_thread.run_sync(journal.head, limiter=limiter))
    if found := _POSITION.match(known):
        if int(found[1]) > await to_thread.run_sync(journal.head, limiter=limiter):
            raise _in_future(f"{prefix}known", "vị trí", "position")
        return AsOf(day, known, await to_thread.run_sync(journal.last_before, int(found[1]), limiter=limiter))
    instant = _instant(known, now, f"{prefix}known")
    return AsOf(day, instant, await to_thread.run_sync(journal.known_at, instant, limiter=limiter))


def _instant(known: str, now: datetime, field: str) -> datetime:
    try:
        if _DAY.match(known):
            day = date.fromisoformat(known)
            if day == legal_date(now):
                return now
            ends = datetime.combine(day + timedelta(days=1), datetime.min.time(), LEGAL_ZONE)
            instant = ends.astimezone(UTC) - timedelta(microseconds=1)
        elif found := _INSTANT.match(known):
            zone = found[2].upper().replace(" ", "+")  # an unescaped plus arrives as a space
            instant = datetime.fromisoformat(found[1].upper() + zone).astimezone(UTC)
        else:
            raise _malformed(field)
    except (ValueError, OverflowError):
        raise _malformed(field) from None
    if instant > now:
        raise _in_future(field, "thời điểm", "instant")
    if legal_date(instant).year < EARLIEST_YEAR:
        raise _before_all(field)
    return instant


def _refused(field: str, vi: str, en: str, hint_vi: str, hint_en: str) -> Problem:
    return Problem(
        "invalid-fields",
        f"{vi}.",
        f"{en}.",
        hint_vi=hint_vi,
        hint_en=hint_en,
        errors=[{"field": field, "detail": vi, "detail_en": en}],
    )


def _malformed(field: str) -> Problem:
    return _refused(
        field,
        "Không phải thời điểm",
        "Not an instant",
        "Ví dụ: 2026-11-01T08:00:00+07:00, 2026-11-01 hoặc position:1200.",
        "Such as 2026-11-01T08:00:00+07:00, 2026-11-01 or position:1200.",
    )


def _in_future(field: str, vi: str, en: str) -> Problem:
    return _refused(
        field,
        f"{vi.capitalize()} ở tương lai",
        f"The {en} is in the future",
        "Chỉ hỏi được điều đã qua, đã biết.",
        "Only what has passed and is known can be asked for.",
    )


def _before_all(field: str) -> Problem:
    return _refused(
        field,
        f"Chương trình OCOP bắt đầu từ năm {EARLIEST_YEAR}",
        f"The OCOP programme began in {EARLIEST_YEAR}",
        f"Hỏi từ năm {EARLIEST_YEAR} trở đi.",
        f"Ask from {EARLIEST_YEAR} on.",
    )


Asked = Annotated[AsOf | None, Depends(as_of)]


async def known_facts(request: Request, streams: Sequence[UUID], position: int) -> list[Recorded]:
    """All facts of some streams that are known at a position."""
    journal: Journal = request.app.state.journal
    return await to_thread.run_sync(journal.streams, streams, position, limiter=request.app.state.feed)
