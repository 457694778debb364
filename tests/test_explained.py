"""Decisions explained: all that an inspector asks is in the document, and the star follows from it alone."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import jsonschema_rs
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

import domain.law
from api.examples import EXAMPLES
from api.explanation import Explanation
from application.recorded import Recorded
from domain.law.book import LawBook, law_book, load
from domain.law.recompute import differences, digest_of, recompute
from domain.law.sums import write_sums
from domain.product.certificate_facts import EnteredFromRegister, RecognitionRecorded, RegisterEntity, RegisterRow
from domain.product.facts import FactCorrected
from domain.product.rating_facts import (
    ProductNotRecognised,
    ProductRecognised,
    RescoringOrdered,
    ResultApproved,
    ResultSentBack,
    ScoreSheetSubmitted,
    ScoringConcluded,
    SheetsOpened,
    TakenOffAgenda,
)
from domain.stream import Fact
from domain.values import Role
from projections.explained import decisions_of, explain
from tests.decided import Form, Picked, Scored, decided, forms, scored, stream
from tests.golden_stream import golden_stream
from tests.hall import VOTING, Hall, advised, product_id, worth
from tests.service import Service
from tests.story import FILE, tea

LAW = law_book()
FORMS = forms()
Document = dict[str, Any]
KEY = UUID(int=7, version=4)


# ── Over HTTP ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def product(service: Service) -> str:
    """The tea, told to the end: 75 points of each member, four stars."""
    sheet = [choice.model_dump() for choice in worth(75)]
    return service.tell(
        [
            (command, role, {**body, "choices": sheet} if command == "submit-score-sheet" else body)
            for command, role, body in tea()
        ]
    )


@pytest.fixture(scope="module")
def document(service: Service, product: str) -> Document:
    return asked(service, product, 1)


def asked(service: Service, product: str, number: int, who: Any = Role.INSPECTOR) -> Document:
    answer = service.get(f"/v1/products/{product}/decisions/{number}", who, **{"X-Min-Position": str(service.position)})
    assert answer.status_code == 200, answer.text
    found: Document = answer.json()
    return found


def test_the_decisions_on_a_product_are_listed(service: Service, product: str, document: Document) -> None:
    listed = service.get(f"/v1/products/{product}/decisions").json()

    assert listed["product_id"] == product == document["product_id"]
    assert [(d["number"], d["decision"], d["stars"], d["effective_on"]) for d in listed["decisions"]] == [
        (1, "product.recognised", 4, "2026-10-20")
    ]


def test_the_document_is_of_the_shape_that_is_published(service: Service, document: Document) -> None:
    Explanation.model_validate_json(json.dumps(document))

    published = service.client.get("/openapi.json").json()
    path = published["paths"]["/v1/products/{product_id}/decisions/{number}"]["get"]
    schema = path["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema_rs.validate({**schema, "components": published["components"]}, document)


def test_it_names_the_rules_and_their_hash(document: Document) -> None:
    rules = document["rules"]

    assert (rules["regime"], rules["decision"]) == ("QD26-2026", "Quyết định 26/2026/QĐ-TTg")
    assert (rules["sheet"], rules["sheet_complete"], rules["sheet_note"]) == ("QD26-11", True, "")
    assert rules["hash"] == rules["hash_loaded"] == LAW.rules_hash("QD26-2026", "QD26-11")
    assert rules["unchanged"] is True
    assert [(b["stars"], b["min"]) for b in document["bands"]] == [(5, 90), (4, 70), (3, 50), (2, 30), (1, 0)]


def test_it_shows_every_choice_of_every_member(document: Document) -> None:
    sheet = LAW.sheets["QD26-11"]

    assert [s["member"] for s in document["sheets"]] == ["council-member-1", "council-member-2", "council-member-3"]
    assert [s["capacity"] for s in document["sheets"]] == ["chair", "vice-chair", "member"]
    for shown in document["sheets"]:
        assert len(shown["sealed"]) == 64
        assert [c["code"] for c in shown["choices"]] == list(sheet.leaves)
        assert shown["total"] == sum(c["points"] for c in shown["choices"])
        for choice in shown["choices"]:
            criterion = sheet.leaves[choice["code"]]
            assert (choice["criterion"], choice["max"]) == (criterion.vi, criterion.max)
            option = None if choice["option"] is None else criterion.options[choice["option"]]
            assert (choice["label"], choice["points"]) == ((option.vi, option.points) if option else (None, 0))


def test_it_shows_attendance_quorum_conflicts_and_spread(document: Document) -> None:
    assert document["council"]["number"] == "643/QĐ-UBND"
    assert document["council"]["round"] == 1
    members = ["council-member-1", "council-member-2", "council-member-3"]
    assert document["attendance"]["voting"] == members
    assert set(members) <= set(document["attendance"]["present"])
    assert (document["attendance"]["quorum"], document["attendance"]["chair_present"]) == (3, True)
    assert document["conflicts"] == document["earlier_rounds"] == []
    assert document["spread"]["points"] == 0
    assert document["spread"]["limit"] == "10"
    assert "quy chế" in document["spread"]["basis"]
    assert document["procedure"]["quorum_percent"] == 75


def test_it_says_who_signed_under_which_authority(document: Document) -> None:
    told, rule = document["authority"], LAW.competence("recognise", "25", LAW.regimes["QD26-2026"], "province")
    assert rule is not None

    assert (told["level"], told["name"]) == ("province", "Chủ tịch UBND cấp tỉnh")
    assert told["area"] == {"code": "25", "name": "Phú Thọ"}
    assert (told["certifies"], told["interim_stars"], told["stars"]) == ([3, 4], None, 4)
    assert told["legal_basis"] == "QĐ 26/2026/QĐ-TTg Đ4.1, Đ7.3e"
    assert (told["signer"], told["person"], told["role"]["code"]) == (
        "Chủ tịch UBND tỉnh",
        "province-chair",
        "province-chair",
    )
    assert told["competence"] == {
        "command": "recognise",
        "vi": "Quyết định công nhận và cấp giấy chứng nhận",
        "en": "Recognise and certify",
        "roles": [{"code": "province-chair", "vi": "chủ tịch UBND cấp tỉnh", "en": "provincial chair"}],
        "legal_basis": f"Quyết định 26/2026/QĐ-TTg, {rule.legal_basis}",
        "mark": rule.mark,
    }
    number = told["decision_number"]
    assert told["vi"] == (
        f"Chủ tịch UBND cấp tỉnh (Phú Thọ): Chủ tịch UBND tỉnh ký quyết định {number} ngày 20/10/2026"
        " theo Quyết định 26/2026/QĐ-TTg, Đ7.3e (văn bản quy định)."
    )
    assert told["en"] == (
        "chairman of the provincial people's committee (Phú Thọ): Chủ tịch UBND tỉnh signed decision"
        f" {number} on 2026-10-20 under Quyết định 26/2026/QĐ-TTg, Đ7.3e (in the text)."
    )
    assert document["sentence"].startswith("Ngày 20/10/2026, ")
    assert "4 stars" in document["sentence_en"]


def test_it_names_the_evidence_and_every_fact_by_its_place_in_the_trail(
    service: Service, product: str, document: Document
) -> None:
    assert [(e["sha256"], e["kind"], e["number"]) for e in document["evidence"]] == [
        (FILE, EXAMPLES["record-evidence"]["kind"], EXAMPLES["record-evidence"]["number"])
    ]
    trail = {line["version"]: line for line in service.get(f"/v1/products/{product}/trail").json()["trail"]}
    named = [trail[fact["version"]]["fact"] for fact in document["facts"]]
    assert named == [fact["fact"] for fact in document["facts"]]
    assert named == [
        "product.dossier-filed",
        "product.commune-report-issued",
        "product.advisory-reported",
        "product.sheets-opened",
        "product.scoring-concluded",
        "product.recognised",
    ]
    assert [trail[f["version"]]["position"] for f in document["facts"]] == [f["position"] for f in document["facts"]]


def test_it_holds_a_checklist_of_every_star(document: Document) -> None:
    sheet = LAW.sheets["QD26-11"]

    assert [level["stars"] for level in document["checklist"]] == [3, 4, 5]
    for level in document["checklist"]:
        total, *gates = level["conditions"]
        assert (total["code"], total["minimum"]) == (None, {3: 50, 4: 70, 5: 90}[level["stars"]])
        assert total["article"].startswith("QĐ 26/2026/QĐ-TTg")
        assert {g["code"]: g["minimum"] for g in gates} == {
            code: by_star[level["stars"]] for code, by_star in sheet.gates.items() if level["stars"] in by_star
        }
        for condition in level["conditions"]:
            assert condition["met"] == (float(condition["score"]) >= condition["minimum"])
            assert condition["condition"]
            assert condition["condition_en"]
            assert condition["article"]
        assert (level["of"], level["passed"]) == (
            len(level["conditions"]),
            sum(condition["met"] for condition in level["conditions"]),
        )
    assert all(c["met"] for level in document["checklist"][:2] for c in level["conditions"])


def test_it_says_the_result_in_words(document: Document) -> None:
    result = document["result"]

    assert (result["average"], result["shown"]) == ("75", "75,00")
    assert (result["band"], result["stars"], result["missed"]) == (4, 4, [])
    assert result["minutes_number"] == "03/BB-HĐ"
    assert document["vi"] == (
        "3 phiếu, điểm trung bình 75,00, khung 4 sao (Quyết định 26/2026/QĐ-TTg, QD26-11). "
        "Đạt mọi điều kiện tối thiểu. Kết quả: 4 sao."
    )
    assert document["en"].endswith("Every minimum condition is met. Result: 4 stars.")


def test_the_star_follows_from_the_document_alone(document: Document) -> None:
    again = json.loads(json.dumps(document))

    assert differences(again) == []
    assert recompute(again).stars == 4


@pytest.mark.parametrize("number", [2, 10**6])
def test_a_decision_that_there_is_not(service: Service, product: str, number: int) -> None:
    answer = service.get(f"/v1/products/{product}/decisions/{number}")

    assert answer.status_code == 404
    assert answer.json()["detail_en"] == "The product has 1 decisions."


@pytest.mark.parametrize("number", ["0", "-1", "x", "1000001"])
def test_a_number_that_is_none(service: Service, product: str, number: str) -> None:
    assert service.get(f"/v1/products/{product}/decisions/{number}").status_code == 422


@pytest.mark.parametrize("who", ["officer elsewhere", "another producer"])
def test_nobody_elsewhere_reads_it(service: Service, product: str, who: str) -> None:
    for path in ("decisions", "decisions/1", "decisions/2"):
        answer = service.get(f"/v1/products/{product}/{path}", who)
        assert answer.status_code == 404
        assert answer.json()["detail_en"] == "There is no such product within your area."
    assert service.get(f"/v1/products/{uuid4()}/decisions/1").status_code == 404


def test_a_stranger_is_asked_for_a_token(service: Service, product: str) -> None:
    assert service.client.get(f"/v1/products/{product}/decisions/1").status_code == 401


@pytest.mark.parametrize("who", [Role.PRODUCER, Role.COMMUNE_OFFICER, Role.PROVINCE_OFFICER, Role.SUPERVISOR])
def test_producer_and_offices_read_the_same_document(
    service: Service, product: str, document: Document, who: Role
) -> None:
    """Members are named to the producer too: a council's work is an official act."""
    assert asked(service, product, 1, who) == document


