"""The law, open to everybody: regimes, their rules with legal basis and mark, their scoring sheets."""

from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from api.problems import Problem
from application.wording import SheetWording
from domain.law.book import LawBook
from domain.law.models import Criterion, Mark, Regime, Section, Sheet

router = APIRouter(prefix="/v1/regimes", tags=["law"])

MAX_AGE = 300
"""Seconds for which an answer may be kept: rules change with a release only."""

Wording = Literal["own", "official"]


class Words(BaseModel):
    """A text in both languages; English is empty where there is none."""

    vi: str
    en: str = ""


class RegimeLine(BaseModel):
    """One regime in the list. ``hash``: SHA-256 over its rule file and the one it amends."""

    id: str
    decision: str
    vi: str
    en: str
    in_force_from: date
    in_force_to: date | None
    amends: str | None
    legal_basis: str
    mark: Mark
    sheets: int
    hash: str


class RegimeList(BaseModel):
    """All regimes, newest first."""

    regimes: list[RegimeLine]


class RegimeRules(Regime):
    """A regime in full. A level's ``pass_up_from`` is the average from which a result goes up."""

    hash: str
    sheet_ids: tuple[str, ...]


class SheetLine(BaseModel):
    """One sheet in the list; ``gates`` counts the options that are the minimum for a star."""

    id: str
    number: int
    vi: str
    en: str
    group: str | None
    samples: int
    complete: bool
    criteria: int
    options: int
    gates: int
    wording: Wording
    legal_basis: str
    mark: Mark
    rules_hash: str


class SheetList(BaseModel):
    """The sheets of a regime."""

    regime: str
    sheets: list[SheetLine]


class OptionAnswer(BaseModel):
    """An option. ``min_for_star``: it is the least that this star needs; null when it gates nothing."""

    label: str
    points: int
    min_for_star: int | None
    variant: str | None


class CriterionAnswer(BaseModel):
    """A criterion to score: one of its options is chosen by its place in the list."""

    code: str
    vi: str
    en: str
    max: int
    note: str | None
    disqualifier: Words | None
    options: list[OptionAnswer]


class HeadingAnswer(BaseModel):
    """A heading over the criteria whose codes begin with its own."""

    code: str
    vi: str
    en: str
    max: int


class SectionAnswer(BaseModel):
    """A section of a part."""

    code: str
    vi: str
    en: str
    max: int
    headings: list[HeadingAnswer]
    criteria: list[CriterionAnswer]


class PartAnswer(BaseModel):
    """A part of the sheet."""

    code: str
    vi: str
    en: str
    max: int
    sections: list[SectionAnswer]


class Rejection(Words):
    """A ground on which a dossier is rejected before scoring."""

    code: str


class SheetAnswer(BaseModel):
    """A scoring sheet. ``wording`` "own": our summaries; "official": the imported text of the decision."""

    id: str
    regime: str
    number: int
    vi: str
    en: str
    group: str | None
    lead_ministries: list[str]
    samples: int
    complete: bool
    note: Words | None
    errata: list[str]
    legal_basis: str
    mark: Mark
    rules_hash: str
    dossier_rejections: list[Rejection]
    dossier_rejected_when: str | None = Field(description="The decision's own sentence, with official wording only")
    wording: Wording
    parts: list[PartAnswer]


_CACHED: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"schema": {"type": "string"}}, "Cache-Control": {"schema": {"type": "string"}}}},
    304: {"description": "Unchanged since the answer named in If-None-Match"},
}


@router.get("", response_model=RegimeList, responses=_CACHED)
async def regimes(request: Request) -> Response:
    """Every set of rules for step 5 that is loaded, newest first."""
    law = _law(request)
    lines = [
        RegimeLine(
            id=r.id,
            decision=r.decision,
            vi=r.vi,
            en=r.en,
            in_force_from=r.in_force_from,
            in_force_to=r.in_force_to,
            amends=r.amends,
            legal_basis=r.legal_basis,
            mark=r.mark,
            sheets=len(law.sheets_of(r)),
            hash=law.regime_hash(r.id),
        )
        for r in law.regimes.values()
    ]
    return _answer(request, RegimeList(regimes=lines))


@router.get("/{regime_id}", response_model=RegimeRules, responses=_CACHED)
async def regime(request: Request, regime_id: str) -> Response:
    """Everything a regime says, each value beside its legal basis and its mark."""
    law, found = _law(request), _regime(request, regime_id)
    more = {"hash": law.regime_hash(found.id), "sheet_ids": tuple(law.sheets_of(found))}
    return _answer(request, RegimeRules.model_validate({**found.model_dump(), **more}))


