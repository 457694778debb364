"""The golden stream: stored bytes of every fact, which every later version must load.

``tests/golden/product.jsonl`` holds one line a stored fact, written once. A new fact or a new fact
version adds lines (``OCOP_UPDATE_SNAPSHOTS=1``); a line that stands there is never written again.
"""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from application.recorded import Recorded, envelope, from_bytes, to_bytes
from domain.product.facts import CATALOGUE
from domain.values import Paper, Role, Source
from tests.language import given
from tests.story import FILE, actor, choices, tea

PATH = Path(__file__).parent / "golden" / "product.jsonl"
STREAM = UUID("00000000-0000-4000-8000-000000000001")
COMMAND = UUID("00000000-0000-4000-8000-000000000002")

RULES = {"regime": "QD26-2026", "rules_hash": FILE}

# What the tea's story does not tell.
ASIDE: list[tuple[str, dict[str, Any]]] = [
    ("product.idea-rejected", {"failed": ["local-speciality"], "reasons": "Không có nét riêng."}),
    ("product.idea-withdrawn", {"reason": "Chưa đủ điều kiện."}),
    ("product.plan-returned", {"reasons": "Chưa rõ vốn.", "missing": ["Nguồn vốn"]}),
    (
        "product.plan-amended",
        {"reason": "Lùi hạn.", "milestones": [{"code": "BAOBI", "title": "Bao bì", "due": "2026-07-31"}]},
    ),
    ("product.difficulty-reported", {"area": "credit", "description": "Thiếu vốn."}),
    ("product.site-visited", {"findings": "Xưởng sạch."}),
    ("product.plan-abandoned", {"reason": "Ngừng sản xuất."}),
    ("product.supplement-requested", {"level": "commune", "items": ["Phiếu kiểm nghiệm"], "due": "2026-08-20"}),
    ("product.supplement-given", {"answer": "Đã bổ sung.", "evidence": [FILE], "report_due": "2026-09-10"}),
    (
        "product.dossier-rejected",
        {"ground": "forged-dossier", "legal_basis": "Phụ lục II", "details": "Phiếu giả.", **RULES},
    ),
    ("product.rescoring-ordered", {"discussion": "Thảo luận.", "round": 2, "spread": 12}),
    ("product.not-recognised", {"stars": 2, "reasons": "Dưới 50 điểm.", "legal_basis": "Đ4.1a", **RULES}),
    (
        "product.result-approved",
        {
            "decision_number": "9/QĐ",
            "signer": "Chủ tịch UBND tỉnh",
            "average": "271/3",
            **RULES,
            "warnings": [{"code": "4.1", "stars": 5, "needed": 5, "found": 3}],
        },
    ),
    ("product.dossier-withdrawn", {"reason": "Nộp lại sau."}),
    ("product.ecommerce-delisted", {"platform": "Sàn", "listing": "che", "reason": "Đổi gian hàng."}),
    ("product.point-of-sale-joined", {"point_of_sale": "Điểm bán OCOP", "address": "Xã Đà Bắc"}),
    ("product.retail-chain-joined", {"chain": "Chuỗi đặc sản", "stores": 6}),
    ("product.contract-signed", {"number": "09/HĐ", "partner": "Công ty", "value": 120000000, "runs_to": None}),
    ("product.journey-withdrawn", {"reason": "Sang năm sau."}),
    (
        "product.fact-corrected",
        {
            "corrected_version": 2,
            "corrected_name": "product.guidance-given",
            "was": {"attendees": 32},
            "now": {"attendees": 35},
            "reason": "Ghi nhầm.",
            "authority": "Danh sách điểm danh",
        },
    ),
]


def todays_stream() -> list[Recorded]:
    """The tea's story and everything it does not tell, as this version would store it."""
    assert choices("QD26-11", 4)
    told = [(t.fact, t.effective_on) for t in given(tea()).history]
    aside = [(CATALOGUE[name].model_validate_json(json.dumps(data)), date(2026, 11, 20)) for name, data in ASIDE]
    return [
        Recorded(
            STREAM,
            version,
            envelope(
                fact,
                recorded_at=datetime(2026, 11, 23, 3, 0, 0, version, tzinfo=UTC),
                effective_on=effective_on,
                actor=actor(Role.COMMUNE_OFFICER),
                paper=Paper(number="12/TB-UBND", signed_on=effective_on, signer="Chủ tịch", article="Đ7.2"),
                source=Source(kind="illustrative", note="dòng mẫu"),
                command_id=COMMAND,
                commune="04876",
            ),
            version,
        )
        for version, (fact, effective_on) in enumerate([*told, *aside], 1)
    ]


def golden_lines() -> list[dict[str, str]]:
    return [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]


def golden_stream() -> list[Recorded]:
    """The stored lines, loaded by this version."""
    return [
        Recorded(STREAM, version, from_bytes(line["name"], line["state"].encode()), version)
        for version, line in enumerate(golden_lines(), 1)
    ]


def add_missing() -> None:
    """Append lines for stored names and fact versions that have none yet."""
    lines = golden_lines() if PATH.exists() else []
    known = {(line["name"], json.loads(line["state"])["fact_version"]) for line in lines}
    with PATH.open("a", encoding="utf-8") as file:
        for recorded in todays_stream():
            if (recorded.fact.stored_name, recorded.fact.fact_version) not in known:
                name, state = to_bytes(recorded)
                file.write(json.dumps({"name": name, "state": state.decode()}, ensure_ascii=False) + "\n")
