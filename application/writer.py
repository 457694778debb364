"""The one writer of a process: it takes all waiting commands and appends their facts together.

A batch is decided on the states kept in memory, one command after another, later ones seeing earlier
facts, and appended in one transaction. Whatever does not go through that way (a refusal on a state
that may be old, a conflict, a retried key, an append whose outcome is unknown) is settled alone: look
the command up by its id, read the product afresh, decide again. So an acknowledged command is stored
exactly once, and so is one that was never acknowledged but sent again with its key.
"""

import asyncio
import queue
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from eventsourcing.persistence import PersistenceError
from prometheus_client import Counter, Histogram

from application.handle import Handled, Order, handle
from application.journeys import Journeys
from application.seals import Keeper
from application.store import Beside, CommandRow, Conflict, Journal
from domain.decide import new_stream
from domain.law.book import LawBook
from domain.law.calendar import legal_date
from domain.proof.note import Checkpoint
from domain.refusals import AlreadyRegistered, Busy, KeyReused, NotFound, Refusal, RolledBack
from domain.stream import Told
from domain.streams import KINDS, kind_of
from domain.values import Actor, Moment

log = structlog.get_logger(__name__)

MAX_BATCH = 64
PATIENCE = 20.0
"""Seconds a batch waits for a store that does not answer; then its callers are told to repeat."""
BATCHES = Histogram("ocop_append_batch_commands", "Commands per append", buckets=(1, 2, 4, 8, 16, 32, 64))
SETTLED = Counter("ocop_commands_total", "Commands by outcome", ["outcome"])


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets: the stream's version after, and the facts that were stored in it.

    ``facts``: (stored name, version, position) each; empty when nothing changed.
    ``repeated``: the command had been carried out before under the same key. ``actor``: in which role it was done,
    ``rule``: by which rule.
    """

    stream_id: UUID
    version: int
    position: int
    facts: tuple[tuple[str, int, int], ...]
    repeated: bool = False
    actor: Actor | None = None
    rule: str = ""


Settle = Callable[[Answer | BaseException], None]


Outcomes = dict[int, Answer | BaseException]
"""What became of the orders of a batch, by their index."""


def utc_now() -> datetime:
    """The server's clock."""
    return datetime.now(UTC)


