"""One scenario a regime, told over HTTP as a protocol: who may decide what, under which decision.

Readable without the program: days are the days of the acts, numbers are the councils' points. All products and
papers are made up; the plan of Bình Thuận of 07/07/2023 is real (its dates and its division of powers).
"""

from collections.abc import Iterator

import pytest

from tests.scenario import Place, Protocol, everybody
from tests.service import Service

HA_NOI = Place("01", commune="09022", district="01-250")  # xã Mê Linh; before 1 July 2025 in the district of Mê Linh
BINH_THUAN = Place("68", commune="22972", district="68-595")  # xã Phan Rí Cửa, once Tuy Phong, today in Lâm Đồng
LAM_DONG = Place("68", commune="24823")  # phường 1 Bảo Lộc
PHU_THO = Place("25", commune="04876")  # xã Cao Sơn

BEYOND, LAW, ROLE, ORDER = "invalid-content", "against-the-law", "role-not-allowed", "wrong-order"


@pytest.fixture(scope="module")
def service(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    people = everybody(HA_NOI, BINH_THUAN, LAM_DONG, PHU_THO)
    # Nobody holds the office of a district since 1 July 2025; one who still tries is turned away.
    people = list({a.person: a for a in [*people, BINH_THUAN.person("district-chair")]}.values())
    running = Service(tmp_path_factory.mktemp("service"), database, actors=people).start()
    yield running
    running.stop()


# ── QĐ 1048/QĐ-TTg (21/08/2019 – 23/02/2023): three levels ────────────────────────────────────


def test_qd1048_the_district_scores_and_the_province_certifies(service: Service) -> None:
    """Quyết định 1048/QĐ-TTg of 2019: every product is scored in its district, none is certified there.

    The district passes 50 points and more up to the province, which certifies 3 and 4 stars (§ 2.5).
    """
    case = Protocol(service, HA_NOI, sheet="QD1048-11")
    case.council("district", "2021-03-01", number="120/QĐ-UBND")
    case.council("province", "2021-03-15", number="900/QĐ-UBND")
    forest, garden, thin = (case.filed(name, "2021-06-01") for name in ("Mật ong rừng", "Mật ong vườn", "Mật loãng"))
    for product in (forest, garden, thin):
        case.commune_proposes("2021-06-10", "2021-06-14", product)
        case.taken_in("district", "2021-06-28", product)

    # The district's council: 76, 58 and 45 points. Members are told two working days ahead.
    sheets = {forest: (75, 76, 77), garden: (57, 58, 59), thin: (44, 45, 46)}
    case.judged("district", "2021-07-12", "2021-07-15", sheets)

    # Nobody in the district certifies, whatever the points; nor does the province before its own council has met.
    case.may_not("2021-07-20", "district-chair", "recognise", garden, code=ROLE)
    case.may_not("2021-07-20", "province-chair", "recognise", garden, code=ORDER, says="không ở cấp này")

    # From 50 points the result is approved and goes up; 45 points end in the district, without a star.
    case.may_not("2021-07-20", "district-chair", "approve-results", thin, code=LAW, says="từ 50 điểm")
    case.act("2021-07-20", "district-chair", "decline-recognition", thin, reasons="Điểm trung bình 45, dưới 50.")
    case.decides("2021-07-20", "district-chair", "approve-results", forest, garden)
    for product in (forest, garden):
        case.act("2021-07-22", "district-officer", "forward-dossier", product, letter_number="310/TTr-UBND")
        case.taken_in("province", "2021-08-02", product)

    # The province's council scores anew and its chairman certifies 4 stars and 3.
    case.judged("province", "2021-09-06", "2021-09-09", {forest: (73, 74, 75), garden: (60, 61, 62)})
    case.may_not("2021-09-20", "district-chair", "recognise", forest, level="province", code=ROLE)
    case.decides("2021-09-20", "province-chair", "recognise", forest, garden)

    held = case.certificate(forest)
    assert held is not None
    assert (held["stars"], held["level"], held["authority"]) == (4, "province", "Thành phố Hà Nội")
    assert (held["issued_on"], held["valid_to"]) == ("2021-09-20", "2024-09-20")  # 36 months
    second = case.certificate(garden)
    assert second is not None
    assert second["stars"] == 3
    assert second["decision_number"] == held["decision_number"], "one decision lists both products"
    assert second["number"] != held["number"], "each has a certificate of its own"
    assert case.certificate(thin) is None
    assert case.standing(thin) == "not-recognised"

    assert case.decisions(forest) == ["product.result-approved", "product.recognised"]
    passed, certified = case.explained(forest, 1), case.explained(forest, 2)
    assert passed["result"]["average"] == "76"
    assert passed["authority"]["name"] == "Chủ tịch UBND cấp huyện"
    assert certified["result"] | {"missed": []} == certified["result"], (
        "no minimum conditions are known of these sheets"
    )
    assert (certified["result"]["average"], certified["result"]["stars"]) == ("74", 4)
    assert certified["rules"]["decision"] == "Quyết định 1048/QĐ-TTg"
    assert certified["authority"]["name"] == "Chủ tịch UBND cấp tỉnh"


def test_qd1048_a_potential_five_star_is_certified_four_first(service: Service) -> None:
    """Quyết định 1048/QĐ-TTg of 2019: from 90 points the province certifies 4 stars at once and sends the dossier on.

    That certificate lies in the dossier to the ministry (guide of Hà Nội, § 7.1); the minister certifies 5 stars.
    """
    case = Protocol(service, HA_NOI, sheet="QD1048-11")
    for level, number in (("district", "130/QĐ-UBND"), ("province", "910/QĐ-UBND"), ("centre", "1200/QĐ-BNN")):
        case.council(level, "2021-03-01", number=number)
    honey = case.filed("Mật ong bạc hà", "2021-06-01")
    case.commune_proposes("2021-06-10", "2021-06-14", honey)
    case.taken_in("district", "2021-06-28", honey)
    case.judged("district", "2021-07-12", "2021-07-15", {honey: (91, 92, 93)})
    case.decides("2021-07-20", "district-chair", "approve-results", honey)
    case.act("2021-07-22", "district-officer", "forward-dossier", honey, letter_number="311/TTr-UBND")
    case.taken_in("province", "2021-08-02", honey)
    case.judged("province", "2021-09-06", "2021-09-09", {honey: (92, 93, 94)})

    # The province may not merely approve here, and never writes 5 stars: it certifies 4 and sends on.
    case.may_not("2021-09-20", "province-chair", "approve-results", honey, code=LAW)
    case.decides("2021-09-20", "province-chair", "recognise", honey)
    interim = case.certificate(honey)
    assert interim is not None
    assert (interim["stars"], interim["level"]) == (4, "province")
    case.act("2021-09-27", "province-officer", "forward-dossier", honey, letter_number="77/TTr-UBND")
    still = case.certificate(honey)
    assert still is not None
    assert still["number"] == interim["number"], "the 4 stars hold while the ministry evaluates"

    case.taken_in("centre", "2021-10-11", honey)
    case.judged("centre", "2021-11-15", "2021-11-18", {honey: (90, 91, 92)})
    case.may_not("2021-12-01", "province-chair", "recognise", honey, level="centre", code=ROLE)
    case.decides("2021-12-01", "minister", "recognise", honey)

    final = case.certificate(honey)
    assert final is not None
    assert (final["stars"], final["level"], final["valid_to"]) == (5, "centre", "2024-12-01")
    assert case.decisions(honey) == ["product.result-approved", "product.recognised", "product.recognised"]
    first, second = case.explained(honey, 2), case.explained(honey, 3)
    assert (first["authority"]["stars"], first["result"]["stars"]) == (4, 5), "scored 5, certified 4 for the time being"
    assert second["authority"]["name"] == "Bộ trưởng Bộ Nông nghiệp và Phát triển nông thôn"
    assert second["result"]["average"] == "91"


# ── QĐ 148/QĐ-TTg (24/02/2023 – 05/07/2025): the district certifies 3 stars ────────────────────


def test_qd148_binh_thuan_2023(service: Service) -> None:
    """Bình Thuận 2023, under Quyết định 148/QĐ-TTg (plan of the province of 07/07/2023).

    "UBND cấp huyện ban hành quyết định phê duyệt kết quả và giấy chứng nhận cho các sản phẩm 3 sao; chuyển hồ sơ
    sản phẩm đạt từ 70 điểm lên hội đồng cấp tỉnh", before 31/10/2023; "đối với sản phẩm đạt 4 sao, UBND tỉnh ban
    hành quyết định và giấy chứng nhận", before 31/12/2023.
    """
    case = Protocol(service, BINH_THUAN, sheet="QD148")
    case.council("district", "2023-07-20", number="845/QĐ-UBND")
    case.council("province", "2023-07-25", number="1550/QĐ-UBND")
    sauce, squid = case.filed("Nước mắm cá cơm", "2023-08-01"), case.filed("Mực một nắng", "2023-08-02")
    for product in (sauce, squid):
        case.commune_proposes("2023-08-15", "2023-08-18", product)
        case.taken_in("district", "2023-09-05", product)

    # The district's council: an average of 65 and one of 74.
    case.judged("district", "2023-10-05", "2023-10-10", {sauce: (64, 65, 66), squid: (72, 74, 76)})

    # 3 stars are the district's. The provincial chairman does not sign them, the commune signs nothing.
    case.may_not("2023-10-20", "province-chair", "recognise", sauce, level="district", code=ROLE)
    case.may_not("2023-10-20", "commune-chair", "recognise", sauce, level="district", code=ROLE)
    case.may_not("2023-10-20", "district-chair", "approve-results", sauce, code=LAW, says="từ 70 điểm")
    case.decides("2023-10-20", "district-chair", "recognise", sauce)

    # 74 points go up: the district's chairman may not sign 4 stars, at his own level or at the province's.
    case.may_not("2023-10-20", "district-chair", "recognise", squid, code=LAW, says="Kết quả từ 70 điểm")
    case.may_not("2023-10-20", "district-chair", "recognise", squid, level="province", code=ROLE)
    case.decides("2023-10-20", "district-chair", "approve-results", squid)
    case.act("2023-10-24", "district-officer", "forward-dossier", squid, letter_number="402/TTr-UBND")
    case.taken_in("province", "2023-11-06", squid)
    case.judged("province", "2023-12-04", "2023-12-07", {squid: (73, 74, 75)})
    case.may_not("2023-12-15", "district-chair", "recognise", squid, level="province", code=ROLE)
    case.decides("2023-12-15", "province-chair", "recognise", squid)

    three, four = case.certificate(sauce), case.certificate(squid)
    assert three is not None
    assert four is not None
    assert (three["stars"], three["level"], three["issued_on"]) == (3, "district", "2023-10-20")
    assert three["valid_to"] == "2026-10-20"
    assert (four["stars"], four["level"], four["issued_on"], four["valid_to"]) == (
        4,
        "province",
        "2023-12-15",
        "2026-12-15",
    )
    assert three["issued_on"] < "2023-10-31", "before 31/10/2023, as planned"
    assert four["issued_on"] < "2023-12-31", "before 31/12/2023, as planned"
    # Two authorities, two books: each begins to count at 1; the product number tells province, commune, turn, year.
    assert three["decision_number"] == four["decision_number"] == "1/QĐ-UBND"
    assert three["product_number"] is None  # its form of those years is not known

    document = case.explained(sauce, 1)
    assert (document["result"]["average"], document["result"]["band"], document["result"]["stars"]) == ("65", 3, 3)
    assert document["authority"]["name"] == "Chủ tịch UBND cấp huyện"
    assert document["authority"]["legal_basis"] == "QĐ 148/QĐ-TTg"
    assert document["council"]["number"] == "845/QĐ-UBND"
    assert document["rules"]["sheet_complete"] is False, "annexes of QĐ 148 were not found: the document says so"
    assert case.decisions(squid) == ["product.result-approved", "product.recognised"]
    assert case.explained(squid, 2)["authority"]["name"] == "Chủ tịch UBND cấp tỉnh"


def test_qd148_what_the_province_scores_below_70_returns_to_the_district(service: Service) -> None:
    """Quyết định 148/QĐ-TTg: the district found 71, the province's council finds 66.

    3 stars are not the province's to certify (§ 2.5). What then, was not found; INFERRED, as QĐ 26 Đ7.4g has it for
    the ministry: the result returns to the level below, which certifies on it or evaluates once more.
    """
    case = Protocol(service, BINH_THUAN, sheet="QD148")
    case.council("district", "2024-02-20", number="95/QĐ-UBND")
    case.council("province", "2024-02-25", number="210/QĐ-UBND")
    rice = case.filed("Gạo rẫy", "2024-04-01")
    case.commune_proposes("2024-04-10", "2024-04-12", rice)
    case.taken_in("district", "2024-05-06", rice)
    case.judged("district", "2024-06-03", "2024-06-06", {rice: (70, 71, 72)})
    case.decides("2024-06-12", "district-chair", "approve-results", rice)
    case.act("2024-06-14", "district-officer", "forward-dossier", rice, letter_number="150/TTr-UBND")
    case.taken_in("province", "2024-07-01", rice)
    case.judged("province", "2024-08-05", "2024-08-08", {rice: (65, 66, 67)})

    case.may_not("2024-08-15", "province-chair", "recognise", rice, code=LAW, says="không có thẩm quyền")
    case.refused("2024-08-15", "district-officer", "send-back-result", rice, code=ROLE, letter_number="1/UBND")
    case.act("2024-08-15", "province-officer", "send-back-result", rice, letter_number="2201/UBND-KT")
    case.decides("2024-08-20", "district-chair", "recognise", rice)

    held = case.certificate(rice)
    assert held is not None
    assert (held["stars"], held["level"]) == (3, "district")
    assert case.decisions(rice) == ["product.result-approved", "product.result-sent-back", "product.recognised"]
    assert case.explained(rice, 3)["result"]["average"] == "66", "on the province's result"


# ── QĐ 148 as amended by QĐ 1489/QĐ-TTg (from 06/07/2025): no district ─────────────────────────


def test_qd1489_there_is_no_district_any_more(service: Service) -> None:
    """Quyết định 1489/QĐ-TTg, from 06/07/2025: the commune proposes, the province certifies 3 and 4 stars.

    Lâm Đồng's council of that time was set up by 643/QĐ-UBND of 04/08/2025.
    """
    case = Protocol(service, LAM_DONG, sheet="QD148")
    district = Protocol(service, BINH_THUAN, sheet="QD148")

    # A district sets up no council any more: the rules of the day know no such level.
    body = district.council_body("district", "2025-07-10")
    district.refused("2025-07-10", "district-chair", "set-up-council", None, code=BEYOND, says="district", **body)

    case.council("province", "2025-08-04", number="643/QĐ-UBND")
    silk, tea = case.filed("Lụa tơ tằm", "2025-08-11"), case.filed("Trà ô long", "2025-08-12")
    for product in (silk, tea):
        case.commune_proposes("2025-08-26", "2025-08-28", product)
        case.taken_in("province", "2025-09-08", product)
    case.judged("province", "2025-10-01", "2025-10-06", {silk: (61, 62, 63), tea: (80, 81, 83)})

    # What the district once signed is the province's; the commune has no star to give.
    district.may_not("2025-10-15", "district-chair", "recognise", silk, level="province", code=ROLE)
    district.may_not("2025-10-15", "district-chair", "recognise", silk, code=ROLE)
    case.may_not("2025-10-15", "commune-chair", "recognise", silk, level="province", code=ROLE)
    case.decides("2025-10-15", "province-chair", "recognise", silk, tea)

    first, second = case.certificate(silk), case.certificate(tea)
    assert first is not None
    assert second is not None
    assert (first["stars"], first["level"], first["authority"]) == (3, "province", "Lâm Đồng")
    assert (second["stars"], second["valid_to"]) == (4, "2028-10-15")
    assert case.decisions(silk) == ["product.recognised"]
    document = case.explained(tea, 1)
    assert document["result"]["average"] == "244/3", "exact, never rounded"
    assert document["result"]["shown"] == "81,33"
    assert document["rules"]["decision"] == "Quyết định 148/QĐ-TTg, sửa đổi bởi Quyết định 1489/QĐ-TTg"


def test_qd1489_dossiers_of_before_22_may_2026_are_finished_within_60_days(service: Service) -> None:
    """Quyết định 26/2026/QĐ-TTg, article 12: filed on 21/05/2026, the old rules hold, to the end of 21/07/2026.

    A dossier filed on 22/05/2026 is the new decision's (article 11.1).
    """
    case, new = Protocol(service, LAM_DONG, sheet="QD148"), Protocol(service, LAM_DONG, sheet="QD26-11")
    case.council("province", "2026-03-02", number="311/QĐ-UBND")
    coffee, cocoa = case.filed("Cà phê Cầu Đất", "2026-05-21"), case.filed("Ca cao Đạ Huoai", "2026-05-21")
    for product in (coffee, cocoa):
        case.commune_proposes("2026-06-05", "2026-06-08", product)
        case.taken_in("province", "2026-06-15", product)
    case.judged("province", "2026-07-06", "2026-07-09", {coffee: (66, 67, 68), cocoa: (60, 61, 62)})

    case.decides("2026-07-21", "province-chair", "recognise", coffee)  # the last day
    case.may_not("2026-07-22", "province-chair", "recognise", cocoa, code=LAW, says="21/07/2026")

    held = case.certificate(coffee)
    assert held is not None
    assert (held["stars"], held["issued_on"], held["valid_to"]) == (3, "2026-07-21", "2029-07-21")
    assert case.explained(coffee, 1)["rules"]["regime"] == "QD1489-2025"
    assert case.certificate(cocoa) is None

    # One day later the old sheet is no longer taken, the new one is.
    tea = new.ready("Trà xanh Bảo Lộc", "2026-05-22")
    case.refused("2026-05-22", "producer", "file-dossier", tea, code=BEYOND, says="QD148", **case.dossier("first-time"))
    new.files("2026-05-22", tea)
    assert new.told_of(tea, "product.dossier-filed")["regime"] == "QD26-2026"


# ── QĐ 26/2026/QĐ-TTg (from 22/05/2026): province and ministry ─────────────────────────────────


def test_qd26_phu_tho_2026_to_the_ministry_and_back(service: Service) -> None:
    """Phú Thọ 2026, under Quyết định 26/2026/QĐ-TTg: three teas of 90 points and more at the province.

    The province approves the result and sends the dossier to the ministry, without a certificate (article 7.3e).
    The centre confirms one: the minister certifies 5 stars (7.4e). It gives the others 86: sent back, and the
    province certifies 4 stars on the central result, or evaluates by itself (7.4g).
    """
    case = Protocol(service, PHU_THO, sheet="QD26-11")
    case.council("province", "2026-06-01", number="643/QĐ-UBND")
    case.council("centre", "2026-06-15", number="2100/QĐ-BNNMT")
    best, good, again = (case.filed(f"Chè Shan tuyết {name}", "2026-05-25") for name in ("một", "hai", "ba"))
    teas = (best, good, again)
    for product in teas:
        case.commune_proposes("2026-06-08", "2026-06-10", product)
        case.taken_in("province", "2026-06-17", product)
    case.judged("province", "2026-07-06", "2026-07-09", dict.fromkeys(teas, (92, 93, 95)))

    # 90 points are the ministry's. The province may not certify them, neither 5 stars nor 4 for the time being.
    case.may_not("2026-07-15", "province-chair", "recognise", best, code=LAW, says="Đ7.3e")
    case.may_not("2026-07-15", "minister", "recognise", best, code=ORDER)
    case.may_not("2026-07-15", "province-officer", "approve-results", best, code=ROLE)
    case.decides("2026-07-15", "province-chair", "approve-results", *teas)
    assert [case.certificate(product) for product in teas] == [None, None, None]
    for product in teas:
        case.act("2026-07-20", "province-officer", "forward-dossier", product, letter_number="1777/UBND-KT")
    sent = case.told_of(best, "product.dossier-forwarded")
    assert (sent["to_level"], sent["batch_cut_off"], sent["batch_done"]) == ("centre", "2026-07-30", "2026-09-30")  # Đ5
    for product in teas:
        case.taken_in("centre", "2026-08-10", product)
    case.judged("centre", "2026-09-07", "2026-09-10", {best: (93, 94, 96), good: (85, 86, 87), again: (85, 86, 87)})

    # 5 stars are signed by the minister, by nobody else; what the centre certifies it does not send back.
    case.may_not("2026-09-18", "province-chair", "recognise", best, level="centre", code=ROLE)
    case.may_not("2026-09-18", "ministry-officer", "recognise", best, level="centre", code=ROLE)
    case.refused("2026-09-18", "ministry-officer", "send-back-result", best, code=LAW, letter_number="1/BNNMT-PTNT")
    case.decides("2026-09-18", "minister", "recognise", best)

    # 86 points: not the minister's to certify; the result returns and the province decides on it.
    case.may_not("2026-09-18", "minister", "recognise", good, code=LAW, says="không có thẩm quyền")
    for product in (good, again):
        case.act("2026-09-18", "ministry-officer", "send-back-result", product, letter_number="5120/BNNMT-PTNT")
        assert case.standing(product) == "sent-back"
    case.may_not("2026-09-25", "minister", "recognise", good, code=ORDER)
    case.decides("2026-09-25", "province-chair", "recognise", good)
    case.act(
        "2026-09-25", "province-chair", "reopen-evaluation", again, document="1999/UBND-KT", reasons="Tỉnh tự đánh giá."
    )
    assert case.standing(again) == "in-batch"

    five_stars, four_stars = case.certificate(best), case.certificate(good)
    assert five_stars is not None
    assert four_stars is not None
    assert (five_stars["stars"], five_stars["level"], five_stars["valid_to"]) == (5, "centre", "2029-09-18")
    assert five_stars["authority"] == "Việt Nam"
    assert (four_stars["stars"], four_stars["level"], four_stars["valid_to"]) == (4, "province", "2029-09-25")
    assert five_stars["decision_number"].endswith("/QĐ-BNNMT")
    assert four_stars["decision_number"].endswith("/QĐ-UBND")

    assert case.decisions(best) == ["product.result-approved", "product.recognised"]
    assert case.decisions(good) == ["product.result-approved", "product.result-sent-back", "product.recognised"]
    approved, confirmed, settled = case.explained(best, 1), case.explained(best, 2), case.explained(good, 3)
    assert (approved["result"]["average"], approved["authority"]["stars"]) == ("280/3", None)
    assert confirmed["authority"]["name"] == "Bộ trưởng Bộ Nông nghiệp và Môi trường"
    assert confirmed["council"]["number"] == "2100/QĐ-BNNMT"
    assert (settled["result"]["average"], settled["authority"]["stars"]) == ("86", 4), "on the central result"
    assert settled["council"]["number"] == "2100/QĐ-BNNMT"
    assert settled["authority"]["name"] == "Chủ tịch UBND cấp tỉnh"


def test_qd26_a_missed_condition_holds_the_star_down(service: Service) -> None:
    """Quyết định 26/2026/QĐ-TTg, annex II: a total alone gives no star, each has minimum conditions (* * * *).

    74 points with only the conditions of 3 stars met are 3 stars; 58 points without them are none.
    """
    case = Protocol(service, PHU_THO, sheet="QD26-11")
    case.council("province", "2026-06-02", number="650/QĐ-UBND")
    held_down, failed = case.filed("Chè xanh Cao Sơn", "2026-06-01"), case.filed("Chè đen Cao Sơn", "2026-06-01")
    for product, gates in ((held_down, 3), (failed, 2)):
        case.commune_proposes("2026-06-15", "2026-06-17", product)
        case.taken_in("province", "2026-07-01", product, gates=gates)
    case.judged("province", "2026-07-13", "2026-07-16", {held_down: (73, 74, 75), failed: (57, 58, 59)})

    case.may_not("2026-09-28", "province-chair", "recognise", failed, code=LAW, says="Đ4.1a")
    case.may_not(
        "2026-09-28", "province-chair", "recognise", held_down, failed, code=LAW
    )  # a decision holds as a whole
    assert case.standing(held_down) == "concluded"
    case.decides("2026-09-28", "province-chair", "recognise", held_down)
    case.act("2026-09-28", "province-chair", "decline-recognition", failed, reasons="Chưa đạt điều kiện 3 sao.")

    certificate, document = case.certificate(held_down), case.explained(held_down, 1)
    assert certificate is not None
    assert certificate["stars"] == 3
    assert (document["result"]["band"], document["result"]["stars"]) == (4, 3)
    assert {gate["stars"] for gate in document["result"]["missed"]} == {4}
    assert case.certificate(failed) is None
