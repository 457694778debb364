"""Whether somebody holds, on the day of an act and still today, the role he acts in.

Checked on the person's own stream (and the delegator's), which the append then finds unmoved: a role that was taken
away a moment ago carries no decision.
"""

from datetime import date, timedelta
from typing import Any

from domain.command import Command, Context
from domain.law.areas import province_of_area
from domain.person.state import Delegation, Person
from domain.product.state import Product
from domain.refusals import Invalid, NotHeld
from domain.values import Actor


def check_held(state: Any, command: Command, ctx: Context) -> None:
    """Refuse an actor who does not hold his role today or did not on the day of the act, and an act entered late.

    What is taken over from a paper or a register was done by others: there it is enough to hold the role today.
    """
    actor = ctx.actor
    if actor.id is None:  # the service itself, which holds no assignment
        return
    _check_source(state, command, ctx)
    _check(actor, command.name, ctx, ctx.moment.today)
    if command.source.kind in ("paper", "register"):
        return
    _check(actor, command.name, ctx, ctx.effective_on)
    if command.source.kind == "native":
        _check_late(command, ctx)


def _check_source(state: Any, command: Command, ctx: Context) -> None:
    """Powers are given today and by nobody's memory; a register is read where registers are; a paper is named whole."""
    kind, paper = command.source.kind, command.paper
    if command.stream in PERSONNEL and (kind != "native" or ctx.effective_on != ctx.moment.today):
        raise Invalid(
            "Quyền hạn chỉ được giao, thôi vào ngày ghi nhận; văn bản có trước thì ghi số của nó.",
            "Powers are given and taken on the day they are entered; an older paper is named by its number.",
            field="effective_on" if kind == "native" else "source",
            hint_vi="Bỏ source và effective_on; thời hạn của phân công ghi ở term.",
            hint_en="Leave source and effective_on out; the term says from when the assignment runs.",
        )
    if kind == "illustrative" and isinstance(state, Product) and state.version and not state.illustrative:
        raise Invalid(
            "Hồ sơ thật không nhận việc minh hoạ.",
            "A real case takes no illustrative acts.",
            field="source.kind",
        )
    if kind == "register" and command.name not in FROM_REGISTERS:
        raise Invalid(
            "Chỉ sổ theo dõi giấy chứng nhận được nhập với nguồn “register”.",
            "Only a register of certificates is entered with the source “register”.",
            field="source.kind",
        )
    if kind == "paper" and (paper is None or paper.signed_on is None or paper.signer is None):
        raise Invalid(
            "Việc nhập từ giấy phải ghi số, ngày ký và người ký của văn bản.",
            "An act entered from its paper names that paper's number, day and signer.",
            field="paper",
        )


PERSONNEL = frozenset({"person", "office"})
"""Streams that hold powers."""
FROM_REGISTERS = frozenset({"enter-from-register", "record-recognition"})


def _check(actor: Actor, command: str, ctx: Context, day: date) -> None:
    holder = ctx.others.get(actor.delegator.id if actor.delegator else actor.id) if actor.id else None
    held = holder.assignments.get(actor.assignment) if isinstance(holder, Person) and actor.assignment else None
    if held is None or not held.valid_on(day) or (held.role, held.area) != (actor.role, actor.area):
        raise _not_held(actor, day)
    if day < held.given_on:  # a power entered later makes no act of an earlier day
        raise _not_held(actor, day)
    if actor.delegator is None:
        return
    received = _received(actor, ctx)
    if received is None or not received.valid_on(day) or received.assignment != actor.assignment:
        raise _not_held(actor, day)
    if not received.covers(command):
        raise NotHeld(
            f"Ủy quyền {received.document} không gồm việc này.",
            f"Delegation {received.document} does not cover this act.",
            hint_vi=f"Phạm vi: {', '.join(received.commands)}.",
            hint_en=f"It covers: {', '.join(received.commands)}.",
        ).by("delegation")


def _received(actor: Actor, ctx: Context) -> Delegation | None:
    person = ctx.others.get(actor.id) if actor.id else None
    if not isinstance(person, Person) or actor.delegator is None:
        return None
    return person.received.get(actor.delegator.delegation)


def _not_held(actor: Actor, day: date) -> NotHeld:
    return NotHeld(
        f"{actor.person} không giữ quyền này vào ngày {day:%d/%m/%Y}.",
        f"{actor.person} did not hold these powers on {day.isoformat()}.",
        field="effective_on",
        hint_vi="Việc đã làm trước khi được phân công thì nhập từ văn bản (source.kind = paper).",
        hint_en="What was done before the assignment is entered from its paper (source.kind = paper).",
    ).by("assignment")


def _check_late(command: Command, ctx: Context) -> None:
    days = int(ctx.law.practice.setting("late_entry_days", province_of_area(ctx.actor.area)))
    on_paper = command.paper is not None and command.paper.signed_on is not None
    if on_paper or ctx.moment.today - ctx.effective_on <= timedelta(days=days):
        return
    raise Invalid(
        f"Việc làm đã quá {days} ngày: ghi số và ngày ký của văn bản (paper.number, paper.signed_on).",
        f"The act is more than {days} days old: name its paper (paper.number, paper.signed_on).",
        field="paper",
        hint_vi="Số ngày là thiết lập của cơ quan (late_entry_days).",
        hint_en="The number of days is an office's setting (late_entry_days).",
    )
