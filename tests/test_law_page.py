"""docs/law.md and docs/law-sheets.md say what the rule files say."""

import re
from pathlib import Path

from api.cli_law import current_page
from api.law_sheets_page import sheets_page
from api.plans_page import plans_page
from domain.law.book import law_book
from domain.law.models import MARK_NAMES

DOCS = Path(__file__).parents[1] / "docs"
LAW = law_book()


def test_the_pages_of_the_law_are_what_the_rules_give() -> None:
    assert (DOCS / "law.md").read_text(encoding="utf-8") == current_page(), "run `ocop law page`"
    assert (DOCS / "law-sheets.md").read_text(encoding="utf-8") == sheets_page(LAW), "run `ocop law page`"
    assert (DOCS / "plans.md").read_text(encoding="utf-8") == plans_page(), "run `ocop law page`"


def test_the_page_tells_every_sheet_and_every_mark() -> None:
    page = current_page()

    assert all(f"`{sheet}`" in page for sheet in LAW.sheets)
    assert all(f"| {vi} |" in page for vi, _ in MARK_NAMES.values())
    assert "## Không tìm thấy · Not found" in page
    assert "| bộ 10 | không đủ số điểm trong nguồn |" in page
    assert "| Căn cứ đ | Chủ thể không còn sản xuất sản phẩm" in page
    assert "| Căn cứ khác |" in page
    assert "Căn cứ dd" not in page


def test_the_page_tells_practice_numbers_and_errata() -> None:
    page = current_page()

    assert "(mã tỉnh)-(mã xã)-(số thứ tự)-(năm)" in page
    assert all(f"(`{name}`)" in page for name in LAW.practice.competences)
    for sheet in LAW.sheets.values():
        assert all(text in page for text in sheet.errata_vi)


def test_an_amending_regime_shows_only_what_changes() -> None:
    page = current_page()
    own = page.split('<a id="qd1489-2025"></a>')[1].split('<a id="qd148-2023"></a>')[0]

    assert "### Các cấp đánh giá" in own
    assert "Không còn: cấp huyện" in own
    assert "### Quy chế hội đồng" not in own
    assert "(#qd148-2023)" in own


def test_every_link_on_the_pages_leads_somewhere() -> None:
    texts = {"law.md": current_page(), "law-sheets.md": sheets_page(LAW)}
    anchors = {name: set(re.findall(r'<a id="([^"]+)"></a>', text)) for name, text in texts.items()}

    for name, text in texts.items():
        for target in re.findall(r"\]\(([^)]+)\)", text):
            file, _, anchor = target.partition("#")
            assert not anchor or anchor in anchors[file or name], target
            assert not file or file in texts, target


def test_the_page_of_the_sheets_tells_every_option_of_2026() -> None:
    page = sheets_page(LAW)
    sheets = LAW.sheets_of(LAW.regimes["QD26-2026"])
    own = page.split('<a id="qd148-2023"></a>')[0]

    assert [own.count(f" **★{stars}**") for stars in (3, 4, 5)] == [179, 289, 106]
    for sheet in sheets.values():
        told = own.split(f'<a id="{sheet.id.lower()}"></a>')[1].split("<a id=")[0]
        assert all(ministry in told for ministry in sheet.lead_ministries)
        assert all(ground.vi in told for ground in sheet.dossier_rejections)
        assert all(text in told for text in sheet.errata_vi)
        for code, criterion in sheet.leaves.items():
            (row,) = [line for line in told.splitlines() if line.startswith(f"| {code} | {criterion.vi}")]
            assert criterion.disqualifier_vi in row
            assert row.count("<br>") >= len(criterion.options) - 1
            assert row.count("(suy luận)") >= sum(option.inferred for option in criterion.options)


def test_of_2019_the_points_stand_in_one_line_a_criterion() -> None:
    assert "| 1.1 | Nguồn nguyên liệu | 3 | " in sheets_page(LAW).split('<a id="qd1048-01"></a>')[1]
