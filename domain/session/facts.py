"""Facts of a council's session (phiên họp hội đồng). Names and rules as for a product's facts."""

from typing import Annotated, get_args
from uuid import UUID

from pydantic import Field, StringConstraints

from domain.council.facts import Members
from domain.product.rating_facts import Conflict, DossierKind, LevelCode, Procedure, SessionForm
from domain.sealing import Sealed
from domain.stream import Fact
from domain.values import AreaCode, Day, ExactPoints, Line, Paragraph, Points, Sha256, Stars, Step, Value


class AgendaItem(Value):
    """A product on the agenda (sản phẩm trong chương trình), as its dossier stood when the session was called.

    ``conflicts``: those found by the service itself; members declare others.
    """

    product: UUID
    name: Line
    producer: Line
    kind: DossierKind
    regime: Line
    sheet: Line
    rules_hash: Sha256
    conflicts: tuple[Conflict, ...] = ()


class SessionCalled(Fact):
    """A session was called (triệu tập phiên họp, hoặc gửi phiếu lấy ý kiến).

    Carries council, members and rules as they stood that day: what comes later changes other sessions only.
    """

    stored_name = "session.called"
    step = Step.RATING
    council: UUID
    council_number: Line
    level: LevelCode
    area: AreaCode
    form: SessionForm
    number: Line
    held_on: Day
    place: Line
    members: Members
    procedure: Procedure
    agenda: Annotated[tuple[AgendaItem, ...], Field(min_length=1, max_length=200)]


class Absence(Value):
    """A member who did not come (vắng mặt), with the reason given."""

    member: Line
    reason: Paragraph = ""


class AttendanceRecorded(Fact):
    """Attendance was taken (điểm danh)."""

    stored_name = "session.attendance-recorded"
    step = Step.RATING
    present: tuple[Line, ...]
    absent: tuple[Absence, ...]


class ConflictDeclared(Fact):
    """A member declared a conflict of interest (khai báo xung đột lợi ích) and does not score that product."""

    stored_name = "session.conflict-declared"
    step = Step.RATING
    product: UUID
    conflict: Conflict


class ScoringOpened(Fact):
    """Scoring was opened (bắt đầu chấm điểm): the quorum was there."""

    stored_name = "session.scoring-opened"
    step = Step.RATING
    present: tuple[Line, ...]
    quorum: Annotated[int, Field(ge=1)]
    chair_present: bool


class SheetSealed(Fact):
    """A member's score sheet was handed in, sealed (nộp phiếu đánh giá, niêm phong)."""

    stored_name = "session.sheet-sealed"
    step = Step.RATING
    product: UUID
    member: Line
    round: Annotated[int, Field(ge=1)]
    sheet: Sealed


class Opened(Value):
    """A product's opened round: how many sheets, the spread of their totals in points, and the round's key.

    The key is published so that anybody can open the product's sealed sheets and compare; those of products that
    left before stay sealed.
    """

    product: UUID
    sheets: Annotated[int, Field(ge=1)]
    spread: Points
    key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ScoringClosed(Fact):
    """Scoring was closed and every sheet of the round opened (kết thúc chấm điểm, mở niêm phong)."""

    stored_name = "session.scoring-closed"
    step = Step.RATING
    round: Annotated[int, Field(ge=1)]
    sheets: Annotated[int, Field(ge=0)]
    products: tuple[Opened, ...]


class ProductRescoring(Value):
    """A product to be scored again: the spread of its totals, in points, and what was discussed."""

    product: UUID
    spread: Points
    discussion: Paragraph


class RescoringOpened(Fact):
    """Totals lay too far apart: discussed, and opened for another sealed round (thảo luận, chấm lại)."""

    stored_name = "session.rescoring-opened"
    step = Step.RATING
    round: Annotated[int, Field(ge=2)]
    products: Annotated[tuple[ProductRescoring, ...], Field(min_length=1)]


class SessionResult(Value):
    """A product's result as the minutes record it."""

    product: UUID
    average: ExactPoints
    stars: Stars


class Agreement(Value):
    """Options agreed on for a product otherwise than the advisory team found: criteria, why, and who agreed.

    The options themselves stand in the product's own conclusion.
    """

    product: UUID
    codes: tuple[Line, ...]
    reason: Paragraph
    members: tuple[Line, ...]


class SessionConcluded(Fact):
    """The session was concluded (kết luận phiên họp) with its minutes (biên bản)."""

    stored_name = "session.concluded"
    step = Step.RATING
    minutes_number: Line
    minutes: Paragraph
    agreed: tuple[Agreement, ...]
    results: tuple[SessionResult, ...]
    left_out: tuple[UUID, ...]
    """Products rejected or withdrawn meanwhile."""


class SessionCancelled(Fact):
    """The session was cancelled before it was concluded (hủy phiên họp); sealed sheets stay sealed.

    ``document``: number of the written order, without which a session whose sheets were opened is not cancelled.
    """

    stored_name = "session.cancelled"
    step = Step.RATING
    reason: Paragraph
    document: Line | None


SessionFact = (
    SessionCalled
    | AttendanceRecorded
    | ConflictDeclared
    | ScoringOpened
    | SheetSealed
    | ScoringClosed
    | RescoringOpened
    | SessionConcluded
    | SessionCancelled
)
CATALOGUE: dict[str, type[SessionFact]] = {fact.stored_name: fact for fact in get_args(SessionFact)}
