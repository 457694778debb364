"""One sentence a fact, Vietnamese and English: what was done, as an inspector reads it.

Who, as what, when and on which paper are put around it by the trail. A fact without its two sentences
fails the house test.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from application.recorded import Envelope, Recorded
from domain.law.areas import area_name
from domain.law.calendar import legal_date
from domain.personal import Spot, visited
from domain.product.certificate_facts import RecognitionRecorded
from domain.stream import Fact
from domain.values import ROLE_NAMES
from projections.personal_sentences import SUBJECTS
from projections.personnel_sentences import PERSONNEL
from projections.programme_sentences import PROGRAMMES
from projections.rating_sentences import CERTIFICATES, COUNCILS, RATING
from projections.words import (
    CHANNEL,
    COMMITMENT,
    DIFFICULTY,
    EVIDENCE,
    KIND,
    LEVEL,
    SUPPORT,
    average,
    day,
    dong,
    items,
    text,
    vnd,
)


def _place(code: str) -> str:
    name = area_name(code)
    return name[0].lower() + name[1:]


def _changes(fact: Any) -> str:
    """Old and new values; of a field that holds personal data only its name."""
    hidden: set[str] = set()

    def note(spot: Spot, value: Any) -> Any:
        hidden.add(spot.field.split(".")[1])
        return value

    visited(fact.stored_name, 0, fact, note)
    return "; ".join(
        name if name in hidden else f"{name}: “{fact.was.get(name)}” → “{value}”" for name, value in fact.now.items()
    )


Phrase = Callable[[Any], str]

SENTENCES: dict[str, tuple[Phrase, Phrase]] = {
    "product.identified": (
        lambda f: f"ghi nhận sản phẩm “{f.name}” tại {_place(f.commune)}, chu trình {f.cycle}",
        lambda f: f"recorded the product “{f.name}” in {area_name(f.commune)}, cycle {f.cycle}",
    ),
    "product.guidance-given": (
        lambda f: f"ghi nhận tuyên truyền, hướng dẫn “{f.title}” do {f.given_by} thực hiện",
        lambda f: f"recorded guidance “{f.title}” given by {f.given_by}",
    ),
    "product.idea-form-handed-over": (
        lambda f: "giao phiếu đăng ký ý tưởng cho người đại diện sản phẩm",
        lambda f: "handed the idea form over to the product's representative",
    ),
    "product.idea-submitted": (
        lambda f: f"nộp phiếu đăng ký ý tưởng “{f.product_name}” của {f.producer.name}",
        lambda f: f"submitted the idea “{f.product_name}” of {f.producer.name}",
    ),
    "product.idea-returned": (
        lambda f: f"trả lại ý tưởng: {text(f.reasons)}; cần bổ sung: {items(f.missing)}",
        lambda f: f"returned the idea: {text(f.reasons)}; missing: {items(f.missing)}",
    ),
    "product.idea-endorsed": (
        lambda f: "xác nhận ý tưởng, đưa vào kế hoạch ý tưởng của xã",
        lambda f: "endorsed the idea and put it into the commune's plan",
    ),
    "product.idea-accepted": (
        lambda f: "chấp thuận ý tưởng",
        lambda f: "accepted the idea",
    ),
    "product.idea-rejected": (
        lambda f: f"không chấp thuận ý tưởng: {text(f.reasons)} (không đạt: {items(f.failed)})",
        lambda f: f"rejected the idea: {text(f.reasons)} (tests: {items(f.failed)})",
    ),
    "product.idea-withdrawn": (
        lambda f: f"rút ý tưởng: {text(f.reason)}",
        lambda f: f"withdrew the idea: {text(f.reason)}",
    ),
    "product.plan-submitted": (
        lambda f: f"nộp phương án sản xuất kinh doanh với {len(f.milestones)} mốc, chi phí {dong(f.cost)}",
        lambda f: f"submitted the business plan with {len(f.milestones)} milestones, cost {vnd(f.cost)}",
    ),
    "product.plan-returned": (
        lambda f: f"trả lại phương án: {text(f.reasons)}; cần bổ sung: {items(f.missing)}",
        lambda f: f"returned the plan: {text(f.reasons)}; missing: {items(f.missing)}",
    ),
    "product.plan-accepted": (
        lambda f: "chấp thuận phương án",
        lambda f: "accepted the plan",
    ),
    "product.plan-amended": (
        lambda f: f"điều chỉnh phương án ({len(f.milestones)} mốc): {text(f.reason)}",
        lambda f: f"amended the plan ({len(f.milestones)} milestones): {text(f.reason)}",
    ),
    "product.milestone-reached": (
        lambda f: f"ghi nhận phương án đã đạt mốc “{f.code}”",
        lambda f: f"recorded that milestone “{f.code}” of the plan was reached",
    ),
    "product.evidence-obtained": (
        lambda f: (
            f"ghi nhận {EVIDENCE[f.kind][0]} số {f.number} do {f.issuer} cấp ngày {day(f.issued_on)}, {_until_vi(f.expires_on)}"
        ),
        lambda f: (
            f"recorded {EVIDENCE[f.kind][1]} number {f.number} issued by {f.issuer} on {f.issued_on}, {_until_en(f.expires_on)}"
        ),
    ),
    "product.commitment-made": (
        lambda f: f"cam kết {COMMITMENT[f.about][0]} ({f.document})",
        lambda f: f"made a commitment on {COMMITMENT[f.about][1]} ({f.document})",
    ),
    "product.baseline-recorded": (
        lambda f: (
            f"ghi doanh thu năm {f.year}, trước khi tham gia: {dong(f.revenue)}"
            + (f", lợi nhuận {dong(f.profit)}" if f.profit is not None else "")
        ),
        lambda f: (
            f"recorded the revenue of {f.year}, before taking part: {vnd(f.revenue)}"
            + (f", profit {vnd(f.profit)}" if f.profit is not None else "")
        ),
    ),
    "product.difficulty-reported": (
        lambda f: f"báo cáo khó khăn về {DIFFICULTY[f.area][0]}: {text(f.description)}",
        lambda f: f"reported a difficulty with {DIFFICULTY[f.area][1]}: {text(f.description)}",
    ),
    "product.support-granted": (
        lambda f: f"ghi nhận hỗ trợ {SUPPORT[f.kind][0]} của {f.granted_by}: {text(f.description)} ({dong(f.amount)})",
        lambda f: f"recorded support ({SUPPORT[f.kind][1]}) by {f.granted_by}: {text(f.description)} ({vnd(f.amount)})",
    ),
    "product.site-visited": (
        lambda f: f"kiểm tra thực địa: {text(f.findings)}",
        lambda f: f"visited the site: {text(f.findings)}",
    ),
    "product.implementation-completed": (
        lambda f: f"ghi nhận phương án đã hoàn thành{_left_vi(f)}",
        lambda f: f"recorded that the plan was carried out{_left_en(f)}",
    ),
    "product.plan-abandoned": (
        lambda f: f"dừng phương án: {text(f.reason)}",
        lambda f: f"abandoned the plan: {text(f.reason)}",
    ),
    "product.dossier-filed": (
        lambda f: (
            f"nộp hồ sơ {KIND[f.kind][0]} theo bộ tiêu chí {f.sheet}, tự chấm {f.self_score} điểm; hạn báo cáo của xã: hết ngày {day(f.report_due)}"
        ),
        lambda f: (
            f"filed a {KIND[f.kind][1]} dossier under sheet {f.sheet}, self-score {f.self_score}; the commune reports by {f.report_due}"
        ),
    ),
    "product.dossier-registered": (
        lambda f: f"vào sổ tiếp nhận hồ sơ {LEVEL[f.level][0]}, phiếu số {f.slip_number}, người nhận {f.received_by}",
        lambda f: (
            f"entered the dossier in the register of {LEVEL[f.level][1]}, slip {f.slip_number}, received by {f.received_by}"
        ),
    ),
    "product.supplement-requested": (
        lambda f: f"yêu cầu bổ sung hồ sơ ({LEVEL[f.level][0]}): {items(f.items)}",
        lambda f: f"asked for a supplement on behalf of {LEVEL[f.level][1]}: {items(f.items)}",
    ),
    "product.supplement-given": (
        lambda f: f"bổ sung hồ sơ: {text(f.answer)}",
        lambda f: f"gave the supplement: {text(f.answer)}",
    ),
    "product.commune-report-issued": (
        lambda f: f"ban hành báo cáo của xã số {f.number} (Biểu mẫu 03){_late_vi(f.late_days)}",
        lambda f: f"issued the commune's report {f.number} (Form 03){_late_en(f.late_days)}",
    ),
    **RATING,
    **COUNCILS,
    **PERSONNEL,
    **PROGRAMMES,
    **CERTIFICATES,
    **SUBJECTS,
    "log.key-changed": (
        lambda f: f"thay khóa ký của nhật ký {f.before} bằng {f.now}",
        lambda f: f"changed the log's signing key {f.before} to {f.now}",
    ),
    "product.proposed-to-province": (
        lambda f: (
            f"đề nghị cấp tỉnh đánh giá bằng công văn {f.letter_number}; đợt {f.batch}, phải xong trước {day(f.batch_done)}"
        ),
        lambda f: (
            f"proposed the product to the province by letter {f.letter_number}; batch {f.batch}, done before {f.batch_done}"
        ),
    ),
    "product.accepted-for-batch": (
        lambda f: f"tiếp nhận hồ sơ vào đợt {f.batch} với {f.samples_received} mẫu sản phẩm",
        lambda f: f"accepted the dossier for batch {f.batch} with {f.samples_received} samples",
    ),
    "product.dossier-rejected": (
        lambda f: f"loại hồ sơ trước khi chấm điểm: {text(f.details)} (căn cứ: {f.ground}, {f.legal_basis})",
        lambda f: f"rejected the dossier before scoring: {text(f.details)} (ground: {f.ground}, {f.legal_basis})",
    ),
    "product.advisory-reported": (
        lambda f: f"nộp báo cáo số {f.report_number} của tổ tư vấn, thẩm định {len(f.findings)} tiêu chí",
        lambda f: (
            f"submitted the advisory team's report {f.report_number}, with findings on {len(f.findings)} criteria"
        ),
    ),
    "product.score-sheet-submitted": (
        lambda f: f"nộp phiếu đánh giá vòng {f.round}: {f.total} điểm",
        lambda f: f"handed in a score sheet of round {f.round}: {f.total} points",
    ),
    "product.rescoring-ordered": (
        lambda f: f"chênh lệch {f.spread} điểm, hội đồng thảo luận và chấm lại (vòng {f.round}): {text(f.discussion)}",
        lambda f: (
            f"totals differed by {f.spread}; the council discussed and scores again (round {f.round}): {text(f.discussion)}"
        ),
    ),
    "product.scoring-concluded": (
        lambda f: (
            f"kết luận chấm điểm (biên bản {f.minutes_number}): trung bình {average(f.average, ',')} điểm của {len(f.totals)} phiếu, đạt {f.stars} sao{_missed_vi(f)}"
        ),
        lambda f: (
            f"concluded the scoring (minutes {f.minutes_number}): average {average(f.average, '.')} of {len(f.totals)} sheets, {f.stars} stars{_missed_en(f)}"
        ),
    ),
    "product.recognised": (
        lambda f: (
            f"công nhận {f.stars} sao theo quyết định {f.decision_number}, cấp giấy chứng nhận {f.certificate_number}, hiệu lực đến {day(f.valid_to)}"
        ),
        lambda f: (
            f"recognised the product with {f.stars} stars by decision {f.decision_number}, certificate {f.certificate_number} valid to {f.valid_to}"
        ),
    ),
    "product.not-recognised": (
        lambda f: f"không công nhận ({f.stars} sao, {f.legal_basis}): {text(f.reasons)}",
        lambda f: f"did not recognise the product ({f.stars} stars, {f.legal_basis}): {text(f.reasons)}",
    ),
    "product.result-approved": (
        lambda f: (
            f"phê duyệt kết quả {average(f.average, ',')} điểm theo quyết định {f.decision_number}, trình cấp trên"
        ),
        lambda f: (
            f"approved the result of {average(f.average, '.')} points by decision {f.decision_number} for the level above"
        ),
    ),
    "product.result-notified": (
        lambda f: f"thông báo kết quả bằng văn bản {f.letter_number} cho {items(f.recipients)}",
        lambda f: f"notified the result by letter {f.letter_number} to {items(f.recipients)}",
    ),
    "product.dossier-withdrawn": (
        lambda f: f"rút hồ sơ: {text(f.reason)}",
        lambda f: f"withdrew the dossier: {text(f.reason)}",
    ),
    "product.ecommerce-listed": (
        lambda f: f"đưa sản phẩm lên sàn thương mại điện tử “{f.platform}” ({f.listing})",
        lambda f: f"listed the product on {f.platform} ({f.listing})",
    ),
    "product.ecommerce-delisted": (
        lambda f: f"gỡ sản phẩm khỏi sàn thương mại điện tử “{f.platform}” ({f.listing}): {text(f.reason)}",
        lambda f: f"took the listing on {f.platform} ({f.listing}) down: {text(f.reason)}",
    ),
    "product.fair-attended": (
        lambda f: f"tham gia hội chợ “{f.fair}” tại {f.place}, bán {dong(f.sales)}",
        lambda f: f"attended the fair “{f.fair}” in {f.place}, sales {vnd(f.sales)}",
    ),
    "product.point-of-sale-joined": (
        lambda f: f"đưa sản phẩm vào điểm bán OCOP “{f.point_of_sale}”, {f.address}",
        lambda f: f"placed the product in the OCOP point of sale “{f.point_of_sale}”, {f.address}",
    ),
    "product.retail-chain-joined": (
        lambda f: f"đưa sản phẩm vào chuỗi bán lẻ {f.chain} ({f.stores} cửa hàng)",
        lambda f: f"placed the product in the retail chain {f.chain} ({f.stores} stores)",
    ),
    "product.contract-signed": (
        lambda f: f"ký hợp đồng {f.number} với {f.partner}, giá trị {dong(f.value)}",
        lambda f: f"signed contract {f.number} with {f.partner}, value {vnd(f.value)}",
    ),
    "product.revenue-reported": (
        lambda f: f"báo cáo doanh thu kỳ {f.period}, kênh {CHANNEL[f.channel][0]}: {dong(f.amount)}",
        lambda f: f"reported revenue of {f.period} through {CHANNEL[f.channel][1]}: {vnd(f.amount)}",
    ),
    "product.journey-withdrawn": (
        lambda f: f"rút khỏi chương trình: {text(f.reason)}",
        lambda f: f"left the programme: {text(f.reason)}",
    ),
    "product.fact-corrected": (
        lambda f: (
            f"đính chính sự kiện số {f.corrected_version} theo {f.authority}: {_changes(f)} (lý do: {text(f.reason)})"
        ),
        lambda f: f"corrected fact {f.corrected_version} under {f.authority}: {_changes(f)} (reason: {text(f.reason)})",
    ),
}


def _left_vi(fact: Any) -> str:
    return f"; mốc còn mở: {items(fact.open_milestones)}" if fact.open_milestones else ", đã đạt mọi mốc"


def _left_en(fact: Any) -> str:
    return (
        f"; milestones still open: {items(fact.open_milestones)}"
        if fact.open_milestones
        else ", all milestones reached"
    )


def _until_vi(end: date | None) -> str:
    return f"có giá trị đến {day(end)}" if end else "không thời hạn"


def _until_en(end: date | None) -> str:
    return f"valid until {end}" if end else "without expiry"


def _late_vi(days: int) -> str:
    return f", chậm {days} ngày làm việc" if days else ", đúng hạn"


def _late_en(days: int) -> str:
    return f", {days} working days late" if days else ", in time"


def _missed_vi(fact: Any) -> str:
    found = [f"{g.code} ({g.stars} sao cần {g.needed}, có {g.found})" for g in fact.missed]
    return f"; điều kiện chưa đạt: {items(found)}" if found else ""


def _missed_en(fact: Any) -> str:
    found = [f"{g.code} ({g.stars} stars need {g.needed}, found {g.found})" for g in fact.missed]
    return f"; conditions missed: {items(found)}" if found else ""


def act(fact: Fact) -> tuple[str, str]:
    """What was done, in Vietnamese and English."""
    vi, en = SENTENCES[fact.stored_name]
    return vi(fact), en(fact)


def _who(e: Envelope, language: int) -> str:
    actor = e.actor
    office = f", {actor.office}" if actor.office != actor.person else ""
    told = f"{actor.person} ({ROLE_NAMES[actor.role][language]}{office})"
    if (by := actor.delegator) is not None:
        told += _BY[language].format(person=by.person, document=by.document)
    if (served := e.on_behalf_of) is not None:
        whom = served.producer or area_name(served.area or "")
        told += _FOR[language].format(role=ROLE_NAMES[served.role][language], whom=whom, paper=served.paper.number)
    return told


_BY = (" theo ủy quyền của {person} ({document})", " under the delegation of {person} ({document})")
_FOR = (" thay cho {role} {whom} theo {paper}", " on behalf of the {role} {whom} by {paper}")


def sentence(recorded: Recorded) -> tuple[str, str]:
    """The whole sentence: when, who, as what, what, on which paper; and whether it is illustrative."""
    e = recorded.envelope
    vi, en = act(e.data)
    named = e.paper is not None and e.paper.number == getattr(e.data, "decision_number", None)
    paper_vi = f", theo văn bản {e.paper.number}" if e.paper and not named else ""
    paper_en = f", on paper {e.paper.number}" if e.paper and not named else ""
    who_vi, who_en = _who(e, 0), _who(e, 1)
    if e.source.kind == "illustrative":
        paper_vi, paper_en = paper_vi + " [minh hoạ]", paper_en + " [illustrative]"
    elif e.source.kind == "register":
        paper_vi, paper_en = paper_vi + " [theo sổ theo dõi]", paper_en + " [from a register]"
    elif e.source.kind == "paper":
        paper_vi, paper_en = paper_vi + " [nhập từ giấy]", paper_en + " [from paper]"
    on = legal_date(e.recorded_at) if isinstance(e.data, RecognitionRecorded) else e.effective_on
    return f"Ngày {day(on)}, {who_vi} {vi}{paper_vi}.", f"On {on}, {who_en} {en}{paper_en}."
