"""The end of a session: totals too far apart are scored again, then average, gates and stars are concluded."""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Annotated
from uuid import UUID

from pydantic import Field

from domain.command import Command, Context
from domain.law.models import Sheet
from domain.law.scoring import average_points, exact, exceeds, outcome, points_of, spread
from domain.product.command import not_before
from domain.product.rating_facts import Choice, Gate, RescoringOrdered, ScoringConcluded
from domain.product.state import Dossier
from domain.refusals import AgainstCouncilRules, Invalid, WrongOrder
from domain.session.command import SessionCommand, item_of, listed, named_once, procedure_of, still_here
from domain.session.facts import Agreement, ProductRescoring, RescoringOpened, SessionConcluded, SessionResult
from domain.session.scoring import Choices
from domain.session.state import Session
from domain.stream import Fact, For
from domain.values import Line, Reasons, Value


class Rescored(Value):
    """A product to be scored again, and what the council discussed."""

    product: UUID
    discussion: Reasons


class Agreed(Value):
    """Options the council agreed on for one product otherwise than the advisory team found.

    ``reason``: why; ``members``: who agreed, at least the product's quorum of those who scored it.
    """

    product: UUID
    choices: Choices
    reason: Reasons
    members: Annotated[tuple[Line, ...], Field(max_length=60)]


class OrderRescoring(SessionCommand):
    """Discuss and score again because totals lie too far apart (thảo luận, chấm lại do chênh lệch điểm)."""

    name = "order-rescoring"
    vi = "Thảo luận và chấm lại do chênh lệch điểm"
    en = "Discuss and score again"

    products: Annotated[tuple[Rescored, ...], Field(min_length=1, max_length=200)]

    def needs(self, state: Session, day: date) -> Sequence[UUID]:
        """Every product on the agenda."""
        return tuple(state.agenda)

    def decide(self, state: Session, ctx: Context) -> list[Fact | For]:
        """Only where the spread exceeds the council's limit; the earlier round's sheets stay in history."""
        not_before(state.latest_act, ctx)
        procedure = procedure_of(state)
        if not procedure.rescoring:
            basis = procedure.basis["rescoring"]
            raise AgainstCouncilRules(
                f"Quy chế hội đồng không cho chấm lại ({basis}).",
                f"The council's rules do not let it score again ({basis}).",
                hint_vi="Dùng lệnh cancel-session theo văn bản của cấp có thẩm quyền, rồi họp lại.",
                hint_en="Use cancel-session by a written order, and meet again.",
            )
        named_once([entry.product for entry in self.products], "products")
        here, limit = still_here(state, ctx), Fraction(procedure.max_spread)
        again: list[ProductRescoring] = []
        for entry in self.products:
            totals = _dossier(state, here, entry.product, "products").sheets.values()
            found = spread(totals)
            if not exceeds(totals, limit):
                name = state.agenda[entry.product].name
                raise WrongOrder(
                    f"“{name}”: chênh lệch {found} điểm không vượt {limit} điểm.",
                    f"“{name}”: a spread of {found} points does not exceed {limit}.",
                    field="products",
                )
            again.append(ProductRescoring(product=entry.product, spread=int(found), discussion=entry.discussion))
        number = state.round + 1
        return [
            *(For(p.product, RescoringOrdered(discussion=p.discussion, round=number, spread=p.spread)) for p in again),
            RescoringOpened(round=number, products=tuple(again)),
        ]


