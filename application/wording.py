"""The official wording of scoring sheets (lời văn chính thức): read from a file, checked, kept beside the rules.

The rule files carry our own summaries. Whoever holds the official text imports it once; it must agree
with the sheets in every code, maximum, point and star gate. It is only ever shown: no decision reads
it, and no rule file or hash changes with it.
"""

import json
import os
import tempfile
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from json.decoder import JSONObject  # type: ignore[attr-defined]
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from domain.law.book import LawBook
from domain.law.models import Criterion, Part, Section, Sheet

log = structlog.get_logger(__name__)

LARGEST_FILE = 20_000_000
"""Bytes; the 26 sheets of one regime take half a million."""
LONGEST_TEXT = 4_000
FOLDER = "wording"
MISSING = "thiếu / missing"

Code = TypeVar("Code")


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CriterionWording(_Stored):
    """Official words of one criterion; ``labels`` stand in the order of its options."""

    title: str
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()
    disqualifiers: tuple[str, ...] = ()


class SheetWording(_Stored):
    """Official words of one sheet. ``figures`` names the sheet's figures at the time of the import."""

    figures: str
    title: str
    rejected_when: str = ""
    parts: dict[str, str]
    sections: dict[str, str]
    headings: dict[str, str]
    criteria: dict[str, CriterionWording]


class RegimeWording(_Stored):
    """Official words of a regime's sheets, as they are kept."""

    regime: str
    sheets: dict[str, SheetWording]


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong in a line of the file: what stands there and what is expected."""

    line: int
    sheet: str
    code: str
    what: str
    found: str
    expected: str

    def __str__(self) -> str:
        place = " ".join(p for p in (self.sheet, self.code) if p)
        told = f"dòng/line {self.line}: {place + ': ' if place else ''}{self.what}: {self.found}"
        return f"{told} (cần/expected: {self.expected})"


class BadWording(Exception):
    """The file is refused as a whole; ``faults`` in the order of its lines."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(map(str, self.faults)))


def read_wording(content: bytes, law: LawBook) -> RegimeWording:
    """The official wording in a JSON file, checked against the regime's sheets; raises BadWording."""
    root = _parsed(content)
    faults: list[Fault] = []
    if not isinstance(root, _Object):
        raise BadWording([Fault(1, "", "", "JSON", _shown(root), "một đối tượng / an object")])
    file = _Node(root, "", faults)
    name = root.get("id")
    regime = law.regimes.get(name) if isinstance(name, str) else None
    own = {s.id: s for s in law.sheets.values() if regime is not None and s.regime == regime.id}
    if regime is None or not own:
        expected = ", ".join(sorted({s.regime for s in law.sheets.values()}))
        file.fault("id", _shown(name) if "id" in root else MISSING, expected)
        raise BadWording(faults)
    titles = {part.text("code"): part.text("title") for part in file.nodes("parts", needed=False)}
    sheets = {
        sheet.id: _Sheet(node.named(sheet.id), sheet, titles).read()
        for node, sheet in _matched(file, file.nodes("sets"), "sets", own, key="id")
    }
    if faults:
        raise BadWording(faults)
    return RegimeWording(regime=regime.id, sheets=sheets)


def store_wording(folder: Path, wording: RegimeWording) -> Path:
    """Keep the wording in the service's data folder; a reader sees the old file or the new one, never half."""
    target = folder / FOLDER / f"{wording.regime}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(wording.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target


def load_wordings(folder: Path, law: LawBook) -> dict[str, SheetWording]:
    """Official wording by sheet. What does not fit the sheets any more is left out, and said so in the log."""
    found: dict[str, SheetWording] = {}
    for path in sorted(folder.joinpath(FOLDER).glob("*.json")):
        try:
            kept = RegimeWording.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as broken:
            log.warning("wording-unreadable", file=str(path), error=type(broken).__name__)
            continue
        for sheet_id, wording in kept.sheets.items():
            sheet = law.sheets.get(sheet_id)
            if sheet is None or _figures(sheet) != wording.figures:
                log.warning("wording-outdated", file=str(path), sheet=sheet_id)
            else:
                found[sheet_id] = wording
    return found


def _figures(sheet: Sheet) -> str:
    """SHA-256 over codes, maxima, points and gates: under another one the wording may not fit."""
    parts = [[p.code, p.max, [[s.code, s.max, [h.code for h in s.headings]] for s in p.sections]] for p in sheet.parts]
    leaves = [[code, c.max, [[o.points, o.star, o.variant] for o in c.options]] for code, c in sheet.leaves.items()]
    return sha256(json.dumps([sheet.id, parts, leaves]).encode()).hexdigest()


