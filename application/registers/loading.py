"""From a register's rows to facts (nạp sổ theo dõi): every product once, every recognition once.

A product's stream and every command's id follow from what the row says: loading a file again, or another file
that names the same product, finds what is there. What was loaded is never changed by a later file; where one
says something else, that is reported.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID, uuid5

from pydantic import ValidationError

from application.handle import Order
from application.recorded import Recorded
from application.registers.reading import Reading, RegisterRow
from application.registers.rows import Commands, levels_of, plain, stream_of
from application.seals import Keeper
from application.writer import Answer
from domain.command import Command
from domain.law.book import LawBook
from domain.personal import DROPPED, Spot, opened, visited
from domain.product.certificate_facts import EnteredFromRegister, RecognitionRecorded
from domain.product.facts import FactCorrected
from domain.product.rating_facts import ProductRecognised
from domain.product.state import corrected
from domain.product.steps.certificate import PastRecognition
from domain.refusals import Refusal
from domain.sealing import KeyDestroyed
from domain.values import Actor

AT_ONCE = 64
"""Products on their way at once: about as many orders as the writer takes together."""

Run = Callable[[Order], Awaitable[Answer]]
Recall = Callable[[Iterable[UUID]], Sequence[Recorded]]


@dataclass(frozen=True, slots=True)
class RowNote:
    """Something to look at in a row: ``code`` "changed", or the code of a refusal."""

    row: int
    code: str
    vi: str
    en: str
    product: str = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the rows.

    ``loaded``: rows of which something was stored; ``already``: rows that were known here word for word.
    ``changed``: what is known here with other words, of which nothing was stored; ``refused``: rows that were not
    taken.
    """

    loaded: int
    already: int
    changed: tuple[RowNote, ...]
    refused: tuple[RowNote, ...]


async def load(
    reading: Reading,
    run: Run,
    keeper: Keeper,
    law: LawBook,
    actor: Actor,
    recall: Recall,
) -> Loaded:
    """Load the rows of a register, each whole or not at all; raises what the store raises.

    ``run`` carries out one order, as the writer does. ``keeper``: what a row says is personal, so digests are keyed,
    and what is known is opened to be compared.
    ``recall``: all facts of some streams, as they are stored.
    """
    products: dict[UUID, list[RegisterRow]] = defaultdict(list)
    for row in reading.rows:
        products[stream_of(row)].append(row)
    stored = await asyncio.to_thread(recall, list(products))
    by_stream = [(stream, list(facts)) for stream, facts in groupby(stored, lambda r: r.originator_id)]
    known = {stream: await asyncio.to_thread(_as_stored, facts, keeper) for stream, facts in by_stream}
    loader = _Loader(Commands(reading.sha256, levels_of(law)), run, keeper.digest, actor)
    places = asyncio.Semaphore(AT_ONCE)

    async def one(stream: UUID, rows: Sequence[RegisterRow]) -> list[_Outcome]:
        async with places:
            return await loader.load(stream, rows, known.get(stream))

    found = await asyncio.gather(*(one(stream, rows) for stream, rows in products.items()))
    return _summed([outcome for outcomes in found for outcome in outcomes])


# ── What is known of a product ────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Known:
    """A product as it is known: its details, and its recognitions by decision and year; fields by their names."""

    details: Mapping[str, Any]
    rounds: dict[tuple[str, int], Mapping[str, Any]]


def _as_stored(facts: Sequence[Recorded], keeper: Keeper) -> _Known:
    """Out of its facts, read as corrected and opened."""
    now: dict[int, dict[str, object]] = defaultdict(dict)
    for r in facts:
        if isinstance(r.fact, FactCorrected):
            now[r.fact.corrected_version].update(r.fact.now)
    known = _Known({}, {})
    for r in facts:
        fact: Any = r.fact
        if r.originator_version in now:
            fact = corrected(fact, now[r.originator_version])
        match fact:
            case EnteredFromRegister():
                known = _Known(_opened_details(r, fact, keeper), known.rounds)
            case RecognitionRecorded():
                known.rounds[plain(fact.decision_number), fact.year] = fact.model_dump(include=set(_OF_A_ROUND))
            case ProductRecognised():
                said = {"stars": fact.stars, "decided_on": fact.issued_on, "valid_to": fact.valid_to}
                known.rounds[plain(fact.decision_number), fact.issued_on.year] = said
    return known


def _details(group: str | None, holder: Any) -> dict[str, Any]:
    return {"group": group, **holder.model_dump(exclude={"name"})}


def _opened_details(r: Recorded, entered: EnteredFromRegister, keeper: Keeper) -> dict[str, Any]:
    """What the register said; of what is erased nothing is known, so nothing can differ from it."""

    def open_it(spot: Spot, value: Any) -> Any:
        try:
            return opened(value, spot, r.originator_id, keeper)
        except KeyDestroyed:
            return DROPPED

    data = visited(entered.stored_name, r.originator_version, entered.model_dump(mode="json"), open_it)
    return {"group": entered.group, **{name: value for name, value in data["holder"].items() if name != "name"}}


def _key(past: PastRecognition) -> tuple[str, int]:
    return plain(past.decision_number), past.year


_OF_A_PRODUCT = {
    "group": ("nhóm sản phẩm", "group"),
    "kind": ("loại hình", "kind"),
    "address": ("địa chỉ", "address"),
    "representative": ("người đại diện", "representative"),
    "phone": ("điện thoại", "phone"),
    "registration": ("mã số đăng ký", "registration"),
}
_PERSONAL = frozenset({"address", "representative", "phone"})
"""Of these the report says only that they differ."""
_OF_A_ROUND = {
    "stars": ("hạng sao", "stars"),
    "decided_on": ("ngày quyết định", "day of the decision"),
    "authority": ("cơ quan", "authority"),
    "level": ("cấp", "level"),
    "certificate_number": ("số giấy chứng nhận", "certificate number"),
    "product_number": ("mã số sản phẩm", "product number"),
    "valid_to": ("có giá trị đến", "valid to"),
}