# ── The same at the height of facts ────────────────────────────────────────────────────────────────────


def form(regime: str = "QD26-2026", sheet: str = "QD26-11", level: str = "province") -> Form:
    return next(f for f in FORMS if (f.regime.id, f.sheet.id, f.level.code) == (regime, sheet, level))


def member(of: Form, share: float, more: int = 0) -> Picked:
    """A member's choices, each as far up its options as ``share`` says; ``more``: so many criteria one further."""
    picked = []
    for options in of.choices.values():
        place = min(int(share * len(options)), len(options) - 1)
        further = int(more > 0 and place + 1 < len(options))
        more -= further
        picked.append(options[place + further])
    return picked


def agreed(of: Form, share: float) -> Picked:
    return [
        of.choices[code][min(int(share * len(of.choices[code])), len(of.choices[code]) - 1)] for code in of.sheet.gates
    ]


def explained(recorded: Sequence[Recorded], number: int = 1, law: LawBook = LAW) -> Document:
    """The document of a decision, as it comes out of JSON."""
    found = decisions_of(recorded)
    document = explain("Trà", number, *found[number - 1], law)
    Explanation.model_validate_json(json.dumps(document))
    parsed: Document = json.loads(json.dumps(document, ensure_ascii=False))
    return parsed


def of_facts(facts: Sequence[Fact], number: int = 1, law: LawBook = LAW) -> Document:
    return explained(stream(KEY, facts), number, law)


