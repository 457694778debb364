"""Sentences of step 5 above the product's own desk: councils, sessions, decisions, certificates, registers."""

from collections.abc import Callable
from typing import Any

from projections.words import CONFLICT, LEVEL, average, day, items, text

Phrase = Callable[[Any], str]
Sentences = dict[str, tuple[Phrase, Phrase]]


def _level(code: str, language: int) -> str:
    return LEVEL.get(code, (code, code))[language]


def _form(fact: Any, language: int) -> str:
    names = {"meeting": ("phiên họp", "meeting"), "written": ("lấy ý kiến bằng văn bản", "written opinions")}
    return names[fact.form][language]


def _conflicts(fact: Any, language: int) -> str:
    if not fact.conflicts:
        return ("", "")[language]
    named = items(f"{c.member} ({CONFLICT[c.ground][language]})" for c in fact.conflicts)
    return (f"; không chấm vì xung đột lợi ích: {named}", f"; not scoring for conflict of interest: {named}")[language]


def _totals(fact: Any) -> str:
    return items(f"{s.member} {s.total}" for s in fact.sheets)


def _there(fact: Any) -> int:
    """Members who score and were there; others may have been, too."""
    return len(set(fact.present) & set(fact.voting))


RATING: Sentences = {
    "product.dossier-forwarded": (
        lambda f: (
            f"chuyển hồ sơ từ {_level(f.from_level, 0)} lên {_level(f.to_level, 0)} bằng công văn {f.letter_number}"
            + (f"; đợt {f.batch}, phải xong trước {day(f.batch_done)}" if f.batch_done else "")
        ),
        lambda f: (
            f"sent the dossier from {_level(f.from_level, 1)} to {_level(f.to_level, 1)} by letter {f.letter_number}"
            + (f"; batch {f.batch}, done before {f.batch_done}" if f.batch_done else "")
        ),
    ),
    "product.numbered": (
        lambda f: f"cấp mã số sản phẩm {f.product_number}",
        lambda f: f"gave the product its number {f.product_number}",
    ),
    "product.put-on-agenda": (
        lambda f: f"đưa vào chương trình {_form(f, 0)} của hội đồng {_level(f.level, 0)} ngày {day(f.held_on)}",
        lambda f: f"put on the agenda of the council of {_level(f.level, 1)} ({_form(f, 1)}) on {f.held_on}",
    ),
    "product.taken-off-agenda": (
        lambda f: f"đưa ra khỏi chương trình phiên họp: {text(f.reason)}",
        lambda f: f"taken off the agenda: {text(f.reason)}",
    ),
    "product.sheets-opened": (
        lambda f: (
            f"mở niêm phong phiếu đánh giá vòng {f.round}: {_totals(f)}; có mặt {_there(f)}/{len(f.voting)},"
            f" cần {f.quorum}{_conflicts(f, 0)}"
        ),
        lambda f: (
            f"opened the sealed sheets of round {f.round}: {_totals(f)}; present {_there(f)} of {len(f.voting)},"
            f" quorum {f.quorum}{_conflicts(f, 1)}"
        ),
    ),
    "product.result-sent-back": (
        lambda f: (
            f"trả kết quả {average(f.average, ',')} điểm ({f.stars} sao) về {_level(f.to_level, 0)}"
            f" bằng văn bản {f.letter_number}"
        ),
        lambda f: (
            f"sent the result of {average(f.average, '.')} points ({f.stars} stars) back to {_level(f.to_level, 1)}"
            f" by letter {f.letter_number}"
        ),
    ),
    "product.result-published": (
        lambda f: f"công bố kết quả công nhận trên {f.medium} ({f.address})",
        lambda f: f"made the recognition public in {f.medium} ({f.address})",
    ),
    "product.evaluation-reopened": (
        lambda f: f"tổ chức đánh giá lại ở {_level(f.level, 0)} (văn bản {f.document}): {text(f.reasons)}",
        lambda f: f"evaluation begins again at {_level(f.level, 1)} (document {f.document}): {text(f.reasons)}",
    ),
    "product.complaint-filed": (
        lambda f: f"nhận đơn khiếu nại {f.number}: {text(f.grounds)}",
        lambda f: f"received complaint {f.number}: {text(f.grounds)}",
    ),
    "product.complaint-settled": (
        lambda f: (
            f"giải quyết khiếu nại ({f.number}): {'chấp nhận' if f.outcome == 'upheld' else 'bác đơn'},"
            f" {text(f.reasons)}"
        ),
        lambda f: f"settled the complaint ({f.number}): {f.outcome}, {text(f.reasons)}",
    ),
}

