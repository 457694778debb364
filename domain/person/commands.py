"""Commands of a person: entered, assigned, ended, delegating. Each rests on a numbered paper.

The command is given to the person it is about; only a delegation is given by that person itself.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar
from uuid import UUID, uuid5

from domain.command import Command, Context, Standing
from domain.law.areas import NATION, areas, commune, covers, province_of_area
from domain.office.facts import PostFilled, PostVacated
from domain.office.state import Office
from domain.person.facts import (
    AssignmentEnded,
    CommandNames,
    DelegationEnded,
    DelegationGiven,
    DelegationReceived,
    PersonFact,
    PersonKind,
    PersonRegistered,
    RoleAssigned,
    Term,
)
from domain.person.state import Assignment, Delegation, Person
from domain.refusals import Invalid, NotAllowed, NotFound, WrongOrder
from domain.stream import Fact, For
from domain.values import ROLE_NAMES, AreaCode, Day, Line, Reasons, Role, Step, one_spelling

OF_KIND: Mapping[PersonKind, frozenset[Role]] = {
    "producer": frozenset({Role.PRODUCER}),
    "service": frozenset({Role.INTEGRATOR}),
    "official": frozenset(Role) - {Role.PRODUCER, Role.INTEGRATOR, Role.SYSTEM},
}
"""Which roles a person of a kind can hold. Nobody is the service itself."""
RESERVED = frozenset({"ocop", "hệ thống", "hệ thống ocop", "system"})


class PersonCommand(Command):
    """Base of the commands given to a person."""

    stream: ClassVar[str] = "person"
    step: ClassVar[Step | None] = None

    def standing(self, state: Person, ctx: Context) -> Standing:
        """By the area the person was entered for."""
        area = state.area or str(getattr(self, "area", ""))
        return Standing(None, None, area, province_of_area(area))

    def hands(self, state: Person, ctx: Context) -> Mapping[str, frozenset[str]]:
        """Who receives: the person the command is about."""
        return {"receive": frozenset({state.handle})}

    @abstractmethod
    def decide(self, state: Person, ctx: Context) -> Sequence[Fact | For]:
        """The facts that follow; an empty list when nothing would change. Raises Refusal."""


class RegisterPerson(PersonCommand):
    """Enter a person (ghi nhận người dùng); the handle is nobody else's."""

    name = "register-person"
    opens = True
    vi = "Ghi nhận người dùng"
    en = "Enter a person"

    handle: Line
    kind: PersonKind
    area: AreaCode

    def decide(self, state: Person, ctx: Context) -> list[PersonFact]:
        """Once; the claim the person holds on the handle sees to it that it is free. The service's own is nobody's."""
        if one_spelling(self.handle) in RESERVED:
            raise Invalid("Tên này dành cho hệ thống.", "This handle is the service's own.", field="handle")
        return [PersonRegistered(handle=self.handle, kind=self.kind, area=self.area)]