class _Sheet:
    """One set of the file held against our sheet."""

    def __init__(self, node: "_Node", sheet: Sheet, part_titles: Mapping[str, str]) -> None:
        self._node, self._sheet, self._part_titles = node, sheet, part_titles
        self._sections: dict[str, str] = {}
        self._headings: dict[str, str] = {}
        self._criteria: dict[str, CriterionWording] = {}

    def read(self) -> SheetWording:
        """The words of the set; what does not agree is noted as faults."""
        node, sheet = self._node, self._sheet
        node.equals("no", sheet.number)
        node.equals("sample_products_required", sheet.samples)
        parts = node.nodes("parts")
        for found, part in _matched(node, parts, "parts", {p.code: p for p in sheet.parts}):
            self._part(found, part)
        node.adds_up("parts", (p.whole("max") for p in parts), sum(p.max for p in sheet.parts))
        return SheetWording(
            figures=_figures(sheet),
            title=node.text("name"),
            rejected_when=node.text("dossier_rejected_when", needed=False),
            parts={p.code: self._part_titles[p.code] for p in sheet.parts if self._part_titles.get(p.code)},
            sections=self._sections,
            headings=self._headings,
            criteria=self._criteria,
        )

    def _part(self, node: "_Node", part: Part) -> None:
        node.equals("max", part.max)
        sections = node.nodes("sections")
        for found, section in _matched(node, sections, "sections", {s.code: s for s in part.sections}):
            self._section(found, section)
        node.adds_up("sections", (s.whole("max") for s in sections), part.max)

    def _section(self, node: "_Node", section: Section) -> None:
        node.equals("max", section.max)
        self._sections[section.code] = node.text("title")
        own = {place.code: self._sheet.library[place.use] for place in section.criteria}
        if "options" in node or section.code in own:
            self._leaf(node, own.get(section.code))
            return
        criteria = node.nodes("criteria")
        groups = [c for c in criteria if "children" in c]
        headings = {h.code: h for h in section.headings}
        for found, heading in _matched(node, groups, "criteria", headings):
            found.equals("max", heading.max)
            self._headings[heading.code] = found.text("title")
            children = found.nodes("children")
            found.adds_up("children", (c.whole("max") for c in children), heading.max)
        plain = [leaf for c in criteria for leaf in (c.nodes("children") if "children" in c else [c])]
        for found, criterion in _matched(node, plain, "criteria", own):
            self._leaf(found, criterion)
        node.adds_up("criteria", (leaf.whole("max") for leaf in plain), section.max)

    def _leaf(self, node: "_Node", criterion: Criterion | None) -> None:
        if criterion is None:
            node.fault("options", "có / there", "không có ở đây / none here")
            return
        node.equals("max", criterion.max)
        options = node.nodes("options")
        if node.is_list("options") and len(options) != len(criterion.options):
            node.fault("options", f"{len(options)} mức/options", f"{len(criterion.options)}")
        for found, option in zip(options, criterion.options, strict=False):
            found.equals("points", option.points)
            found.equals("min_for_star", option.star)
            found.equals("variant", option.variant)
        disqualifiers = node.texts("disqualifier_notes")
        notes = [*node.texts("requirement"), *node.texts("notes")]
        self._criteria[node.code] = CriterionWording(
            title=node.text("title"),
            labels=tuple(option.text("label") for option in options),
            notes=tuple(note for note in notes if note not in disqualifiers),
            disqualifiers=tuple(disqualifiers),
        )


class _Object(dict[str, Any]):
    """A JSON object that knows its line and the line of each of its values."""

    def __init__(self, pairs: Sequence[tuple[str, Any]], line: int, lines: Mapping[str, int]) -> None:
        super().__init__(pairs)
        self.line, self.lines = line, lines


@dataclass(slots=True)
class _Node:
    """An object of the file as the checks ask it: a missing or wrong value is a fault, never an exception."""

    value: _Object
    sheet: str
    faults: list[Fault]
    code: str = field(init=False)

    def __post_init__(self) -> None:
        code = self.value.get("code")
        self.code = code if isinstance(code, str) else ""

    def __contains__(self, key: str) -> bool:
        return key in self.value

    def is_list(self, key: str) -> bool:
        """Whether the list is there at all; where it is not, that alone is the fault."""
        return isinstance(self.value.get(key), list)

    def named(self, sheet: str) -> "_Node":
        """The same object, as part of a set."""
        return _Node(self.value, sheet, self.faults)

    def fault(self, key: str, found: str, expected: str) -> None:
        """Note a fault of this object's value (once)."""
        line = self.value.lines.get(key, self.value.line)
        fault = Fault(line, _printable(self.sheet), _printable(self.code), key, found, expected)
        if fault not in self.faults:
            self.faults.append(fault)

    def text(self, key: str, *, needed: bool = True) -> str:
        """A text that says something; "" with a fault otherwise."""
        if self.value.get(key) is None and not needed:
            return ""
        return self._clean(key, self.value.get(key))

    def texts(self, key: str) -> list[str]:
        """A list of texts; absent counts as empty."""
        found = self.value.get(key, [])
        if not isinstance(found, list):
            self.fault(key, _shown(found), "một danh sách / a list")
            return []
        return [self._clean(key, item) for item in found]

    def _clean(self, key: str, value: object) -> str:
        if not isinstance(value, str):
            self.fault(key, self._there(key, value), "một đoạn chữ / a text")
            return ""
        text = unicodedata.normalize("NFC", value).strip()
        if not text or len(text) > LONGEST_TEXT or any(unicodedata.category(c) in {"Cc", "Cs"} for c in text):
            self.fault(key, _shown(value), f"1-{LONGEST_TEXT} ký tự đọc được / readable characters")
            return ""
        return text

    def whole(self, key: str) -> int:
        """A whole number; 0 with a fault otherwise."""
        found = self.value.get(key)
        if type(found) is int:
            return found
        self.fault(key, self._there(key, found), "một số nguyên / a whole number")
        return 0

    def nodes(self, key: str, *, needed: bool = True) -> list["_Node"]:
        """A list of objects; what is not one is a fault."""
        found = self.value.get(key)
        if found is None and not needed:
            return []
        if not isinstance(found, list):
            self.fault(key, self._there(key, found), "một danh sách / a list")
            return []
        for item in found:
            if not isinstance(item, _Object):
                self.fault(key, _shown(item), "các đối tượng / objects")
        return [_Node(item, self.sheet, self.faults) for item in found if isinstance(item, _Object)]

    def equals(self, key: str, expected: int | str | None) -> None:
        """The value must be ours, of the same type; None: it must be absent or null."""
        found = self.value.get(key)
        if found != expected or type(found) is not type(expected):
            self.fault(key, self._there(key, found), "không có / none" if expected is None else str(expected))

    def adds_up(self, key: str, maxima: Iterable[int], expected: int) -> None:
        """The maxima below must give ours."""
        if self.is_list(key) and (total := sum(maxima)) != expected:
            self.fault(key, f"tổng/sum {total}", str(expected))

    def _there(self, key: str, value: object) -> str:
        return _shown(value) if key in self.value else MISSING


