"""Sentences about offices and persons: who was given which powers, from when to when, by which paper."""

from collections.abc import Callable
from typing import Any

from domain.law.areas import area_name
from domain.person.facts import Term
from domain.values import ROLE_NAMES
from projections.words import day

Phrase = Callable[[Any], str]


def _term_vi(term: Term) -> str:
    return f"từ {day(term.first)}" + (f" đến {day(term.last)}" if term.last else "")


def _term_en(term: Term) -> str:
    return f"from {term.first}" + (f" to {term.last}" if term.last else "")


def _acts(fact: Any) -> str:
    return ", ".join(fact.commands)


PERSONNEL: dict[str, tuple[Phrase, Phrase]] = {
    "office.established": (
        lambda f: f"ghi nhận cơ quan “{f.name}” ({area_name(f.area)}) theo {f.decision_number}",
        lambda f: f"entered the office “{f.name}” ({area_name(f.area)}) by {f.decision_number}",
    ),
    "office.renamed": (
        lambda f: f"đổi tên cơ quan thành “{f.name}” theo {f.decision_number}",
        lambda f: f"renamed the office “{f.name}” by {f.decision_number}",
    ),
    "office.post-filled": (
        lambda f: f"ghi nhận {f.handle} được phân công tại cơ quan" + (f" đến {day(f.last)}" if f.last else ""),
        lambda f: f"recorded that {f.handle} was assigned to the office" + (f" until {f.last}" if f.last else ""),
    ),
    "office.post-vacated": (
        lambda f: f"ghi nhận thôi phân công tại cơ quan kể từ {day(f.ends_on)}",
        lambda f: f"recorded that an assignment to the office ended as of {f.ends_on}",
    ),
    "office.closed": (
        lambda f: f"ghi nhận cơ quan giải thể theo {f.decision_number}: {f.reason}",
        lambda f: f"closed the office by {f.decision_number}: {f.reason}",
    ),
    "person.registered": (
        lambda f: f"ghi nhận người dùng “{f.handle}”",
        lambda f: f"entered the person “{f.handle}”",
    ),
    "person.role-assigned": (
        lambda f: (
            f"phân công vai trò {ROLE_NAMES[f.role][0]} tại {f.office_name}, địa bàn {area_name(f.area)},"
            f" {_term_vi(f.term)}, theo {f.decision_number} do {f.signer} ký"
        ),
        lambda f: (
            f"assigned the role {ROLE_NAMES[f.role][1]} in {f.office_name}, area {area_name(f.area)},"
            f" {_term_en(f.term)}, by {f.decision_number} signed by {f.signer}"
        ),
    ),
    "person.assignment-ended": (
        lambda f: f"thôi phân công kể từ {day(f.ends_on)} theo {f.decision_number}: {f.reason}",
        lambda f: f"ended an assignment as of {f.ends_on} by {f.decision_number}: {f.reason}",
    ),
    "person.delegation-given": (
        lambda f: (
            f"ủy quyền cho {f.delegate_handle} {_term_vi(f.term)} theo {f.document}, "
            + (f"phạm vi: {_acts(f)}" if f.commands else "toàn bộ công việc của vai trò")
        ),
        lambda f: (
            f"delegated to {f.delegate_handle} {_term_en(f.term)} by {f.document}, "
            + (f"for: {_acts(f)}" if f.commands else "all acts of the role")
        ),
    ),
    "person.delegation-received": (
        lambda f: f"nhận ủy quyền của {f.delegator_handle} {_term_vi(f.term)} theo {f.document}",
        lambda f: f"received a delegation of {f.delegator_handle} {_term_en(f.term)} by {f.document}",
    ),
    "person.delegation-ended": (
        lambda f: f"chấm dứt ủy quyền kể từ {day(f.ends_on)} theo {f.document}",
        lambda f: f"ended a delegation as of {f.ends_on} by {f.document}",
    ),
}
