"""Marks (dấu việc): what happened, or holds, on a day, as the facts say it: what every figure counts.

For targets and dashboards. A row is a mark: of a product or of a programme's activity, from a day on, until another one
where it ends, as known from a position on until a later fact said otherwise. So a figure is a count of rows, its
drill-through is those rows, and as of any day and any knowledge it is the same count. Measures choose among them
(``domain/programme/measures.toml``).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from itertools import groupby
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg.sql import SQL, Identifier

from application.recorded import Recorded
from domain.law.areas import province_today
from domain.product import certificate_facts as c
from domain.product import facts as f
from domain.product import rating_facts as r
from domain.product.state import Certificate, Product, evolve, fold
from domain.programme import facts as g
from domain.programme.state import Programme
from domain.stream import Told
from projections.engine import Cursor, Page, ReadModel, put
from projections.mark_rules import CORRECTED, MARKED, held_by

STILL = 2**62
"""``replaced`` of a mark that no later fact has changed."""


CHANGING = (
    f.IdeaSubmitted,
    c.ProducerRegistered,
    r.ProductRecognised,
    c.RecognitionRecorded,
    c.CertificateExtended,
    c.CertificateSuspended,
    c.CertificateRevoked,
    c.SuspensionLifted,
    f.EcommerceDelisted,
    f.FactCorrected,
    g.StaffCounted,
    g.PointOfSaleClosed,
    g.EntryStruck,
)
"""Facts that change marks made before."""
GROUPING = (f.IdeaSubmitted, c.ProducerRegistered, f.FactCorrected)
"""Facts that say of which group a product is: its earlier marks are of that group, too."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One row. ``ends``: the first day it does not hold any more, None: none known.

    ``position``: of the fact by which it is known; ``version``: of the fact it is a mark of, which a correction does
    not change; ``number``: among those of its position. ``day``: of the act, before which nothing of it had happened.
    ``area``: a commune of today, or an activity's area on its programme's map.
    ``kind``, ``subject``, ``amount``: what they are depends on ``what``.
    """

    position: int
    number: int
    product_id: UUID
    version: int
    replaced: int
    what: str
    day: date
    begins: date
    ends: date | None
    area: str
    province: str
    cycle: int | None
    group_code: str | None
    stars: int | None
    level: str | None
    kind: str | None
    subject: str | None
    amount: int | None
    illustrative: bool


COLUMNS: dict[str, LiteralString] = {
    "position": "bigint",
    "number": "int4",
    "product_id": "uuid",
    "version": "bigint",
    "replaced": "bigint",
    "what": "text",
    "day": "date",
    "begins": "date",
    "ends": "date",
    "area": "text",
    "province": "text",
    "cycle": "int4",
    "group_code": "text",
    "stars": "int4",
    "level": "text",
    "kind": "text",
    "subject": "text",
    "amount": "int8",
    "illustrative": "bool",
}
_NAMES = [field.name for field in fields(Mark)]
_OPTIONAL = ("ends", "cycle", "group_code", "stars", "level", "kind", "subject", "amount")
_OF_THE_FACT = ("version", "day", "begins", "kind", "subject", "area", "cycle", "group_code", "illustrative")
RATINGS = ("rated", "rated-in-year", "certified", "undated")
ONLY_WITH_AMOUNT = ("profit", "profit-before")
"""Marks that are not there where no amount is told."""
OF_STARS = ("guided", "supported")
"""Marks that say how many stars the product had that day."""


class Marks(ReadModel):
    """Writes the rows."""

    name = "marks"
    version = 3
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            position bigint NOT NULL, number int NOT NULL, product_id uuid NOT NULL, version bigint NOT NULL,
            replaced bigint NOT NULL, what text NOT NULL, day date NOT NULL, begins date NOT NULL, ends date,
            area text NOT NULL, province text NOT NULL, cycle int, group_code text, stars int, level text, kind text,
            subject text, amount bigint, illustrative boolean NOT NULL, PRIMARY KEY (position, number)
        );
        CREATE INDEX {i1} ON {table} (what, begins);
        CREATE INDEX {i3} ON {table} (area, what, begins);
        CREATE INDEX {i2} ON {table} (product_id) WHERE replaced = 4611686018427387904;
    """

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """New marks, and the ends of those that facts of the page change."""
        told: dict[UUID, list[Recorded]] = {}
        for recorded in page.facts:
            if isinstance(page.states.get(recorded.originator_id), Product | Programme):
                told.setdefault(recorded.originator_id, []).append(recorded)
        touched = [key for key, facts in told.items() if any(isinstance(x.fact, CHANGING) for x in facts)]
        books = {key: Book() for key in told}
        for mark in self._open(cursor, table, touched):
            books[mark.product_id].stored[mark.position, mark.number] = mark
        for recorded, state in _as_they_stood(told, page):
            books[recorded.originator_id].tell(recorded, state)
        replaced = [(at, *place) for book in books.values() for place, at in book.replaced.items()]
        cursor.executemany(
            SQL("UPDATE {} SET replaced = %s WHERE position = %s AND number = %s").format(table), replaced
        )
        rows = (tuple(getattr(mark, name) for name in _NAMES) for book in books.values() for mark in book.new)
        put(cursor, table, COLUMNS, rows)

    def _open(self, cursor: Cursor, table: Identifier, streams: list[UUID]) -> list[Mark]:
        if not streams:
            return []
        columns = SQL(", ").join([Identifier(name) for name in _NAMES])
        query = SQL("SELECT {} FROM {} WHERE product_id = ANY(%s) AND replaced = {}").format(columns, table, STILL)
        return [Mark(*row) for row in cursor.execute(query, (streams,)).fetchall()]