def _matched(
    parent: _Node, found: Sequence[_Node], what: str, expected: Mapping[str, Code], key: str = "code"
) -> Iterator[tuple[_Node, Code]]:
    """Objects with what we have under their code; unknown, doubled and missing codes are faults of their own."""
    seen: set[str] = set()
    for node in found:
        code = node.text(key)
        if code in seen:
            node.fault(key, f"{_shown(code)} hai lần / twice", "một lần / once")
        elif code in expected:
            seen.add(code)
            yield node, expected[code]
        elif code:
            node.fault(key, _shown(code), ", ".join(c for c in expected if c not in seen) or "không có / none")
    missing = [code for code in expected if code not in seen]
    if missing and parent.is_list(what):
        parent.fault(what, f"{MISSING} {', '.join(missing)}", f"{len(expected)} mã/codes")


class _Reader(json.JSONDecoder):
    """The standard library's decoder, with objects that know their lines; numbers stay exact."""

    def __init__(self, text: str) -> None:
        super().__init__(parse_int=_whole, parse_float=Decimal, parse_constant=Decimal)
        self._ends = [at for at, char in enumerate(text) if char == "\n"]
        self.parse_object = self._object
        self.scan_once = py_make_scanner(self)

    def line(self, at: int) -> int:
        """Line of a place in the text, from 1."""
        return bisect_left(self._ends, at) + 1

    def _object(
        self,
        start: tuple[str, int],
        strict: bool,
        scan_once: Callable[[str, int], tuple[Any, int]],
        _hook: object,
        _pairs_hook: object,
        memo: dict[str, str],
    ) -> tuple[_Object, int]:
        values: list[int] = []

        def scan(text: str, at: int) -> tuple[Any, int]:
            values.append(at)
            return scan_once(text, at)

        pairs, end = JSONObject(start, strict, scan, None, list, memo)
        lines = {key: self.line(at) for (key, _), at in zip(pairs, values, strict=True)}
        if len(lines) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            line = self.line(values[len(keys) - 1 - keys[::-1].index(twice)])
            raise BadWording([Fault(line, "", "", "JSON", f"{_shown(twice)} hai lần / twice", "một lần / once")])
        return _Object(pairs, self.line(start[1] - 1), lines), end


def _parsed(content: bytes) -> Any:
    """The file's JSON; raises BadWording."""

    def unreadable(line: int, found: str, expected: str) -> BadWording:
        return BadWording([Fault(line, "", "", "JSON", found, expected)])

    if len(content) > LARGEST_FILE:
        raise unreadable(1, f"{len(content)} byte", f"≤ {LARGEST_FILE}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        line = content[: broken.start].count(b"\n") + 1
        raise unreadable(line, f"byte {content[broken.start]:#04x}", "UTF-8") from None
    try:
        return _Reader(text).decode(text)
    except json.JSONDecodeError as broken:
        found = f"cột/column {broken.colno}: {broken.msg}"
        raise unreadable(broken.lineno, found, "JSON đúng cú pháp / well-formed JSON") from None
    except RecursionError:
        raise unreadable(1, "lồng nhau quá sâu / nested too deeply", "vài mức / a few levels") from None


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < 10 else Decimal(digits)  # Python refuses thousands of digits


def _shown(value: object) -> str:
    """A value of the file in a message, short and printable."""
    match value:
        case _Object():
            return "một đối tượng / an object"
        case list():
            return "một danh sách / a list"
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return f"“{_printable(value[:60])}”"
        case _:
            return str(value)[:60]


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text[:60])
