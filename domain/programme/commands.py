"""Commands that make the plan (lập kế hoạch): issued, its targets set and amended, deadlines, priorities, tasks.

Plans are the area's own: no decision of the centre rules steps 1 to 4 and 6. So who enters what is practice.
"""

from abc import abstractmethod
from typing import Any, ClassVar

from pydantic import Field

from domain.command import Command, Context, Standing
from domain.law.areas import province_of_area
from domain.law.maps import communes_of, lies_within, name_on, units_in
from domain.programme.facts import (
    DeadlineSet,
    PrioritySet,
    ProgrammeFact,
    ProgrammeIssued,
    TargetAmended,
    TargetSet,
    TaskAssigned,
)
from domain.programme.measures import measures
from domain.programme.state import Programme
from domain.programme.targets import Deadline, Priority, Slug, Target, Task
from domain.refusals import Invalid, WrongOrder
from domain.values import AreaCode, Day, Line, Reasons, Step

FIRST_YEAR, LAST_YEAR = 2018, 2100
"""The programme began in 2018 (Decision 490/QĐ-TTg); a plan beyond 2100 is a slip of the pen."""
MOST_TARGETS = 300


class ProgrammeCommand(Command):
    """Base of the commands given to a programme."""

    stream: ClassVar[str] = "programme"
    step: ClassVar[Step | None] = None

    def standing(self, state: Any, ctx: Context) -> Standing:
        """By the area it is for: that of an activity where it lies in the programme's, else the programme's."""
        own = str(getattr(self, "area", ""))
        area = own if own and (self.opens or lies_within(own, state.area, state.first)) else state.area
        return Standing(None, None, area, province_of_area(area))

    @abstractmethod
    def decide(self, state: Programme, ctx: Context) -> list[ProgrammeFact]:
        """The facts that follow; an empty list when nothing would change. Raises Refusal."""


def as_told(command: ProgrammeCommand, fact: type[ProgrammeFact]) -> ProgrammeFact:
    """The fact whose fields are the command's own."""
    return fact(**{name: getattr(command, name) for name in fact.model_fields})


def expect_within(programme: Programme, area: str, field: str) -> None:
    """Refuse an area that does not lie in the programme's, on the map of its first day."""
    known = communes_of(area, programme.first)
    if known is not None and not known:
        raise Invalid(
            f"Bản đồ ngày {programme.first:%d/%m/%Y} không có địa bàn mang mã {area}.",
            f"The map of {programme.first.isoformat()} has no area with the code {area}.",
            field=field,
        )
    if not lies_within(area, programme.area, programme.first):
        raise Invalid(
            f"{name_on(area, programme.first)} không thuộc địa bàn của chương trình.",
            f"{name_on(area, programme.first)} is not in the programme's area.",
            field=field,
        )


class IssueProgramme(ProgrammeCommand):
    """Enter a plan (ban hành kế hoạch) for an area and a time, with its number, day and legal bases.

    ``area``: on the map of ``first``. A plan whose number is not known says so with null.
    """

    name = "issue-programme"
    opens = True
    vi = "Ban hành kế hoạch, chương trình"
    en = "Issue a programme"

    title: Line
    area: AreaCode
    first: Day
    last: Day
    decision_number: Line | None
    issued_on: Day
    issued_by: Line
    signer: Line | None = None
    legal_bases: tuple[Line, ...] = Field(default=(), max_length=100)

    def decide(self, state: Programme, ctx: Context) -> list[ProgrammeFact]:
        """Not issued in the future; it ends after it begins, and its area is one of its first day's map."""
        if self.issued_on > ctx.moment.today:
            raise Invalid("Kế hoạch chưa ban hành.", "The plan is not issued yet.", field="issued_on")
        if self.last < self.first:
            raise Invalid("Kế hoạch kết thúc trước khi bắt đầu.", "It ends before it begins.", field="last")
        for field, day in (("first", self.first), ("last", self.last)):
            if not FIRST_YEAR <= day.year <= LAST_YEAR:
                raise Invalid(
                    f"Kế hoạch nằm trong các năm {FIRST_YEAR} đến {LAST_YEAR}.",
                    f"A programme lies in the years {FIRST_YEAR} to {LAST_YEAR}.",
                    field=field,
                )
        if (found := communes_of(self.area, self.first)) is not None and not found:
            raise Invalid(
                f"Bản đồ ngày {self.first:%d/%m/%Y} không có địa bàn mang mã {self.area}.",
                f"The map of {self.first.isoformat()} has no area with the code {self.area}.",
                field="area",
            )
        return [as_told(self, ProgrammeIssued)]


