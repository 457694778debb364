"""From a register's rows to commands (nạp sổ theo dõi): every product once, every recognition once.

A product's stream and every command's id follow from what the row says: loading a file again, or another file
that names the same product, finds what is there. What was loaded is never changed by a later file; where one
says something else, that is reported.
"""

import asyncio
import unicodedata
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid5

from pydantic import TypeAdapter, ValidationError

from application.handle import Order
from application.registers.reading import Reading, Recognition, RegisterRow
from application.writer import Answer
from domain.command import Command
from domain.law.areas import province_of_area
from domain.law.book import LawBook
from domain.product import certificate_facts as c
from domain.product.steps.certificate import EnterFromRegister, PastRecognition, RecordRecognition
from domain.refusals import KeyReused, Refusal
from domain.values import Actor, Paragraph, Source

PRODUCTS = UUID("6f636f70-0000-4000-8000-726567697374")
"""Namespace of the ids of products known from registers. Never change it: they would be entered twice."""

AT_ONCE = 64
"""Products on their way at once: about as many orders as the writer takes together."""

Run = Callable[[Order], Awaitable[Answer]]
_PARAGRAPH: TypeAdapter[str] = TypeAdapter(Paragraph)


@dataclass(frozen=True, slots=True)
class RowNote:
    """Something to look at in a row: ``code`` "changed", or the code of a refusal."""

    row: int
    code: str
    vi: str
    en: str


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
    reading: Reading, run: Run, digest: Callable[[str], bytes], law: LawBook, actor: Actor, today: date
) -> Loaded:
    """Load the rows of a register; raises what the store raises.

    ``run`` carries out one order, as the writer does; ``digest`` is keyed, for what a row says is personal.
    """
    levels = {level.vi: level.code for regime in law.regimes.values() for level in regime.levels}
    orders = _Orders(reading.sha256, levels, digest, actor, today)
    products: dict[UUID, list[RegisterRow]] = defaultdict(list)
    for row in reading.rows:
        products[stream_of(row)].append(row)
    places = asyncio.Semaphore(AT_ONCE)

    async def one(stream: UUID, rows: Sequence[RegisterRow]) -> list[_Outcome]:
        async with places:
            return await _load_product(orders, run, stream, rows)

    found = await asyncio.gather(*(one(stream, rows) for stream, rows in products.items()))
    return _summed([outcome for outcomes in found for outcome in outcomes])


def stream_of(row: RegisterRow) -> UUID:
    """The stream of a row's product: by today's commune, the entity's name and the product's name."""
    code = row.commune_code or ""
    return uuid5(PRODUCTS, "\n".join([province_of_area(code), code, _plain(row.entity.name), _plain(row.product)]))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a row: whether something was stored, and what there is to say."""

    stored: bool
    notes: tuple[RowNote, ...]


@dataclass(frozen=True, slots=True)
class _Orders:
    """Makes orders out of rows. ``levels``: a level's Vietnamese name → its code."""

    file_sha256: str
    levels: dict[str, str]
    digest: Callable[[str], bytes]
    actor: Actor
    today: date

    def enter(self, stream: UUID, row: RegisterRow, begins: date) -> Order:
        """The product itself, dated its earliest recognition."""
        entity = row.entity
        command = EnterFromRegister(
            product_name=row.product,
            commune=row.commune_code or "",
            commune_as_given=row.commune_name or row.commune_code or "",
            old_unit=row.old_unit,
            group=row.group,
            holder=c.RegisterEntity(
                name=entity.name,
                kind=entity.kind,
                address=entity.address or "",
                representative=entity.representative,
                phone=entity.phone,
                registration=entity.registration,
            ),
            register_row=self._origin(row),
            effective_on=begins,
            source=self._source(row),
        )
        said = command.model_dump_json(include={"product_name", "commune", "group", "holder"})
        return self._order(stream, "enter", command, said)

    def record(self, stream: UUID, row: RegisterRow, past: PastRecognition) -> Order:
        """One recognition, dated its own day."""
        command = RecordRecognition(
            recognition=past,
            register_row=self._origin(row),
            effective_on=past.dated(self.today),
            source=self._source(row),
        )
        return self._order(stream, f"{_plain(past.decision_number)}|{past.year}", command, past.model_dump_json())

    def past(self, stated: Recognition) -> PastRecognition:
        """A recognition as stated; where the day and another year are given, the day counts."""
        year = stated.decided_on.year if stated.decided_on else stated.year
        return PastRecognition(
            stars=stated.stars,
            decision_number=stated.decision_number,
            year=year or 0,
            decided_on=stated.decided_on,
            authority=stated.authority or None,
            level=self.levels.get(f"cấp {stated.level}"),
            certificate_number=stated.certificate_number,
            valid_to=stated.valid_to,
        )

    def _order(self, stream: UUID, key: str, command: Command, said: str) -> Order:
        # The digest is over what the row says, not over where it stands: files are mended and rows move.
        return Order(uuid5(stream, key), stream, command, self.actor, self.digest(f"{stream}\n{key}\n{said}"))

    def _origin(self, row: RegisterRow) -> c.RegisterRow:
        cells = {address: _storable(text) for address, text in row.raw.items()}
        return c.RegisterRow(file_sha256=self.file_sha256, row=row.number, cells=cells)

    def _source(self, row: RegisterRow) -> Source:
        return Source(kind="paper", scan_sha256=self.file_sha256, note=f"sổ theo dõi, dòng {row.number}")


