"""Commands that record what is done at the level of an area: steps 1 and 6 beside the single products.

Of the past as of today: an act is never dated in the future, nor outside the plan's time.
"""

from typing import Any, ClassVar

from domain.command import Command, Context, Standing
from domain.law.areas import province_of_area
from domain.law.maps import lies_within, name_on
from domain.programme.commands import ProgrammeCommand, as_told, expect_within
from domain.programme.facts import (
    ApparatusStrengthened,
    Audience,
    ClassHeld,
    EntryStruck,
    EventHeld,
    EventKind,
    MediaKind,
    MediaPublished,
    MonitoringIntroduced,
    OrganisationChange,
    OrganisationSupported,
    PointOfSaleClosed,
    PointOfSaleOpened,
    ProgrammeFact,
    StaffCounted,
)
from domain.programme.state import Programme
from domain.programme.targets import Slug
from domain.refusals import Invalid, WrongOrder
from domain.values import AreaCode, Count, Line, Reasons, Step


class Activity(ProgrammeCommand):
    """Base of what is recorded as done: the fact has the command's own fields."""

    fact: ClassVar[type[ProgrammeFact]]

    def decide(self, state: Programme, ctx: Context) -> list[ProgrammeFact]:
        """Within the plan's time and area."""
        if not state.first <= ctx.effective_on <= state.last:
            raise Invalid(
                f"Việc ngoài thời gian của kế hoạch ({state.first:%d/%m/%Y} – {state.last:%d/%m/%Y}).",
                f"It lies outside the plan's time ({state.first.isoformat()} to {state.last.isoformat()}).",
                field="effective_on",
            )
        if area := getattr(self, "area", None):
            expect_within(state, area, "area")
        return [as_told(self, self.fact)]


def _of_entry(programme: Programme, entry: int) -> Standing:
    held = programme.activities.get(entry)
    area = held.area if held is not None else programme.area
    return Standing(None, None, area, province_of_area(area))


def _nested(one: str, other: str, programme: Programme) -> bool:
    return lies_within(one, other, programme.first) or lies_within(other, one, programme.first)


class RecordClass(Activity):
    """Record a class held (tổ chức lớp tập huấn, bồi dưỡng): for whom, where, how many came."""

    name = "record-class"
    step = Step.OUTREACH
    vi = "Ghi nhận lớp tập huấn"
    en = "Record a class"
    fact = ClassHeld

    title: Line
    audience: Audience
    area: AreaCode
    attendees: Count


class RecordMedia(Activity):
    """Record what was published (tuyên truyền trên phương tiện truyền thông)."""

    name = "record-media"
    step = Step.OUTREACH
    vi = "Ghi nhận sản phẩm truyền thông"
    en = "Record something published"
    fact = MediaPublished

    kind: MediaKind
    title: Line
    outlet: Line


class CountStaff(Activity):
    """Say how many OCOP officials there are (số cán bộ làm công tác OCOP) in an area."""

    name = "count-staff"
    step = Step.OUTREACH
    vi = "Ghi số cán bộ OCOP"
    en = "Count the OCOP officials"
    fact = StaffCounted

    area: AreaCode
    officials: Count

    def decide(self, state: Programme, ctx: Context) -> list[ProgrammeFact]:
        """Of an area as a whole, or of its parts: both would count the same people twice."""
        for held in state.activities.values():
            if held.kind is StaffCounted and held.area != self.area and _nested(held.area, self.area, state):
                raise WrongOrder(
                    f"Đã có số cán bộ của {name_on(held.area, state.first)}, tính chồng lên nhau.",
                    f"The officials of {name_on(held.area, state.first)} are counted: some would count twice.",
                    field="area",
                    hint_vi="Hủy số cũ (strike-entry) trước khi ghi theo cách khác.",
                    hint_en="Strike the old count out (strike-entry) before counting in another way.",
                )
        return super().decide(state, ctx)


class RecordApparatus(Activity):
    """Record that a unit's OCOP apparatus was put in order (củng cố, kiện toàn bộ máy)."""

    name = "record-apparatus"
    step = Step.OUTREACH
    vi = "Ghi nhận củng cố, kiện toàn bộ máy"
    en = "Record an apparatus put in order"
    fact = ApparatusStrengthened

    area: AreaCode
    decision_number: Line