def _as_they_stood(told: Mapping[UUID, Sequence[Recorded]], page: Page) -> Iterator[tuple[Recorded, Any]]:
    """Each fact with its stream as it stood after it."""
    anew: list[UUID] = []
    for key, facts in told.items():
        if isinstance(page.states[key], Programme):
            yield from ((recorded, page.states[key]) for recorded in facts)  # its area never changes
        elif all(recorded.position in page.steps for recorded in facts):
            yield from ((recorded, page.steps[recorded.position]) for recorded in facts)
        else:
            anew.append(key)
    wanted = {recorded.position for key in anew for recorded in told[key]}
    for _, history in groupby(page.histories(anew) if anew else (), lambda recorded: recorded.originator_id):
        product = Product()
        told_so_far: list[Told] = []
        for recorded in history:
            told_so_far.append(recorded.told)
            # What was corrected reads so from the correction on, as in the states that are kept.
            corrected = isinstance(recorded.fact, f.FactCorrected)
            product = fold(told_so_far) if corrected else evolve(product, recorded.told)
            if recorded.position in wanted:
                yield recorded, product


class Book:
    """One stream's marks while a page is told: those stored that still stand, and the new ones."""

    def __init__(self) -> None:
        self.stored: dict[tuple[int, int], Mark] = {}
        self.replaced: dict[tuple[int, int], int] = {}
        self.new: list[Mark] = []
        self._made = Counter[int]()
        self._at: Recorded | None = None
        self._state: Any = None

    def tell(self, recorded: Recorded, state: Any) -> None:
        """Take one more fact; ``state``: of its stream after it."""
        self._at, self._state = recorded, state
        kind = type(recorded.fact)
        for what, given in MARKED[kind](recorded.fact) if kind in MARKED else ():
            self._add(what, **given)
        self._change_marks(recorded.fact, recorded.envelope.effective_on)
        if isinstance(recorded.fact, GROUPING):
            for mark in self._standing():
                if mark.group_code != state.group:
                    self._change(mark, group_code=state.group)

    def _change_marks(self, fact: Any, on: date) -> None:
        match fact:
            case c.ProducerRegistered():
                self._join(fact)
            case r.ProductRecognised():
                decision = f"{fact.decision_number} ({fact.issued_on.year})"
                self._rate(decision, fact.stars, fact.level, fact.issued_on, fact.valid_to)
            case c.RecognitionRecorded():
                decision = f"{fact.decision_number} ({fact.year})"
                first = fact.decided_on or date(fact.year, 1, 1)
                self._rate(decision, fact.stars, fact.level, first, fact.valid_to, of_year=fact.decided_on is None)
                self._rate_undated(fact, on)
            case c.CertificateExtended():
                self._extend(_day_after(fact.until))
            case c.CertificateSuspended() | c.CertificateRevoked():
                self._end(on, "revoked" if isinstance(fact, c.CertificateRevoked) else "suspended")
            case c.SuspensionLifted():
                self._lift(self._state.certificate)
            case f.EcommerceDelisted():
                self._delist(fact, on)
            case f.FactCorrected():
                self._correct(fact)
            case g.StaffCounted():
                self._count_staff(fact)
            case g.PointOfSaleClosed():
                self._close_point(fact, on)
            case g.EntryStruck():
                self._strike_entry(fact)

    def _standing(self, what: str = "") -> list[Mark]:
        """Marks that still stand, in the order they were made, whatever the page: the next numbers follow it."""
        standing = [*self.stored.values(), *(mark for mark in self.new if mark.replaced == STILL)]
        chosen = (mark for mark in standing if not what or mark.what == what)
        return sorted(chosen, key=lambda mark: (mark.position, mark.number))

    def _add(self, what: str, **given: Any) -> None:
        """A mark of the fact at hand; what is not given is of its envelope and its stream."""
        recorded, state = self._at, self._state
        assert recorded is not None
        own: dict[str, Any] = dict.fromkeys(_OPTIONAL) | {
            "version": recorded.originator_version,
            "day": recorded.envelope.effective_on,
            "begins": recorded.envelope.effective_on,
            "illustrative": recorded.envelope.source.kind == "illustrative",
        }
        if isinstance(state, Product):
            own |= {"area": state.commune, "cycle": state.cycle, "group_code": state.group}
            if what in OF_STARS and state.certificate and state.certificate.valid_on(own["begins"]):
                own["stars"] = state.certificate.stars
        else:
            own["area"] = state.area
        own |= given
        self._made[recorded.position] += 1
        self.new.append(
            Mark(
                position=recorded.position,
                number=self._made[recorded.position] - 1,
                product_id=recorded.originator_id,
                replaced=STILL,
                what=what,
                province=province_today(own["area"]),
                **own,
            )
        )

    def _strike(self, mark: Mark) -> None:
        """The mark is not so any more, as far as is known from the fact at hand on."""
        assert self._at is not None
        place = (mark.position, mark.number)
        if place in self.stored:
            del self.stored[place]
            self.replaced[place] = self._at.position
        else:
            self.new[self.new.index(mark)] = replace(mark, replaced=self._at.position)

    def _change(self, mark: Mark, **changed: Any) -> None:
        """The mark reads otherwise from the fact at hand on."""
        self._strike(mark)
        kept = {name: getattr(mark, name) for name in _NAMES} | changed
        for name in ("position", "number", "product_id", "replaced", "what", "province"):
            kept.pop(name)
        self._add(mark.what, **kept)

    # ── Facts that change what was marked before ────────────────────────────────────────────────

    def _delist(self, fact: f.EcommerceDelisted, on: date) -> None:
        for mark in self._standing("listed"):
            if (mark.kind, mark.subject) == (fact.platform, fact.listing):
                self._change(mark, ends=_earlier(mark.ends, on))

    def _correct(self, fact: f.FactCorrected) -> None:
        """What was corrected of what is counted: changed, no more there, or there now."""
        of_it = [mark for mark in self._standing() if mark.version == fact.corrected_version]
        for what, parts in CORRECTED.get(fact.corrected_name, {}).items():
            now = {part: fact.now[name] for name, part in parts.items() if name in fact.now}
            marks = [mark for mark in of_it if mark.what == what]
            for mark in marks:
                if now.get("amount", mark.amount) is None and what in ONLY_WITH_AMOUNT:
                    self._strike(mark)
                elif any(getattr(mark, part) != value for part, value in now.items()):
                    self._change(mark, **now)
            if not marks and now.get("amount") is not None and of_it:
                like = of_it[0]  # the other amount of the same fact: of the same days, channel and period
                self._change_into(like, what, now["amount"])
        if isinstance(holder := fact.now.get("holder"), dict):
            for mark in of_it:
                if mark.what == "joined":
                    self._change(mark, **held_by(holder))

    def _change_into(self, like: Mark, what: str, amount: Any) -> None:
        """A mark beside one of the same fact, which had no such amount until now."""
        self._add(what, **{name: getattr(like, name) for name in _OF_THE_FACT}, amount=amount)

    def _join(self, fact: c.ProducerRegistered) -> None:
        """Who holds it was known by name only: it is the same one who joined."""
        for mark in self._standing("joined"):
            self._change(mark, kind=fact.kind, subject=fact.registration)

    # ── Certificates: what holds from which day to which ────────────────────────────────────────

    def _rate(
        self, decision: str, stars: int, level: str | None, first: date, last: date | None, *, of_year: bool = False
    ) -> None:
        """A recognition, whenever it was entered: others are told anew by the order of their days.

        The same decision entered again is told as it was entered last. ``of_year``: no more than its year is known: it
        comes before others of that year, is in no span of days, and nobody knows that it holds.
        """
        ratings = [mark for mark in self._standing() if mark.what in RATINGS]
        before = {mark.version for mark in ratings if mark.subject == decision}
        for mark in ratings:
            if mark.version in before:
                self._strike(mark)
        what = "rated-in-year" if of_year else "rated"
        self._add(what, begins=first, stars=stars, level=level, subject=decision)
        self._order_ratings()
        if of_year or last is None:
            return
        ends = _day_after(last)
        for mark in self._standing("certified"):
            if mark.begins > first:
                ends = _earlier(ends, mark.begins)
            elif mark.ends is None or mark.ends > first:
                self._change(mark, ends=first)
        self._add("certified", begins=first, ends=ends, stars=stars, level=level, subject=str(first.year))

    def _order_ratings(self) -> None:
        """Whether each is new, an upgrade or a renewal follows from the one before it."""
        before: Mark | None = None
        ratings = [mark for mark in self._standing() if mark.what in ("rated", "rated-in-year")]
        for mark in sorted(ratings, key=lambda mark: (mark.begins, mark.what == "rated", mark.position)):
            kind = "new" if before is None else "upgraded" if (mark.stars or 0) > (before.stars or 0) else "renewed"
            if mark.kind != kind:
                self._kind(mark, kind)
            before = mark

    def _rate_undated(self, fact: c.RecognitionRecorded, on: date) -> None:
        """A certificate of which a day is missing: it holds on no day, but is known by the end of its year."""
        if fact.decided_on is None or fact.valid_to is None:
            begins = min(fact.decided_on or date(fact.year, 12, 31), on)
            self._add("undated", begins=begins, stars=fact.stars, level=fact.level, subject=str(fact.year))

    def _kind(self, mark: Mark, kind: str) -> None:
        assert self._at is not None
        if mark.position == self._at.position and mark in self.new:
            self.new[self.new.index(mark)] = replace(mark, kind=kind)
        else:
            self._change(mark, kind=kind)

    def _extend(self, day: date | None) -> None:
        if latest := self._latest("certified"):
            longer = latest.ends is None or day is None or day > latest.ends
            self._change(latest, ends=day if longer and latest.ends is not None else latest.ends)

    def _end(self, day: date, why: str) -> None:
        """The certificate ends before its time: ``kind`` says why, None of one that runs out."""
        for latest in filter(None, (self._latest("certified"), self._latest("undated"))):
            self._change(latest, ends=_earlier(latest.ends, day), kind=why)

    def _lift(self, held: Certificate | None) -> None:
        if held is not None and held.last_day is not None:
            before, ends = self._latest("certified"), _day_after(held.last_day)
            of_it = {"version": before.version} if before else {}
            self._add("certified", stars=held.stars, level=held.level, ends=ends, subject=str(held.year), **of_it)

    def _latest(self, what: str) -> Mark | None:
        return max(self._standing(what), key=lambda mark: (mark.begins, mark.position), default=None)

    # ── Activities of a programme ───────────────────────────────────────────────────────────────

    def _count_staff(self, fact: g.StaffCounted) -> None:
        self._add("staff", area=fact.area, amount=fact.officials)
        self._chain_staff(fact.area)

    def _chain_staff(self, area: str) -> None:
        """A count holds until the next one of its area, by the order of their days."""
        counts = [mark for mark in self._standing("staff") if mark.area == area]
        counts.sort(key=lambda mark: (mark.begins, mark.version))
        for mark, following in zip(counts, [*counts[1:], None], strict=True):
            ends = following.begins if following else None
            if mark.ends != ends:
                self._change(mark, ends=ends)

    def _close_point(self, fact: g.PointOfSaleClosed, on: date) -> None:
        for mark in self._standing("point-of-sale"):
            if mark.kind == fact.code and mark.ends is None:
                self._change(mark, ends=on)

    def _strike_entry(self, fact: g.EntryStruck) -> None:
        for mark in self._standing():
            if mark.version == fact.entry:
                self._strike(mark)
                if mark.what == "staff":
                    self._chain_staff(mark.area)


def _earlier(one: date | None, other: date) -> date:
    """The earlier of two ends, None being none."""
    return other if one is None else min(one, other)


def _day_after(day: date) -> date | None:
    """The first day after; None after the last day there is, which stands for no end."""
    return None if day == date.max else day + timedelta(days=1)