def rescored() -> Document:
    hall = Hall(advised(1, gates=5)).scoring()
    hall.score_all(60, 75, 76, 80).close().again().score_all(74, 75, 76, 77).close().conclude()
    facts = hall.told[product_id(1)]
    result = next(f for f in facts if isinstance(f, ScoringConcluded))
    return of_facts([*facts, recognition(result)])


def recognition(result: ScoringConcluded, **changes: Any) -> ProductRecognised:
    use = form()
    whole = next(f for f in decided(use, Scored([member(use, 0.8)] * 3, agreed(use, 1), "agreed")))
    assert isinstance(whole, SheetsOpened)
    return ProductRecognised(
        stars=result.stars,
        decision_number="01/QĐ-UBND",
        signer="Chủ tịch UBND tỉnh",
        certificate_number="25-2026-000001",
        issued_on=date(2026, 10, 20),
        valid_to=date(2029, 10, 20),
        regime=result.regime,
        rules_hash=result.rules_hash,
        level=result.level,
        authority="25",
        book=KEY,
        product_number=None,
        warnings=(),
        **changes,
    )


def middling(gate_test: Any = "agreed", share: float = 0.6) -> list[Fact]:
    use = form()
    return decided(use, Scored([member(use, 0.75, more) for more in (0, 1, 3)], agreed(use, share), gate_test))


