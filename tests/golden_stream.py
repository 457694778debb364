"""The golden streams: stored bytes of every fact, which every later version must load.

``tests/golden/<kind>.jsonl`` holds one line a stored fact, written once. A new fact or a new fact
version adds lines (``OCOP_UPDATE_SNAPSHOTS=1``); a line that stands there is never written again.
"""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from api.examples import EXAMPLES
from application.recorded import Recorded, envelope, from_bytes, to_bytes
from domain import personal
from domain.streams import CATALOGUE, KINDS
from domain.values import Paper, Role, Source
from tests.language import given
from tests.story import FILE, actor, tea

FOLDER = Path(__file__).parent / "golden"
SPACE = UUID("00000000-0000-4000-8000-000000000001")
STREAMS = {kind: uuid5(SPACE, kind) if kind != "product" else SPACE for kind in KINDS}
COMMAND = UUID("00000000-0000-4000-8000-000000000002")
SESSION, PRODUCT = "00000000-0000-4000-8000-000000000003", "00000000-0000-4000-8000-000000000004"

RULES = {"regime": "QD26-2026", "rules_hash": FILE}
NUMBERED = {"certificate_number": "0001/2026/GCN-OCOP-25"}
WARNED = [{"code": "after-districts", "vi": "Kiểm tra ngày.", "en": "Check the date."}]
DELEGATED = {
    "delegation": PRODUCT,
    "assignment": SESSION,
    "commands": ["accept-idea"],
    "term": {"first": "2026-11-20", "last": "2026-12-20"},
    "document": "05/GUQ-UBND",
}
MEMBERS = EXAMPLES["set-up-council"]["members"]
ROW = {"file_sha256": FILE, "row": 7, "cells": {"B": "Chè Shan tuyết", "H": "3 sao"}}