class AssignRole(PersonCommand):
    """Assign a role in an office from a day on, by a numbered decision (phân công nhiệm vụ)."""

    name = "assign-role"
    vi = "Phân công nhiệm vụ"
    en = "Assign a role"

    role: Role
    office: UUID | None = None
    area: AreaCode
    producer: Line | None = None
    term: Term
    decision_number: Line
    signer: Line

    def needs(self, state: Any, day: date) -> Sequence[UUID]:
        """The office."""
        return (self.office,) if self.office else ()

    def decide(self, state: Person, ctx: Context) -> Sequence[Fact | For]:
        """The role fits the person's kind, the office and the area; nothing is held twice at a time."""
        _within(ctx, self.area)
        self._check_role(state, ctx)
        office = self._office(ctx)
        for held in state.assignments.values():
            same = (held.role, held.area, held.producer, held.office)
            if same == (self.role, self.area, self.producer, self.office) and _overlap(held, self.term):
                raise WrongOrder(
                    f"{state.handle} đã được phân công việc này theo {held.decision_number}.",
                    f"{state.handle} holds this role already, by {held.decision_number}.",
                    field="term",
                    hint_vi="Kết thúc phân công cũ trước, hoặc chọn thời hạn khác.",
                    hint_en="End the earlier assignment first, or give another term.",
                )
        key = uuid5(ctx.stream_id, f"assignment {state.version + 1}")
        post = PostFilled(assignment=key, person=ctx.stream_id, handle=state.handle, last=self.term.last)
        return [
            *([For(self.office, post)] if self.office else []),
            RoleAssigned(
                assignment=key,
                role=self.role,
                office=self.office,
                office_name=office.name if office else state.handle,
                area=self.area,
                producer=self.producer,
                term=self.term,
                decision_number=self.decision_number,
                signer=self.signer,
            ),
        ]

    def _check_role(self, state: Person, ctx: Context) -> None:
        entry, (vi, en) = ctx.law.authority.roles[self.role], ROLE_NAMES[self.role]
        if self.role not in {role for kind, roles in OF_KIND.items() if kind == state.kind for role in roles}:
            raise Invalid(
                f"Người dùng loại “{state.kind}” không giữ vai trò “{vi}”.",
                f"A person of kind “{state.kind}” cannot be “{en}”.",
                field="role",
            )
        if not _fits(entry.area, self.area):
            raise Invalid(
                f"Vai trò “{vi}” không gắn với địa bàn {self.area}.",
                f"The role “{en}” is not one over the area {self.area}.",
                field="area",
            )
        if (self.role is Role.PRODUCER) != (self.producer is not None):
            raise Invalid(
                "Số đăng ký của chủ thể chỉ ghi, và phải ghi, cho vai trò chủ thể.",
                "The producer's registration number goes with the role producer, and only with it.",
                field="producer",
            )
        last_day = entry.until or (ctx.law.authority.old_units_until if "-" in self.area else None)
        until = date.fromisoformat(last_day) if last_day else None
        if until is not None and (self.term.last is None or self.term.last > until):
            raise Invalid(
                f"Vai trò “{vi}” chỉ có đến ngày {until:%d/%m/%Y}.",
                f"The role “{en}” ended on {until.isoformat()}.",
                field="term.last",
                hint_vi="Ghi ngày cuối của phân công.",
                hint_en="Give the assignment's last day.",
            )
        if self.term.last is not None and self.term.last < self.term.first:
            raise Invalid("Thời hạn kết thúc trước khi bắt đầu.", "The term ends before it begins.", field="term.last")

    def _office(self, ctx: Context) -> Office | None:
        needs_none = self.role in (Role.PRODUCER, Role.INTEGRATOR)
        if needs_none and self.office is None:
            return None
        office = ctx.others.get(self.office) if self.office else None
        if not isinstance(office, Office) or not covers(ctx.actor.area, office.area):
            raise Invalid("Cần cơ quan nơi giữ vai trò.", "It takes an office to hold the role in.", field="office")
        if not office.works_on(self.term.first):
            raise Invalid(
                f"“{office.name}” không hoạt động vào ngày {self.term.first:%d/%m/%Y}.",
                f"“{office.name}” does not exist on {self.term.first.isoformat()}.",
                field="term.first",
            )
        return office


def _not_undone(ends_on: date, ctx: Context) -> None:
    if ends_on < ctx.moment.today:
        raise Invalid(
            f"Không thể thôi quyền lùi về ngày {ends_on:%d/%m/%Y}: việc đã làm đến nay vẫn là đã làm.",
            f"Powers are not taken back as of {ends_on.isoformat()}: what was done until today was done.",
            field="ends_on",
            hint_vi="Ghi ngày hôm nay hoặc một ngày sau đó.",
            hint_en="Give today or a later day.",
        )


def _within(ctx: Context, area: str) -> None:
    if not covers(ctx.actor.area, area):
        raise Invalid(
            f"Địa bàn {area} ngoài địa bàn của bạn.",
            f"The area {area} lies outside yours.",
            field="area",
        )


def _fits(kind: str, area: str) -> bool:
    match kind:
        case "commune":
            return commune(area) is not None
        case "province":
            return len(area) == len("00") and area in areas()
        case "old-unit":
            return "-" in area and area[:2] in areas()
        case "nation":
            return area == NATION
        case "any":
            return area == NATION or area in areas()
        case "any-ever":
            return area == NATION or area in areas() or ("-" in area and area[:2] in areas())
        case _:
            return False


def _overlap(held: Assignment, term: Term) -> bool:
    ends = [day for day in (held.term.last, held.ended_on) if day is not None]
    last = min(ends) if ends else date.max
    return term.first <= last and held.term.first <= (term.last or date.max) and held.ended_on != term.first


class EndAssignment(PersonCommand):
    """End an assignment from a day on (thôi phân công, thu hồi quyền)."""

    name = "end-assignment"
    vi = "Thôi phân công"
    en = "End an assignment"

    assignment: UUID
    ends_on: Day
    decision_number: Line
    reason: Reasons

    def needs(self, state: Any, day: date) -> Sequence[UUID]:
        """The office it is an assignment to."""
        held = state.assignments.get(self.assignment)
        return (held.office,) if held is not None and held.office is not None else ()

    def decide(self, state: Person, ctx: Context) -> Sequence[Fact | For]:
        """An earlier end replaces a later one; a day in the past is refused: what was done by then was done."""
        held = state.assignments.get(self.assignment)
        if held is None:
            raise Invalid("Không có phân công này.", "There is no such assignment.", field="assignment")
        _within(ctx, held.area)
        if held.ended_on is not None and held.ended_on <= self.ends_on:
            return []
        _not_undone(self.ends_on, ctx)
        vacated = PostVacated(assignment=self.assignment, ends_on=self.ends_on)
        return [
            *([For(held.office, vacated)] if held.office else []),
            AssignmentEnded(
                assignment=self.assignment,
                ends_on=self.ends_on,
                decision_number=self.decision_number,
                reason=self.reason,
            ),
        ]


