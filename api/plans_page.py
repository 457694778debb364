"""The page of the plans (docs/plans.md): what each plan at hand sets, figure by figure; every measure defined."""

from collections.abc import Iterator, Mapping
from typing import Any

from api.law_page import Row, table
from domain.law.maps import name_on
from domain.programme.measures import Measure, Selection, measures
from domain.programme.plans import Plan, plans
from domain.programme.targets import Deadline, Target
from projections.programme_sentences import wanted

NONE = "–"
PLANS_PAGE = "plans.md"
HEAD = """# Các kế hoạch mẫu và chỉ số · The plans at hand and the measures

Trang này do `ocop law page` viết ra từ `domain/programme/`; không sửa tay. This page is written from the data by
`ocop law page`; do not edit it.

Mỗi con số, mỗi ngày trong năm kế hoạch là một chỉ tiêu, thời hạn, ưu tiên hoặc nhiệm vụ của hệ thống; cột “Số liệu” là
con số như trong văn bản. Every figure and day of the five plans is a target, a deadline, a priority or a task of the
system. `tests/plan_figures.py` lists them sentence by sentence, and a test holds that list against the texts.
"""
MEASURES = """<a id="measures"></a>

## Chỉ số · Measures

Không văn bản nào quy định cách tính; đây là cách hiểu của dự án (suy luận). No law sets these definitions: they are
this project's reading (inferred) of the plans that use them.
"""


def plans_page() -> str:
    """The page in Markdown: the plans, then the measures."""
    lines = [HEAD, *(f"- [{plan.programme['title']}](#{name})" for name, plan in plans().items())]
    lines += ["- [Chỉ số · Measures](#measures)", ""]
    for name, plan in plans().items():
        lines += _plan(name, plan)
    told = [
        (f"`{code}`", entry.vi, entry.definition_vi, entry.definition_en, _counts(entry))
        for code, entry in measures().items()
    ]
    lines += [MEASURES, *table(("mã", "chỉ số", "cách tính", "definition", "dấu việc · marks"), told)]
    return "\n".join(lines).rstrip() + "\n"


def _plan(name: str, plan: Plan) -> Iterator[str]:
    issued = plan.commands()[0]
    yield from (f'<a id="{name}"></a>', "", f"## {issued.title}", "")
    number = issued.decision_number or "không rõ số · number not known"
    yield f"{issued.issued_by}, {number}, {issued.issued_on:%d/%m/%Y}; {name_on(issued.area, issued.first)}."
    if issued.legal_bases:
        yield f"Căn cứ · Legal bases: {'; '.join(issued.legal_bases)}."
    yield ""
    rows = [
        *_rows("chỉ tiêu", plan.targets),
        *_rows("thời hạn", plan.deadlines),
        *_rows("ưu tiên", plan.priorities),
        *_rows("nhiệm vụ", plan.tasks),
    ]
    yield from table(("chỗ", "số liệu", "là", "mã", "nội dung", "yêu cầu", "chỉ số"), rows)


def _rows(kind: str, parts: Mapping[str, Any]) -> Iterator[Row]:
    for code, part in parts.items():
        place, figure = (part.origin.place, part.origin.figure) if part.origin else (NONE, NONE)
        title = part.title if hasattr(part, "title") else f"{part.agency}: {part.text}"
        yield (place, figure, kind, f"`{code}`", title, *_asked(part))


def _asked(part: Any) -> tuple[str, str]:
    if isinstance(part, Target):
        return f"{wanted(part)[0]}, đến {part.due:%d/%m/%Y}", f"`{part.measure}`"
    if isinstance(part, Deadline):
        return f"{'trước' if part.before else 'đến'} {part.due:%d/%m/%Y}", NONE
    count = getattr(part, "count", None)
    return f"{count} sản phẩm" if count else NONE, NONE


def _counts(measure: Measure) -> str:
    told = _selected(measure.of)
    return f"{told} / {_selected(measure.over)}" if measure.over else told


def _selected(chosen: Selection) -> str:
    return "+".join(chosen.what) + (f" ({', '.join(chosen.kinds)})" if chosen.kinds else "")
