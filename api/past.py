"""Products and certificates as they stood: told from the facts known then, by the fold that decisions use."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

from anyio import to_thread
from fastapi import Request

from api.as_of import AsOf, known_facts
from api.problems import Problem
from application.recorded import Recorded
from application.store import Journal
from domain.asof import stood
from domain.law.areas import NATION
from domain.law.book import LawBook
from projections.certificate_rows import Row, rows_of
from projections.certificates import CertificateStatus, find_certificates, known_certificates
from projections.moments import find_products_as_of
from projections.product_list import Filters
from projections.scope import Scope
from projections.status import row_of, shown


def standing(facts: Sequence[Recorded], asked: AsOf, law: LawBook) -> dict[str, Any] | None:
    """One product as readers would have seen it, from its known facts; None when there was none yet."""
    product = stood([r.told for r in facts], asked.effective)
    if product is None:
        return None
    last = asked.of(facts)[-1]
    return shown(row_of(last.originator_id, product, last.position, law), asked.effective)


async def product_then(request: Request, product_id: UUID, asked: AsOf) -> tuple[dict[str, Any], list[Recorded]]:
    """A product as it stood, and the facts it is told from; raises the 404 problem when there was none yet."""
    facts = await known_facts(request, [product_id], asked.position)
    row = standing(facts, asked, request.app.state.law)
    if row is None:
        raise not_yet()
    return row, asked.of(facts)


async def products_then(
    request: Request, scope: Scope, filters: Filters, asked: AsOf, after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of products as they stood, by the names they had."""
    await request.app.state.freshness.wait(asked.position)
    async with request.app.state.pool.connection() as connection:
        found, following = await find_products_as_of(
            connection, scope, filters, asked.effective, asked.position, after, limit
        )
    journal: Journal = request.app.state.journal
    law: LawBook = request.app.state.law

    def told() -> dict[UUID, dict[str, Any] | None]:
        by_product = groupby(journal.streams(found, asked.position), lambda r: r.originator_id)
        return {key: standing(list(facts), asked, law) for key, facts in by_product}

    rows = await to_thread.run_sync(told, limiter=request.app.state.feed)
    return [row for key in found if (row := rows[key]) is not None], following


async def certificates_then(
    request: Request,
    scope: Scope,
    stars: int | None,
    valid: bool | None,
    status: CertificateStatus | None,
    asked: AsOf,
    after: int,
    limit: int,
) -> tuple[list[dict[str, Any]], int]:
    """Those of the next ``limit`` certificates known then that had been given and are asked for; where to go on."""
    await request.app.state.freshness.wait(asked.position)
    async with request.app.state.pool.connection() as connection:
        known = await known_certificates(connection, scope, stars, after, asked.position, limit)
    journal: Journal = request.app.state.journal
    law: LawBook = request.app.state.law
    positions = {position for position, _ in known}

    def told() -> list[Row]:
        streams = groupby(journal.streams({key for _, key in known}, asked.position), lambda r: r.originator_id)
        rows = [row for _, facts in streams for row in rows_of(asked.of(list(facts)), law)]
        return [row for row in rows if row["position"] in positions]

    rows = await to_thread.run_sync(told, limiter=request.app.state.feed)
    async with request.app.state.pool.connection() as connection:
        found = await find_certificates(
            connection, Scope(NATION), stars, valid, status, asked.effective, after, limit, rows
        )
    return found, known[-1][0] if known else after


def not_yet() -> Problem:
    """The reader may see it, but there was nothing to see."""
    return Problem(
        "not-found",
        "Vào thời điểm được hỏi chưa có hồ sơ này.",
        "At the instant asked for there was none of this yet.",
        hint_vi="Chọn effective hoặc known muộn hơn.",
        hint_en="Choose a later effective or known.",
    )