@router.get("/{regime_id}/sheets", response_model=SheetList, responses=_CACHED)
async def sheets(request: Request, regime_id: str) -> Response:
    """The regime's scoring sheets (bộ tiêu chí), with how many criteria, options and star gates each has."""
    law, found = _law(request), _regime(request, regime_id)
    lines = [
        SheetLine(
            id=s.id,
            number=s.number,
            vi=words.title if (words := _wording(request, s)) else s.vi,
            en=s.en,
            group=s.group,
            samples=s.samples,
            complete=s.complete,
            criteria=len(s.leaves),
            options=sum(len(c.options) for c in s.leaves.values()),
            gates=sum(len(gates) for gates in s.gates.values()),
            wording="official" if words else "own",
            legal_basis=s.legal_basis,
            mark=s.mark,
            rules_hash=law.rules_hash(found.id, s.id),
        )
        for s in law.sheets_of(found).values()
    ]
    return _answer(request, SheetList(regime=found.id, sheets=lines))


@router.get("/{regime_id}/sheets/{sheet_id}", response_model=SheetAnswer, responses=_CACHED)
async def sheet(request: Request, regime_id: str, sheet_id: str) -> Response:
    """A scoring sheet in full: parts, sections, criteria and options with points and star gates."""
    law, within = _law(request), _regime(request, regime_id)
    own = law.sheets_of(within)
    if sheet_id not in own:
        raise Problem(
            "not-found",
            f"{within.id} không có bộ tiêu chí này.",
            f"{within.id} has no such sheet.",
            hint_vi=f"Có: {', '.join(own)}.",
            hint_en=f"There are: {', '.join(own)}.",
        )
    found = own[sheet_id]
    return _answer(request, _told(found, within, law.rules_hash(within.id, found.id), _wording(request, found)))


def _told(found: Sheet, within: Regime, rules_hash: str, words: SheetWording | None) -> SheetAnswer:
    parts = [
        PartAnswer(
            code=part.code,
            vi=words.parts.get(part.code, part.vi) if words else part.vi,
            en=part.en,
            max=part.max,
            sections=[_section(found, section, words) for section in part.sections],
        )
        for part in found.parts
    ]
    return SheetAnswer(
        id=found.id,
        regime=within.id,
        number=found.number,
        vi=words.title if words else found.vi,
        en=found.en,
        group=found.group,
        lead_ministries=list(found.lead_ministries),
        samples=found.samples,
        complete=found.complete,
        note=Words(vi=found.note_vi, en=found.note_en) if found.note_vi else None,
        errata=list(found.errata_vi),
        legal_basis=found.legal_basis,
        mark=found.mark,
        rules_hash=rules_hash,
        dossier_rejections=[Rejection(code=g.code, vi=g.vi, en=g.en) for g in found.dossier_rejections],
        dossier_rejected_when=(words.rejected_when or None) if words else None,
        wording="official" if words else "own",
        parts=parts,
    )


def _section(found: Sheet, section: Section, words: SheetWording | None) -> SectionAnswer:
    return SectionAnswer(
        code=section.code,
        vi=words.sections[section.code] if words else section.vi,
        en=section.en,
        max=section.max,
        headings=[
            HeadingAnswer(code=h.code, vi=words.headings[h.code] if words else h.vi, en=h.en, max=h.max)
            for h in section.headings
        ],
        criteria=[_criterion(place.code, found.leaves[place.code], words) for place in section.criteria],
    )


def _criterion(code: str, criterion: Criterion, words: SheetWording | None) -> CriterionAnswer:
    official = words.criteria[code] if words else None
    note = "\n".join(official.notes) if official else criterion.note_vi
    barred = "\n".join(official.disqualifiers) if official else criterion.disqualifier_vi
    labels = official.labels if official else tuple(o.vi for o in criterion.options)
    return CriterionAnswer(
        code=code,
        vi=official.title if official else criterion.vi,
        en=criterion.en,
        max=criterion.max,
        note=note or None,
        disqualifier=Words(vi=barred, en=criterion.disqualifier_en) if barred else None,
        options=[
            OptionAnswer(label=label, points=o.points, min_for_star=o.star, variant=o.variant)
            for label, o in zip(labels, criterion.options, strict=True)
        ],
    )


def _law(request: Request) -> LawBook:
    law: LawBook = request.app.state.law
    return law


def _wording(request: Request, found: Sheet) -> SheetWording | None:
    wordings: Mapping[str, SheetWording] = request.app.state.wordings
    return wordings.get(found.id)


def _regime(request: Request, regime_id: str) -> Regime:
    known = _law(request).regimes
    if regime_id not in known:
        raise Problem(
            "not-found",
            "Không có quy định này.",
            "There is no such regime.",
            hint_vi=f"Có: {', '.join(known)}.",
            hint_en=f"There are: {', '.join(known)}.",
        )
    return known[regime_id]


def _answer(request: Request, body: BaseModel) -> Response:
    """The answer under its own hash; 304 to whoever has it already."""
    content = body.model_dump_json().encode()
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={MAX_AGE}"}
    known = {t.strip().removeprefix("W/") for t in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(None, 304, headers)
    return Response(content, 200, headers, "application/json")
