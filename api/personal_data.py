"""Subjects of personal data and those who decide for them: requests to erase, what is held, who looked."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import StringConstraints
from pydantic_core import to_json

from api.conditional import etag
from api.councils import Limit
from api.personal import Told, only_under, personal_values, shown
from api.problems import Problem
from api.security import Caller
from api.supervisors import fresh, no_such_product, today
from application.complaints import Ambiguous, complaint_named
from application.keys import Key
from application.seals import Keeper
from application.store import Journal
from domain import personal
from domain.law.areas import NATION
from domain.subject.commands import DecideErasure, RequestErasure
from domain.values import Actor, Role
from projections.erasures import erasures_of, find_erasures, subject_behind
from projections.personal import held_under, keys_within, products_under, registered_within
from projections.personal_reads import find_reads
from projections.scope import Scope
from projections.status import product_status
from projections.trail import trail_of

router = APIRouter(prefix="/v1", tags=["personal data"])

MOST_FACTS = 500
"""Facts told to a subject at once."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f]*$")]


def _not_yours() -> Problem:
    return Problem(
        "role-not-allowed",
        "Chủ thể chỉ xem dữ liệu đang lưu giữ về chính mình.",
        "A producer reads what is held of itself alone.",
    )


def _nobody() -> Problem:
    """The same answer whether there is nobody of the kind or he is not the caller's to name."""
    return Problem(
        "not-found",
        "Không có chủ thể như vậy trong phạm vi của bạn.",
        "There is no such subject within your area.",
        hint_vi="Kiểm tra số đăng ký, mã sản phẩm hoặc số đơn khiếu nại.",
        hint_en="Check the registration number, the product's id or the complaint's number.",
    )


async def subject_of(
    request: Request, actor: Actor, registration: str | None, product: UUID | None, complaint: str | None
) -> tuple[UUID, str]:
    """The subject that a caller may name so, and whose area it is; raises a problem. What names it is not stored."""
    keeper: Keeper = request.app.state.keeper
    area = actor.area
    async with request.app.state.pool.connection() as connection:
        if product is not None:
            found = await product_status(connection, Scope.of(actor), product, today(request))
            if found is None:
                raise no_such_product()
            area = found["commune"]["code"]
        elif not await registered_within(connection, Scope.of(actor), registration or ""):
            raise _nobody()
    if product is None:
        return personal.producer(registration or "", keeper), area
    if complaint is None:
        return personal.product(product, keeper), area
    return personal.complainant(product, await _complaint(request, product, complaint), keeper), area


async def _complaint(request: Request, product: UUID, number: str) -> int:
    """Version of the complaint's fact; raises a problem when the product has none of this number."""
    try:
        found = await to_thread.run_sync(
            complaint_named, request.app.state.journal, product, number, limiter=request.app.state.feed
        )
    except Ambiguous:
        raise Problem(
            "invalid-content",
            "Nhiều đơn khiếu nại mang số này: không rõ của ai.",
            "Several complaints bear this number: whose is not clear.",
            errors=[{"field": "complaint", "detail": "không rõ đơn nào", "detail_en": "not clear which one"}],
            hint_vi="Đính chính số đơn trước (correct-fact).",
            hint_en="Correct a complaint's number first (correct-fact).",
        ) from None
    if found is None:
        raise _nobody()
    return found


async def subject_named(request: Request, actor: Actor, command: RequestErasure) -> tuple[UUID, UUID | None]:
    """The dossier a request to erase goes to, and whose data it concerns.

    What names nobody is refused by the command itself, on a stream of none.
    """
    if (command.registration is None) == (command.product is None):
        return UUID(int=0), None
    found, area = await subject_of(request, actor, command.registration, command.product, command.complaint)
    return personal.dossier(found, area, request.app.state.keeper), found


async def cases_of(request: Request, dossier: UUID, command: DecideErasure) -> frozenset[UUID]:
    """Products with data that a decision would erase and that may be needed still.

    Only the read model knows them: it is waited for until it has seen every fact stored by now.
    """
    if not command.may_grant_process:
        return frozenset()
    state, keeper = request.app.state, request.app.state.keeper
    await state.freshness.wait(await to_thread.run_sync(state.journal.head, limiter=state.feed))
    async with state.pool.connection() as connection:
        subject = await subject_behind(connection, dossier)
        if subject is None:
            return frozenset()
        keys = await to_thread.run_sync(keeper.keys_of, [subject])
        living = [key.key_id for key in keys if key.wrapped is not None and key.purpose == "process"]
        return await products_under(connection, living)


@router.get("/personal-data/requests", dependencies=[Depends(fresh)])
async def requests(request: Request, actor: Caller, limit: Limit = 100) -> dict[str, Any]:
    """Requests to erase personal data in your area: those that wait first. Nobody is named."""
    async with request.app.state.pool.connection() as connection:
        return {"requests": await find_erasures(connection, Scope.of(actor), today(request), limit)}


