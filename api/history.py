"""Between two instants of a product, and under other rules: what changed, and what if. Nothing is stored."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from api.as_of import Asked, AsOfEcho, Echoed, Effective, Known, instants, known_facts
from api.past import not_yet, product_then, standing
from api.personal import Told, shown
from api.problems import Problem
from api.security import Caller
from api.supervisors import fresh, no_such_product, today
from domain.law.book import LawBook
from domain.law.models import Mark
from domain.values import ExactPoints
from projections.compared import between, corrections, differing
from projections.scope import Scope
from projections.status import product_status
from projections.trail import trail_of
from projections.whatif import NotComparable, what_if

router = APIRouter(prefix="/v1/products/{product_id}", tags=["supervisors"])

RegimeId = Annotated[str, StringConstraints(max_length=40)]


class Part(BaseModel):
    """Base of the parts of these answers."""

    model_config = ConfigDict(extra="forbid")


class Interval(Part):
    """The two instants of a comparison."""

    start: Annotated[AsOfEcho, Field(alias="from")]
    end: Annotated[AsOfEcho, Field(alias="to")]


class FieldDifference(Part):
    """A field of the product that reads otherwise; null where there was no product or nothing in it."""

    field: str
    before: Any
    after: Any


class FactBetween(Part):
    """A fact told at one instant only: it "came" since the first, or is "gone" where the second is the earlier."""

    version: int
    position: int
    change: Literal["came", "gone"]
    fact: str
    effective_on: date
    recorded_at: datetime
    person: str
    role: str
    office: str
    vi: str
    en: str


class CorrectionBetween(Part):
    """A fact that reads otherwise for a correction known at one instant only."""

    version: int
    fact: str
    corrected_by: int
    was: dict[str, JsonValue]
    now: dict[str, JsonValue]
    reason: str
    authority: str


class Comparison(Part):
    """A product at two instants."""

    product_id: UUID
    as_of: Interval
    fields: list[FieldDifference]
    facts: list[FactBetween]
    corrected: list[CorrectionBetween]


class MissedGate(Part):
    """A star gate missed."""

    code: str
    stars: int
    needed: int
    found: ExactPoints


class Signs(Part):
    """Whose signature these stars take, and where that stands."""

    level: str
    vi: str
    en: str
    legal_basis: str
    mark: Mark


class Rated(Part):
    """A rating under a regime. ``signs``: null where nobody certifies these stars."""

    regime: str
    decision: str
    sheet: str
    sheet_complete: bool
    totals: list[int]
    average: ExactPoints
    band: int
    missed: list[MissedGate]
    stars: int
    signs: Signs | None


class RatingDifference(Part):
    """What comes out otherwise."""

    field: str
    as_rated: JsonValue
    what_if: JsonValue


class WhatIf(Part):
    """A product's last rating under its own regime and under another. ``version``: of the council's conclusion."""

    product_id: UUID
    name: str
    version: int
    as_rated: Rated
    what_if: Rated
    differences: list[RatingDifference]
    vi: str
    en: str
    as_of: Echoed = None


@router.get("/compare", dependencies=[Depends(fresh)], response_model=Comparison)
async def compare(
    request: Request,
    actor: Caller,
    product_id: UUID,
    from_effective: Effective = None,
    from_known: Known = None,
    to_effective: Effective = None,
    to_known: Known = None,
) -> dict[str, Any]:
    """What changed between two instants: fields, facts with who and when, corrections. Without a second: until now."""
    own = await _own(request, actor, product_id)
    if from_effective is None and from_known is None:
        raise Problem(
            "invalid-fields",
            "Thiếu thời điểm đầu.",
            "The first instant is missing.",
            hint_vi="Thêm from_known hoặc from_effective.",
            hint_en="Add from_known or from_effective.",
            errors=[{"field": "from_known", "detail": "thiếu", "detail_en": "missing"}],
        )
    start = await instants(request, from_effective, from_known, "from_")
    end = await instants(request, to_effective, to_known, "to_")
    latest, law = max(start.position, end.position), request.app.state.law
    await request.app.state.freshness.wait(latest)
    stream = await known_facts(request, [product_id], latest)
    known = [[r for r in stream if r.position <= at.position] for at in (start, end)]
    before, after = (standing(facts, at, law) for facts, at in zip(known, (start, end), strict=True))
    if before is None and after is None:
        raise not_yet()
    told = [at.of(facts) for facts, at in zip(known, (start, end), strict=True)]
    came, gone = between(*told)
    async with request.app.state.pool.connection() as connection:
        rows = await trail_of(connection, product_id, 0, len(stream), [*came, *gone])
    mended = corrections(stream, [*came, *gone])
    place = own["commune"]["code"]
    facts = [
        Told(product_id, r.originator_version, r.fact.stored_name, r.fact.model_dump(mode="json"), place)
        for r in mended
    ]
    data = await shown(request, actor, facts, own=own["registered"])
    return {
        "product_id": product_id,
        "as_of": {"from": start.echo, "to": end.echo},
        "fields": differing(before, after),
        "facts": [
            {name: row[name] for name in FactBetween.model_fields if name != "change"}
            | {"change": "came" if row["version"] in came else "gone"}
            for row in rows
        ],
        "corrected": [
            {
                "version": found["corrected_version"],
                "fact": found["corrected_name"],
                "corrected_by": r.originator_version,
                **{name: found[name] for name in ("was", "now", "reason", "authority")},
            }
            for r, found in zip(mended, data, strict=True)
        ],
    }


@router.get("/what-if", dependencies=[Depends(fresh)], response_model=WhatIf)
async def rated_otherwise(
    request: Request,
    actor: Caller,
    product_id: UUID,
    regime: Annotated[RegimeId, Query(description="Id of the other regime, as in GET /v1/regimes")],
    asked: Asked = None,
) -> dict[str, Any]:
    """The product's last rating taken again under another regime; 409 where no rule says how to compare."""
    await _own(request, actor, product_id)
    law: LawBook = request.app.state.law
    if regime not in law.regimes:
        raise Problem(
            "invalid-fields",
            "Không có quy định này.",
            "There is no such regime.",
            hint_vi=f"Có: {', '.join(law.regimes)}.",
            hint_en=f"There are: {', '.join(law.regimes)}.",
            errors=[{"field": "regime", "detail": "không có", "detail_en": "not known"}],
        )
    row, facts = await product_then(request, product_id, asked or await instants(request, None, None))
    try:
        found = what_if(facts, law.regimes[regime], law)
    except NotComparable as why:
        raise Problem(
            "not-comparable",
            f"{why.vi}.",
            f"{why.en}.",
            hint_vi="Không tính gì thay cho quy định; xem GET /v1/regimes.",
            hint_en="Nothing is computed in place of a rule; see GET /v1/regimes.",
        ) from why
    answer = {"product_id": product_id, "name": row["name"], **found}
    return answer if asked is None else answer | {"as_of": asked.echo}


async def _own(request: Request, actor: Caller, product_id: UUID) -> dict[str, Any]:
    """The product as it is today, if it is the reader's to see; raises the 404 problem."""
    async with request.app.state.pool.connection() as connection:
        row = await product_status(connection, Scope.of(actor), product_id, today(request))
    if row is None:
        raise no_such_product()
    return row