def poor() -> list[Fact]:
    use = form()
    return decided(use, Scored([member(use, 0.1)] * 3, agreed(use, 0), "agreed"))


def excellent(gate_test: Any = "agreed") -> list[Fact]:
    use = form()
    return decided(use, Scored([member(use, 1)] * 3, agreed(use, 1), gate_test))


def sent_back() -> list[Fact]:
    use = form(level="centre")
    opened, concluded = decided(use, Scored([member(use, 1)] * 3, agreed(use, 0.7), "agreed"))[:2]
    result = cast("ScoringConcluded", concluded)
    assert result.stars < 5
    back = ResultSentBack(
        from_level="centre",
        to_level="province",
        letter_number="99/BNNMT",
        average=result.average,
        stars=result.stars,
        regime=result.regime,
        rules_hash=result.rules_hash,
    )
    return [opened, concluded, back]


def in_parts() -> list[Fact]:
    use = form("QD148-2023", "QD148")
    return decided(use, Scored([member(use, 0.8, more) for more in (0, 1, 2)], [], "agreed"))


def interim() -> list[Fact]:
    """Under the rules of 2019 the province certifies four stars before the centre decides on the fifth."""
    use = form("QD1048-2019", "QD1048-01")
    return decided(use, Scored([member(use, 1)] * 3, agreed(use, 1), "agreed"))


DOCUMENTS: dict[str, Callable[[], Document]] = {
    "agreed": lambda: of_facts(middling()),
    "average": lambda: of_facts(middling("average")),
    "rescored": rescored,
    "not recognised": lambda: of_facts(poor()),
    "passed up": lambda: of_facts(excellent()),
    "sent back": lambda: of_facts(sent_back()),
    "points by part": lambda: of_facts(in_parts()),
    "interim": lambda: of_facts(interim()),
    "old journal": lambda: explained(golden_stream()),
}


@pytest.fixture(params=DOCUMENTS, scope="module")
def any_document(request: pytest.FixtureRequest) -> Document:
    return DOCUMENTS[request.param]()


def test_whatever_was_decided_follows_from_its_document(any_document: Document) -> None:
    assert differences(any_document) == []
    assert recompute(any_document).stars == any_document["result"]["stars"]


@settings(max_examples=60, deadline=None)
@for_all(which=st.sampled_from(FORMS), seed=st.integers(0, 2**32))
def test_whatever_a_council_scores_follows_from_its_document(which: Form, seed: int) -> None:
    facts = decided(which, scored(which, random.Random(seed)))
    if len(facts) == 2:  # nobody decides on it at this level
        return
    document, result = of_facts(facts), cast("ScoringConcluded", facts[1])

    assert differences(document) == []
    again = recompute(document)
    assert (again.stars, again.band, str(again.average)) == (result.stars, result.band, result.average)
    assert {code for code, *_ in again.missed} == {gate.code for gate in result.missed}


def test_conditions_on_the_average_are_held_against_it() -> None:
    document = DOCUMENTS["average"]()

    assert document["gate_test"] == "average"
    scores = {c["code"]: c["score"] for level in document["checklist"] for c in level["conditions"]}
    members = [{c["code"]: c["points"] for c in sheet["choices"]} for sheet in document["sheets"]]
    for code in LAW.sheets["QD26-11"].gates:
        above, _, below = scores[code].partition("/")
        assert int(above) * 3 == sum(m[code] for m in members) * int(below or 1)