@router.get("/subjects/{subject_id}", dependencies=[Depends(fresh)])
async def subject(request: Request, actor: Caller, subject_id: UUID) -> Response:
    """A subject's dossier at one authority: its requests and what was done, a sentence a fact. Producers: their own."""
    keeper: Keeper = request.app.state.keeper
    async with request.app.state.pool.connection() as connection:
        found = []
        if actor.role is not Role.PRODUCER:
            found = await find_erasures(connection, Scope.of(actor), today(request), 100, subject_id)
        elif actor.producer:
            own = await erasures_of(connection, personal.producer(actor.producer, keeper), today(request))
            found = [row for row in own if row["subject_id"] == subject_id]
        if not found:
            raise _nobody()
        facts = await trail_of(connection, subject_id, 0, 1000)
    body = {"subject_id": subject_id, "version": facts[-1]["version"], "requests": found, "facts": facts}
    return Response(to_json(body), 200, {"ETag": etag(facts[-1]["version"])}, "application/json")


@router.get("/personal-data/subject", dependencies=[Depends(fresh)])
async def held(
    request: Request,
    actor: Caller,
    registration: Name | None = None,
    product: UUID | None = None,
    complaint: Name | None = None,
) -> dict[str, Any]:
    """What is held of a subject (quyền truy cập): by purpose, fact and field. Name it as in ``request-erasure``."""
    if (registration is None) == (product is None) or (complaint is not None and product is None):
        raise Problem(
            "bad-request",
            "Nêu registration, hoặc product (và complaint).",
            "Name a registration, or a product (and a complaint).",
        )
    if actor.role is Role.PRODUCER:
        await _check_own(request, actor, registration, product, complaint)
    named, _ = await subject_of(request, actor, registration, product, complaint)
    keys = await to_thread.run_sync(request.app.state.keeper.keys_of, [named])
    itself = actor.role is Role.PRODUCER
    area = NATION if itself else actor.area
    async with request.app.state.pool.connection() as connection:
        if not itself:
            within = await keys_within(connection, area, [key.key_id for key in keys])
            keys = [key for key in keys if key.key_id in within]
        alive = frozenset(key.key_id for key in keys if key.wrapped is not None)
        rows = await held_under(connection, area, sorted(alive), MOST_FACTS + 1)
        asked = await erasures_of(connection, named, today(request), None if itself else Scope.of(actor))
        also = await registered_within(connection, Scope.of(actor), registration) if registration else []
    return {
        "subject_id": named,
        "keys": [_key(key) for key in keys],
        "held": await _values(request, actor, rows[:MOST_FACTS], alive),
        "more": len(rows) > MOST_FACTS,
        "requests": asked,
        # What was known only through a product, before or beside its producer, is asked for by the product.
        "products": also,
    }


def _key(key: Key) -> dict[str, Any]:
    names = ("purpose", "generation", "made_at", "destroyed_at")
    # On which ground it was destroyed; whose decision it was, is for the requests to say.
    why = (key.why or "").partition(":")[0] or None
    return {"key_id": key.key_id, **{name: getattr(key, name) for name in names}, "why": why}


async def _check_own(
    request: Request, actor: Actor, registration: str | None, product: UUID | None, complaint: str | None
) -> None:
    """A producer asks of itself, or of its own product; who complained of it is not its to read."""
    own = registration == actor.producer
    if product is not None:
        async with request.app.state.pool.connection() as connection:
            row = await product_status(connection, Scope.of(actor), product, today(request))
        own = row is not None and row["registered"] and complaint is None
    if not own:
        raise _not_yours()


async def _values(
    request: Request, actor: Actor, rows: Sequence[dict[str, Any]], keys: frozenset[UUID]
) -> list[dict[str, Any]]:
    journal: Journal = request.app.state.journal
    streams = sorted({row["product_id"] for row in rows})
    stored = await to_thread.run_sync(journal.streams, streams, limiter=request.app.state.feed) if streams else []
    by_place = {(r.originator_id, r.originator_version): r for r in stored}
    facts = []
    for row in rows:
        r = by_place[row["product_id"], row["version"]]
        data = r.fact.model_dump(mode="json")
        whole = Told(r.originator_id, r.originator_version, r.fact.stored_name, data, r.envelope.commune)
        facts.append(only_under(whole, keys))
    opened = await shown(request, actor, facts, own=True)
    return [
        {
            "product_id": fact.stream,
            "version": fact.version,
            "fact": fact.name,
            "fields": personal_values(Told(fact.stream, fact.version, fact.name, data, fact.commune)),
        }
        for fact, data in zip(facts, opened, strict=True)
    ]


@router.get("/personal-data/reads", dependencies=[Depends(fresh)])
async def reads(
    request: Request,
    actor: Caller,
    product: UUID | None = None,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """Who was shown which personal fields, when, and by which route; in your area, of one product where named."""
    async with request.app.state.pool.connection() as connection:
        rows = await find_reads(connection, Scope.of(actor), product, after, limit)
    return {"reads": rows, "next": rows[-1]["read_id"] if rows else after}