class Writer:
    """Start it once a process; ``run`` from any coroutine of one event loop."""

    def __init__(
        self,
        journal: Journal,
        law: LawBook,
        seals: Keeper,
        clock: Callable[[], datetime] = utc_now,
        missing: Checkpoint | None = None,
    ) -> None:
        """``missing``: a signed checkpoint that the journal does not hold: then every order is refused."""
        self._journal, self._law, self._seals, self._clock, self._missing = journal, law, seals, clock, missing
        self._journeys = Journeys(journal)
        self._waiting: queue.SimpleQueue[tuple[Order, asyncio.Future[Answer]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin taking orders."""
        self._loop = loop
        self._thread.start()

    def stop(self) -> None:
        """Finish the orders taken so far, then end."""
        self._waiting.put(None)
        self._thread.join()

    @property
    def depth(self) -> int:
        """Orders waiting."""
        return self._waiting.qsize()

    async def run(self, order: Order) -> Answer:
        """Carry out one order; raises Refusal."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.put((order, future))
        return await future

    def _work(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            batch, last = [first], False
            while len(batch) < MAX_BATCH and not last:
                try:
                    item = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if item is None:
                    last = True
                else:
                    batch.append(item)
            futures = [future for _, future in batch]
            self.carry_out([order for order, _ in batch], partial(self._resolve, futures))
            if last:
                return

    def _resolve(self, futures: list[asyncio.Future[Answer]], outcomes: Outcomes) -> None:
        def resolve() -> None:
            for index, outcome in outcomes.items():
                if futures[index].done():
                    continue
                if isinstance(outcome, BaseException):
                    futures[index].set_exception(outcome)
                else:
                    futures[index].set_result(outcome)

        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(resolve)

    def carry_out(
        self, orders: list[Order], settled: Callable[[Outcomes], None] = lambda _found: None
    ) -> list[Answer | BaseException]:
        """Settle a batch; one outcome an order, in their order.

        ``settled`` is told outcomes, by the order's index, as soon as they are known: what was stored
        together does not wait for what is settled alone.
        """
        if self._missing is not None:
            refused: list[Answer | BaseException] = [rolled_back(self._missing) for _ in orders]
            settled(dict(enumerate(refused)))
            return refused
        outcomes: Outcomes = {}
        patience = time.monotonic() + PATIENCE
        try:
            found = self._together(orders)
            outcomes = (self._together(orders) if found is None else found) or {}
        except (Conflict, PersistenceError) as error:
            log.info("batch-settled-one-by-one", orders=len(orders), why=type(error).__name__)
        except Exception:
            log.exception("batch-failed")
        settled(dict(outcomes))
        for index, order in enumerate(orders):
            if index not in outcomes:
                # Patience is the batch's: when one order used it up, the others do not wait again.
                outcomes[index] = self._alone(order, patience) if time.monotonic() < patience else busy()
                settled({index: outcomes[index]})
        by_name = ("stored" if isinstance(o, Answer) else getattr(o, "code", "error") for o in outcomes.values())
        for name, times in Tally(by_name).items():
            SETTLED.labels(name).inc(times)
        return [outcomes[index] for index in range(len(orders))]

    def _moment(self) -> Moment:
        at = self._clock()
        return Moment.model_construct(at=at, today=legal_date(at))

    def _together(self, orders: list[Order]) -> Outcomes | None:
        """Decide on kept states and append once; orders left out are settled alone.

        None, and nothing stored: a subject has a key that was not known here. Now it is.
        """
        moment, beside, seals = self._moment(), Beside(), self._seals.batch()
        states = self._states(orders, moment)
        taken: list[tuple[int, Order, Handled]] = []
        seen: set[UUID] = set()
        contested: set[UUID] = set()
        changed: dict[UUID, Any] = {}
        looked_at: set[UUID] = set()
        for index, order in enumerate(orders):
            own = states.get(order.stream_id)
            if own is not None and not KINDS[order.command.stream].holds(own):
                continue
            touched = {order.stream_id, *(order.needs(own, order.day(moment)) if own is not None else ())}
            alone = order.command.needs_history or order.command_id in seen or not touched.isdisjoint(contested)
            if alone or not touched <= states.keys():
                contested |= touched
                continue
            try:
                done = handle(states, order, self._law, seals, moment)
            except Refusal:
                # Perhaps true, perhaps another process moved the stream on: settle it on fresh facts.
                # Later orders for what it touches wait their turn behind it.
                contested |= touched
                continue
            if not done.recorded or not {key for key, _ in beside.claims}.isdisjoint(done.released):
                # An append gives names back before it takes any: one taken in this batch comes back later.
                contested |= touched
                continue
            seen.add(order.command_id)
            states.update(done.states)
            changed.update(done.states)
            looked_at |= touched
            note(beside, order, done)
            taken.append((index, order, done))
        if not taken:
            return {}
        if not seals.keep():
            return None
        BATCHES.observe(len(taken))
        facts = [recorded for _, _, done in taken for recorded in done.recorded]
        beside.seen = {stream: states[stream].version for stream in looked_at - changed.keys()}
        positions = iter(self._journal.append(facts, beside))
        self._journeys.keep(changed)
        return {index: answer(order, done, positions) for index, order, done in taken}

    def _states(self, orders: list[Order], moment: Moment) -> dict[UUID, Any]:
        """States of the orders' streams and of those their commands need, as far as there are any."""
        states: dict[UUID, Any] = {}
        unknown: set[UUID] = set()
        for order in orders:
            kind = order.command.stream
            kept = self._journeys.kept(order.stream_id)
            if kept is not None:
                states[order.stream_id] = kept
            elif order.stream_id == new_stream(order.command_id, kind):
                # Its id comes from the command's: nothing can be stored under it but this command.
                states[order.stream_id] = KINDS[kind].empty
            else:
                unknown.add(order.stream_id)
        states |= self._journeys.load(unknown)
        for order in orders:
            if order.command.opens:
                states.setdefault(order.stream_id, KINDS[order.command.stream].empty)
        others = {
            stream
            for order in orders
            if KINDS[order.command.stream].holds(states.get(order.stream_id))
            for stream in order.needs(states[order.stream_id], order.day(moment))
        } - states.keys()
        kept_others = {stream: state for stream in others if (state := self._journeys.kept(stream)) is not None}
        return states | kept_others | self._journeys.load(others - kept_others.keys())

    def _alone(self, order: Order, patience: float) -> Answer | BaseException:
        """Settle one order on fresh facts; again when another process got in between."""
        while True:
            try:
                return self._attempt(order)
            except Conflict as conflict:
                log.debug("command-decided-again", what=conflict.what)
            except Refusal as refusal:
                return refusal
            except PersistenceError as error:
                log.warning("store-unavailable", error=type(error).__name__)
                time.sleep(0.2)
            except Exception as error:
                log.exception("command-failed", command=order.command.name)
                return error
            if time.monotonic() > patience:
                return busy()

    def _attempt(self, order: Order) -> Answer:
        # All streams are read before the command is looked up: if the same command is stored meanwhile
        # (by another process, or by an append given up here), that shows as a conflict, not as a refusal.
        command, stream = order.command, order.stream_id
        moment = self._moment()
        state, position, history = self._read(order)
        # Other streams are read afresh; one that moves on before the append is a conflict, as in the batch.
        others = self._journeys.load(order.needs(state, order.day(moment)) - {stream}) if state is not None else {}
        known = self._journal.command(order.command_id)
        if known is not None:
            return self._repeat(order, known)
        if state is None:
            raise NotFound("Không tìm thấy hồ sơ này.", "There is nothing of the kind under this id.")
        states = others | {stream: state}
        done = handle(states, order, self._law, self._seals, moment, history if command.needs_history else ())
        held = [(key, product, self._journal.claimed_by(key)) for key, product in done.acquired]
        if any(holder not in (None, product) for _, product, holder in held):
            raise _taken(command.stream)
        beside = Beside(seen={key: seen.version for key, seen in states.items() if key not in done.states})
        note(beside, order, done)
        beside.claims = [(key, product) for key, product, holder in held if holder is None]
        positions = iter(self._journal.append(list(done.recorded), beside))
        self._journeys.keep(done.states)
        if not done.recorded:
            return Answer(stream, state.version, position, (), actor=done.actor, rule=done.rule)
        return answer(order, done, positions)

    def _read(self, order: Order) -> tuple[Any | None, int, tuple[Told, ...]]:
        """State of the order's own stream as it is stored, None when there is none of its kind; position; history."""
        command, stream = order.command, order.stream_id
        kind = KINDS[command.stream]
        version, position = self._journal.latest(stream)
        if not version:
            return (kind.empty if command.opens else None), position, ()
        kept = self._journeys.kept(stream)
        if kept is not None and kept.version == version and not command.needs_history:
            return (kept if kind.holds(kept) else None), position, ()
        recorded = self._journal.streams([stream])
        history = tuple(r.told for r in recorded)
        state = kind_of(recorded[0].fact).fold(history)
        self._journeys.keep({stream: state})
        return (state if kind.holds(state) else None), recorded[-1].position, history

    def _repeat(self, order: Order, known: CommandRow) -> Answer:
        if known.digest != order.digest:
            raise KeyReused(
                "Idempotency-Key này đã dùng cho một yêu cầu khác.",
                "This Idempotency-Key was used for another request.",
                field="Idempotency-Key",
                hint_vi="Dùng khóa mới cho mỗi yêu cầu mới.",
                hint_en="Use a new key for each new request.",
            )
        facts = [r for r in self._journal.streams([known.stream_id]) if r.originator_version <= known.to_version]
        fresh = [r for r in facts if r.originator_version > known.from_version]
        return Answer(
            known.stream_id,
            known.to_version,
            facts[-1].position if facts else 0,
            tuple((r.fact.stored_name, r.originator_version, r.position) for r in fresh),
            repeated=True,
            actor=fresh[-1].envelope.actor if fresh else None,
            rule=fresh[-1].envelope.rule if fresh else "",
        )


def note(beside: Beside, order: Order, done: Handled) -> None:
    """Put an order's command row and claims beside its facts."""
    beside.commands.append(CommandRow(order.command_id, order.digest, order.stream_id, done.before, done.after))
    beside.claims += done.acquired
    beside.released += done.released


def answer(order: Order, done: Handled, positions: Iterator[int]) -> Answer:
    """The answer to an order whose facts were stored at ``positions``; it names those of its own stream."""
    placed = [(r, next(positions)) for r in done.recorded]
    own = tuple(
        (r.fact.stored_name, r.originator_version, at) for r, at in placed if r.originator_id == order.stream_id
    )
    return Answer(order.stream_id, done.after, placed[-1][1], own, actor=done.actor, rule=done.rule)


def busy() -> Busy:
    """What a caller is told when the store did not take the command in time."""
    return Busy(
        "Hệ thống đang bận; lệnh có thể đã hoặc chưa được ghi nhận.",
        "The store is busy; whether this command was stored shows when you repeat it.",
        hint_vi="Gửi lại với cùng Idempotency-Key.",
        hint_en="Send it again with the same Idempotency-Key.",
    )


def rolled_back(missing: Checkpoint) -> RolledBack:
    """What a caller is told when the journal is an older state than the one that was signed."""
    return RolledBack(
        f"Dữ liệu là trạng thái cũ: thiếu điểm kiểm tra đã ký gồm {missing.size} sự kiện; không ghi thêm.",
        f"The data is an older state: a signed checkpoint over {missing.size} facts is missing; nothing is added.",
        hint_vi="Báo người vận hành: phục hồi bản sao mới hơn.",
        hint_en="Tell the operator: restore a newer backup.",
    )


def _taken(stream: str) -> AlreadyRegistered:
    if stream == "person":
        return AlreadyRegistered(
            "Tên này đã là của một người dùng khác.",
            "Somebody else has this handle.",
            field="handle",
            hint_vi="Thêm cơ quan vào tên để phân biệt.",
            hint_en="Add the office to the name to tell them apart.",
        )
    return AlreadyRegistered(
        "Chủ thể đã có một đăng ký đang mở cho sản phẩm này trong chu trình.",
        "The producer already has an open registration for this product in this cycle.",
        field="product_name",
        hint_vi="Tiếp tục với đăng ký đã có, hoặc rút đăng ký đó trước.",
        hint_en="Go on with the one that exists, or withdraw it first.",
    )
