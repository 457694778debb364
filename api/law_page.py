"""The page of the law (docs/law.md): what the rule files say, value by value, for a jurist to check."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from domain.law.book import LawBook
from domain.law.models import Entry, Ground, Level, Regime, Rule, Sheet, Term
from domain.values import ROLE_NAMES

Row = tuple[str, ...]

MARKS = {
    "fact": ("dữ kiện", "có trong văn bản nêu ở căn cứ", "found in the text that is named"),
    "inferred": ("suy luận", "cách hiểu của chúng tôi; cơ quan có thể sửa", "our reading; an office may overrule it"),
    "local": (
        "quy định địa phương",
        "chỉ có trong quy chế của một số tỉnh; mỗi nơi tự đặt",
        "found in the rules of some provinces only; an office sets its own",
    ),
    "not-found": (
        "không tìm thấy",
        "không tìm thấy quy định; là thiết lập của cơ quan, không phải luật",
        "no rule found; an office's own setting, not law",
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
    "days": "ngày",
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
NOT_FOUND = "không tìm thấy"
COLUMNS = ("Căn cứ", "Mức độ")


def law_page(law: LawBook, commands: Mapping[str, str]) -> str:
    """The page in Markdown. ``commands``: Vietnamese name by command."""
    lines = [
        "# Quy định đã nạp · The rules as loaded",
        "",
        "Trang này do `ocop law page` viết ra từ các tệp quy định; không sửa tay. This page is written from the rule",
        "files by `ocop law page`; do not edit it. Lời văn là tóm tắt của chúng tôi; văn bản chính thức có giá trị áp",
        "dụng. The wording is our own summary; the official text governs.",
        "",
        *_table(("Mức độ", "Nghĩa", "Mark", "Meaning"), [(vi, told, m, en) for m, (vi, told, en) in MARKS.items()]),
    ]
    for regime in law.regimes.values():
        lines += [f"## {regime.vi}", "", f"*{regime.en}* (`{regime.id}`)", "", *_regime(law, regime, commands)]
    lines += ["## Không tìm thấy · Not found", "", *_not_found(law)]
    return "\n".join(lines).rstrip() + "\n"


def _regime(law: LawBook, regime: Regime, commands: Mapping[str, str]) -> Iterator[str]:
    def section(vi: str, en: str, heads: Row, rows: Iterable[Row]) -> Iterator[str]:
        kept = list(rows)
        yield from (f"### {vi} · {en}", "")
        yield from _table(heads, kept) if kept else ("Không có. None.", "")

    value = ("Nội dung", "Giá trị", *COLUMNS)
    yield from section("Hiệu lực", "In force", value, _in_force(regime))
    heads: Row = ("Cấp", "Người ký", "Công nhận", "Chuyển cấp trên từ", "Khác", *COLUMNS)
    yield from section("Các cấp đánh giá", "Levels, and who signs", heads, map(_level, regime.levels))
    yield from section("Thang sao, phần điểm", "Bands and parts", value, _points(regime))
    yield from section("Đợt đánh giá", "Batches", ("Cấp, đợt", "Đề nghị", "Xong", *COLUMNS), _batches(regime))
    yield from section("Thời hạn", "Deadlines", value, _deadlines(regime))
    yield from section(
        "Giấy chứng nhận, đánh giá lại, nâng hạng", "Certificate, renewal, upgrade", value, _held(regime)
    )
    yield from section("Thu hồi", "Revocation", value, _revocation(regime))
    yield from section("Quy chế hội đồng", "Council rules", value, _council(regime))
    yield from section("Chuyển tiếp", "Transition", value, _transition(regime))
    yield from section("Đối tượng tham gia", "Who may take part", value, _eligibility(regime))
    grounds = ("Mã", "Tên", "English", *COLUMNS)
    yield from section("Từ chối hồ sơ trước khi chấm", "Rejection before scoring", grounds, _grounds(regime.rejections))
    yield from section("Biểu mẫu", "Forms", grounds, _grounds(regime.forms))
    yield from section("Nhóm sản phẩm", "Product groups", grounds, _grounds(regime.groups))
    yield from section("Cảnh báo dữ liệu", "Data warnings", grounds, _warnings(law, regime))
    heads = ("Việc", "Cấp", "Ai", *COLUMNS)
    yield from section("Thẩm quyền", "Competences", heads, _competences(regime, commands))
    heads = ("Bộ", "Tên", "English", "Tiêu chí", "Mức", "Sao 3", "Sao 4", "Sao 5", "Mẫu", *COLUMNS)
    own = law.sheets_of(regime).values()
    yield from section("Bộ tiêu chí", "Sheets: criteria, options, star gates", heads, map(_sheet, own))
    yield from (f"- `{sheet.id}`: {sheet.note_vi}\n" for sheet in own if not sheet.complete)


def _in_force(regime: Regime) -> Iterator[Row]:
    until = f"đến hết {_day(regime.in_force_to)}" if regime.in_force_to else "chưa có ngày kết thúc"
    yield "Hiệu lực", f"từ {_day(regime.in_force_from)}, {until}", *_basis(regime)
    if regime.amends:
        yield "Sửa đổi", f"`{regime.amends}`", *_basis(regime)
    yield "Loại đăng ký", ", ".join(KINDS.get(k, k) for k in regime.kinds.codes), *_basis(regime.kinds)


def _level(level: Level) -> Row:
    more = []
    if level.interim_stars:
        more.append(f"công nhận {level.interim_stars} sao trước khi chuyển")
    if level.sends_back:
        more.append("kết quả không thuộc thẩm quyền thì trả về cấp dưới")
    return (
        f"{level.vi} ({level.en})",
        level.authority_vi,
        ", ".join(f"{stars} sao" for stars in level.certifies) or "không",
        f"{level.pass_up_from} điểm" if level.pass_up_from is not None else "cấp cuối",
        "; ".join(more),
        *_basis(level),
    )


def _points(regime: Regime) -> Iterator[Row]:
    highest = f"{regime.rating.total}"
    for band in sorted(regime.bands, key=lambda b: -b.stars):
        yield f"{band.stars} sao", f"từ {band.min} đến {highest} điểm", *_basis(band)
        highest = f"dưới {band.min}"
    parts = ", ".join(f"{code} {points}" for code, points in regime.rating.parts.items())
    yield "Các phần", f"{parts}; tổng {regime.rating.total}", *_basis(regime.rating)
    yield "Công nhận", f"từ {regime.rating.certifiable_from_stars} sao", *_basis(regime.rating)


def _batches(regime: Regime) -> Iterator[Row]:
    for batch in regime.batches:
        later = " năm sau" if batch.years_later else ""
        word = "đến hết" if batch.inclusive else "trước"
        done = f"trước {_month_day(batch.done)}{later}"
        yield (
            f"{regime.level(batch.level).vi}, đợt {batch.code}",
            f"{word} {_month_day(batch.cut_off)}{later}",
            done,
            *_basis(batch),
        )


def _deadlines(regime: Regime) -> Iterator[Row]:
    names = {
        "commune_review": "UBND cấp xã kiểm tra, báo cáo",
        "notify_result": "Thông báo kết quả",
        **{f"{level.code}_intake": f"Tiếp nhận, kiểm tra ở {level.vi}" for level in regime.levels},
    }
    for name, term in regime.deadlines.items():
        yield names.get(name, name), _term(term), *_basis(term)


def _held(regime: Regime) -> Iterator[Row]:
    certificate, renewal = regime.certificate, regime.renewal
    yield "Giấy chứng nhận có giá trị", f"{certificate.months} tháng", *_basis(certificate)
    notices = ", ".join(map(str, certificate.notices.days))
    yield "Nhắc trước khi hết hạn", f"{notices} ngày", *_basis(certificate.notices)
    yield "Báo trước bằng văn bản", _term(certificate.written_notice), *_basis(certificate.written_notice)
    window = f"sớm nhất {renewal.earliest_days}, muộn nhất {renewal.latest_days} ngày trước khi hết hạn"
    yield "Nộp hồ sơ đánh giá lại", window if renewal.earliest_days else NOT_FOUND, *_basis(renewal)
    limit = f"{renewal.decide_within_days} ngày" if renewal.decide_within_days else NOT_FOUND
    yield "Giải quyết đánh giá lại trong", limit, *_basis(renewal)
    how = "bằng văn bản" if renewal.written_opinions else "họp"
    yield "Hội đồng cho ý kiến khi đánh giá lại", how, *_basis(renewal)
    keeps = "giữ giấy đang có" if regime.upgrade.keeps_better_certificate else "theo kết quả mới"
    yield "Nâng hạng mà kết quả thấp hơn", keeps, *_basis(regime.upgrade)


def _revocation(regime: Regime) -> Iterator[Row]:
    revocation = regime.revocation
    limit = f"{revocation.within_days} ngày" if revocation.within_days else NOT_FOUND
    yield "Thời hạn ra quyết định", limit, *_basis(revocation)
    for ground in revocation.grounds:
        yield f"Căn cứ {ground.code}", f"{ground.vi} ({ground.en})", *_basis(ground)


def _council(regime: Regime) -> Iterator[Row]:
    for name in type(regime.council).model_fields:
        rule = getattr(regime.council, name)
        shown = f"{CHOICES.get(rule.value, rule.value) if isinstance(rule.value, bool | str) else rule.value}"
        unit = UNITS.get(getattr(rule, "unit", ""), "")
        yield COUNCIL.get(name, name), f"{shown} {unit}".strip(), *_basis(rule)


def _transition(regime: Regime) -> Iterator[Row]:
    if (transition := regime.transition) is None:
        return
    names = ", ".join(f"`{name}`" for name in transition.regimes)
    yield "Hồ sơ của quy định trước", names, *_basis(transition)
    for dossiers in transition.dossiers:
        kinds = ", ".join(KINDS.get(k, k) for k in dossiers.kinds)
        yield f"Hồ sơ {kinds} theo {names}", f"xong đến hết {_day(dossiers.finish_by)}", *_basis(dossiers)
        after = dossiers.after
        yield f"Hồ sơ {kinds} quá hạn đó", CHOICES.get(after.value, after.value), *_basis(after)
    longest = f"thêm nhiều nhất {transition.run_on.max_days} ngày đến khi có quyết định"
    yield "Giấy hết hạn khi chưa kịp đánh giá lại", longest, *_basis(transition.run_on)


def _eligibility(regime: Regime) -> Iterator[Row]:
    for vi, kinds in (
        ("Chủ thể", regime.eligibility.entities),
        ("Thêm với du lịch", regime.eligibility.tourism_entities),
    ):
        yield vi, ", ".join(ENTITIES.get(kind, kind) for kind in kinds), *_basis(regime.eligibility)


def _grounds(grounds: Iterable[Ground]) -> Iterator[Row]:
    for ground in grounds:
        today = getattr(ground, "maps_to", None)
        told = f"{ground.vi} (nay: `{today}`)" if today else ground.vi
        yield f"`{ground.code}`", told, ground.en, *_basis(ground)


def _warnings(law: LawBook, regime: Regime) -> Iterator[Row]:
    levels = {level.code: level.vi for other in law.regimes.values() for level in other.levels}
    for w in regime.data_warnings:
        days = f"từ {_day(w.first_day)}" + (f" đến {_day(w.last_day)}" if w.last_day else "")
        level = f", {levels.get(w.level, w.level)}" if w.level else ""
        yield f"`{w.code}`", f"{w.vi} ({days}{level})", w.en, *_basis(w)


def _competences(regime: Regime, commands: Mapping[str, str]) -> Iterator[Row]:
    levels = {level.code: level.vi for level in regime.levels} | {"commune": "cấp xã"}
    for name, rule in regime.competences.items():
        command, _, level = name.partition("@")
        who = ", ".join(ROLE_NAMES[role][0] for role in rule.roles)
        told = f"{commands[command]} (`{command}`)" if command in commands else f"`{command}`"
        yield told, levels.get(level, level or "mọi cấp"), who, *_basis(rule)


def _sheet(sheet: Sheet) -> Row:
    gates = [stars for needed in sheet.gates.values() for stars in needed]
    return (
        f"`{sheet.id}`",
        sheet.vi,
        sheet.en,
        str(len(sheet.leaves)),
        str(sum(len(c.options) for c in sheet.leaves.values())),
        *(str(gates.count(stars)) for stars in (3, 4, 5)),
        str(sheet.samples),
        *_basis(sheet),
    )


def _not_found(law: LawBook) -> Iterator[str]:
    for regime in law.regimes.values():
        rows = [(f"`{path}`", *_basis(rule)) for path, rule in _rules(regime, "") if _is_missing(rule)]
        rows += [(f"`{s.id}`", *_basis(s)) for s in law.sheets_of(regime).values() if _is_missing(s)]
        numbers = {s.number for s in law.sheets_of(regime).values() if s.number}
        rows += [
            (f"bộ {n}", "không đủ số điểm trong nguồn", MARKS["not-found"][0])
            for n in range(1, max(numbers, default=0))
            if n not in numbers
        ]
        yield from (f"### {regime.decision} (`{regime.id}`)", "")
        yield from _table(("Chỗ trong tệp", *COLUMNS), rows) if rows else ("Không có. None.", "")


def _is_missing(rule: Rule | Ground) -> bool:
    return rule.mark == "not-found" or NOT_FOUND in rule.legal_basis.lower()


def _rules(value: Any, path: str) -> Iterator[tuple[str, Rule | Ground]]:
    """Every rule inside a rule file with its place."""
    if isinstance(value, Rule | Ground):
        yield path or "regime", value
    if isinstance(value, Entry):
        for name in type(value).model_fields:
            yield from _rules(getattr(value, name), f"{path}.{name}".lstrip("."))
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield from _rules(entry, f"{path}.{name}")
    elif isinstance(value, tuple):
        for number, entry in enumerate(value, 1):
            yield from _rules(entry, f"{path}.{getattr(entry, 'code', number)}")


def _table(heads: Row, rows: Iterable[Row]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
    yield ""


def _basis(rule: Rule | Ground) -> Row:
    return rule.legal_basis, MARKS[rule.mark][0]


def _term(term: Term) -> str:
    return f"{term.value} {UNITS[term.unit]}"


def _day(day: date) -> str:
    return f"{day:%d/%m/%Y}"


def _month_day(day: str) -> str:
    month, number = day.split("-")
    return f"{number}/{month}"