def _check(target: Target, programme: Programme) -> None:
    measure = measures().get(target.measure)
    if measure is None:
        raise Invalid(
            f"Không có chỉ số “{target.measure}”.",
            f"There is no measure “{target.measure}”.",
            field="target.measure",
            hint_vi="Xem danh sách tại GET /v1/measures.",
            hint_en="See GET /v1/measures.",
        )
    if target.each is not None and not measure.by_area:
        raise Invalid(
            "Chỉ số này không tính theo từng địa bàn.",
            "This measure is not told of single units or communes.",
            field="target.each",
        )
    if not programme.first <= (target.first or programme.first) <= target.due <= programme.last:
        raise Invalid(
            "Chỉ tiêu nằm ngoài thời gian của kế hoạch.", "It lies outside the plan's time.", field="target.due"
        )
    area = target.area or programme.area
    expect_within(programme, area, "target.area")
    if target.each is not None and not units_in(area, target.each, programme.first):
        raise Invalid(
            f"{name_on(area, programme.first)} không có đơn vị nào để giao chỉ tiêu.",
            f"{name_on(area, programme.first)} has no such units to ask it of.",
            field="target.each",
        )


class SetTarget(ProgrammeCommand):
    """Set a target (giao chỉ tiêu). Its definition is the measure's; its own words are the title."""

    name = "set-target"
    vi = "Giao chỉ tiêu"
    en = "Set a target"

    code: Slug
    target: Target

    def decide(self, state: Programme, ctx: Context) -> list[ProgrammeFact]:
        """The same again changes nothing; another one under a code that is taken is an amendment."""
        if state.targets.get(self.code) == self.target:
            return []
        if self.code in state.targets:
            raise WrongOrder(
                f"Chỉ tiêu “{self.code}” đã được giao.",
                f"The target “{self.code}” is set already.",
                field="code",
                hint_vi="Điều chỉnh bằng lệnh amend-target, theo quyết định.",
                hint_en="Amend it with amend-target, by a decision.",
            )
        if len(state.targets) >= MOST_TARGETS:
            raise WrongOrder(
                f"Kế hoạch đã có {MOST_TARGETS} chỉ tiêu.", f"The programme has {MOST_TARGETS} targets.", field="code"
            )
        _check(self.target, state)
        return [TargetSet(code=self.code, target=self.target)]


class AmendTarget(ProgrammeCommand):
    """Amend a target by a decision (điều chỉnh chỉ tiêu). The earlier version stays and is reported beside it."""

    name = "amend-target"
    vi = "Điều chỉnh chỉ tiêu"
    en = "Amend a target"

    code: Slug
    target: Target
    decision_number: Line
    reason: Reasons

    def decide(self, state: Programme, ctx: Context) -> list[ProgrammeFact]:
        """Only one that was set; its measure stays, since another measure is another target."""
        before = state.targets.get(self.code)
        if before is None:
            raise WrongOrder(f"Chưa có chỉ tiêu “{self.code}”.", f"There is no target “{self.code}”.", field="code")
        if before == self.target:
            return []
        if ctx.effective_on < state.since[self.code]:
            raise Invalid(
                f"Chỉ tiêu đọc như vậy từ {state.since[self.code]:%d/%m/%Y}; điều chỉnh không thể sớm hơn.",
                f"It reads so since {state.since[self.code].isoformat()}; no amendment is older.",
                field="effective_on",
            )
        if before.measure != self.target.measure:
            raise Invalid(
                "Chỉ số khác là chỉ tiêu khác: hãy giao chỉ tiêu mới.",
                "Another measure is another target: set a new one.",
                field="target.measure",
            )
        _check(self.target, state)
        return [
            TargetAmended(code=self.code, target=self.target, decision_number=self.decision_number, reason=self.reason)
        ]


class PlanPart(ProgrammeCommand):
    """Base of what a plan has beside its targets, each under a code that is used once."""

    fact: ClassVar[type[ProgrammeFact]]

    code: Slug

    def decide(self, state: Programme, ctx: Context) -> list[ProgrammeFact]:
        """A code is used once."""
        if self.code in state.codes:
            raise WrongOrder(f"Mã “{self.code}” đã dùng.", f"The code “{self.code}” is taken.", field="code")
        return [as_told(self, self.fact)]


class SetDeadline(PlanPart):
    """Set a deadline (quy định thời hạn) of a step and level."""

    name = "set-deadline"
    vi = "Quy định thời hạn"
    en = "Set a deadline"
    fact = DeadlineSet

    deadline: Deadline

    def decide(self, state: Programme, ctx: Context) -> list[ProgrammeFact]:
        """Not before the plan begins."""
        facts = super().decide(state, ctx)
        if self.deadline.due < state.first:
            raise Invalid(
                "Thời hạn trước khi kế hoạch bắt đầu.",
                "The deadline lies before the plan begins.",
                field="deadline.due",
            )
        return facts


class SetPriority(PlanPart):
    """Say what comes first (xác định ưu tiên): groups of goods, or products by name."""

    name = "set-priority"
    vi = "Xác định ưu tiên"
    en = "Set a priority"
    fact = PrioritySet

    priority: Priority


class AssignTask(PlanPart):
    """Charge an agency with a task (phân công nhiệm vụ)."""

    name = "assign-task"
    vi = "Phân công nhiệm vụ"
    en = "Assign a task"
    fact = TaskAssigned

    task: Task


COMMANDS: tuple[type[Command], ...] = (IssueProgramme, SetTarget, AmendTarget, SetDeadline, SetPriority, AssignTask)