class ConcludeSession(SessionCommand):
    """Conclude the session with its minutes (kết luận phiên họp, biên bản): average, band, gates, stars."""

    name = "conclude-session"
    vi = "Kết luận phiên họp hội đồng"
    en = "Conclude the session"

    minutes_number: Line
    minutes: Reasons
    agreed: Annotated[tuple[Agreed, ...], Field(max_length=200)] = ()

    def needs(self, state: Session, day: date) -> Sequence[UUID]:
        """Every product on the agenda."""
        return tuple(state.agenda)

    def decide(self, state: Session, ctx: Context) -> list[Fact | For]:
        """Every product still here gets its result; none whose totals lie too far apart undiscussed."""
        not_before(state.latest_act, ctx)
        here = still_here(state, ctx)
        named_once([entry.product for entry in self.agreed], "agreed")
        for entry in self.agreed:
            _check_agreement(state, entry, _dossier(state, here, entry.product, "agreed"))
        agreed = {entry.product: entry.choices for entry in self.agreed}
        for product, dossier in here.items():
            _check_spread(state, product, dossier)
        results = {p: self._result(state, dossier, agreed.get(p, ()), ctx) for p, dossier in here.items()}
        return [
            *(For(product, result) for product, result in results.items()),
            SessionConcluded(
                minutes_number=self.minutes_number,
                minutes=self.minutes,
                agreed=tuple(
                    Agreement(
                        product=entry.product,
                        codes=tuple(choice.code for choice in entry.choices),
                        reason=entry.reason,
                        members=entry.members,
                    )
                    for entry in self.agreed
                ),
                results=tuple(
                    SessionResult(product=p, average=result.average, stars=result.stars)
                    for p, result in results.items()
                ),
                left_out=tuple(product for product in state.agenda if product not in here),
            ),
        ]

    def _result(self, session: Session, dossier: Dossier, changed: Sequence[Choice], ctx: Context) -> ScoringConcluded:
        regime, sheet = ctx.law.regimes[dossier.regime], ctx.law.sheets[dossier.sheet]
        gate_test = procedure_of(session).gate_test
        points_of(sheet, changed, "agreed")
        agreed = {c.code: c for c in dossier.findings} | {c.code: c for c in changed}
        sheets = [points_of(sheet, member.choices) for member in dossier.opened[-1].sheets]
        found = average_points(sheets) if gate_test == "average" else _agreed_points(sheet, agreed)
        reached = outcome(regime, sheet, dossier.sheets.values(), found)
        return ScoringConcluded(
            level=session.level,
            session=ctx.stream_id,
            minutes_number=self.minutes_number,
            round=dossier.opened[-1].round,
            gate_test=gate_test,
            totals=tuple(sorted(dossier.sheets.items())),
            agreed=tuple(agreed.values()),
            average=exact(reached.average),
            band=reached.band,
            missed=tuple(
                Gate(code=gate.code, stars=gate.stars, needed=gate.needed, found=exact(gate.found))
                for gate in reached.missed
            ),
            stars=reached.stars,
            regime=regime.id,
            sheet=sheet.id,
            rules_hash=ctx.law.rules_hash(regime.id, sheet.id),
        )


def _dossier(session: Session, here: Mapping[UUID, Dossier], product: UUID, field: str) -> Dossier:
    """The dossier of a product that is still before the session; refuses any other."""
    item = item_of(session, product, field)
    if product not in here:
        raise WrongOrder(
            f"“{item.name}” không còn trong phiên họp này.",
            f"“{item.name}” is no longer before this session.",
            field=field,
        )
    return here[product]


def _check_agreement(session: Session, entry: Agreed, dossier: Dossier) -> None:
    """The members who agreed have scored the product, and are its quorum.

    INFERRED: gates decide the stars, so changing what the advisory team found takes as many as scoring does.
    """
    opened, name = dossier.opened[-1], session.agenda[entry.product].name
    scored = {sheet.member for sheet in opened.sheets}
    if strangers := sorted(set(entry.members) - scored):
        raise Invalid(
            f"Không chấm “{name}”: {listed(strangers)}.",
            f"These have not scored “{name}”: {listed(strangers)}.",
            field="agreed",
        )
    agreeing = len(set(entry.members))
    if agreeing < opened.quorum:
        basis = opened.procedure.basis["quorum_percent"]
        raise AgainstCouncilRules(
            f"“{name}”: {agreeing} thành viên thống nhất, cần ít nhất {opened.quorum} ({basis}).",
            f"“{name}”: {agreeing} members agreed, {opened.quorum} are needed ({basis}).",
            field="agreed",
            hint_vi="Ghi đủ thành viên đã thống nhất, hoặc giữ thẩm định của tổ tư vấn.",
            hint_en="Name all members who agreed, or leave it as the advisory team found.",
        )


def _check_spread(session: Session, product: UUID, dossier: Dossier) -> None:
    """Totals too far apart need a discussion and a second round.

    INFERRED: totals still apart after that round stand: the rules read demand discussing and scoring again,
    not agreement.
    """
    procedure, name = procedure_of(session), session.agenda[product].name
    totals, limit = dossier.sheets.values(), Fraction(procedure.max_spread)
    if not exceeds(totals, limit) or dossier.opened[-1].round > 1:
        return
    basis, remedy = procedure.basis["max_spread"], "order-rescoring" if procedure.rescoring else "cancel-session"
    found = spread(totals)
    raise AgainstCouncilRules(
        f"“{name}”: điểm chênh lệch {found}, vượt {limit} điểm ({basis}).",
        f"“{name}”: totals differ by {found}, more than {limit} points ({basis}).",
        hint_vi=f"Dùng lệnh {remedy}.",
        hint_en=f"Use {remedy}.",
    )


def _agreed_points(sheet: Sheet, agreed: Mapping[str, Choice]) -> dict[str, int]:
    """Points of the options agreed on; every criterion with a star gate needs one."""
    found = points_of(sheet, agreed.values(), "agreed")
    absent = [code for code in sheet.gates if code not in found]
    if absent:
        raise Invalid(
            f"Hội đồng chưa thống nhất mức của tiêu chí: {', '.join(absent)}.",
            f"No option is agreed for: {', '.join(absent)}.",
            field="agreed",
        )
    return found


COMMANDS: tuple[type[Command], ...] = (OrderRescoring, ConcludeSession)