# What the tea's story does not tell.
ASIDE: dict[str, dict[str, Any]] = {
    "product.idea-rejected": {"failed": ["local-speciality"], "reasons": "Không có nét riêng."},
    "product.idea-withdrawn": {"reason": "Chưa đủ điều kiện."},
    "product.plan-returned": {"reasons": "Chưa rõ vốn.", "missing": ["Nguồn vốn"]},
    "product.plan-amended": {
        "reason": "Lùi hạn.",
        "milestones": [{"code": "BAOBI", "title": "Bao bì", "due": "2026-07-31"}],
    },
    "product.difficulty-reported": {"area": "credit", "description": "Thiếu vốn."},
    "product.site-visited": {"findings": "Xưởng sạch."},
    "product.plan-abandoned": {"reason": "Ngừng sản xuất."},
    "product.supplement-requested": {"level": "commune", "items": ["Phiếu kiểm nghiệm"], "due": "2026-08-20"},
    "product.supplement-given": {"answer": "Đã bổ sung.", "evidence": [FILE], "report_due": "2026-09-10"},
    "product.dossier-rejected": {
        "ground": "forged-dossier",
        "legal_basis": "Phụ lục II",
        "details": "Phiếu giả.",
        **RULES,
    },
    "product.taken-off-agenda": {"session": SESSION, "reason": "Không đủ thành viên."},
    "product.rescoring-ordered": {"discussion": "Thảo luận.", "round": 2, "spread": 12},
    "product.not-recognised": {
        "level": "province",
        "stars": 2,
        "reasons": "Dưới 50 điểm.",
        "legal_basis": "Đ4.1a",
        **RULES,
    },
    "product.result-approved": {
        "level": "province",
        "book": SESSION,
        "decision_number": "9/QĐ",
        "signer": "Chủ tịch UBND tỉnh",
        "average": "271/3",
        **RULES,
        "warnings": [{"code": "4.1", "stars": 5, "needed": 5, "found": "10/3"}],
    },
    "product.result-sent-back": {
        "from_level": "centre",
        "to_level": "province",
        "letter_number": "99/BNNMT-PTNT",
        "average": "88",
        "stars": 4,
        **RULES,
    },
    "product.evaluation-reopened": {
        "level": "province",
        "because": "own-evaluation",
        "document": "120/UBND-KT",
        "reasons": "Tỉnh tổ chức đánh giá lại.",
    },
    "product.complaint-filed": EXAMPLES["file-complaint"],
    "product.complaint-settled": {"number": "07/QĐ-GQKN", "outcome": "rejected", "reasons": "Nộp sau ngày chấm."},
    "product.result-published": EXAMPLES["publish-result"],
    "product.dossier-withdrawn": {"reason": "Nộp lại sau."},
    "product.ecommerce-delisted": {"platform": "Sàn", "listing": "che", "reason": "Đổi gian hàng."},
    "product.point-of-sale-joined": {"point_of_sale": "Điểm bán OCOP", "address": "Xã Đà Bắc"},
    "product.retail-chain-joined": {"chain": "Chuỗi đặc sản", "stores": 6},
    "product.contract-signed": {"number": "09/HĐ", "partner": "Công ty", "value": 120000000, "runs_to": None},
    "product.certificate-notice-due": {**NUMBERED, "valid_to": "2029-10-20", "days": 180},
    "product.written-notice-given": {
        **NUMBERED,
        "letter_number": "31/TB-VPĐP",
        "received_by": "Đại diện tổ hợp tác",
        "received_on": "2029-09-10",
        "proof_sha256": FILE,
        "days_before": 40,
    },
    "product.certificate-suspended": {**NUMBERED, "reason": "Chờ kiểm nghiệm lại.", "legal_basis": "quy định của tỉnh"},
    "product.suspension-lifted": {**NUMBERED, "reason": "Kiểm nghiệm đạt."},
    "product.certificate-expired": {**NUMBERED, "stars": 3, "last_day": "2029-10-20"},
    "product.certificate-extended": {
        **NUMBERED,
        "until": "2030-04-18",
        "reason": "Đã quá hạn nộp hồ sơ khi quy định có hiệu lực.",
        "legal_basis": "QĐ 26/2026/QĐ-TTg Đ12.3",
    },
    "product.certificate-revoked": {
        **NUMBERED,
        "stars": 3,
        "decision_number": "2/QĐ-UBND",
        "signer": "Chủ tịch UBND tỉnh",
        "ground": "c",
        "legal_basis": "QĐ 26/2026/QĐ-TTg Đ8 điểm c",
        "conclusion": "Kết luận thanh tra 12/KL-TTr",
        "concluded_on": "2026-11-01",
        "late_days": 4,
        "reasons": "Vi phạm quy định về ghi nhãn.",
        "level": "province",
        "book": SESSION,
        **RULES,
    },
    "product.entered-from-register": {
        "name": "Chè Shan tuyết",
        "commune": "04876",
        "commune_as_given": "Cao Sơn",
        "old_unit": "huyện Đà Bắc",
        "group": "food",
        "holder": {"name": "Tổ hợp tác xóm Sưng"},
        "register_row": ROW,
    },
    "product.recognition-recorded": {
        "stars": 3,
        "decision_number": "1234/QĐ-UBND",
        "year": 2023,
        "decided_on": None,
        "authority": "UBND huyện Đà Bắc",
        "level": "district",
        "certificate_number": None,
        "valid_to": None,
        "valid_to_given": False,
        "regime": None,
        "rules_hash": None,
        "warnings": WARNED,
        "register_row": ROW,
    },
    "product.producer-registered": {
        "registration": "THT-0012",
        "name": "Tổ hợp tác xóm Sưng",
        "kind": "cooperative-group",
        "address": "Xóm Sưng",
        "group": "food",
    },
    "product.journey-withdrawn": {"reason": "Sang năm sau."},
    "product.fact-corrected": {
        "corrected_version": 2,
        "corrected_name": "product.guidance-given",
        "was": {"attendees": 32},
        "now": {"attendees": 35},
        "reason": "Ghi nhầm.",
        "authority": "Danh sách điểm danh",
    },
    "council.members-changed": {"number": "702/QĐ-UBND", "reason": "Thay ủy viên.", "members": MEMBERS[:3]},
    "council.procedure-changed": {"number": "1253/QĐ-UBND", "reason": "Ban hành quy chế."},
    "council.dissolved": {"number": "15/QĐ-UBND", "reason": "Hết nhiệm kỳ."},
    "book.product-number-given": {
        "commune": "04876",
        "year": 2026,
        "number": 1,
        "product_number": "25-04876-1-2026",
        "product": PRODUCT,
    },
    "session.conflict-declared": {
        "product": PRODUCT,
        "conflict": {"member": "council-member-2", "ground": "relative", "found": "declared", "note": "Anh họ."},
    },
    "session.rescoring-opened": {
        "round": 2,
        "products": [{"product": PRODUCT, "spread": 12, "discussion": "Thảo luận tiêu chí bao bì."}],
    },
    "session.cancelled": {"reason": "Không đủ thành viên.", "document": "15/UBND-KT"},
    "office.established": {
        "name": "Phòng Kinh tế",
        "level": "commune",
        "area": "04876",
        "agency_code": "H44.12.3",
        "since": "2025-07-01",
        "decision_number": "18/QĐ-UBND",
    },
    "office.renamed": {"name": "Phòng Kinh tế và Môi trường", "decision_number": "40/QĐ-UBND"},
    "office.post-filled": {"assignment": SESSION, "person": PRODUCT, "handle": "Cán bộ OCOP", "last": None},
    "office.post-vacated": {"assignment": SESSION, "ends_on": "2026-11-20"},
    "office.closed": {"decision_number": "55/QĐ-UBND", "reason": "Sáp nhập."},
    "person.registered": {"handle": "Cán bộ OCOP", "kind": "official", "area": "04876"},
    "person.role-assigned": {
        "assignment": SESSION,
        "role": "commune-officer",
        "office": PRODUCT,
        "office_name": "Phòng Kinh tế",
        "area": "04876",
        "producer": None,
        "term": {"first": "2026-01-01", "last": None},
        "decision_number": "21/QĐ-UBND",
        "signer": "Chủ tịch UBND xã",
    },
    "person.assignment-ended": {
        "assignment": SESSION,
        "ends_on": "2026-11-20",
        "decision_number": "80/QĐ-UBND",
        "reason": "Chuyển công tác.",
    },
    "person.delegation-given": {**DELEGATED, "delegate": PRODUCT, "delegate_handle": "Phó chủ tịch"},
    "person.delegation-received": {**DELEGATED, "delegator": PRODUCT, "delegator_handle": "Chủ tịch"},
    "person.delegation-ended": {"delegation": PRODUCT, "ends_on": "2026-12-01", "document": "06/UBND"},
    "subject.erasure-requested": {
        "area": "04876",
        "product": PRODUCT,
        "asked_on": "2026-11-18",
        "capacity": "self",
        "channel": "in-person",
        "scope": "both",
    },
    "subject.erasure-decided": {
        "outcome": "partly",
        "purposes": ["consent"],
        "legal_basis": "Luật Lưu trữ 33/2024/QH15",
        "reasons": "Hồ sơ đang được giải quyết.",
    },
    "subject.keys-destroyed": {
        "ground": "request",
        "decision": 2,
        "purposes": ["consent"],
        "keys": [{"key": SESSION, "purpose": "consent"}],
    },
    "log.key-changed": EXAMPLES["change-log-key"],
    "product.baseline-recorded": EXAMPLES["record-baseline"],
    "programme.issued": {**EXAMPLES["issue-programme"], "signer": "Chủ tịch UBND tỉnh"},
    "programme.target-set": EXAMPLES["set-target"],
    "programme.target-amended": EXAMPLES["amend-target"],
    "programme.deadline-set": EXAMPLES["set-deadline"],
    "programme.priority-set": EXAMPLES["set-priority"],
    "programme.task-assigned": EXAMPLES["assign-task"],
    "programme.class-held": EXAMPLES["record-class"],
    "programme.media-published": EXAMPLES["record-media"],
    "programme.staff-counted": EXAMPLES["count-staff"],
    "programme.apparatus-strengthened": EXAMPLES["record-apparatus"],
    "programme.organisation-supported": EXAMPLES["record-organisation"],
    "programme.monitoring-introduced": EXAMPLES["record-monitoring"],
    "programme.event-held": EXAMPLES["record-event"],
    "programme.point-of-sale-opened": EXAMPLES["open-point-of-sale"],
    "programme.point-of-sale-closed": EXAMPLES["close-point-of-sale"],
    "programme.entry-struck": EXAMPLES["strike-entry"],
}


