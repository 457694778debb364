"""Commands given to a session (phiên họp hội đồng, lấy ý kiến bằng văn bản): calling, attendance, conflicts, the end.

Scoring and conclusion stand in modules of their own.
"""

from collections.abc import Sequence
from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from domain.command import Command, Context, Standing
from domain.council.state import Council
from domain.law.areas import province_of_area
from domain.law.calendar import add_working_days
from domain.product.command import not_before
from domain.product.rating_facts import Conflict, ConflictGround, Procedure, PutOnAgenda, SessionForm, TakenOffAgenda
from domain.refusals import AgainstCouncilRules, Invalid, NotAllowed, NotFound, WrongOrder
from domain.session import conclusion, scoring
from domain.session.agenda import agenda_item
from domain.session.command import (
    SessionCommand,
    able,
    check_scorers,
    item_of,
    listed,
    named_once,
    quorum,
    sits,
    still_here,
)
from domain.session.facts import (
    Absence,
    AttendanceRecorded,
    ConflictDeclared,
    SessionCalled,
    SessionCancelled,
)
from domain.session.state import Session, Stage
from domain.stream import Fact, For
from domain.values import Day, Line, Paragraph, Reasons, Role


class CallSession(SessionCommand):
    """Call a session (triệu tập phiên họp), or send dossiers round for written opinions (lấy ý kiến bằng văn bản).

    ``held_on``: day of the meeting, or the day the opinions are due.
    """

    name = "call-session"
    opens = True
    vi = "Triệu tập phiên họp hội đồng"
    en = "Call a session of the council"

    council: UUID
    number: Line
    form: SessionForm
    held_on: Day
    place: Line
    products: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=200)]

    def needs(self, state: Session, day: date) -> Sequence[UUID]:
        """The council and every product on the agenda."""
        return (self.council, *self.products)

    def standing(self, state: Session, ctx: Context) -> Standing:
        """As the council stands."""
        council = self._council(ctx)
        return Standing(ctx.law.regimes[council.regime], council.level, council.area, province_of_area(council.area))

    def decide(self, state: Session, ctx: Context) -> list[Fact | For]:
        """The council works that day, notice is kept, and every dossier is ready, here, and on no other agenda."""
        named_once(self.products, "products")
        council = self._council(ctx)
        sits(council.members, ctx)
        procedure = self._check_days(council, ctx)
        agenda = tuple(
            agenda_item(product, council, procedure, self.form, self.held_on, ctx) for product in self.products
        )
        for item in agenda:
            left = able(council.members, item.conflicts)
            check_scorers(item.name, left, quorum(procedure, left))
        put = PutOnAgenda(
            session=ctx.stream_id,
            council=self.council,
            level=council.level,
            form=self.form,
            held_on=self.held_on,
        )
        called = SessionCalled(
            council=self.council,
            council_number=council.number,
            level=council.level,
            area=council.area,
            form=self.form,
            number=self.number,
            held_on=self.held_on,
            place=self.place,
            members=council.members,
            procedure=procedure,
            agenda=agenda,
        )
        return [*(For(product, put) for product in self.products), called]

    def _council(self, ctx: Context) -> Council:
        council = ctx.others.get(self.council)
        if not isinstance(council, Council):
            raise NotFound("Không tìm thấy hội đồng này.", "There is no such council.", field="council")
        return council

    def _check_days(self, council: Council, ctx: Context) -> Procedure:
        not_before(council.changed_on, ctx)
        if council.procedure is None or not council.works_on(self.held_on):
            raise WrongOrder(
                f"Hội đồng {council.number} không hoạt động vào ngày {self.held_on:%d/%m/%Y}.",
                f"Council {council.number} does not work on {self.held_on.isoformat()}.",
                field="held_on",
                hint_vi="Chọn ngày trong nhiệm kỳ của hội đồng, hoặc hội đồng khác.",
                hint_en="Choose a day in the council's period, or another council.",
            )
        # INFERRED: written opinions need no days of notice; their term is the day they are due.
        notice = council.procedure.notice_working_days if self.form == "meeting" else 0
        earliest = add_working_days(ctx.effective_on, notice)
        if self.held_on < earliest:
            basis = council.procedure.basis["notice_working_days"]
            raise AgainstCouncilRules(
                f"Phải gửi tài liệu trước phiên họp ít nhất {notice} ngày làm việc ({basis}).",
                f"Members are told at least {notice} working days ahead ({basis}).",
                field="held_on",
                hint_vi=f"Gửi ngày {ctx.effective_on:%d/%m/%Y} thì họp sớm nhất ngày {earliest:%d/%m/%Y}.",
                hint_en=f"Called on {ctx.effective_on.isoformat()}: not before {earliest.isoformat()}.",
            )
        return council.procedure


