"""Sentences of a subject's dossier: requests to erase, decisions on them, keys destroyed. Nobody is named."""

from collections.abc import Callable
from typing import Any

from projections.words import day, items, text

PURPOSE: dict[str, tuple[str, str]] = {
    "process": ("dữ liệu phục vụ giải quyết hồ sơ", "data needed while a case runs"),
    "consent": ("dữ liệu cung cấp theo sự đồng ý", "data given by consent"),
    "both": ("toàn bộ dữ liệu không thuộc hồ sơ chính thức", "all data that is not of the official record"),
}
CAPACITY: dict[str, tuple[str, str]] = {
    "self": ("chính chủ thể", "the subject itself"),
    "representative": ("người đại diện", "a representative"),
    "heir": ("người thừa kế", "an heir"),
}
CHANNEL: dict[str, tuple[str, str]] = {
    "in-person": ("trực tiếp", "in person"),
    "post": ("qua bưu chính", "by post"),
    "electronic": ("qua phương tiện điện tử", "electronically"),
}
OUTCOME: dict[str, tuple[str, str]] = {
    "granted": ("chấp nhận", "granted"),
    "partly": ("chấp nhận một phần", "granted in part"),
    "refused": ("từ chối", "refused"),
}


def _of(purposes: Any, language: int) -> str:
    return items([PURPOSE[purpose][language] for purpose in purposes])


def _basis(fact: Any) -> str:
    parts = [*([fact.legal_basis] if fact.legal_basis else []), *([text(fact.reasons)] if fact.reasons else [])]
    return f" ({'; '.join(parts)})" if parts else ""


def _decided(fact: Any, language: int) -> str:
    what = f": {_of(fact.purposes, language)}" if fact.purposes else ""
    return f"{OUTCOME[fact.outcome][language]}{what}{_basis(fact)}"


SUBJECTS: dict[str, tuple[Callable[[Any], str], Callable[[Any], str]]] = {
    "subject.erasure-requested": (
        lambda f: (
            f"tiếp nhận yêu cầu xóa {PURPOSE[f.scope][0]}, do {CAPACITY[f.capacity][0]} gửi"
            f" {CHANNEL[f.channel][0]} ngày {day(f.asked_on)}"
        ),
        lambda f: (
            f"received a request to erase {PURPOSE[f.scope][1]}, sent {CHANNEL[f.channel][1]} by"
            f" {CAPACITY[f.capacity][1]} on {f.asked_on}"
        ),
    ),
    "subject.erasure-decided": (
        lambda f: f"quyết định yêu cầu xóa dữ liệu cá nhân: {_decided(f, 0)}",
        lambda f: f"decided the request to erase personal data: {_decided(f, 1)}",
    ),
    "subject.keys-destroyed": (
        lambda f: (
            f"hủy {len(f.keys)} khóa của {_of(f.purposes, 0)}"
            f" ({'theo yêu cầu' if f.ground == 'request' else 'hết thời hạn lưu giữ'})"
        ),
        lambda f: (
            f"destroyed {len(f.keys)} keys of {_of(f.purposes, 1)}"
            f" ({'on request' if f.ground == 'request' else 'the retention time is over'})"
        ),
    ),
}
