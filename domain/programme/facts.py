"""Facts of a programme (chương trình, kế hoạch). Names and rules as for a product's facts.

First the plan, then what is done at the level of an area: classes, media, fairs, points of sale. An activity names the
area it was for, the programme's or one within it, on the map of the programme's first day. It is not corrected but
struck out and entered anew.
"""

from typing import Annotated, Literal, get_args

from pydantic import Field

from domain.programme.targets import Deadline, Priority, Slug, Target, Task
from domain.stream import Fact
from domain.values import AreaCode, Count, Day, Line, Paragraph, Step

Audience = Literal["officials", "new-producers", "producers", "public"]
"""Who is taught: officials (cán bộ), producers new to the programme (chủ thể mới), producers, everybody."""
MediaKind = Literal["clip", "article", "broadcast", "website", "leaflet"]
EventKind = Literal["fair", "thematic-fair", "conference", "workshop", "meeting", "exchange"]
OrganisationChange = Literal["founded", "strengthened", "upgraded"]

# ── The plan ──────────────────────────────────────────────────────────────────────────────────


class ProgrammeIssued(Fact):
    """A plan was issued (ban hành kế hoạch) for an area and a time.

    ``area``: as on the map of ``first``, the first day it is for. ``signer`` and ``decision_number`` None: not known.
    """

    stored_name = "programme.issued"
    step = None
    title: Line
    area: AreaCode
    first: Day
    last: Day
    decision_number: Line | None
    issued_on: Day
    issued_by: Line
    signer: Line | None
    legal_bases: tuple[Line, ...] = ()


class TargetSet(Fact):
    """A target was set (giao chỉ tiêu)."""

    stored_name = "programme.target-set"
    step = None
    code: Slug
    target: Target


class TargetAmended(Fact):
    """A target was amended by a decision (điều chỉnh chỉ tiêu): from the day of the decision on it reads so."""

    stored_name = "programme.target-amended"
    step = None
    code: Slug
    target: Target
    decision_number: Line
    reason: Annotated[Paragraph, Field(min_length=1)]


class DeadlineSet(Fact):
    """A deadline was set (quy định thời hạn)."""

    stored_name = "programme.deadline-set"
    step = None
    code: Slug
    deadline: Deadline


class PrioritySet(Fact):
    """A priority was set (xác định ưu tiên)."""

    stored_name = "programme.priority-set"
    step = None
    code: Slug
    priority: Priority


class TaskAssigned(Fact):
    """An agency was charged with a task (phân công nhiệm vụ)."""

    stored_name = "programme.task-assigned"
    step = None
    code: Slug
    task: Task


# ── Step 1 at the level of an area ────────────────────────────────────────────────────────────


class ClassHeld(Fact):
    """A class was held (tổ chức lớp tập huấn, bồi dưỡng). ``attendees``: of the audience it was for."""

    stored_name = "programme.class-held"
    step = Step.OUTREACH
    title: Line
    audience: Audience
    area: AreaCode
    attendees: Count


class MediaPublished(Fact):
    """Something was published (tuyên truyền): a clip, an article, a broadcast."""

    stored_name = "programme.media-published"
    step = Step.OUTREACH
    kind: MediaKind
    title: Line
    outlet: Line


class StaffCounted(Fact):
    """How many OCOP officials an area has (số cán bộ làm công tác OCOP): what shares of them are shares of."""

    stored_name = "programme.staff-counted"
    step = Step.OUTREACH
    area: AreaCode
    officials: Count


class ApparatusStrengthened(Fact):
    """The OCOP apparatus of a unit was put in order (củng cố, kiện toàn bộ máy) by a decision."""

    stored_name = "programme.apparatus-strengthened"
    step = Step.OUTREACH
    area: AreaCode
    decision_number: Line


class OrganisationSupported(Fact):
    """An economic organisation was founded, strengthened or upgraded with support (phát triển tổ chức kinh tế)."""

    stored_name = "programme.organisation-supported"
    step = Step.OUTREACH
    registration: Line
    organisation: Line
    change: OrganisationChange
    area: AreaCode


# ── Step 6 at the level of an area ────────────────────────────────────────────────────────────


class EventHeld(Fact):
    """A fair, a conference, a workshop was held (hội chợ, hội nghị, hội thảo)."""

    stored_name = "programme.event-held"
    step = Step.PROMOTION
    kind: EventKind
    title: Line
    place: Line


class PointOfSaleOpened(Fact):
    """A point of display and sale was opened with support (mở điểm giới thiệu và bán sản phẩm OCOP)."""

    stored_name = "programme.point-of-sale-opened"
    step = Step.PROMOTION
    code: Slug
    title: Line
    address: Line
    area: AreaCode


class PointOfSaleClosed(Fact):
    """A point of display and sale was closed (đóng điểm bán)."""

    stored_name = "programme.point-of-sale-closed"
    step = Step.PROMOTION
    code: Slug
    reason: Paragraph


class MonitoringIntroduced(Fact):
    """A system of management and monitoring came into use (đưa hệ thống quản lý, giám sát vào sử dụng)."""

    stored_name = "programme.monitoring-introduced"
    step = Step.OUTREACH
    system: Line
    decision_number: Line


class EntryStruck(Fact):
    """An activity entered by mistake was struck out (hủy ghi nhận): it counts no more; what is right is entered anew.

    ``entry``: version of the fact struck out.
    """

    stored_name = "programme.entry-struck"
    step = None
    entry: Annotated[int, Field(ge=1)]
    reason: Annotated[Paragraph, Field(min_length=1)]


ProgrammeFact = (
    ProgrammeIssued
    | TargetSet
    | TargetAmended
    | DeadlineSet
    | PrioritySet
    | TaskAssigned
    | ClassHeld
    | MediaPublished
    | StaffCounted
    | ApparatusStrengthened
    | OrganisationSupported
    | EventHeld
    | PointOfSaleOpened
    | PointOfSaleClosed
    | MonitoringIntroduced
    | EntryStruck
)
CATALOGUE: dict[str, type[ProgrammeFact]] = {fact.stored_name: fact for fact in get_args(ProgrammeFact)}