class Delegate(PersonCommand):
    """Delegate powers of one's own assignment to another official, for a period, on paper (ủy quyền)."""

    name = "delegate"
    vi = "Ủy quyền"
    en = "Delegate"

    assignment: UUID
    delegate: UUID
    commands: CommandNames = ()
    term: Term
    document: Line

    def needs(self, state: Any, day: date) -> Sequence[UUID]:
        """The delegate."""
        return (self.delegate,)

    def hands(self, state: Person, ctx: Context) -> Mapping[str, frozenset[str]]:
        """Who receives: the delegate."""
        other = ctx.others.get(self.delegate)
        return {"receive": frozenset({other.handle} if isinstance(other, Person) else ())}

    def decide(self, state: Person, ctx: Context) -> Sequence[Fact | For]:
        """Only one's own, only what may be delegated, only within the assignment's term; no chains."""
        if ctx.actor.id != ctx.stream_id or ctx.actor.delegator is not None:
            raise NotAllowed(
                "Chỉ chính người giữ quyền được ủy quyền; quyền nhận ủy quyền không ủy quyền lại.",
                "Only the holder delegates; delegated powers are not delegated again.",
            )
        held = state.assignments.get(self.assignment)
        if held is None or not held.valid_on(ctx.effective_on):
            raise Invalid("Không có phân công này.", "There is no such assignment.", field="assignment")
        entry, table = ctx.law.authority.roles[held.role], ctx.law.authority
        if not entry.delegable:
            vi, en = ROLE_NAMES[held.role]
            raise NotAllowed(f"Vai trò “{vi}” không được ủy quyền.", f"The role “{en}” cannot be delegated.")
        if unknown := [name for name in self.commands if name not in table.commands]:
            raise Invalid(f"Không có lệnh {unknown[0]}.", f"There is no command {unknown[0]}.", field="commands")
        other = ctx.others.get(self.delegate)
        if not isinstance(other, Person) or not covers(held.area, other.area):
            raise NotFound("Không có người nhận ủy quyền.", "There is no such delegate.", field="delegate")
        if other.kind != "official":
            raise Invalid("Chỉ ủy quyền cho cán bộ.", "Powers are delegated to officials only.", field="delegate")
        self._check_term(held, ctx)
        key = uuid5(ctx.stream_id, f"delegation {state.version + 1}")
        common: dict[str, Any] = {
            "delegation": key,
            "assignment": self.assignment,
            "commands": self.commands,
            "term": self.term,
            "document": self.document,
        }
        return [
            For(
                self.delegate,
                DelegationReceived(delegator=ctx.stream_id, delegator_handle=state.handle, **common),
            ),
            DelegationGiven(delegate=self.delegate, delegate_handle=other.handle, **common),
        ]

    def _check_term(self, held: Assignment, ctx: Context) -> None:
        last = self.term.last
        if last is None:
            raise Invalid("Ủy quyền phải có thời hạn.", "A delegation has a last day.", field="term.last")
        beyond = held.term.last is not None and last > held.term.last
        if last < self.term.first or self.term.first < ctx.effective_on or beyond:
            raise Invalid(
                "Thời hạn ủy quyền phải nằm trong thời hạn phân công và không bắt đầu trước ngày ký.",
                "A delegation lies within the assignment's term and does not begin before the day it is given.",
                field="term",
            )


class EndDelegation(PersonCommand):
    """End a delegation before its term (chấm dứt ủy quyền): by the delegator, or by an administrator on paper."""

    name = "end-delegation"
    vi = "Chấm dứt ủy quyền"
    en = "End a delegation"

    delegation: UUID
    delegate: UUID
    ends_on: Day
    document: Line

    def needs(self, state: Any, day: date) -> Sequence[UUID]:
        """The delegate."""
        return (self.delegate,)

    def decide(self, state: Person, ctx: Context) -> Sequence[Fact | For]:
        """Told to both; an earlier end replaces a later one."""
        given: Delegation | None = state.given.get(self.delegation)
        if given is None or given.other != self.delegate:
            raise Invalid("Không có ủy quyền này.", "There is no such delegation.", field="delegation")
        if ctx.actor.id != ctx.stream_id and ctx.actor.role is not Role.ADMINISTRATOR:
            raise NotAllowed(
                "Chỉ người ủy quyền hoặc quản trị viên chấm dứt ủy quyền.",
                "The delegator or an administrator ends a delegation.",
            )
        if given.ended_on is not None and given.ended_on <= self.ends_on:
            return []
        _not_undone(self.ends_on, ctx)
        ended = DelegationEnded(delegation=self.delegation, ends_on=self.ends_on, document=self.document)
        return [For(self.delegate, ended), ended]


COMMANDS: tuple[type[Command], ...] = (RegisterPerson, AssignRole, EndAssignment, Delegate, EndDelegation)