def test_a_missed_condition_is_named_with_what_was_found() -> None:
    document = DOCUMENTS["agreed"]()

    assert document["result"]["stars"] < document["result"]["band"]
    missed = document["result"]["missed"]
    assert missed
    unmet = [
        (condition["code"], level["stars"])
        for level in document["checklist"]
        for condition in level["conditions"]
        if not condition["met"] and condition["code"] and level["stars"] <= document["result"]["band"]
    ]
    assert [(gate["code"], gate["stars"]) for gate in missed] == unmet
    for gate in missed:
        assert f"({gate['code']}): có {gate['found']}, {gate['stars']} sao cần {gate['needed']}" in document["vi"]
        assert f"({gate['code']}): {gate['found']} found, {gate['stars']} stars need" in document["en"]


def test_both_rounds_are_in_the_document() -> None:
    document = rescored()

    assert document["council"]["round"] == 2
    assert [s["total"] for s in document["sheets"]] != [s["total"] for s in document["earlier_rounds"][0]["sheets"]]
    first = document["earlier_rounds"][0]
    assert (first["round"], first["spread"], first["discussion"]) == (1, 20, "Đã thảo luận tiêu chí bao bì.")
    assert sorted(s["total"] for s in first["sheets"]) == [60, 75, 76, 80]
    assert sorted(s["total"] for s in document["sheets"]) == [74, 75, 76, 77]
    assert document["spread"]["points"] == 3
    assert [f["fact"] for f in document["facts"]].count("product.sheets-opened") == 2
    assert "product.rescoring-ordered" in {f["fact"] for f in document["facts"]}


def test_a_cancelled_sessions_sheets_are_not_what_it_rests_on() -> None:
    cancelled = TakenOffAgenda(session=KEY, reason="Bão số 5")

    document = of_facts([poor()[0], cancelled, *middling()])

    assert document["earlier_rounds"] == []
    assert document["facts"][0]["version"] == 3
    assert differences(document) == []


def test_conflicts_are_named() -> None:
    hall = Hall(advised(1)).set_up().call().attend().declare(VOTING[3], ground="relative").open()
    hall.score_all(75, 75, 75).close().conclude()
    facts = hall.told[product_id(1)]

    document = of_facts([*facts, recognition(next(f for f in facts if isinstance(f, ScoringConcluded)))])

    assert [(c["member"], c["ground"], c["vi"]) for c in document["conflicts"]] == [
        (VOTING[3], "relative", "sản phẩm của người thân")
    ]
    assert [s["member"] for s in document["sheets"]] == sorted(VOTING[:3])
    assert document["attendance"]["quorum"] == 3


def test_a_sheet_known_by_its_parts_says_that_conditions_are_not_known() -> None:
    document = DOCUMENTS["points by part"]()

    assert document["rules"]["sheet_complete"] is False
    assert "KHÔNG kiểm tra" in document["rules"]["sheet_note"]
    assert "NOT checked" in document["rules"]["sheet_note_en"]
    assert [c["code"] for c in document["sheets"][0]["choices"]] == ["A", "B", "C"]
    assert [[c["code"] for c in level["conditions"]] for level in document["checklist"]] == [[None], [None], [None]]
    assert "Chưa có điều kiện tối thiểu để kiểm tra." in document["vi"]
    assert "Minimum conditions are not known." in document["en"]


def test_what_else_is_decided_names_its_own_competence() -> None:
    told = {name: DOCUMENTS[name]()["authority"] for name in ("not recognised", "passed up", "sent back")}

    assert {name: t["competence"]["command"] for name, t in told.items()} == {
        "not recognised": "decline-recognition",
        "passed up": "approve-results",
        "sent back": "send-back-result",
    }
    for name, command, level in (
        ("not recognised", "decline-recognition", "province"),
        ("passed up", "approve-results", "province"),
        ("sent back", "send-back-result", "centre"),
    ):
        rule = LAW.competence(command, "25", LAW.regimes["QD26-2026"], level)
        assert rule is not None
        assert told[name]["level"] == level
        assert told[name]["competence"]["legal_basis"] == f"Quyết định 26/2026/QĐ-TTg, {rule.legal_basis}"
        assert [role["code"] for role in told[name]["competence"]["roles"]] == [role.value for role in rule.roles]
        assert rule.legal_basis in told[name]["vi"]
        assert rule.legal_basis in told[name]["en"]
    assert told["passed up"]["vi"].startswith("Chủ tịch UBND cấp tỉnh (Phú Thọ): Chủ tịch UBND tỉnh ký quyết định")
    assert "Chủ tịch tỉnh, chủ tịch UBND cấp tỉnh, quyết định ngày" in told["not recognised"]["vi"]
    assert (told["passed up"]["stars"], told["not recognised"]["stars"]) == (None, 1)