class RecordOrganisation(Activity):
    """Record an economic organisation founded, strengthened or upgraded with support (phát triển tổ chức kinh tế)."""

    name = "record-organisation"
    step = Step.OUTREACH
    vi = "Ghi nhận hỗ trợ tổ chức kinh tế"
    en = "Record support of an organisation"
    fact = OrganisationSupported

    registration: Line
    organisation: Line
    change: OrganisationChange
    area: AreaCode


class RecordMonitoring(Activity):
    """Record that a system of management and monitoring came into use (hệ thống quản lý, giám sát)."""

    name = "record-monitoring"
    step = Step.OUTREACH
    vi = "Ghi nhận đưa hệ thống quản lý, giám sát vào sử dụng"
    en = "Record a monitoring system"
    fact = MonitoringIntroduced

    system: Line
    decision_number: Line


class RecordEvent(Activity):
    """Record a fair, a conference, a workshop held (hội chợ, hội nghị, hội thảo)."""

    name = "record-event"
    step = Step.PROMOTION
    vi = "Ghi nhận hội chợ, hội nghị, hội thảo"
    en = "Record a fair or conference"
    fact = EventHeld

    kind: EventKind
    title: Line
    place: Line


class OpenPointOfSale(Activity):
    """Record a point of display and sale opened (mở điểm giới thiệu và bán sản phẩm OCOP)."""

    name = "open-point-of-sale"
    step = Step.PROMOTION
    vi = "Mở điểm giới thiệu, bán sản phẩm"
    en = "Open a point of sale"
    fact = PointOfSaleOpened

    code: Slug
    title: Line
    address: Line
    area: AreaCode

    def decide(self, state: Programme, ctx: Context) -> list[ProgrammeFact]:
        """A code stands for one point that is open."""
        if self.code in state.points:
            raise WrongOrder(f"Điểm bán “{self.code}” đang mở.", f"The point “{self.code}” is open.", field="code")
        return super().decide(state, ctx)


class ClosePointOfSale(ProgrammeCommand):
    """Record a point of display and sale closed (đóng điểm bán)."""

    name = "close-point-of-sale"
    step = Step.PROMOTION
    vi = "Đóng điểm giới thiệu, bán sản phẩm"
    en = "Close a point of sale"

    code: Slug
    reason: Reasons

    def standing(self, state: Any, ctx: Context) -> Standing:
        """By the area of the point."""
        return _of_entry(state, state.points.get(self.code, 0))

    def decide(self, state: Programme, ctx: Context) -> list[ProgrammeFact]:
        """Only one that is open."""
        if self.code in state.points and ctx.effective_on < state.activities[state.points[self.code]].on:
            raise Invalid("Điểm bán chưa mở vào ngày này.", "It was not open yet on that day.", field="effective_on")
        if self.code not in state.points:
            raise WrongOrder(f"Không có điểm bán “{self.code}”.", f"No point “{self.code}” is open.", field="code")
        return [PointOfSaleClosed(code=self.code, reason=self.reason)]


class StrikeEntry(ProgrammeCommand):
    """Strike out an activity entered by mistake (hủy ghi nhận). ``entry``: version of its fact in this programme."""

    name = "strike-entry"
    vi = "Hủy một việc đã ghi nhận"
    en = "Strike out an entry"

    entry: Count
    reason: Reasons

    def standing(self, state: Any, ctx: Context) -> Standing:
        """By the area of the entry: who recorded it takes it back."""
        return _of_entry(state, self.entry)

    def decide(self, state: Programme, ctx: Context) -> list[ProgrammeFact]:
        """Only an activity, and once; the plan itself is amended."""
        if self.entry not in state.activities:
            raise WrongOrder(
                f"Sự kiện số {self.entry} không phải là việc đang được tính.",
                f"Fact {self.entry} is no activity that counts.",
                field="entry",
            )
        return [EntryStruck(entry=self.entry, reason=self.reason)]


COMMANDS: tuple[type[Command], ...] = (
    RecordClass,
    RecordMedia,
    CountStaff,
    RecordApparatus,
    RecordOrganisation,
    RecordMonitoring,
    RecordEvent,
    OpenPointOfSale,
    ClosePointOfSale,
    StrikeEntry,
)