def todays_stream(kind: str = "product") -> list[Recorded]:
    """What the tea's story tells of a kind of stream and what it does not, as this version would store it."""
    scene = given(tea())
    history = scene.histories[scene.ids[kind]] if kind in scene.ids else []
    told = [(t.fact, t.effective_on) for t in history]
    aside = [
        (CATALOGUE[name].model_validate_json(json.dumps({**_from_the_story(name, told), **data})), date(2026, 11, 20))
        for name, data in ASIDE.items()
        if name.startswith(f"{kind}.")
    ]
    return [
        Recorded(
            STREAMS[kind],
            version,
            envelope(
                personal.sealed(fact, STREAMS[kind], version, None, scene.seals),
                recorded_at=datetime(2026, 11, 23, 3, 0, 0, version, tzinfo=UTC),
                effective_on=effective_on,
                actor=actor(Role.COMMUNE_OFFICER),
                paper=Paper(number="12/TB-UBND", signed_on=effective_on, signer="Chủ tịch", article="Đ7.2"),
                source=Source(kind="illustrative", note="dòng mẫu"),
                command_id=COMMAND,
                commune="04876" if kind == "product" else "25",
            ),
            version,
        )
        for version, (fact, effective_on) in enumerate([*told, *aside], 1)
    ]


def _from_the_story(name: str, told: list[tuple[Any, date]]) -> dict[str, Any]:
    """Parts that are too long to write out: the council's procedure."""
    return {"procedure": told[0][0].procedure.model_dump(mode="json")} if name == "council.procedure-changed" else {}