def test_stars_certified_meanwhile_are_fewer_than_the_councils() -> None:
    document = DOCUMENTS["interim"]()

    assert (document["result"]["stars"], document["authority"]["stars"]) == (5, 4)
    assert document["authority"]["interim_stars"] == 4


def test_an_old_journals_open_sheets_are_shown_as_they_were() -> None:
    document = DOCUMENTS["old journal"]()

    assert document["decision"] == "product.recognised"
    assert len(document["sheets"]) == 3
    assert {s["sealed"] for s in document["sheets"]} == {s["capacity"] for s in document["sheets"]} == {None}
    assert document["council"] is document["attendance"] is document["procedure"] is None
    assert document["spread"]["limit"] is None
    assert document["rules"]["unchanged"] is False
    assert document["rules"]["hash"] != document["rules"]["hash_loaded"]
    names = [f["fact"] for f in document["facts"]]
    assert names.count("product.score-sheet-submitted") == 3
    assert document["evidence"][0]["sha256"] == FILE


def test_an_old_journals_earlier_round_is_shown_too() -> None:
    golden = golden_stream()
    sheets = [r for r in golden if isinstance(r.fact, ScoreSheetSubmitted)]
    first = golden.index(sheets[0])
    rescoring = RescoringOrdered(discussion="Thảo luận lại.", round=2, spread=12)
    second = [cast("ScoreSheetSubmitted", r.fact).model_copy(update={"round": 2}) for r in sheets]
    rest = [r.fact for r in golden[first + len(sheets) :]]
    facts = [*(r.fact for r in golden[: first + len(sheets)]), rescoring, *second, *rest]

    document = of_facts(facts)

    assert [r["round"] for r in document["earlier_rounds"]] == [1]
    assert document["earlier_rounds"][0]["discussion"] == "Thảo luận lại."
    assert len(document["earlier_rounds"][0]["sheets"]) == len(document["sheets"]) == 3
    assert differences(document) == []


def test_every_decision_of_an_old_journal_is_explained() -> None:
    golden = golden_stream()

    kinds = [explained(golden, number)["decision"] for number in range(1, len(decisions_of(golden)) + 1)]

    assert kinds[:3] == ["product.recognised", "product.not-recognised", "product.result-approved"]


PAST = RecognitionRecorded(
    stars=4,
    decision_number="12/QĐ-UBND",
    year=2024,
    decided_on=date(2024, 5, 31),
    authority="UBND tỉnh Hoà Bình",
    level="province",
    certificate_number="17-2024-12",
    valid_to=date(2027, 5, 31),
    valid_to_given=False,
    regime="QD148-2023",
    rules_hash=LAW.regime_hash("QD148-2023"),
    warnings=(),
)
ENTERED = EnteredFromRegister(
    name="Mật ong",
    commune="04876",
    commune_as_given="xã Cao Sơn",
    old_unit=None,
    group=None,
    holder=RegisterEntity(name="HTX nuôi ong"),
    register_row=RegisterRow(file_sha256=FILE, row=12, cells={}),
)


def test_a_decision_of_the_past_says_where_it_is_known_from() -> None:
    recorded = stream(KEY, [ENTERED, PAST])
    document = explained(recorded)

    assert document["sheets"] == document["checklist"] == document["bands"] == []
    assert document["result"] is document["council"] is None
    assert document["vi"] == "Không có phiếu điểm trong hệ thống."
    assert (document["rules"]["regime"], document["rules"]["sheet"]) == ("QD148-2023", None)
    assert document["rules"]["hash"] == document["rules"]["hash_loaded"] == LAW.regime_hash("QD148-2023")
    authority = document["authority"]
    assert (authority["name"], authority["stars"], authority["area"]) == ("UBND tỉnh Hoà Bình", 4, None)
    assert authority["competence"]["command"] == "enter-from-register"
    assert authority["competence"]["legal_basis"] == "sổ theo dõi giấy chứng nhận của tỉnh"
    assert "UBND tỉnh Hoà Bình, quyết định 12/QĐ-UBND (31/05/2024)" in authority["vi"]
    assert "decision 12/QĐ-UBND (2024-05-31)" in authority["en"]
    assert [f["fact"] for f in document["facts"]] == ["product.entered-from-register", "product.recognition-recorded"]
    assert document["digest"] == digest_of(document)
    with pytest.raises(ValueError, match="no score sheets"):
        differences(document)