class RecordAttendance(SessionCommand):
    """Take attendance (điểm danh); again for late comers, until scoring opens: the last one holds."""

    name = "record-attendance"
    vi = "Điểm danh phiên họp"
    en = "Record attendance"

    present: Annotated[tuple[Line, ...], Field(max_length=60)]
    absent: Annotated[tuple[Absence, ...], Field(max_length=60)] = ()

    def decide(self, state: Session, ctx: Context) -> list[AttendanceRecorded]:
        """At meetings, on the day or later; every member is named once, as present or absent."""
        if state.form != "meeting":
            raise WrongOrder(
                "Lấy ý kiến bằng văn bản thì không điểm danh.",
                "Written opinions need no attendance.",
                hint_vi="Dùng lệnh open-scoring.",
                hint_en="Use open-scoring.",
            )
        not_before(state.held_on, ctx)
        named = [*self.present, *(absence.member for absence in self.absent)]
        members = [member.person for member in state.members]
        for wrong, vi, en in (
            (set(named) - set(members), "Không phải thành viên hội đồng", "Not members of the council"),
            ({m for m in named if named.count(m) > 1}, "Được ghi hai lần", "Named twice"),
            (set(members) - set(named), "Chưa ghi có mặt hay vắng mặt", "Neither present nor absent"),
        ):
            if wrong:
                names = listed(sorted(wrong))
                raise Invalid(f"{vi}: {names}.", f"{en}: {names}.", field="present")
        return [AttendanceRecorded(present=self.present, absent=self.absent)]


class DeclareConflict(SessionCommand):
    """Declare a conflict of interest with a product (khai báo xung đột lợi ích): the member does not score it.

    ``member``: whose conflict it is; without it the caller's own.
    """

    name = "declare-conflict"
    vi = "Khai báo xung đột lợi ích"
    en = "Declare a conflict of interest"

    product: UUID
    ground: ConflictGround
    note: Paragraph = ""
    member: Line | None = None

    def decide(self, state: Session, ctx: Context) -> list[ConflictDeclared]:
        """Before the member's sheet for the product is handed in, in whatever round.

        The secretary declares for others until scoring opens.
        """
        item = item_of(state, self.product, "product")
        member = self._member(state, ctx)
        if member in state.conflicted(self.product):
            raise WrongOrder(
                f"Xung đột lợi ích của {member} với “{item.name}” đã được ghi nhận.",
                f"The conflict of {member} with “{item.name}” is recorded already.",
                field="product",
            )
        # INFERRED: nothing read says until when. Once a member's sheet is in, above all once it was opened, he cannot
        # be recused any more, by himself or anybody: who has seen the totals would choose whose count.
        over = state.stage is Stage.SCORING and self.product not in state.scoring
        if over or member in state.handed_in(self.product) or member in state.scored.get(self.product, ()):
            raise WrongOrder(
                f"“{item.name}” đã được chấm: không khai báo được nữa.",
                f"“{item.name}” has been scored: it is too late to declare.",
                field="product",
                hint_vi="Ghi vào biên bản; cấp có thẩm quyền xem xét, có thể cho hủy phiên họp và họp lại.",
                hint_en="Put it in the minutes; the authority looks at it and may order the session cancelled.",
            )
        conflict = Conflict(member=member, ground=self.ground, found="declared", note=self.note)
        return [ConflictDeclared(product=self.product, conflict=conflict)]

    def _member(self, session: Session, ctx: Context) -> str:
        member = self.member or ctx.actor.person
        if member != ctx.actor.person and ctx.actor.role is not Role.COUNCIL_SECRETARY:
            raise NotAllowed(
                "Chỉ thư ký hội đồng khai báo thay thành viên khác.",
                "Only the council's secretary declares for another member.",
                field="member",
            )
        if member != ctx.actor.person and session.stage is not Stage.CALLED:
            raise WrongOrder(
                f"Đã bắt đầu chấm điểm: chỉ {member} tự khai báo được.",
                f"Scoring is open: only {member} himself can declare now.",
                field="member",
                hint_vi="Thành viên tự khai báo trước khi nộp phiếu cho sản phẩm này.",
                hint_en="The member declares before handing in his sheet for this product.",
            )
        if member not in {m.person for m in session.members}:
            raise Invalid(
                f"{member} không phải thành viên hội đồng.",
                f"{member} is not a member of the council.",
                field="member",
            )
        return member


class CancelSession(SessionCommand):
    """Cancel the session before it is concluded (hủy phiên họp): its dossiers wait for another one.

    ``document``: number of the written order of the council's chair or the authority, needed once sheets were opened.
    """

    name = "cancel-session"
    vi = "Hủy phiên họp"
    en = "Cancel the session"

    reason: Reasons
    document: Line | None = None

    def needs(self, state: Session, day: date) -> Sequence[UUID]:
        """Every product on the agenda."""
        return tuple(state.agenda)

    def decide(self, state: Session, ctx: Context) -> list[Fact | For]:
        """Sheets that were not opened stay sealed for ever, those that were stay in history."""
        not_before(state.latest_act, ctx)
        # INFERRED: who has seen the totals does not try again of his own will, in a second round either.
        if self.document is None and (state.stage is Stage.OPENED or state.scored):
            raise Invalid(
                "Phiếu đã mở: hủy phiên họp cần văn bản của chủ tịch hội đồng hoặc của cấp có thẩm quyền.",
                "Sheets were opened: cancelling needs a written order of the council's chair or the authority.",
                field="document",
                hint_vi="Ghi số văn bản vào document; phiếu đã mở vẫn được lưu.",
                hint_en="Give its number as document; the opened sheets stay in history.",
            )
        taken_off = TakenOffAgenda(session=ctx.stream_id, reason=self.reason)
        return [
            *(For(product, taken_off) for product in still_here(state, ctx)),
            SessionCancelled(reason=self.reason, document=self.document),
        ]


COMMANDS: tuple[type[Command], ...] = (
    CallSession,
    RecordAttendance,
    DeclareConflict,
    *scoring.COMMANDS,
    *conclusion.COMMANDS,
    CancelSession,
)
