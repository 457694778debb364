"""docs/law.md says what the rule files say."""

from pathlib import Path

from api.cli_law import current_page
from domain.law.book import law_book

PAGE = Path(__file__).parents[1] / "docs" / "law.md"


def test_the_page_of_the_law_is_what_the_rules_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == current_page(), "run `ocop law page`"


def test_the_page_tells_every_sheet_and_every_mark() -> None:
    page = current_page()

    assert all(f"`{sheet}`" in page for sheet in law_book().sheets)
    assert all(f"| {mark} |" in page for mark in ("dữ kiện", "suy luận", "quy định địa phương", "không tìm thấy"))
    assert "## Không tìm thấy · Not found" in page
    assert "| bộ 10 | không đủ số điểm trong nguồn |" in page