COUNCILS: Sentences = {
    "council.set-up": (
        lambda f: (
            f"thành lập hội đồng theo quyết định {f.number} với {len(f.members)} thành viên, từ {day(f.period_from)}"
        ),
        lambda f: f"set up a council by decision {f.number} with {len(f.members)} members, from {f.period_from}",
    ),
    "council.members-changed": (
        lambda f: f"kiện toàn hội đồng theo quyết định {f.number}, {len(f.members)} thành viên: {text(f.reason)}",
        lambda f: f"changed the members by decision {f.number}, {len(f.members)} now: {text(f.reason)}",
    ),
    "council.procedure-changed": (
        lambda f: f"sửa quy chế hội đồng theo {f.number}: {text(f.reason)}",
        lambda f: f"changed the rules of procedure by {f.number}: {text(f.reason)}",
    ),
    "council.dissolved": (
        lambda f: f"giải thể hội đồng theo quyết định {f.number}: {text(f.reason)}",
        lambda f: f"dissolved the council by decision {f.number}: {text(f.reason)}",
    ),
    "session.called": (
        lambda f: f"triệu tập {_form(f, 0)} {f.number} ngày {day(f.held_on)} tại {f.place}, {len(f.agenda)} sản phẩm",
        lambda f: f"called {_form(f, 1)} {f.number} for {f.held_on} at {f.place}, {len(f.agenda)} products",
    ),
    "session.attendance-recorded": (
        lambda f: f"điểm danh: có mặt {len(f.present)}, vắng {len(f.absent)}",
        lambda f: f"took attendance: {len(f.present)} present, {len(f.absent)} absent",
    ),
    "session.conflict-declared": (
        lambda f: f"khai báo xung đột lợi ích của {f.conflict.member}: {CONFLICT[f.conflict.ground][0]}",
        lambda f: f"declared a conflict of interest of {f.conflict.member}: {CONFLICT[f.conflict.ground][1]}",
    ),
    "session.scoring-opened": (
        lambda f: f"bắt đầu chấm điểm: {len(f.present)} thành viên có mặt, cần {f.quorum}",
        lambda f: f"opened scoring: {len(f.present)} members present, quorum {f.quorum}",
    ),
    "session.sheet-sealed": (
        lambda f: f"nộp phiếu đánh giá vòng {f.round} của {f.member}, niêm phong",
        lambda f: f"handed in the sheet of {f.member} for round {f.round}, sealed",
    ),
    "session.scoring-closed": (
        lambda f: f"kết thúc chấm điểm vòng {f.round}, mở niêm phong {f.sheets} phiếu của {len(f.products)} sản phẩm",
        lambda f: f"closed scoring of round {f.round} and opened {f.sheets} sheets of {len(f.products)} products",
    ),
    "session.rescoring-opened": (
        lambda f: f"thảo luận và mở vòng chấm lại {f.round} cho {len(f.products)} sản phẩm",
        lambda f: f"after discussion opened round {f.round} for {len(f.products)} products",
    ),
    "session.concluded": (
        lambda f: f"kết luận phiên họp, biên bản {f.minutes_number}, {len(f.results)} sản phẩm có kết quả",
        lambda f: f"concluded the session, minutes {f.minutes_number}, results for {len(f.results)} products",
    ),
    "session.cancelled": (
        lambda f: f"hủy phiên họp: {text(f.reason)}",
        lambda f: f"cancelled the session: {text(f.reason)}",
    ),
    "book.product-number-given": (
        lambda f: f"cấp mã số sản phẩm {f.product_number}",
        lambda f: f"gave the product number {f.product_number}",
    ),
    "book.decision-issued": (
        lambda f: f"vào sổ quyết định {f.decision_number} năm {f.year} cho {len(f.entries)} sản phẩm",
        lambda f: f"entered decision {f.decision_number} of {f.year} for {len(f.entries)} products",
    ),
}

