"""The page of the law (docs/law.md): what the rule files say, value by value, for a jurist to check."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from domain.law.book import LawBook
from domain.law.models import (
    MARK_NAMES,
    Competence,
    Ground,
    Level,
    Mark,
    Practice,
    Regime,
    Rule,
    Setting,
    Sheet,
    SplitRule,
    Term,
)
from domain.values import ROLE_NAMES

Row = tuple[str, ...]

MEANINGS: dict[Mark, tuple[str, str]] = {
    "fact": ("có trong văn bản nêu ở cột Căn cứ", "found in the text that is named"),
    "inferred": (
        "cách hiểu của chúng tôi, lý do đứng sau “suy luận:”; cơ quan có thể sửa",
        "our reading, its reason after “suy luận:”; an office may overrule it",
    ),
    "local": (
        "chỉ có trong hướng dẫn, kế hoạch, quy chế của một số tỉnh; mỗi nơi tự đặt",
        "found in guides, plans or rules of some provinces only; an office sets its own",
    ),
    "not-found": (
        "đã tìm mà không thấy quy định; giá trị là thiết lập của cơ quan, không phải luật",
        "searched and not found; the value is an office's own setting, not law",
    ),
}
KINDS = {"first-time": "lần đầu", "upgrade": "nâng hạng", "re-evaluation": "đánh giá lại"}
ENTITIES = {
    "cooperative": "hợp tác xã",
    "cooperative-group": "tổ hợp tác",
    "small-medium-enterprise": "doanh nghiệp nhỏ và vừa",
    "farm": "trang trại",
    "household": "hộ có đăng ký kinh doanh",
    "association": "hội",
    "federation": "hiệp hội",
    "operating-centre": "trung tâm điều hành",
    "equivalent-body": "tổ chức tương đương",
}
UNITS = {
    "days": "ngày lịch",
    "working-days": "ngày làm việc",
    "percent": "%",
    "members": "thành viên",
    "digits": "chữ số thập phân",
    "points": "điểm",
}
COUNCIL = {
    "quorum_percent": "Tỷ lệ thành viên có mặt để họp",
    "chair_present": "Chủ tịch hội đồng phải có mặt",
    "min_members": "Số phiếu ít nhất",
    "max_spread": "Chênh lệch tổng điểm lớn nhất giữa các thành viên",
    "rescoring": "Chấm lại khi chênh lệch vượt mức",
    "shown_digits": "Số chữ số hiển thị của điểm trung bình",
    "notice": "Gửi hồ sơ cho thành viên trước phiên họp ít nhất",
    "gate_test": "Điều kiện tối thiểu của hạng sao xét theo",
    "guidance_is_conflict": "Người đã hướng dẫn chủ thể không chấm sản phẩm đó",
}
CHOICES = {
    "agreed": "mức hội đồng thống nhất",
    "average": "điểm trung bình của các thành viên",
    "refuse": "từ chối, nộp lại",
    "warn": "cảnh báo",
    True: "có",
    False: "không",
}
SETTINGS = {
    "dossier_needs_implementation": "Chỉ nhận hồ sơ lần đầu sau khi thực hiện xong phương án",
    "expected_evidence": "Minh chứng được nhắc khi thực hiện phương án",
    "promotion_from_stars": "Xúc tiến thương mại cho sản phẩm có giấy còn hiệu lực từ (sao)",
    "erasure_case_at_rest": "Giai đoạn không có hồ sơ đang giải quyết (mới được xóa dữ liệu phục vụ hồ sơ)",
    "radar_boundary_points": "Soát xét: điểm trung bình cách ngưỡng hạng sao không quá (điểm)",
    "radar_spread_points": "Soát xét: chênh lệch điểm cách giới hạn phải chấm lại không quá (điểm)",
    "radar_decision_seconds": "Soát xét: hai quyết định của cùng một người cách nhau dưới (giây)",
    "radar_member_points": "Soát xét: thành viên chấm lệch trung bình các thành viên khác hơn (điểm)",
    "radar_member_products": "Soát xét: số sản phẩm chấm lệch, từ",
    "suspension_known": "Có quy định về tạm đình chỉ giấy chứng nhận",
    "decision_number_format": "Cách ghi số quyết định",
    "certificate_number_format": "Cách ghi số giấy chứng nhận",
}
PAPERS = {
    "business-registration": "đăng ký kinh doanh",
    "food-safety-certificate": "giấy chứng nhận an toàn thực phẩm",
    "quality-declaration": "công bố chất lượng",
    "test-report": "phiếu kiểm nghiệm",
    "trademark": "nhãn hiệu",
    "product-story": "câu chuyện sản phẩm",
}
DEADLINES = {
    "commune_review": "UBND cấp xã kiểm tra, báo cáo",
    "notify_result": "Thông báo kết quả",
    "district_intake": "Tiếp nhận, kiểm tra ở cấp huyện",
    "province_intake": "Tiếp nhận, kiểm tra ở cấp tỉnh",
    "centre_intake": "Tiếp nhận, kiểm tra ở cấp trung ương",
    "hand_over_form": "Giao phiếu ý tưởng",
    "idea_form": "Chủ thể nộp phiếu ý tưởng",
    "idea_review": "Xét ý tưởng",
    "idea_completion": "Hoàn thiện ý tưởng bị trả",
    "plan_form": "Chủ thể nộp phương án",
    "plan_review": "Xét phương án",
    "plan_completion": "Hoàn thiện phương án bị trả",
    "dossier_filing": "Nộp hồ sơ đánh giá",
}
APART = {
    "sends_back": "trả kết quả về cấp dưới",
    "interim_stars": "công nhận trước khi chuyển cấp trên",
    "decision_number_format": "cách ghi số quyết định",
    "unit": "loại ngày",
    "criteria": "tiêu chí, điều kiện tối thiểu",
}
PLACEHOLDERS = {
    "{province}": "(mã tỉnh)",
    "{commune}": "(mã xã)",
    "{n}": "(số thứ tự)",
    "{n:04d}": "(số thứ tự, 4 chữ số)",
    "{year}": "(năm)",
    "{area}": "(mã tỉnh)",
}
GROUNDS = {"dd": "đ", "other": "khác"}
"""Codes of grounds as the decisions print them, or in Vietnamese."""

NOT_FOUND = "không tìm thấy"
COLUMNS = ("Căn cứ", "Mức độ")
VALUE: Row = ("Nội dung", "Giá trị", *COLUMNS)
TERM: Row = ("Nội dung", "Thời hạn", "Tính từ", *COLUMNS)
SHEETS_PAGE = "law-sheets.md"
_ERRATUM_AT = re.compile(r"^(?:Phần [A-C], mục )?([0-9][0-9.]*)[:,]")


class Part(NamedTuple):
    """A section of a regime: its rows, and how many cells at the left name a row."""

    vi: str
    en: str
    heads: Row
    rows: list[Row]
    note: str = ""
    named_by: int = 1


def law_page(law: LawBook, commands: Mapping[str, str]) -> str:
    """The page in Markdown. ``commands``: Vietnamese name by command."""
    contents = [
        ("doc", "Cách đọc · How to read"),
        ("chon", "Quy định nào áp dụng · Which regime governs"),
        *((regime.id.lower(), regime.vi) for regime in law.regimes.values()),
        ("thuc-hanh", "Bước 1 đến 4 và 6: thực hành · Steps 1 to 4 and 6: practice"),
        ("khong-tim-thay", "Không tìm thấy · Not found"),
    ]
    titles = dict(contents)
    lines = [
        "# Quy định đã nạp · The rules as loaded",
        "",
        "Trang này do `ocop law page` viết ra từ các tệp quy định; không sửa tay. This page is written from the rule",
        "files by `ocop law page`; do not edit it. Lời văn là tóm tắt của chúng tôi; văn bản chính thức có giá trị áp",
        "dụng. The wording is our own summary; the official text governs.",
        "",
        "## Mục lục · Contents",
        "",
        *(f"- [{title}](#{anchor})" for anchor, title in contents),
        f"- [Các bộ tiêu chí, từng mức điểm · The sheets, option by option]({SHEETS_PAGE})",
        "",
        *_chapter("doc", titles["doc"]),
        *_how_to_read(),
        *_chapter("chon", titles["chon"]),
        *_which(law),
    ]
    parts = {regime.id: _parts(law, regime, commands) for regime in law.regimes.values()}
    shown = {
        i: _changed(found, parts[r.amends]) if (r := law.regimes[i]).amends else found for i, found in parts.items()
    }
    for regime in law.regimes.values():
        lines += [*_chapter(regime.id.lower(), regime.vi), f"*{regime.en}* (`{regime.id}`)", ""]
        if regime.amends:
            base = law.regimes[regime.amends]
            lines += [f"Chỉ ghi phần thay đổi; mọi nội dung khác như [{base.vi}](#{base.id.lower()}).", ""]
        for part in shown[regime.id]:
            lines += [*_told(part)]
    lines += [*_chapter("thuc-hanh", titles["thuc-hanh"]), *_practice(law, commands)]
    lines += [*_chapter("khong-tim-thay", titles["khong-tim-thay"])]
    for regime in law.regimes.values():
        lines += [f"### {regime.vi}", "", *_missing(law, regime, shown[regime.id])]
    return "\n".join(lines).rstrip() + "\n"


def _chapter(anchor: str, title: str) -> Iterator[str]:
    yield from (f'<a id="{anchor}"></a>', "", f"## {title}", "")


def _how_to_read() -> Iterator[str]:
    yield from table(
        ("Mức độ", "Nghĩa", "Mark", "Meaning"),
        [(vi, MEANINGS[mark][0], f"`{mark}`, {en}", MEANINGS[mark][1]) for mark, (vi, en) in MARK_NAMES.items()],
    )
    columns = [
        ("Căn cứ", "văn bản và chỗ trong văn bản; “Đ7.3e” là Điều 7, khoản 3, điểm e của chính quyết định đó"),
        ("Mức độ", "căn cứ đó nói chắc đến đâu, theo bảng trên; “Riêng …” là một phần của dòng có căn cứ khác"),
        (
            "ngày lịch, ngày làm việc",
            "ngày làm việc bỏ thứ bảy, chủ nhật, ngày lễ và tính ngày làm bù; ngày đầu không tính",
        ),
        ("Tính từ", "sự việc mở thời hạn; “tính lùi” là đếm ngược từ ngày đó"),
        ("★3, ★4, ★5", "mức tối thiểu phải đạt để được 3, 4, 5 sao; ở bảng các bộ: có bao nhiêu mức như vậy"),
        ("Mẫu", "số sản phẩm mẫu nộp kèm hồ sơ"),
        ("mọi cấp", "việc không phân biệt làm ở cấp nào"),
        ("`mã lệnh`, `mã`", "tên trong dịch vụ (API), để đối chiếu"),
    ]
    yield from table(("Cột, dấu", "Nghĩa"), columns)


def _which(law: LawBook) -> Iterator[str]:
    rows = [
        (
            f"[{r.vi}](#{r.id.lower()})",
            _day(r.in_force_from),
            _day(r.in_force_to) if r.in_force_to else "chưa có",
            ", ".join(KINDS.get(k, k) for k in r.kinds.codes),
            *basis(r),
        )
        for r in law.regimes.values()
    ]
    yield from table(("Quy định", "Từ", "Đến hết", "Nhận loại đăng ký", *COLUMNS), rows)
    yield from (
        "Hồ sơ theo quy định **mới nhất có hiệu lực vào ngày nộp** ở cấp xã mà nhận loại đăng ký đó, và giữ quy định",
        "ấy đến cùng, trừ khi quy định sửa đổi đã bỏ cấp đang giữ hồ sơ (suy luận: Đ12 chia hồ sơ theo ngày nộp).",
        "Việc không thuộc hồ sơ nào theo quy định mới nhất có hiệu lực ngày thực hiện. A dossier follows the newest",
        "regime in force on its filing date that takes its kind, and keeps it while its level exists.",
        "",
    )
    for newer in law.regimes.values():
        if newer.transition is None:
            continue
        for older in (law.regimes[name] for name in newer.transition.regimes):
            if older.in_force_to is not None and newer.in_force_from <= older.in_force_to:
                began = _day(newer.in_force_from)
                told = (
                    f"Từ {began} đến {_day(older.in_force_to)} cả `{newer.id}` và `{older.id}` có hiệu lực: hồ sơ nộp"
                    f" trong những ngày đó theo `{newer.id}`, vì mới hơn. Hồ sơ nộp trước {began} mà chưa đánh giá xong"
                    f" vẫn theo quy định cũ, trong hạn ở mục Chuyển tiếp của [{newer.vi}](#{newer.id.lower()})."
                )
                yield from (told, "")


def _parts(law: LawBook, regime: Regime, commands: Mapping[str, str]) -> list[Part]:
    level = ("Cấp", "Người ký", "Công nhận", "Chuyển cấp trên từ", "Khác", *COLUMNS)
    grounds = ("Mã", "Tên", "English", *COLUMNS)
    own = list(law.sheets_of(regime).values())
    heads = ("Bộ", "Tên", "English", "Tiêu chí", "Mức", "★3", "★4", "★5", "Mẫu", *COLUMNS)
    notes = "\n".join(f"- `{sheet.id}`: {sheet.note_vi}" for sheet in own if not sheet.complete)
    before = "" if not regime.batches or any(b.inclusive for b in regime.batches) else _BEFORE
    return [
        Part("Hiệu lực", "In force", VALUE, list(_in_force(regime))),
        Part("Các cấp đánh giá", "Levels, and who signs", level, [_level(found) for found in regime.levels]),
        Part("Thang sao, phần điểm", "Bands and parts", VALUE, list(_points(regime))),
        Part("Đợt đánh giá", "Batches", ("Cấp, đợt", "Đề nghị", "Xong", *COLUMNS), list(_batches(regime)), before),
        Part("Thời hạn", "Deadlines", TERM, list(_deadlines(regime))),
        Part("Giấy chứng nhận, đánh giá lại, nâng hạng", "Certificate, renewal, upgrade", TERM, list(_held(regime))),
        Part("Thu hồi", "Revocation", TERM, list(_revocation(regime))),
        Part("Quy chế hội đồng", "Council rules", VALUE, list(_council(regime))),
        Part("Chuyển tiếp", "Transition", VALUE, list(_transition(regime))),
        Part("Đối tượng tham gia", "Who may take part", VALUE, list(_eligibility(regime))),
        Part("Từ chối hồ sơ trước khi chấm", "Rejection before scoring", grounds, list(_grounds(regime.rejections))),
        Part("Biểu mẫu", "Forms", grounds, list(_grounds(regime.forms))),
        Part("Nhóm sản phẩm", "Product groups", grounds, list(_grounds(regime.groups))),
        Part("Mã số sản phẩm", "Product number", VALUE, list(_product_number(regime))),
        Part("Cảnh báo dữ liệu", "Data warnings", grounds, list(_warnings(law, regime))),
        Part(
            "Thẩm quyền",
            "Competences",
            ("Việc", "Cấp", "Ai", *COLUMNS),
            list(_competences(regime.competences, {level.code: level.vi for level in regime.levels}, commands)),
            named_by=2,
        ),
        Part("Bộ tiêu chí", "Sheets", heads, [_sheet(sheet) for sheet in own], notes),
        Part(
            "Đính chính trong các bộ tiêu chí",
            "Errata of the sheets",
            VALUE,
            [e for s in own for e in _errata(s)],
            "",
            2,
        ),
    ]


_BEFORE = (
    "“Trước 30/04”: đề nghị đúng ngày 30/04 là muộn, sang đợt sau; “xong trước 30/06”: ngày cuối là 29/06 (suy luận"
    " theo chữ “trước”; thiết lập `inclusive = false` của đợt, cơ quan hiểu khác thì đặt `true`). Ngày tính là ngày"
    " cấp dưới đề nghị, không phải ngày chủ thể nộp."
)


def _changed(parts: list[Part], before: list[Part]) -> list[Part]:
    """What an amendment changes: rows that are new or different, and the names of those that are gone."""
    found = []
    for part, old in zip(parts, before, strict=True):
        names = {row[: part.named_by] for row in part.rows}
        gone = [", ".join(row[: part.named_by]) for row in old.rows if row[: part.named_by] not in names]
        rows = [row for row in part.rows if row not in old.rows]
        if rows or gone:
            found.append(part._replace(rows=rows, note=f"Không còn: {'; '.join(gone)}." if gone else ""))
    return found


def _told(part: Part) -> Iterator[str]:
    yield from (f"### {part.vi} · {part.en}", "")
    if part.rows:
        yield from table(part.heads, part.rows)
    if part.note:
        yield from (part.note, "")
    if not (part.rows or part.note):
        yield from ("Không có. None.", "")


def _in_force(regime: Regime) -> Iterator[Row]:
    until = f"đến hết {_day(regime.in_force_to)}" if regime.in_force_to else "chưa có ngày kết thúc"
    yield "Hiệu lực", f"từ {_day(regime.in_force_from)}, {until}", *basis(regime)
    if regime.amends:
        yield "Sửa đổi", f"[`{regime.amends}`](#{regime.amends.lower()})", *basis(regime)
    yield "Loại đăng ký", ", ".join(KINDS.get(k, k) for k in regime.kinds.codes), *basis(regime.kinds)


def _level(level: Level) -> Row:
    more = []
    if level.interim_stars:
        more.append(f"công nhận {level.interim_stars} sao trước khi chuyển")
    if level.sends_back:
        more.append("kết quả không thuộc thẩm quyền thì trả về cấp dưới")
    if level.decision_number_format:
        more.append(f"số quyết định: {_written(level.decision_number_format)}")
    return (
        f"{level.vi} ({level.en})",
        level.authority_vi,
        ", ".join(f"{stars} sao" for stars in level.certifies) or "không",
        f"{level.pass_up_from} điểm" if level.pass_up_from is not None else "cấp cuối",
        "; ".join(more),
        *basis(level),
    )


def _points(regime: Regime) -> Iterator[Row]:
    highest = f"{regime.rating.total}"
    for band in sorted(regime.bands, key=lambda b: -b.stars):
        yield f"{band.stars} sao", f"từ {band.min} đến {highest} điểm", *basis(band)
        highest = f"dưới {band.min}"
    parts = ", ".join(f"{code} {points}" for code, points in regime.rating.parts.items())
    yield "Các phần", f"{parts}; tổng {regime.rating.total}", *basis(regime.rating)
    yield "Công nhận", f"từ {regime.rating.certifiable_from_stars} sao", *basis(regime.rating)


def _batches(regime: Regime) -> Iterator[Row]:
    for batch in regime.batches:
        later = " năm sau" if batch.years_later else ""
        word = "đến hết" if batch.inclusive else "trước"
        done = f"trước {_month_day(batch.done)}{later}"
        yield (
            f"{regime.level(batch.level).vi}, đợt {batch.code}",
            f"{word} {_month_day(batch.cut_off)}{later}",
            done,
            *basis(batch),
        )


def _deadlines(regime: Regime) -> Iterator[Row]:
    for name, term in regime.deadlines.items():
        yield DEADLINES.get(name, name), *_term(term), *basis(term)


def _held(regime: Regime) -> Iterator[Row]:
    certificate, renewal = regime.certificate, regime.renewal
    end, window = "tính lùi từ ngày giấy hết hiệu lực", NOT_FOUND
    yield "Giấy chứng nhận có giá trị", f"{certificate.months} tháng", "từ ngày cấp", *basis(certificate)
    notices = ", ".join(map(str, certificate.notices.days))
    yield "Nhắc trước khi hết hạn", f"{notices} ngày lịch", end, *basis(certificate.notices)
    yield "Báo trước bằng văn bản ít nhất", *_term(certificate.written_notice), *basis(certificate.written_notice)
    if renewal.earliest_days:
        window = f"sớm nhất {renewal.earliest_days}, muộn nhất {renewal.latest_days} ngày lịch"
    yield "Nộp hồ sơ đánh giá lại", window, end if renewal.earliest_days else "", *basis(renewal)
    limit = f"{renewal.decide_within_days} ngày lịch" if renewal.decide_within_days else NOT_FOUND
    yield "Giải quyết đánh giá lại trong", limit, renewal.from_vi, *basis(renewal)
    how = "bằng văn bản" if renewal.written_opinions else "họp"
    yield "Hội đồng cho ý kiến khi đánh giá lại", how, "", *basis(renewal)
    keeps = "giữ giấy đang có" if regime.upgrade.keeps_better_certificate else "theo kết quả mới"
    yield "Nâng hạng mà kết quả thấp hơn", keeps, "", *basis(regime.upgrade)


def _revocation(regime: Regime) -> Iterator[Row]:
    revocation = regime.revocation
    limit = f"{revocation.within_days} ngày lịch" if revocation.within_days else NOT_FOUND
    yield "Thời hạn ra quyết định", limit, revocation.from_vi, *basis(revocation)
    for ground in revocation.grounds:
        yield f"Căn cứ {GROUNDS.get(ground.code, ground.code)}", f"{ground.vi} ({ground.en})", "", *basis(ground)


def _product_number(regime: Regime) -> Iterator[Row]:
    if regime.product_number is not None:
        yield "Mã số sản phẩm", _written(regime.product_number.format), *basis(regime.product_number)


def _council(regime: Regime) -> Iterator[Row]:
    for name in type(regime.council).model_fields:
        rule = getattr(regime.council, name)
        shown = f"{CHOICES.get(rule.value, rule.value) if isinstance(rule.value, bool | str) else rule.value}"
        unit = UNITS.get(getattr(rule, "unit", ""), "")
        told = ", ".join(filter(None, _term(rule))) if isinstance(rule, Term) else f"{shown} {unit}".strip()
        yield COUNCIL.get(name, name), told, *basis(rule)


def _transition(regime: Regime) -> Iterator[Row]:
    if (transition := regime.transition) is None:
        return
    names = ", ".join(f"`{name}`" for name in transition.regimes)
    yield "Hồ sơ của quy định trước", names, *basis(transition)
    for dossiers in transition.dossiers:
        kinds = ", ".join(KINDS.get(k, k) for k in dossiers.kinds)
        yield f"Hồ sơ {kinds} theo {names}", f"xong đến hết {_day(dossiers.finish_by)}", *basis(dossiers)
        after = dossiers.after
        yield f"Hồ sơ {kinds} quá hạn đó", CHOICES.get(after.value, after.value), *basis(after)
    longest = f"thêm nhiều nhất {transition.run_on.max_days} ngày lịch từ ngày hết hạn, đến khi có quyết định"
    yield "Giấy hết hạn khi chưa kịp đánh giá lại", longest, *basis(transition.run_on)


def _eligibility(regime: Regime) -> Iterator[Row]:
    for vi, kinds in (
        ("Chủ thể", regime.eligibility.entities),
        ("Thêm với du lịch", regime.eligibility.tourism_entities),
    ):
        yield vi, ", ".join(ENTITIES.get(kind, kind) for kind in kinds), *basis(regime.eligibility)


def _grounds(grounds: Iterable[Ground]) -> Iterator[Row]:
    for ground in grounds:
        today = getattr(ground, "maps_to", None)
        told = f"{ground.vi} (nay: `{today}`)" if today else ground.vi
        yield f"`{ground.code}`", told, ground.en, *basis(ground)


def _warnings(law: LawBook, regime: Regime) -> Iterator[Row]:
    levels = {level.code: level.vi for other in law.regimes.values() for level in other.levels}
    for w in regime.data_warnings:
        days = f"từ {_day(w.first_day)}" + (f" đến {_day(w.last_day)}" if w.last_day else "")
        level = f", {levels.get(w.level, w.level)}" if w.level else ""
        yield f"`{w.code}`", f"{w.vi} ({days}{level})", w.en, *basis(w)


def _competences(
    competences: Mapping[str, Competence], levels: Mapping[str, str], commands: Mapping[str, str]
) -> Iterator[Row]:
    names = {**levels, "commune": "cấp xã"}
    for name, rule in competences.items():
        command, _, level = name.partition("@")
        who = ", ".join(ROLE_NAMES[role][0] for role in rule.roles)
        told = f"{commands[command]} (`{command}`)" if command in commands else f"`{command}`"
        yield told, names.get(level, level or "mọi cấp"), who, *basis(rule)


def _sheet(sheet: Sheet) -> Row:
    gates = [stars for needed in sheet.gates.values() for stars in needed]
    told, mark = basis(sheet)
    read = [code for code in sheet.leaves if is_repaired(sheet, code)]
    if read:
        mark += f"<br>Riêng {', '.join(read)}: {MARK_NAMES['inferred'][0]}"
    return (
        f"[`{sheet.id}`]({SHEETS_PAGE}#{sheet.id.lower()})",
        sheet.vi,
        sheet.en,
        str(len(sheet.leaves)),
        str(sum(len(c.options) for c in sheet.leaves.values())),
        *(str(gates.count(stars)) for stars in (3, 4, 5)),
        str(sheet.samples),
        told,
        mark,
    )


def is_repaired(sheet: Sheet, code: str) -> bool:
    """Whether a figure of this criterion is not printed clearly: read from context, or mended."""
    mended = {found[1] for text in sheet.errata_vi if (found := _ERRATUM_AT.match(f"{text},"))}
    return code in mended or any(option.inferred for option in sheet.leaves[code].options)


def _errata(sheet: Sheet) -> Iterator[Row]:
    for text in sheet.errata_vi:
        yield f"`{sheet.id}` {sheet.vi}", text, "suy luận: sửa số in lỗi trong bản chép", MARK_NAMES["inferred"][0]


def _practice(law: LawBook, commands: Mapping[str, str]) -> Iterator[str]:
    practice = law.practice
    yield from (
        "Luật chỉ quy định bước 5. Các bước 1 đến 4 và 6 theo chương trình và kế hoạch của tỉnh; giá trị dưới đây dùng",
        "khi tỉnh không khai riêng. Only step 5 is regulated by law; a province may overrule every value here.",
        "",
    )
    who = list(_competences(practice.competences, {}, commands))
    yield from _told(
        Part("Thẩm quyền", "Competences", ("Việc", "Ai", *COLUMNS), [(told, *rest) for told, _, *rest in who])
    )
    terms = [(DEADLINES.get(name, name), *_term(term), *basis(term)) for name, term in practice.deadlines.items()]
    yield from _told(Part("Thời hạn", "Deadlines", TERM, terms))
    settings = [
        (SETTINGS.get(name, name), _set(setting), *basis(setting)) for name, setting in practice.settings.items()
    ]
    yield from _told(Part("Thiết lập, cách ghi số", "Settings and formats of numbers", VALUE, settings, _NUMBERS))
    heads = ("Mã", "Lý do không chấp nhận", "English", *COLUMNS)
    yield from _told(Part("Xét ý tưởng", "Tests of an idea", heads, list(_grounds(practice.idea_tests))))
    yield from _told(
        Part("Quy định riêng của tỉnh", "Provinces' own", ("Tỉnh", "Nội dung", *COLUMNS), list(_provinces(practice)))
    )


_NUMBERS = (
    "Số thứ tự do sổ của cơ quan cấp trong năm; cấp nào ghi số quyết định khác thì nêu ở mục Các cấp đánh giá. Đó là số"
    " đề xuất: người ký có thể ghi số khác."
)


def _provinces(practice: Practice) -> Iterator[Row]:
    for code, own in practice.provinces.items():
        told = (*own.competences.items(), *own.deadlines.items(), *own.settings.items())
        yield from ((code, f"`{name}`", *basis(rule)) for name, rule in told)
        for name, rule in own.council.items():
            yield code, COUNCIL.get(name, name), str(rule.get("legal_basis")), MARK_NAMES[rule["mark"]][0]


def _missing(law: LawBook, regime: Regime, parts: list[Part]) -> Iterator[str]:
    """What was not found, by subject: items that share a basis stand in one row."""
    items: dict[tuple[str, str, str], list[str]] = {}
    for part in parts:
        for row in part.rows:
            *_, told, mark = row
            if MARK_NAMES["not-found"][0] in mark or NOT_FOUND in told.lower():
                name = row[1] if part.heads[0] == "Mã" else _plain(row, part.named_by)
                items.setdefault((part.vi, told, mark), []).append(name)
    rows: list[Row] = [(subject, "; ".join(found), told, mark) for (subject, told, mark), found in items.items()]
    numbers = {s.number for s in law.sheets_of(regime).values() if s.number}
    rows += [
        ("Bộ tiêu chí", f"bộ {n}", "không đủ số điểm trong nguồn", MARK_NAMES["not-found"][0])
        for n in range(1, max(numbers, default=0))
        if n not in numbers
    ]
    yield from table(("Chủ đề", "Nội dung", *COLUMNS), rows) if rows else ("Không có. None.", "")
    if regime.amends:
        yield from (f"Những nội dung khác như quy định được sửa đổi (`{regime.amends}`).", "")


def _plain(row: Row, named_by: int) -> str:
    """What a row is about, without codes."""
    told = re.sub(r" \(`[^)]*`\)|\[?`\]?|\]\([^)]*\)", "", row[0])
    return f"{told} ({row[1]})" if named_by > 1 and row[1] != "mọi cấp" else told


def table(heads: Row, rows: Iterable[Row]) -> Iterator[str]:
    """A table in Markdown."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
    yield ""