def test_a_decision_of_the_past_may_be_known_by_its_year_alone() -> None:
    bare = {"decided_on": None, "regime": None, "rules_hash": None, "valid_to": None, "authority": None, "level": None}
    entered, recorded = stream(KEY, [ENTERED, PAST.model_copy(update=bare)])
    later = replace(recorded, envelope=recorded.envelope.model_copy(update={"command_id": uuid4()}))

    document = explained([entered, later])

    assert document["rules"] is None
    assert document["authority"]["competence"]["command"] == "record-recognition"
    assert "không rõ cơ quan, quyết định 12/QĐ-UBND (2024)" in document["authority"]["vi"]


def test_a_round_of_today_after_one_of_the_past_is_explained_by_its_own_sheets() -> None:
    facts = [PAST, *middling()]

    assert of_facts(facts, 1)["sheets"] == []
    assert differences(of_facts(facts, 2)) == []


def test_a_correction_is_told_and_named() -> None:
    facts = middling()
    mended = FactCorrected(
        corrected_version=2,
        corrected_name="product.scoring-concluded",
        was={"minutes_number": "03/BB-HĐ"},
        now={"minutes_number": "05/BB-HĐ"},
        reason="Ghi nhầm.",
        authority="Biên bản gốc",
    )

    document = of_facts([*facts, mended])

    assert document["result"]["minutes_number"] == "05/BB-HĐ"
    assert {f["version"]: f["corrected_by"] for f in document["facts"]} == {1: [], 2: [4], 3: []}
    assert differences(document) == []


# ── Other rules than those it was decided under ────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def other_law(tmp_path_factory: pytest.TempPathFactory) -> LawBook:
    """Parts A of the sheet by parts have 39 points at most: the best option is gone, and another is renamed."""
    source = Path(domain.law.__path__[0])
    folder = Path(shutil.copytree(source, tmp_path_factory.mktemp("rules") / "law"))
    sheet, library = folder / "sheets/QD148-2023/QD148.toml", folder / "sheets/QD148-2023/criteria.toml"
    sheet.write_text(sheet.read_text(encoding="utf-8").replace("max = 40", "max = 39"), encoding="utf-8")
    library.write_text(library.read_text(encoding="utf-8").replace("max = 40", "max = 39"), encoding="utf-8")
    for regime in (folder / "regimes").glob("*.toml"):
        text = regime.read_text(encoding="utf-8")
        if 'sheets = "QD148-2023"' in text:
            text = text.replace("A = 40, B = 25", "A = 39, B = 25").replace("total = 100", "total = 99")
            regime.write_text(text, encoding="utf-8")
    write_sums(folder)
    return load(folder)


def test_it_says_when_the_rules_loaded_are_others(other_law: LawBook) -> None:
    document = of_facts(in_parts(), law=other_law)

    assert document["rules"]["unchanged"] is False
    assert document["rules"]["hash"] == LAW.rules_hash("QD148-2023", "QD148")
    assert differences(document) == []  # the options chosen are worth the same


def test_an_option_the_loaded_rules_do_not_know_is_shown_as_such(other_law: LawBook) -> None:
    use = form("QD148-2023", "QD148", "centre")
    document = of_facts(decided(use, Scored([member(use, 1)] * 3, [], "agreed")), law=other_law)

    best = document["sheets"][0]["choices"][0]
    assert (best["code"], best["option"], best["points"], best["label"]) == ("A", 40, None, None)
    assert document["sheets"][0]["total"] == 100
    with pytest.raises(ValueError, match="points are not known for A"):
        differences(document)


def test_rules_that_are_not_loaded_are_named() -> None:
    opened, concluded, recognised = middling()[:3]
    nowhere = {"regime": "QD0-1999"}

    document = of_facts([opened, concluded.model_copy(update=nowhere), recognised.model_copy(update=nowhere)])

    assert document["rules"] is document["result"] is None
    assert document["en"] == "The rules QD0-1999 QD26-11 are not loaded."
    assert document["authority"]["competence"] is None


# ── Nothing in it can be changed unnoticed ─────────────────────────────────────────────────────────────


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every single value in a document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, (*path, place))
    else:
        yield path


