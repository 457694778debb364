"""The law over HTTP: open to all, complete, in the shapes the document promises, cacheable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import jsonschema_rs
import pytest
from fastapi.openapi.utils import get_openapi

from api import regimes
from api.app import create_app
from application.wording import CriterionWording, SheetWording
from domain.law.book import law_book
from domain.law.models import Sheet

LAW = law_book()
REGIMES = list(LAW.regimes.values())
PLACES = [(r.id, s) for r in REGIMES for s in LAW.sheets_of(r).values()]
Get = Callable[..., httpx.Response]


def serving(wordings: Mapping[str, SheetWording] | None = None) -> Get:
    """GET on the real app without its database: nothing here needs one."""
    app = create_app("", bytes(32), wordings=wordings)

    def get(path: str, **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://ocop") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())

    return get


@pytest.fixture(scope="module")
def get() -> Get:
    return serving()


def test_regimes_are_listed_newest_first_with_their_sheets(get: Get) -> None:
    listed = get("/v1/regimes").json()["regimes"]

    assert [(r["id"], r["in_force_from"], r["in_force_to"], r["sheets"]) for r in listed] == [
        ("QD26-2026", "2026-05-22", None, 26),
        ("QD1489-2025", "2025-07-06", "2026-07-21", 1),
        ("QD148-2023", "2023-02-24", "2025-07-05", 1),
        ("QD1048-2019", "2019-08-21", "2023-02-23", 22),
    ]
    assert listed[1]["amends"] == "QD148-2023"
    assert all(r["legal_basis"] and r["mark"] and len(r["hash"]) == 64 and r["vi"] and r["en"] for r in listed)


def values(body: Any) -> Iterator[dict[str, Any]]:
    if isinstance(body, dict):
        yield body
        for entry in body.values():
            yield from values(entry)
    elif isinstance(body, list):
        for entry in body:
            yield from values(entry)


@pytest.mark.parametrize("regime", REGIMES, ids=lambda r: r.id)
def test_a_regime_tells_everything_beside_its_basis_and_mark(get: Get, regime: Any) -> None:
    told = get(f"/v1/regimes/{regime.id}").json()

    for part in ("levels", "bands", "groups", "forms", "rejections"):
        assert told[part], part
        assert all(entry["legal_basis"] and entry["mark"] for entry in told[part]), part
    for part in ("rating", "certificate", "renewal", "upgrade", "revocation", "kinds", "eligibility"):
        assert told[part]["legal_basis"], part
    for part in ("competences", "deadlines", "council"):
        assert all(entry["legal_basis"] and entry["mark"] for entry in told[part].values()), part
    assert [entry["pass_up_from"] for entry in told["levels"]][-1] is None
    assert {v["mark"] for v in values(told) if "mark" in v} <= {"fact", "inferred", "local", "not-found"}
    assert told["sheet_ids"] == list(LAW.sheets_of(regime))


def leaves(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {c["code"]: c for p in told["parts"] for s in p["sections"] for c in s["criteria"]}


@pytest.mark.parametrize(("regime", "sheet"), PLACES, ids=lambda v: v if isinstance(v, str) else v.id)
def test_a_sheet_is_told_leaf_by_leaf(get: Get, regime: str, sheet: Sheet) -> None:
    told = get(f"/v1/regimes/{regime}/sheets/{sheet.id}").json()

    assert (told["id"], told["regime"], told["wording"]) == (sheet.id, regime, "own")
    assert told["rules_hash"] == LAW.rules_hash(regime, sheet.id)
    assert {
        code: (c["max"], [(o["label"], o["points"], o["min_for_star"], o["variant"]) for o in c["options"]])
        for code, c in leaves(told).items()
    } == {code: (c.max, [(o.vi, o.points, o.star, o.variant) for o in c.options]) for code, c in sheet.leaves.items()}
    assert told["complete"] is sheet.complete
    assert (told["note"] is None) is not bool(sheet.note_vi)


def test_sheets_are_listed_with_how_much_they_hold(get: Get) -> None:
    listed = get("/v1/regimes/QD26-2026/sheets").json()["sheets"]

    assert [s["number"] for s in listed] == list(range(1, 27))
    assert [sum(s[key] for s in listed) for key in ("criteria", "options", "gates")] == [787, 2579, 574]


PATHS = ["/v1/regimes", "/v1/regimes/QD26-2026", "/v1/regimes/QD26-2026/sheets", "/v1/regimes/QD26-2026/sheets/QD26-11"]


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_is_kept_until_it_changes(get: Get, path: str) -> None:
    answer = get(path)
    tag = answer.headers["etag"]

    assert answer.headers["cache-control"] == "public, max-age=300"
    for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = get(path, **{"If-None-Match": header})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "public, max-age=300"
    assert get(path, **{"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/regimes/QD0-1900",
        "/v1/regimes/%00",
        f"/v1/regimes/{'x' * 2_000}",
        "/v1/regimes/QD0-1900/sheets",
        "/v1/regimes/QD0-1900/sheets/QD26-11",
        "/v1/regimes/QD26-2026/sheets/QD1048-01",
        "/v1/regimes/QD26-2026/sheets/%F0%9F%8D%B5",
    ],
)
def test_what_there_is_not_is_said_in_both_languages(get: Get, path: str) -> None:
    answer = get(path)
    problem = answer.json()

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert problem["type"] == "/v1/problems/not-found"
    assert problem["detail"].startswith(("Không có", "QD26-2026 không có"))
    assert "no such" in problem["detail_en"]
    assert "QD26-" in problem["hint"]


@pytest.mark.parametrize("path", PATHS)
def test_answers_have_the_shape_that_is_promised(get: Get, path: str) -> None:
    document = get_openapi(title="law", version="1", routes=regimes.router.routes)
    template = path.replace("/QD26-2026", "/{regime_id}").replace("/QD26-11", "/{sheet_id}")
    operation = document["paths"][template]["get"]
    promised = operation["responses"]["200"]["content"]["application/json"]["schema"]

    assert operation["tags"] == ["law"]
    assert "304" in operation["responses"]
    assert promised["$ref"].startswith("#/components/schemas/")
    schema = {**promised, "components": document["components"]}
    jsonschema_rs.Draft202012Validator(schema).validate(get(path).json())


def test_official_wording_is_shown_where_it_was_imported(get: Get) -> None:
    sheet = LAW.sheets["QD26-11"]
    words = SheetWording(
        figures="",
        title="Tên chính thức",
        rejected_when="Hồ sơ bị loại khi",
        parts={"A": "Phần chính thức"},
        sections={s.code: f"Mục {s.code}" for p in sheet.parts for s in p.sections},
        headings={h.code: f"Nhóm {h.code}" for p in sheet.parts for s in p.sections for h in s.headings},
        criteria={
            code: CriterionWording(
                title=f"Tiêu chí {code}",
                labels=tuple(f"Mức {n}" for n, _ in enumerate(c.options)),
                notes=("Một", "Hai"),
                disqualifiers=("Bị loại",),
            )
            for code, c in sheet.leaves.items()
        },
    )
    official = serving({sheet.id: words})
    path = f"/v1/regimes/QD26-2026/sheets/{sheet.id}"
    own, told = get(path), official(path)

    assert own.headers["etag"] != told.headers["etag"]
    body = told.json()
    assert (body["wording"], body["vi"], body["dossier_rejected_when"]) == (
        "official",
        "Tên chính thức",
        "Hồ sơ bị loại khi",
    )
    assert [p["vi"] for p in body["parts"]] == ["Phần chính thức", *(p.vi for p in sheet.parts[1:])]
    assert body["parts"][2]["sections"][0]["headings"][0]["vi"] == "Nhóm 6.1"
    leaf = leaves(body)["1.1"]
    assert (leaf["vi"], leaf["note"], leaf["disqualifier"]["vi"]) == ("Tiêu chí 1.1", "Một\nHai", "Bị loại")
    assert [o["label"] for o in leaf["options"]] == ["Mức 0", "Mức 1", "Mức 2"]
    assert body["rules_hash"] == own.json()["rules_hash"]
    assert official("/v1/regimes/QD26-2026/sheets").json()["sheets"][10]["wording"] == "official"
    assert official("/v1/regimes/QD26-2026/sheets/QD26-12").json()["wording"] == "own"