CERTIFICATES: Sentences = {
    "product.certificate-notice-due": (
        lambda f: f"giấy chứng nhận {f.certificate_number} còn không quá {f.days} ngày, hết hạn {day(f.valid_to)}",
        lambda f: f"certificate {f.certificate_number} has at most {f.days} days left, to {f.valid_to}",
    ),
    "product.written-notice-given": (
        lambda f: (
            f"thông báo bằng văn bản {f.letter_number} về việc giấy chứng nhận {f.certificate_number} sắp hết hạn,"
            f" chủ thể nhận ngày {day(f.received_on)}"
        ),
        lambda f: (
            f"gave written notice {f.letter_number} that certificate {f.certificate_number} ends,"
            f" received on {f.received_on}"
        ),
    ),
    "product.certificate-expired": (
        lambda f: f"giấy chứng nhận {f.certificate_number} ({f.stars} sao) hết hiệu lực sau ngày {day(f.last_day)}",
        lambda f: f"certificate {f.certificate_number} ({f.stars} stars) ran out after {f.last_day}",
    ),
    "product.certificate-extended": (
        lambda f: (
            f"giấy chứng nhận {f.certificate_number} tiếp tục có hiệu lực đến {day(f.until)} ({f.legal_basis}):"
            f" {text(f.reason)}"
        ),
        lambda f: f"certificate {f.certificate_number} runs on to {f.until} ({f.legal_basis}): {text(f.reason)}",
    ),
    "product.certificate-suspended": (
        lambda f: f"tạm đình chỉ giấy chứng nhận {f.certificate_number} ({f.legal_basis}): {text(f.reason)}",
        lambda f: f"suspended certificate {f.certificate_number} ({f.legal_basis}): {text(f.reason)}",
    ),
    "product.suspension-lifted": (
        lambda f: f"chấm dứt tạm đình chỉ giấy chứng nhận {f.certificate_number}: {text(f.reason)}",
        lambda f: f"lifted the suspension of certificate {f.certificate_number}: {text(f.reason)}",
    ),
    "product.certificate-revoked": (
        lambda f: (
            f"thu hồi giấy chứng nhận {f.certificate_number} ({f.stars} sao) theo quyết định {f.decision_number},"
            f" căn cứ {f.ground} ({f.legal_basis}): {text(f.reasons)}"
        ),
        lambda f: (
            f"revoked certificate {f.certificate_number} ({f.stars} stars) by decision {f.decision_number},"
            f" ground {f.ground} ({f.legal_basis}): {text(f.reasons)}"
        ),
    ),
    "product.entered-from-register": (
        lambda f: f"nhập sản phẩm “{f.name}” của {f.holder.name} từ sổ theo dõi, dòng {f.register_row.row}",
        lambda f: f"entered the product “{f.name}” of {f.holder.name} from a register, row {f.register_row.row}",
    ),
    "product.recognition-recorded": (
        lambda f: (
            f"ghi nhận kết quả đã có: {f.authority or 'cơ quan không rõ'} công nhận {f.stars} sao, quyết định"
            f" {f.decision_number} ({day(f.decided_on) if f.decided_on else f'năm {f.year}'})"
        ),
        lambda f: (
            f"recorded a past result: recognised with {f.stars} stars by {f.authority or 'an authority not known'},"
            f" decision {f.decision_number} ({f.decided_on or f.year})"
        ),
    ),
    "product.producer-registered": (
        lambda f: f"đăng ký chủ thể {f.name}, số {f.registration}",
        lambda f: f"registered the producer {f.name}, number {f.registration}",
    ),
}