def altered(document: Document, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Document:
    other = copy.deepcopy(document)
    inner: Any = other
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = change(inner[path[-1]])
    return other


def something_else(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return not value
    return value + 1 if isinstance(value, int) else f"{value}1"


def noticed(document: Document) -> bool:
    try:
        return differences(document) != []
    except (ValueError, TypeError, KeyError):
        return True


def forged(document: Document, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Document:
    """Altered by somebody who knows how the digest is made."""
    other = altered(document, path, change)
    return {**other, "digest": digest_of(other)}


def test_a_change_anywhere_is_noticed(any_document: Document) -> None:
    everywhere = list(leaves(any_document))

    unnoticed = [path for path in everywhere if not noticed(altered(any_document, path, something_else))]

    assert len(everywhere) > 100
    assert unnoticed == []


def test_a_key_left_out_is_noticed(any_document: Document) -> None:
    for key in any_document:
        assert noticed({name: value for name, value in any_document.items() if name != key}), key


FIGURES = ("total", "average", "band", "stars", "found", "needed", "score", "met", "passed", "of")


def figures(document: Document) -> Iterator[tuple[Any, ...]]:
    """Every point of every member, and every figure that follows from them."""
    for path in leaves(document):
        match path:
            case ("sheets", _, "choices", _, "points") | ("sheets", _, "total") | ("spread", "points"):
                yield path
            case ("result", *_, name) if name in FIGURES:
                yield path
            case ("checklist", _, *rest) if rest[-1] in FIGURES and rest != ["stars"]:
                yield path
            case ("authority", "stars"):
                if document["authority"]["stars"] is not None:
                    yield path
            case _:
                pass


def test_a_figure_that_does_not_follow_is_noticed_whatever_the_digest_says(any_document: Document) -> None:
    every = list(figures(any_document))

    unnoticed = [path for path in every if not noticed(forged(any_document, path, something_else))]

    assert len(every) > 30 or not any_document["rules"]["sheet_complete"]
    assert unnoticed == []


def test_a_band_moved_above_the_average_is_noticed(any_document: Document) -> None:
    place = next(n for n, b in enumerate(any_document["bands"]) if b["stars"] == any_document["result"]["band"])

    assert noticed(forged(any_document, ("bands", place, "min"), lambda _: 101))
    assert noticed(forged(any_document, ("bands", 0, "min"), lambda _: 0))


@pytest.mark.parametrize("name", ["agreed", "average", "rescored", "interim"])
def test_a_condition_made_harder_or_easier_is_noticed(name: str) -> None:
    """A minimum above what was found; a missed one lowered to it."""
    document = DOCUMENTS[name]()
    for place, level in enumerate(document["checklist"]):
        for number, condition in enumerate(level["conditions"]):
            where = ("checklist", place, "conditions", number, "minimum")
            if condition["met"]:
                assert noticed(forged(document, where, lambda _: 101))
            else:
                assert noticed(forged(document, where, lambda _: 0))


def test_options_agreed_otherwise_are_noticed() -> None:
    """Each gated criterion in turn: none of it met, or all of it."""
    document = DOCUMENTS["agreed"]()
    scores = {c["code"]: c["score"] for level in document["checklist"] for c in level["conditions"]}

    for number, choice in enumerate(document["agreed"]):
        assert scores[choice["code"]] == str(choice["points"])
        assert noticed(forged(document, ("agreed", number, "points"), lambda points: points + 1))
        assert noticed({**document, "agreed": document["agreed"][:number] + document["agreed"][number + 1 :]})
    assert noticed(forged(document, ("gate_test",), lambda _: "average"))
    assert noticed(forged(document, ("gate_test",), lambda _: "whatever"))


def test_a_member_or_a_criterion_named_twice_is_refused() -> None:
    document = DOCUMENTS["agreed"]()
    twice = {**document, "sheets": [*document["sheets"], document["sheets"][0]]}
    again = copy.deepcopy(document)
    again["sheets"][0]["choices"].append(again["sheets"][0]["choices"][0])

    with pytest.raises(ValueError, match="member is there twice"):
        recompute(twice)
    with pytest.raises(ValueError, match="criterion is there twice"):
        recompute(again)


def test_a_sheet_taken_away_or_put_in_is_noticed(any_document: Document) -> None:
    sheets = any_document["sheets"]
    fewer = {**any_document, "sheets": [{**sheets[0], "choices": sheets[0]["choices"][1:]}, *sheets[1:]]}
    more = {**any_document, "sheets": [*sheets, {**sheets[0], "member": "Ai đó", "choices": []}]}

    for other in (fewer, more):
        assert noticed({**other, "digest": digest_of(other)})


def test_the_kinds_of_decisions_here_are_all_there_are() -> None:
    kinds = {DOCUMENTS[name]()["decision"] for name in DOCUMENTS}

    assert kinds == {f.stored_name for f in (ProductRecognised, ProductNotRecognised, ResultApproved, ResultSentBack)}
