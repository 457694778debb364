"""From a command to facts: the register of all commands, authority, and the one way to decide.

``decide`` is pure: state, command and context in; facts out, or one named refusal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid5

from domain.book import commands as book
from domain.command import Command, Context, Standing
from domain.council import commands as council
from domain.law.areas import area_name, commune, covers
from domain.law.authority import DEFAULT_DENY
from domain.log import commands as log
from domain.office import commands as office
from domain.person import commands as person
from domain.person.state import Person
from domain.product.certificate_facts import CertificateExpired, RecognitionRecorded
from domain.product.phases import Phase
from domain.product.state import Product, evolve
from domain.product.steps import (
    anywhere,
    certificate,
    idea,
    implementation,
    outreach,
    plan,
    promotion,
    rating,
    result,
)
from domain.programme import activities
from domain.programme import commands as programme
from domain.refusals import DutiesSeparated, Invalid, NotAllowed, OutsideArea, StaleVersion, WrongOrder
from domain.session import commands as session
from domain.stream import Fact, For, Told, hands_of
from domain.subject import commands as subject
from domain.subject.state import Subject
from domain.values import ROLE_NAMES, Actor, Role, Source

COMMANDS: dict[str, type[Command]] = {
    command.name: command
    for part in (
        outreach,
        idea,
        plan,
        implementation,
        rating,
        council,
        session,
        result,
        book,
        certificate,
        promotion,
        anywhere,
        office,
        person,
        subject,
        log,
        programme,
        activities,
    )
    for command in part.COMMANDS
}
"""Every command by name, in the order of the six steps."""

OF_THEIR_OWN_DAY = (CertificateExpired, RecognitionRecorded)
"""Facts whose day the calendar or a paper of the past gives, whatever was done since."""

EARLIEST_YEAR = 2018
"""The programme began in 2018 (Decision 490/QĐ-TTg): no act is older."""


def decide(state: Any, command: Command, ctx: Context) -> Sequence[Fact | For]:
    """Check authority, then take the decision. Raises Refusal."""
    return take(state, command, ctx, authorise(state, command, ctx))


@dataclass(frozen=True, slots=True)
class Permitted:
    """By which rule a command is permitted, and at which level it is given."""

    rule: str
    level: str | None


def take(state: Any, command: Command, ctx: Context, permitted: Permitted) -> Sequence[Fact | For]:
    """Check version, date and where the case stands, let the command decide, check the order of days.

    For an authorised actor; raises Refusal.
    """
    if ctx.expected_version is not None and ctx.expected_version != state.version:
        raise StaleVersion(
            f"Hồ sơ đã ở phiên bản {state.version}, bạn đang sửa phiên bản {ctx.expected_version}.",
            f"It is at version {state.version}; your If-Match names {ctx.expected_version}.",
            field="If-Match",
            hint_vi="Tải lại rồi thực hiện lại.",
            hint_en="Read it again, then decide again.",
        )
    _check_day(ctx)
    states = ctx.law.authority.command(command.name, permitted.level).states
    if states != "any":
        command.ready(state, ctx, states)
    facts = command.decide(state, ctx)
    for entry in facts:
        target, fact = (ctx.others.get(entry.stream_id), entry.fact) if isinstance(entry, For) else (state, entry)
        if isinstance(target, Product):
            _check_order_of_days(target, fact, ctx.effective_on)
    return facts


def _check_order_of_days(product: Product, fact: Fact, day: date) -> None:
    """What closes a phase cannot be dated before the last act of that phase."""
    if day >= product.latest_act or isinstance(fact, OF_THEIR_OWN_DAY):
        return
    told = Told(product.version + 1, fact, day, Source())
    moves_on = product.phase is not Phase.NONE and evolve(product, told).phase is not product.phase
    if moves_on:
        raise WrongOrder(
            f"Ngày thực hiện {day:%d/%m/%Y} sớm hơn việc trước đó ({product.latest_act:%d/%m/%Y}).",
            f"The act is dated {day.isoformat()}, before the one it builds on ({product.latest_act.isoformat()}).",
            field="effective_on",
            hint_vi="Kiểm tra lại ngày thực hiện trên văn bản.",
            hint_en="Check the date of the act on its paper.",
        )


def _check_day(ctx: Context) -> None:
    if ctx.effective_on > ctx.moment.today:
        raise Invalid(
            f"Ngày thực hiện {ctx.effective_on:%d/%m/%Y} ở tương lai.",
            f"The act is dated {ctx.effective_on.isoformat()}, in the future.",
            field="effective_on",
            hint_vi=f"Hôm nay là {ctx.moment.today:%d/%m/%Y} (giờ Việt Nam).",
            hint_en=f"Today is {ctx.moment.today.isoformat()} in Vietnam.",
        )
    if ctx.effective_on.year < EARLIEST_YEAR:
        raise Invalid(
            "Chương trình OCOP bắt đầu từ năm 2018.",
            "The OCOP programme began in 2018.",
            field="effective_on",
        )


def authorise(state: Any, command: Command, ctx: Context) -> Permitted:
    """The rule that permits; refuses what no rule permits, and what one denies whatever permits it.

    First whether the case is the actor's to see at all, then the competence of the role, then what separates duties.
    """
    actor, at, table = ctx.actor, command.standing(state, ctx), ctx.law.authority
    entry = table.command(command.name, at.level)
    _check_area(state, command, at, actor)
    role = _role_acted_in(state, command, at, ctx)
    found = ctx.law.competence_rule(command.name, at.province, at.regime, at.level)
    roles = found[1].roles if found else ()
    if found is None or role not in roles:
        raise NotAllowed(
            f"Vai trò “{ROLE_NAMES[role][0]}” không có thẩm quyền thực hiện việc này.",
            f"The role “{ROLE_NAMES[role][1]}” may not do this.",
            hint_vi=f"Thẩm quyền: {', '.join(ROLE_NAMES[r][0] for r in roles) or 'không ai'}.",
            hint_en=f"It is for: {', '.join(ROLE_NAMES[r][1] for r in roles) or 'nobody'}.",
        ).by(DEFAULT_DENY)
    held = _roles_held(ctx)
    if (kept := table.held_back(entry, held)) is not None:
        raise NotAllowed(f"{kept.vi}.", f"{kept.en}.").by(kept.id)
    persons = hands_of(actor, command.paper, command.source) | command.signers()
    if (deny := table.separated(entry, persons, command.hands(state, ctx))) is not None:
        raise DutiesSeparated(
            f"{deny.vi}.",
            f"{deny.en}.",
            hint_vi="Người khác có thẩm quyền phải thực hiện; người nhận ủy quyền chịu cùng hạn chế.",
            hint_en="Another competent person has to do it; a delegate is bound like who delegated.",
        ).by(deny.id)
    return Permitted(found[0], at.level)


def _roles_held(ctx: Context) -> frozenset[Role]:
    """What the actor is today in whatever office, and what who delegated to him is: a delegate inherits that, too."""
    actor = ctx.actor
    keys = [actor.id, actor.delegator.id if actor.delegator else None]
    known = [person for key in keys if key and isinstance(person := ctx.others.get(key), Person)]
    return frozenset({actor.role}).union(*(person.roles_on(ctx.moment.today) for person in known))


def _check_area(state: Any, command: Command, at: Standing, actor: Actor) -> None:
    if len(at.area) == len("00000") and state.version == 0 and commune(at.area) is None:
        raise Invalid(
            f"Không có xã, phường, đặc khu nào mang mã {at.area}.",
            f"No commune has the code {at.area}.",
            field="area" if "area" in type(command).model_fields else "commune",
            hint_vi="Dùng mã 5 chữ số theo Quyết định 19/2025/QĐ-TTg.",
            hint_en="Use the five-digit code of Decision 19/2025/QĐ-TTg.",
        )
    if at.area and not covers(actor.area, at.area):
        raise OutsideArea(
            f"Việc này ngoài địa bàn của bạn ({area_name(actor.area)}).",
            f"This lies outside your area ({area_name(actor.area)}).",
        ).by("outside-area")
    # Whose data a request to erase concerns is judged by the request itself.
    own = isinstance(state, Subject) or (isinstance(state, Product) and _own(state, command, actor.producer))
    if actor.role is Role.PRODUCER and not own:
        raise OutsideArea("Sản phẩm của chủ thể khác.", "The product is another producer's.").by("outside-area")


def _own(product: Product, command: Command, registration: str | None) -> bool:
    if registration is None:
        return False
    named = getattr(command, "producer", None)
    if named is not None and named.registration != registration:
        return False
    owner = product.producer
    return named is not None if owner is None else owner.registration == registration


def _has_producer(state: Any, command: Command) -> bool:
    """Whether there is somebody whose will it could be: a product that was only found has no producer yet."""
    return getattr(command, "producer", None) is not None or getattr(state, "producer", None) is not None


def _role_acted_in(state: Any, command: Command, at: Standing, ctx: Context) -> Role:
    """The actor's role, or the one of whom he serves (thực hiện thay), which its paper must show."""
    actor, served = ctx.actor, command.on_behalf_of
    if served is None:
        willed = ctx.law.authority.command(command.name).own_will and command.source.kind != "register"
        if willed and _has_producer(state, command) and actor.id is not None and actor.role is not Role.PRODUCER:
            raise Invalid(
                "Đây là ý chí của chủ thể: cán bộ làm thay phải ghi thay cho ai và theo giấy tờ nào.",
                "This is the producer's will: an officer who does it says on whose behalf and on which paper.",
                field="on_behalf_of",
                hint_vi="Ghi role, producer (số đăng ký) và paper (số, ngày, người ký).",
                hint_en="Give role, producer (registration number) and paper (number, day, signer).",
            )
        return actor.role
    if served.role not in ctx.law.authority.roles[actor.role].serves:
        raise NotAllowed(
            f"Vai trò “{ROLE_NAMES[actor.role][0]}” không làm thay “{ROLE_NAMES[served.role][0]}”.",
            f"The role “{ROLE_NAMES[actor.role][1]}” does not act for “{ROLE_NAMES[served.role][1]}”.",
        ).by(DEFAULT_DENY)
    whose = (
        isinstance(state, Product) and _own(state, command, served.producer)
        if served.producer
        else served.area == at.area
    )
    if not whose:
        raise Invalid(
            "Hồ sơ không phải của người được làm thay.",
            "The case is not that of whom you act for.",
            field="on_behalf_of",
        )
    return served.role


def new_stream(command_id: UUID, kind: str) -> UUID:
    """Id of the stream a command opens: the same for every retry of that command."""
    return uuid5(command_id, kind)
