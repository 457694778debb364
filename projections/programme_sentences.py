"""The sentences of programmes (chương trình, kế hoạch): as in ``sentences.py``."""

from collections.abc import Callable
from typing import Any

from domain.law.areas import area_name
from domain.programme.measures import measures
from domain.programme.targets import Deadline, Target
from projections.words import AUDIENCE, CHANGE, EVENT, MEDIA, day, text

Phrase = Callable[[Any], str]

_COMPARED = {
    "at-least": ("từ {0}", "at least {0}"),
    "more-than": ("trên {0}", "more than {0}"),
    "within": ("{0}–{1}",) * 2,
}


def wanted(target: Target) -> tuple[str, str]:
    """What a target asks for, in Vietnamese and English: "từ 20 sản phẩm", "at least 20 products"."""
    measure = measures().get(target.measure)
    vi, en = _COMPARED[target.compare]
    units = (measure.unit_vi, measure.unit_en) if measure else ("", "")
    amounts = [amount.replace(".", ",") for amount in (target.amount, target.most or "")]
    told_vi = f"{vi.format(*amounts)} {units[0]}"
    told_en = f"{en.format(target.amount, target.most)} {units[1]}"
    if target.every:
        told_vi, told_en = f"{told_vi} mỗi năm", f"{told_en} a year"
    if target.each:
        each = {"old-unit": ("mỗi huyện", "in each district"), "commune": ("mỗi xã", "in each commune")}[target.each]
        told_vi, told_en = f"{told_vi} {each[0]}", f"{told_en} {each[1]}"
    return told_vi, told_en


def _by(deadline: Deadline) -> tuple[str, str]:
    vi, en = ("trước", "before") if deadline.before else ("đến", "by")
    return f"{vi} {day(deadline.due)}", f"{en} {deadline.due}"


PROGRAMMES: dict[str, tuple[Phrase, Phrase]] = {
    "programme.issued": (
        lambda f: (
            f"ban hành kế hoạch “{f.title}” ({area_name(f.area)}, {day(f.first)} – {day(f.last)})"
            + (f", số {f.decision_number}" if f.decision_number else "")
        ),
        lambda f: (
            f"issued the programme “{f.title}” ({area_name(f.area)}, {f.first} to {f.last})"
            + (f", {f.decision_number}" if f.decision_number else "")
        ),
    ),
    "programme.target-set": (
        lambda f: f"giao chỉ tiêu “{f.target.title}”: {wanted(f.target)[0]}, đến {day(f.target.due)}",
        lambda f: f"set the target “{f.target.title}”: {wanted(f.target)[1]} by {f.target.due}",
    ),
    "programme.target-amended": (
        lambda f: (
            f"điều chỉnh chỉ tiêu “{f.target.title}” theo {f.decision_number}: {wanted(f.target)[0]},"
            f" đến {day(f.target.due)}: {text(f.reason)}"
        ),
        lambda f: (
            f"amended the target “{f.target.title}” by {f.decision_number}: {wanted(f.target)[1]}"
            f" by {f.target.due}: {text(f.reason)}"
        ),
    ),
    "programme.deadline-set": (
        lambda f: f"quy định thời hạn “{f.deadline.title}”: {_by(f.deadline)[0]}",
        lambda f: f"set the deadline “{f.deadline.title}”: {_by(f.deadline)[1]}",
    ),
    "programme.priority-set": (
        lambda f: f"xác định ưu tiên “{f.priority.title}”",
        lambda f: f"set the priority “{f.priority.title}”",
    ),
    "programme.task-assigned": (
        lambda f: f"giao {f.task.agency}: {text(f.task.text)}",
        lambda f: f"charged {f.task.agency} with: {text(f.task.text)}",
    ),
    "programme.class-held": (
        lambda f: (
            f"tổ chức lớp “{f.title}” cho {AUDIENCE[f.audience][0]} ({area_name(f.area)}), {f.attendees} người dự"
        ),
        lambda f: f"held the class “{f.title}” for {AUDIENCE[f.audience][1]} ({area_name(f.area)}), {f.attendees} came",
    ),
    "programme.media-published": (
        lambda f: f"đăng {MEDIA[f.kind][0]} “{f.title}” trên {f.outlet}",
        lambda f: f"published the {MEDIA[f.kind][1]} “{f.title}” in {f.outlet}",
    ),
    "programme.staff-counted": (
        lambda f: f"ghi số cán bộ OCOP của {area_name(f.area)}: {f.officials}",
        lambda f: f"counted the OCOP officials of {area_name(f.area)}: {f.officials}",
    ),
    "programme.apparatus-strengthened": (
        lambda f: f"củng cố, kiện toàn bộ máy OCOP của {area_name(f.area)} theo {f.decision_number}",
        lambda f: f"put the OCOP apparatus of {area_name(f.area)} in order by {f.decision_number}",
    ),
    "programme.organisation-supported": (
        lambda f: f"hỗ trợ {CHANGE[f.change][0]} {f.organisation} ({f.registration}) tại {area_name(f.area)}",
        lambda f: f"supported {f.organisation} ({f.registration}) in {area_name(f.area)}: {CHANGE[f.change][1]}",
    ),
    "programme.monitoring-introduced": (
        lambda f: f"đưa hệ thống “{f.system}” vào sử dụng theo {f.decision_number}",
        lambda f: f"brought the system “{f.system}” into use by {f.decision_number}",
    ),
    "programme.event-held": (
        lambda f: f"tổ chức {EVENT[f.kind][0]} “{f.title}” tại {f.place}",
        lambda f: f"held the {EVENT[f.kind][1]} “{f.title}” at {f.place}",
    ),
    "programme.point-of-sale-opened": (
        lambda f: f"mở điểm giới thiệu, bán sản phẩm “{f.title}” tại {f.address}, {area_name(f.area)}",
        lambda f: f"opened the point of sale “{f.title}” at {f.address}, {area_name(f.area)}",
    ),
    "programme.point-of-sale-closed": (
        lambda f: f"đóng điểm giới thiệu, bán sản phẩm “{f.code}”: {text(f.reason)}",
        lambda f: f"closed the point of sale “{f.code}”: {text(f.reason)}",
    ),
    "programme.entry-struck": (
        lambda f: f"hủy ghi nhận số {f.entry}: {text(f.reason)}",
        lambda f: f"struck out entry {f.entry}: {text(f.reason)}",
    ),
}