def _differing(names: Mapping[str, tuple[str, str]], old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """The fields that a row states otherwise, as "name old → new"; what it does not state is no difference."""
    for name, words in names.items():
        stated, was = new.get(name), old.get(name)
        if name in old and stated not in (None, "") and stated != was:
            said = "" if name in _PERSONAL else f" {_shown(was)} → {_shown(stated)}"
            yield f"{words[0]}/{words[1]}{said}"


def _shown(value: Any) -> str:
    return "–" if value in (None, "") else f"{value:%d/%m/%Y}" if isinstance(value, date) else f"“{value}”"


# ── Loading ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a row: whether something was stored, and what there is to say."""

    stored: bool
    notes: tuple[RowNote, ...]


@dataclass(frozen=True, slots=True)
class _Loader:
    """Loads the products of one file."""

    commands: Commands
    run: Run
    digest: Callable[[str], bytes]
    actor: Actor

    async def load(self, stream: UUID, rows: Sequence[RegisterRow], known: _Known | None) -> list[_Outcome]:
        """One product with all its rows; the first that is taken enters it."""
        outcomes = []
        for row in rows:
            try:
                if known is None:
                    outcome, known = await self._enter(stream, row)
                else:
                    outcome = await self._add(stream, row, known)
            except ValidationError as error:
                outcome = _Outcome(False, (_unusable(row, error),))
            outcomes.append(outcome)
        return outcomes

    async def _enter(self, stream: UUID, row: RegisterRow) -> tuple[_Outcome, _Known | None]:
        command = self.commands.enter(row)
        said = command.model_dump_json(include={"product_name", "commune", "group", "holder", "recognitions"})
        try:
            answer = await self.run(self._order(stream, "enter", command, said))
        except Refusal as refusal:
            return _Outcome(False, (_refused(row, refusal),)), None
        known = _Known(_details(command.group, command.holder), {})
        known.rounds.update({_key(past): past.model_dump() for past in command.recognitions})
        return _Outcome(not answer.repeated, ()), known

    async def _add(self, stream: UUID, row: RegisterRow, known: _Known) -> _Outcome:
        """What a row says more of a product that is known, and what it says otherwise."""
        stored, notes = False, list[RowNote]()
        if differing := [*_differing(_OF_A_PRODUCT, known.details, _details(row.group, self.commands.holder(row)))]:
            notes.append(_changed_product(row, differing))
        for past in self.commands.pasts(row):
            before = known.rounds.get(_key(past))
            if before is not None:
                if differing := [*_differing(_OF_A_ROUND, before, past.model_dump())]:
                    notes.append(_changed_round(row, past, differing))
                continue
            key, said = f"{plain(past.decision_number)}|{past.year}", past.model_dump_json()
            try:
                answer = await self.run(self._order(stream, key, self.commands.record(row, past), said))
            except Refusal as refusal:
                notes.append(_refused(row, refusal))
                continue
            stored |= bool(answer.facts) and not answer.repeated
            known.rounds[_key(past)] = past.model_dump()
        return _Outcome(stored, tuple(notes))

    def _order(self, stream: UUID, key: str, command: Command, said: str) -> Order:
        # The digest is over what the row says, not over where it stands: files are mended and rows move.
        return Order(uuid5(stream, key), stream, command, self.actor, self.digest(f"{stream}\n{key}\n{said}"))


def _changed_product(row: RegisterRow, differing: Sequence[str]) -> RowNote:
    listed = "; ".join(differing)
    return RowNote(
        row.number,
        "changed",
        f"Đã nhập với thông tin khác, dòng này không ghi đè: {listed}. Nếu sổ đúng, đính chính bằng correct-fact.",
        f"Known here with other details, which this row does not replace: {listed}. If the register is right, use "
        "correct-fact.",
        row.product,
    )


def _changed_round(row: RegisterRow, past: PastRecognition, differing: Sequence[str]) -> RowNote:
    number, listed = past.decision_number, "; ".join(differing)
    return RowNote(
        row.number,
        "changed",
        f"Quyết định {number} đã được nhập với nội dung khác: {listed}. Đối chiếu quyết định; nếu sổ đúng, ghi nhận "
        "từ bản chụp quyết định bằng record-recognition.",
        f"Decision {number} is known here with other content: {listed}. Compare the decision; if the register is "
        "right, record it from its scan with record-recognition.",
        row.product,
    )


def _refused(row: RegisterRow, refusal: Refusal) -> RowNote:
    return RowNote(row.number, refusal.code, refusal.vi, refusal.en, row.product)


def _unusable(row: RegisterRow, error: ValidationError) -> RowNote:
    where = ".".join(str(part) for part in error.errors()[0]["loc"])
    said = f"“{where}” không dùng được.", f"“{where}” cannot be used."
    return RowNote(row.number, "invalid-content", *said, row.product)


def _summed(outcomes: Iterable[_Outcome]) -> Loaded:
    found = list(outcomes)
    notes = sorted((note for outcome in found for note in outcome.notes), key=lambda note: note.row)
    return Loaded(
        loaded=sum(outcome.stored for outcome in found),
        already=sum(not outcome.stored and not outcome.notes for outcome in found),
        changed=tuple(note for note in notes if note.code == "changed"),
        refused=tuple(note for note in notes if note.code != "changed"),
    )