def basis(rule: Rule | Ground) -> Row:
    """The cells "Căn cứ" and "Mức độ"; what rests on something else stands below."""
    apart = rule.apart if isinstance(rule, SplitRule) else {}
    own = [(f"Riêng {APART.get(name, name)}: ", other) for name, other in apart.items()]
    return (
        "<br>".join([rule.legal_basis, *(f"{told}{other.legal_basis}" for told, other in own)]),
        "<br>".join([MARK_NAMES[rule.mark][0], *(f"{told}{MARK_NAMES[other.mark][0]}" for told, other in own)]),
    )


def _term(term: Term) -> Row:
    return f"{term.value} {UNITS[term.unit]}", term.from_vi


def _set(setting: Setting) -> str:
    value = setting.value
    if isinstance(value, bool):
        return CHOICES[value]
    if isinstance(value, tuple):
        return ", ".join(PAPERS.get(v, v) for v in value)
    return _written(value) if isinstance(value, str) else str(value)


def _written(form: str) -> str:
    """How a number is written, its places named in Vietnamese."""
    for place, told in PLACEHOLDERS.items():
        form = form.replace(place, told)
    return form


def _day(day: date) -> str:
    return f"{day:%d/%m/%Y}"


def _month_day(day: str) -> str:
    month, number = day.split("-")
    return f"{number}/{month}"