def path_of(kind: str) -> Path:
    return FOLDER / f"{kind}.jsonl"


def golden_lines(kind: str = "product") -> list[dict[str, str]]:
    return [json.loads(line) for line in path_of(kind).read_text(encoding="utf-8").splitlines()]


def golden_stream(kind: str = "product") -> list[Recorded]:
    """The stored lines of a kind, loaded by this version."""
    return [
        Recorded(STREAMS[kind], version, from_bytes(line["name"], line["state"].encode()), version)
        for version, line in enumerate(golden_lines(kind), 1)
    ]


def golden_facts() -> list[Recorded]:
    """The stored lines of all kinds."""
    return [recorded for kind in KINDS for recorded in golden_stream(kind)]


def add_missing() -> None:
    """Append lines for stored names and fact versions that have none yet."""
    for kind in KINDS:
        lines = golden_lines(kind) if path_of(kind).exists() else []
        known = {(line["name"], json.loads(line["state"])["fact_version"]) for line in lines}
        with path_of(kind).open("a", encoding="utf-8") as file:
            for recorded in todays_stream(kind):
                if (recorded.fact.stored_name, recorded.fact.fact_version) not in known:
                    name, state = to_bytes(recorded)
                    file.write(json.dumps({"name": name, "state": state.decode()}, ensure_ascii=False) + "\n")
