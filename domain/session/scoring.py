"""Scoring in a session (chấm điểm): opened with a quorum, sheets handed in sealed, opened all at once.

Until scoring is closed nobody can read a sheet: neither the journal nor a refusal shows an option or a point.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field
from pydantic_core import to_json

from domain.command import Command, Context
from domain.law.models import Sheet
from domain.law.scoring import spread, total_of
from domain.product.command import not_before
from domain.product.rating_facts import Choice, MemberSheet, SheetsOpened, TakenOffAgenda
from domain.refusals import AgainstCouncilRules, WrongOrder
from domain.session.command import (
    SessionCommand,
    about,
    chair_of,
    check_scorers,
    item_of,
    listed,
    procedure_of,
    quorum_of,
    round_key,
    scorers,
    still_here,
    voting,
)
from domain.session.conflicts import detected
from domain.session.facts import ConflictDeclared, Opened, ScoringClosed, ScoringOpened, SheetSealed
from domain.session.state import Session
from domain.stream import Fact, For
from domain.values import Paragraph, Value

BLOCK = 2_048
"""Content is filled up to a multiple of this many bytes before it is sealed: a box's length says nothing of it."""

Choices = Annotated[tuple[Choice, ...], Field(max_length=100)]


class SheetContent(Value):
    """What a sealed sheet holds: one option per criterion, and the member's comment."""

    choices: tuple[Choice, ...]
    comment: str

    def filled(self) -> bytes:
        """As JSON, with spaces up to the next full block."""
        written = to_json(self)
        return written.ljust(-(-len(written) // BLOCK) * BLOCK)


class OpenScoring(SessionCommand):
    """Open the scoring (bắt đầu chấm điểm): quorum, chair, and enough members for every product."""

    name = "open-scoring"
    vi = "Bắt đầu chấm điểm"
    en = "Open the scoring"

    def needs(self, state: Session, day: date) -> Sequence[UUID]:
        """Every product on the agenda."""
        return tuple(state.agenda)

    def decide(self, state: Session, ctx: Context) -> list[Fact]:
        """A meeting needs its quorum now; written opinions are counted when scoring closes.

        Ties and guidance are looked for once more: producers and helpers may have changed since the call.
        """
        not_before(state.latest_act, ctx)
        if state.form == "meeting" and not state.attendance_taken:
            raise WrongOrder(
                "Chưa điểm danh phiên họp.",
                "Attendance has not been taken.",
                hint_vi="Dùng lệnh record-attendance trước.",
                hint_en="Use record-attendance first.",
            )
        entitled = voting(state.members)
        present = state.present if state.form == "meeting" else entitled
        quorum = -(-procedure_of(state).quorum_percent * len(entitled) // 100)
        opened = ScoringOpened(present=present, quorum=quorum, chair_present=chair_of(state.members).person in present)
        if state.form == "meeting":
            _check_quorum(state, opened)
        found = _detected_since(state, ctx)
        begun = replace(state, present=present)
        for new in found:
            begun = begun.with_conflict(new.product, new.conflict)
        for product in still_here(state, ctx):
            check_scorers(state.agenda[product].name, len(scorers(begun, product)), quorum_of(begun, product))
        return [*found, opened]


def _detected_since(session: Session, ctx: Context) -> list[ConflictDeclared]:
    """Conflicts of the records that were not there when the session was called; who is recused already stays so."""
    guidance = procedure_of(session).guidance_is_conflict
    return [
        ConflictDeclared(product=product, conflict=conflict)
        for product in still_here(session, ctx)
        for conflict in detected(ctx.others[product], session.members, guidance=guidance)
        if conflict.member not in session.conflicted(product)
    ]


def _check_quorum(session: Session, opened: ScoringOpened) -> None:
    procedure = procedure_of(session)
    present = len(set(voting(session.members)) & set(opened.present))
    if present < opened.quorum:
        basis = procedure.basis["quorum_percent"]
        raise AgainstCouncilRules(
            f"Có mặt {present} thành viên chấm điểm, cần ít nhất {opened.quorum} ({basis}).",
            f"{present} scoring members are present, {opened.quorum} are needed ({basis}).",
            hint_vi="Điểm danh lại khi có thêm thành viên, hoặc hủy phiên họp.",
            hint_en="Record attendance again once more have come, or cancel the session.",
        )
    if procedure.chair_present and not opened.chair_present:
        basis = procedure.basis["chair_present"]
        raise AgainstCouncilRules(
            f"Chủ tịch hội đồng vắng mặt ({basis}).",
            f"The council's chair is absent ({basis}).",
            hint_vi="Phó chủ tịch không thay chủ tịch; kiện toàn hội đồng hoặc họp ngày khác.",
            hint_en="A vice-chair does not stand in; change the members, or meet on another day.",
        )


class SubmitScoreSheet(SessionCommand):
    """Hand in a member's score sheet, sealed (nộp phiếu đánh giá của thành viên, niêm phong)."""

    name = "submit-score-sheet"
    vi = "Nộp phiếu đánh giá của thành viên hội đồng"
    en = "Hand in a score sheet"

    product: UUID
    choices: Choices
    comment: Paragraph = ""

    def decide(self, state: Session, ctx: Context) -> list[SheetSealed]:
        """One complete sheet a member, product and round; nobody reads it before scoring closes."""
        item = item_of(state, self.product, "product")
        member = ctx.actor.person
        self._check_member(state, member)
        total_of(ctx.law.sheets[item.sheet], self.choices)
        sheet = ctx.seals.seal(
            round_key(ctx.stream_id, self.product, state.round),
            about(ctx.stream_id, self.product, member, state.round),
            SheetContent(choices=self.choices, comment=self.comment).filled(),
        )
        return [SheetSealed(product=self.product, member=member, round=state.round, sheet=sheet)]

    def _check_member(self, session: Session, member: str) -> None:
        if self.product not in session.scoring:
            raise WrongOrder(
                "Sản phẩm này không chấm lại trong vòng hiện tại.",
                "This product is not scored in the present round.",
                field="product",
            )
        if member not in voting(session.members):
            raise AgainstCouncilRules(
                f"{member} không phải thành viên chấm điểm của hội đồng này.",
                f"{member} is not a scoring member of this council.",
            )
        if member not in session.present:
            raise AgainstCouncilRules(
                f"{member} vắng mặt tại phiên họp nên không chấm điểm.",
                f"{member} is absent from the meeting and does not score.",
            )
        if member in session.conflicted(self.product):
            raise AgainstCouncilRules(
                f"{member} có xung đột lợi ích với sản phẩm này nên không chấm.",
                f"{member} has a conflict of interest with this product and does not score it.",
                field="product",
            )
        if (self.product, member) in session.sealed:
            raise WrongOrder(
                "Thành viên này đã nộp phiếu cho sản phẩm trong vòng chấm hiện tại.",
                "This member has already handed in a sheet for the product in this round.",
                field="product",
            )


class CloseScoring(SessionCommand):
    """Close the scoring and open every sheet of the round (kết thúc chấm điểm, mở niêm phong phiếu)."""

    name = "close-scoring"
    vi = "Kết thúc chấm điểm, mở phiếu"
    en = "Close the scoring and open the sheets"

    def needs(self, state: Session, day: date) -> Sequence[UUID]:
        """Every product on the agenda."""
        return tuple(state.agenda)

    def decide(self, state: Session, ctx: Context) -> list[Fact | For]:
        """Every sheet that is owed is there, a quorum of each product; totals are computed, the key is published."""
        not_before(state.latest_act, ctx)
        able = {product: scorers(state, product) for product in still_here(state, ctx) if product in state.scoring}
        # INFERRED: a product whose quorum of scorers fell to conflicts declared during scoring waits for another
        # session; the others need not be scored again because of it. Only recusals can bring that about: before
        # them the quorum was there. Sheets that are merely owed are waited for.
        short = [product for product, members in able.items() if len(members) < quorum_of(state, product)[0]]
        scored = {product: members for product, members in able.items() if product not in short}
        handed_in = {p: [m for m in members if (p, m) in state.sealed] for p, members in scored.items()}
        if state.form == "meeting":
            _check_owed(scored, handed_in)
        else:
            _check_opinions(state, scored, handed_in, ctx)
        opened = {product: _opened(state, product, members, ctx) for product, members in handed_in.items()}
        waits = TakenOffAgenda(session=ctx.stream_id, reason="Không còn đủ thành viên chấm do xung đột lợi ích.")
        return [
            *(For(product, sheets) for product, sheets in opened.items()),
            *(For(product, waits) for product in short),
            ScoringClosed(
                round=state.round,
                sheets=sum(len(sheets.sheets) for sheets in opened.values()),
                products=tuple(
                    Opened(
                        product=product,
                        sheets=len(sheets.sheets),
                        spread=int(spread(sheet.total for sheet in sheets.sheets)),
                        key=ctx.seals.reveal(round_key(ctx.stream_id, product, state.round)),
                    )
                    for product, sheets in opened.items()
                ),
            ),
        ]


def _check_owed(able: Mapping[UUID, Sequence[str]], handed_in: Mapping[UUID, Sequence[str]]) -> None:
    """At a meeting every member present owes a sheet for every product he may score."""
    missing = Counter(member for product, members in able.items() for member in set(members) - set(handed_in[product]))
    if missing:
        names = listed(f"{member} ({count})" for member, count in sorted(missing.items()))
        raise AgainstCouncilRules(
            f"Còn thiếu phiếu: {names}.",
            f"Sheets are still owed by: {names}.",
            hint_vi="Mỗi thành viên có mặt nộp một phiếu cho mỗi sản phẩm được chấm, hoặc khai báo xung đột lợi ích.",
            hint_en="Every member present hands in a sheet for each product, or declares a conflict of interest.",
        )


def _check_opinions(
    session: Session, able: Mapping[UUID, Sequence[str]], handed_in: Mapping[UUID, Sequence[str]], ctx: Context
) -> None:
    """Each product needs opinions of its quorum and of a chair who scores; before they are due, everybody's.

    INFERRED: who gave his opinion in a round gives it in the next: closing early would leave a total out by choice.
    """
    procedure, chair = procedure_of(session), chair_of(session.members)
    early = ctx.effective_on < session.held_on
    owed = {
        product: [m for m in members if early or m in session.scored.get(product, ())]
        for product, members in able.items()
    }
    missing = Counter(member for product, members in owed.items() for member in set(members) - set(handed_in[product]))
    if missing:
        names = listed(f"{member} ({count})" for member, count in sorted(missing.items()))
        raise AgainstCouncilRules(
            f"Chưa đủ phiếu, hạn lấy ý kiến {session.held_on:%d/%m/%Y}; còn thiếu: {names}.",
            f"Opinions are due on {session.held_on.isoformat()} and still owed by: {names}.",
            hint_vi="Chờ đến hạn hoặc đủ phiếu; thành viên đã chấm vòng trước thì chấm lại.",
            hint_en="Wait until they are due or all are in; who scored in the round before scores again.",
        )
    for product, sheets in handed_in.items():
        name, (need, basis) = session.agenda[product].name, quorum_of(session, product)
        if len(sheets) < need:
            raise AgainstCouncilRules(
                f"“{name}” mới có ý kiến của {len(sheets)} thành viên, cần ít nhất {need} ({basis}).",
                f"{len(sheets)} members have given opinions on “{name}”, {need} are needed ({basis}).",
                hint_vi="Chờ thêm phiếu của các thành viên.",
                hint_en="Wait for more sheets.",
            )
        if procedure.chair_present and chair.person in able[product] and chair.person not in sheets:
            raise AgainstCouncilRules(
                f"“{name}” chưa có ý kiến của chủ tịch hội đồng ({procedure.basis['chair_present']}).",
                f"The chair has given no opinion on “{name}” yet ({procedure.basis['chair_present']}).",
                hint_vi="Chờ phiếu của chủ tịch hội đồng.",
                hint_en="Wait for the chair's sheet.",
            )


def _opened(session: Session, product: UUID, handed_in: Sequence[str], ctx: Context) -> SheetsOpened:
    """All that the round's result for one product rests on."""
    assert session.council is not None, "a called session has its council"
    sheet, capacity = ctx.law.sheets[session.agenda[product].sheet], {m.person: m.capacity for m in session.members}
    present = session.present if session.form == "meeting" else tuple(handed_in)
    return SheetsOpened(
        session=ctx.stream_id,
        council=session.council,
        council_number=session.council_number,
        level=session.level,
        form=session.form,
        held_on=session.held_on,
        round=session.round,
        voting=voting(session.members),
        present=present,
        quorum=quorum_of(session, product)[0],
        chair_present=chair_of(session.members).person in present,
        conflicts=session.conflicts.get(product, ()),
        sheets=tuple(
            _member_sheet(session, product, member, capacity[member], sheet, ctx) for member in sorted(handed_in)
        ),
        procedure=procedure_of(session),
    )


def _member_sheet(
    session: Session, product: UUID, member: str, capacity: str, sheet: Sheet, ctx: Context
) -> MemberSheet:
    sealed = session.sealed[product, member]
    written = ctx.seals.unseal(sealed, about(ctx.stream_id, product, member, session.round))
    content = SheetContent.model_validate_json(written)
    place = {code: number for number, code in enumerate(sheet.leaves)}
    return MemberSheet(
        member=member,
        capacity=capacity,
        choices=tuple(sorted(content.choices, key=lambda choice: place[choice.code])),
        total=total_of(sheet, content.choices),
        comment=content.comment,
        sealed=sealed.sha256,
    )


COMMANDS: tuple[type[Command], ...] = (OpenScoring, SubmitScoreSheet, CloseScoring)