def _storable(text: str) -> str:
    """A cell as it is; where it holds characters that no text here may hold, those are replaced."""
    try:
        return _PARAGRAPH.validate_python(text)
    except ValidationError:
        return "".join(letter if _is_storable(letter) else "␦" for letter in text.replace("\r\n", "\n")[:4_000])


def _is_storable(letter: str) -> bool:
    try:
        _PARAGRAPH.validate_python(letter)
    except ValidationError:
        return False
    return True


async def _load_product(orders: _Orders, run: Run, stream: UUID, rows: Sequence[RegisterRow]) -> list[_Outcome]:
    """One product with all its rows: entered once, every recognition on its own day.

    All of it is ordered at once, so that it is stored together as a rule.
    """
    try:
        stated = [(row, [orders.past(recognition) for recognition in row.recognitions]) for row in rows]
        begins = min(past.dated(orders.today) for _, pasts in stated for past in pasts)
        entries = [orders.enter(stream, row, begins) for row in rows]
        records = [(row, orders.record(stream, row, past)) for row, pasts in stated for past in pasts]
    except ValidationError as error:
        return [_Outcome(False, (_unusable(row, error),)) for row in rows]
    answers = await asyncio.gather(run(entries[0]), *(run(order) for _, order in records), return_exceptions=True)
    entered, recorded = answers[0], list(zip([row for row, _ in records], answers[1:], strict=True))
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, Refusal):
            raise answer
    return [
        _outcome(row, entered, entries[0].digest == entry.digest, [a for r, a in recorded if r is row])
        for row, entry in zip(rows, entries, strict=True)
    ]


def _outcome(
    row: RegisterRow, entered: Answer | BaseException, same: bool, recorded: Sequence[Answer | BaseException]
) -> _Outcome:
    """A row's outcome; when the product itself was refused, its recognitions are not told one by one."""
    if isinstance(entered, Refusal) and not isinstance(entered, KeyReused):
        return _Outcome(False, (_refused(row, entered),))
    notes = [_refused(row, answer) for answer in recorded if isinstance(answer, Refusal)]
    if isinstance(entered, KeyReused) or not same:
        notes.append(
            RowNote(
                row.number,
                "changed",
                "Sản phẩm hoặc chủ thể đã được nhập với thông tin khác; thông tin của dòng này không được ghi đè.",
                "The product or its entity is known here with other details; those of this row replace nothing.",
            )
        )
    stored = any(isinstance(answer, Answer) and answer.facts and not answer.repeated for answer in recorded)
    return _Outcome(stored, tuple(notes))


def _refused(row: RegisterRow, refusal: Refusal) -> RowNote:
    if isinstance(refusal, KeyReused):
        return RowNote(
            row.number,
            "changed",
            "Quyết định này đã được nhập với nội dung khác; hãy đối chiếu quyết định.",
            "This decision is known here with other content; compare the decision itself.",
        )
    return RowNote(row.number, refusal.code, refusal.vi, refusal.en)


def _unusable(row: RegisterRow, error: ValidationError) -> RowNote:
    where = ".".join(str(part) for part in error.errors()[0]["loc"])
    return RowNote(row.number, "invalid-content", f"“{where}” không dùng được.", f"“{where}” cannot be used.")


def _summed(outcomes: Iterable[_Outcome]) -> Loaded:
    found = list(outcomes)
    notes = sorted((note for outcome in found for note in outcome.notes), key=lambda note: note.row)
    return Loaded(
        loaded=sum(outcome.stored for outcome in found),
        already=sum(not outcome.stored and not outcome.notes for outcome in found),
        changed=tuple(note for note in notes if note.code == "changed"),
        refused=tuple(note for note in notes if note.code != "changed"),
    )
