"""The page of the scoring sheets (docs/law-sheets.md): every criterion and option that is loaded, sheet by sheet."""

from collections.abc import Iterator

from api.law_page import GROUNDS, Row, basis, is_repaired, table
from domain.law.book import LawBook
from domain.law.models import MARK_NAMES, Criterion, Option, Regime, Sheet

INFERRED = MARK_NAMES["inferred"][0]


def sheets_page(law: LawBook) -> str:
    """The page in Markdown: sheets with worded options in full, the others by their points."""
    lines = [
        "# Các bộ tiêu chí · The scoring sheets",
        "",
        "Trang này do `ocop law page` viết ra từ các tệp quy định; không sửa tay. This page is written from the rule",
        "files by `ocop law page`; do not edit it. Lời văn là tóm tắt của chúng tôi; văn bản chính thức có giá trị áp",
        "dụng. The wording is our own summary; the official text governs. Trang chính: [law.md](law.md).",
        "",
        "- **Điểm: mức** – mỗi mức một dòng; hội đồng chọn một mức cho mỗi tiêu chí.",
        "- **★3, ★4, ★5** – mức tối thiểu phải đạt để được 3, 4, 5 sao.",
        f"- **({INFERRED})** – số điểm không in rõ trong bản chép, đọc theo văn cảnh hoặc đã sửa (xem Đính chính).",
        "- **[a], [b]** – các mức cho loại sản phẩm khác nhau; chỉ chọn trong một loại.",
        "- **⛔** – điều kiện làm sản phẩm bị loại hoặc dừng đánh giá.",
        "",
    ]
    owners = [r for r in law.regimes.values() if r.amends is None]
    for regime in owners:
        lines += [f"- [{regime.vi}](#{regime.id.lower()})"]
        lines += [f"  - [{_named(s)}](#{s.id.lower()})" for s in law.sheets_of(regime).values()]
    lines += [""]
    for regime in owners:
        lines += [f'<a id="{regime.id.lower()}"></a>', "", f"## {regime.vi}", ""]
        for sheet in law.sheets_of(regime).values():
            lines += [f'<a id="{sheet.id.lower()}"></a>', "", *_sheet(sheet, regime)]
    return "\n".join(lines).rstrip() + "\n"


def _named(sheet: Sheet) -> str:
    return f"Bộ {sheet.number}. {sheet.vi}" if sheet.number else sheet.vi


def _sheet(sheet: Sheet, regime: Regime) -> Iterator[str]:
    told, mark = basis(sheet)
    yield from (f"### {_named(sheet)} (`{sheet.id}`)", "", f"*{sheet.en}*", "")
    group = next((g.vi for g in regime.groups if sheet.group in (g.code, g.maps_to)), "mọi nhóm")
    samples = f"{sheet.samples} sản phẩm" if sheet.samples else "không"
    if sheet.without_samples:
        samples += f" (nhóm {', '.join(g.vi for g in regime.groups if g.code in sheet.without_samples)}: không)"
    facts = [
        ("Nhóm", f"{group}{f', {sheet.subgroup_vi}' if sheet.subgroup_vi else ''}"),
        ("Bộ chủ trì", ", ".join(sheet.lead_ministries)),
        ("Sản phẩm mẫu", samples),
        ("Căn cứ", told),
        ("Mức độ", mark),
        ("Hồ sơ bị loại khi", "; ".join(f"{g.vi} (`{GROUNDS.get(g.code, g.code)}`)" for g in sheet.dossier_rejections)),
        ("Đính chính", "<br>".join(sheet.errata_vi)),
        ("Lưu ý", sheet.note_vi),
    ]
    yield from table(("Nội dung", "Giá trị"), [fact for fact in facts if fact[1]])
    if any(o.vi for c in sheet.leaves.values() for o in c.options) and not _free(sheet):
        yield from table(("Mã", "Tiêu chí", "Tối đa", "Điểm: mức"), _rows(sheet, in_full=True))
    else:
        yield from table(("Mã", "Tiêu chí", "Tối đa", "Các mức điểm"), _rows(sheet, in_full=False))


def _free(sheet: Sheet) -> bool:
    return all(criterion.points_free for criterion in sheet.leaves.values())


def _rows(sheet: Sheet, *, in_full: bool) -> Iterator[Row]:
    for part in sheet.parts:
        yield f"**{part.code}**", f"**{part.vi}**", f"**{part.max}**", ""
        for section in part.sections:
            headings = {h.code: h for h in section.headings}
            if [place.code for place in section.criteria] != [section.code]:
                yield f"**{section.code}**", f"**{section.vi}**", f"**{section.max}**", ""
            for place in section.criteria:
                above = place.code.rpartition(".")[0]
                if heading := headings.pop(above, None):
                    yield f"*{heading.code}*", f"*{heading.vi}*", f"*{heading.max}*", ""
                criterion = sheet.library[place.use]
                read = is_repaired(sheet, place.code) and not any(o.inferred for o in criterion.options)
                repaired = f" ({INFERRED})" if read else ""
                if in_full:
                    options = "<br>".join(map(_option, criterion.options))
                elif criterion.points_free:
                    options = f"mọi số nguyên từ 0 đến {criterion.max}"
                else:
                    options = ", ".join(str(option.points) for option in criterion.options)
                yield place.code, _criterion(criterion), f"{criterion.max}{repaired}", options


def _criterion(criterion: Criterion) -> str:
    told = [criterion.vi]
    if criterion.note_vi:
        told.append(f"*{criterion.note_vi}*")
    if criterion.disqualifier_vi:
        told.append(f"**⛔** {criterion.disqualifier_vi}")
    return "<br>".join(told)


def _option(option: Option) -> str:
    variant = f"[{option.variant}] " if option.variant else ""
    star = f" **★{option.star}**" if option.star else ""
    inferred = f" ({INFERRED})" if option.inferred else ""
    return f"{variant}{option.points}{star}{inferred}: {option.vi}"
