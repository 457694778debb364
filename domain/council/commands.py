"""Commands given to a council (hội đồng đánh giá, phân hạng): set up, change, dissolve.

What the law leaves to the council's own rules of procedure (quy chế) is resolved here, value by value, with
the place each value comes from.
"""

from abc import abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, StringConstraints

from domain.command import Command, Context, Standing
from domain.council.facts import CouncilDissolved, CouncilSetUp, Member, Members, MembersChanged, ProcedureChanged
from domain.council.state import Council
from domain.law.areas import NATION, areas, province_of_area
from domain.law.models import MARK_NAMES, CouncilRules, Regime
from domain.law.scoring import exact
from domain.product.rating_facts import LevelCode, Procedure
from domain.refusals import AgainstCouncilRules, Invalid, WrongOrder
from domain.stream import Fact, For
from domain.values import AreaCode, Day, Line, Reasons, Step, Value

PointsText = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,3}(\.[0-9]{1,4}|/[1-9][0-9]{0,3})?$"),
    AfterValidator(lambda text: exact(Fraction(text))),
]
"""An exact number of points as a decimal or a fraction ("9.5", "19/2"), kept as a fraction in lowest terms."""


class OwnRules(Value):
    """What a council's own rules of procedure say (quy chế hội đồng); None leaves what holds already."""

    quorum_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    chair_present: bool | None = None
    min_members: Annotated[int, Field(ge=1, le=100)] | None = None
    max_spread: PointsText | None = None
    rescoring: bool | None = None
    shown_digits: Annotated[int, Field(ge=0, le=6)] | None = None
    notice_working_days: Annotated[int, Field(ge=0, le=60)] | None = None
    gate_test: Literal["agreed", "average"] | None = None
    guidance_is_conflict: bool | None = None

    @property
    def given(self) -> dict[str, object]:
        """The values that are given, by name."""
        return self.model_dump(exclude_none=True)

    def over(self, procedure: Procedure, basis: str | None) -> Procedure:
        """The procedure with these values over it, each one resting on ``basis``."""
        sources = procedure.basis | dict.fromkeys(self.given, basis)
        return Procedure.model_validate({**procedure.model_dump(), **self.given, "basis": sources})


def usual_procedure(rules: CouncilRules) -> Procedure:
    """The procedure as law and province have it, each value with its legal basis and mark."""
    named = {name: getattr(rules, _IN_THE_LAW.get(name, name)) for name in OwnRules.model_fields}
    values = {name: rule.value for name, rule in named.items()} | {"max_spread": exact(rules.max_spread.exact)}
    basis = {name: f"{rule.legal_basis}; {MARK_NAMES[rule.mark][0]}" for name, rule in named.items()}
    return Procedure.model_validate({**values, "basis": basis})


_IN_THE_LAW = {"notice_working_days": "notice"}


def _check_members(members: Sequence[Member], procedure: Procedure) -> None:
    """One chair, a secretary, nobody twice, and enough members who score."""
    persons = [member.person for member in members]
    if twice := sorted({person for person in persons if persons.count(person) > 1}):
        raise Invalid(
            f"Thành viên được ghi hai lần: {', '.join(twice)}.",
            f"These members are listed twice: {', '.join(twice)}.",
            field="members",
        )
    chairs = [member for member in members if member.capacity == "chair"]
    if len(chairs) != 1:
        raise Invalid(
            f"Hội đồng có {len(chairs)} chủ tịch; phải có đúng một.",
            f"The council has {len(chairs)} chairs; it needs exactly one.",
            field="members",
            hint_vi="Ghi tư cách “chair” cho đúng một thành viên.",
            hint_en="Give exactly one member the capacity “chair”.",
        )
    # INFERRED: sessions are run by a secretary, and a secretary's acts are those of one the decision names.
    if not any(member.capacity == "secretary" for member in members):
        raise Invalid(
            "Hội đồng cần ít nhất một thư ký.",
            "The council needs at least one secretary.",
            field="members",
            hint_vi="Ghi tư cách “secretary”; thư ký không chấm điểm thì ghi voting là false.",
            hint_en="Give a member the capacity “secretary”; one who does not score has voting false.",
        )
    voting = sum(member.voting for member in members)
    if voting < procedure.min_members:
        basis = procedure.basis["min_members"]
        raise AgainstCouncilRules(
            f"Hội đồng có {voting} thành viên chấm điểm, cần ít nhất {procedure.min_members} ({basis}).",
            f"The council has {voting} scoring members, {procedure.min_members} are needed ({basis}).",
            field="members",
            hint_vi="Bổ sung thành viên, hoặc theo quy chế riêng của hội đồng.",
            hint_en="Add members, or give the council's own rules.",
        )


class CouncilCommand(Command):
    """Base of the commands given to a council."""

    stream: ClassVar[str] = "council"
    step: ClassVar[Step | None] = Step.RATING

    def standing(self, state: Council, ctx: Context) -> Standing:
        """By the regime and level the council was set up for."""
        return Standing(ctx.law.regimes[state.regime], state.level, state.area, province_of_area(state.area))

    @abstractmethod
    def decide(self, state: Council, ctx: Context) -> Sequence[Fact | For]:
        """The facts that follow; an empty list when nothing would change. Raises Refusal."""


def _expect_working(council: Council, ctx: Context) -> Procedure:
    """Refuse for a dissolved council, and acts dated before the one they build on; the rules it has."""
    if council.dissolved or council.procedure is None:
        raise WrongOrder(f"Hội đồng {council.number} đã giải thể.", f"Council {council.number} was dissolved.")
    if ctx.effective_on < council.changed_on:
        raise WrongOrder(
            f"Ngày {ctx.effective_on:%d/%m/%Y} sớm hơn quyết định trước về hội đồng ({council.changed_on:%d/%m/%Y}).",
            f"{ctx.effective_on.isoformat()} lies before the last decision on the council ({council.changed_on}).",
            field="effective_on",
            hint_vi="Kiểm tra lại ngày ký quyết định.",
            hint_en="Check the day the decision was signed.",
        )
    return council.procedure


class SetUpCouncil(CouncilCommand):
    """Set up a council by a decision (thành lập hội đồng đánh giá, phân hạng).

    ``regime``: the rules a council of the past worked under; without it those in force on the day of the act.
    ``rules``: what its own rules of procedure say otherwise than the rule file; ``rules_basis``: their number.
    """

    name = "set-up-council"
    opens = True
    vi = "Thành lập hội đồng đánh giá, phân hạng"
    en = "Set up a council"

    number: Line
    signer: Line
    level: LevelCode
    area: AreaCode
    regime: Line | None = None
    period_from: Day
    period_to: Day | None = None
    members: Members
    rules: OwnRules = OwnRules()
    rules_basis: Line | None = None

    def standing(self, state: Council, ctx: Context) -> Standing:
        """By the level and area of the council to be, and the regime it is to work under."""
        return Standing(self._regime(ctx), self.level, self.area, province_of_area(self.area))

    def decide(self, state: Council, ctx: Context) -> list[CouncilSetUp]:
        """One chair, a secretary, nobody twice, enough scoring members; own rules name the paper they stand in."""
        regime = self._regime(ctx)
        self._check_place(regime)
        self._check_period()
        if self.rules.given and self.rules_basis is None:
            raise Invalid(
                "Thiếu số văn bản quy chế của hội đồng.",
                "The council's own rules need the number of the paper they stand in.",
                field="rules_basis",
                hint_vi="Ghi số quyết định ban hành quy chế hội đồng.",
                hint_en="Give the number of the decision that issued the rules of procedure.",
            )
        usual = usual_procedure(ctx.law.council_rules(regime, province_of_area(self.area)))
        procedure = self.rules.over(usual, self.rules_basis)
        _check_members(self.members, procedure)
        return [
            CouncilSetUp(
                number=self.number,
                signer=self.signer,
                level=self.level,
                area=self.area,
                regime=regime.id,
                period_from=self.period_from,
                period_to=self.period_to,
                members=self.members,
                procedure=procedure,
            )
        ]

    def _regime(self, ctx: Context) -> Regime:
        regime = ctx.law.regime_on(ctx.effective_on) if self.regime is None else ctx.law.regimes.get(self.regime)
        if regime is None:
            raise Invalid(
                f"Chưa nạp quy định “{self.regime}”.",
                f"There are no rules “{self.regime}”.",
                field="regime",
                hint_vi=f"Các quy định đã nạp: {', '.join(ctx.law.regimes)}.",
                hint_en=f"Loaded are: {', '.join(ctx.law.regimes)}.",
            )
        levels = [level.code for level in regime.levels]
        if self.level not in levels:
            raise Invalid(
                f"{regime.vi} không có cấp đánh giá “{self.level}”.",
                f"{regime.en} knows no level “{self.level}”.",
                field="level",
                hint_vi=f"Các cấp: {', '.join(levels)}.",
                hint_en=f"Its levels are: {', '.join(levels)}.",
            )
        return regime

    def _check_place(self, regime: Regime) -> None:
        """The nation for the highest level, a province for the one below, an old unit of a province for others.

        Of old units only the province can be checked: the codes of today no longer list them.
        """
        above = regime.level_above(self.level)
        if above is None:
            fits, vi, en = self.area == NATION, f"cả nước ({NATION})", f"the whole nation ({NATION})"
        elif regime.level_above(above.code) is None:
            fits, vi, en = len(self.area) == 2 and self.area in areas(), "một tỉnh (hai chữ số)", "a province"
        else:
            province, dash, _ = self.area.partition("-")
            fits = bool(dash) and province in areas()
            vi, en = "một đơn vị của tỉnh (PP-DDD)", "a unit of a province (PP-DDD)"
        if not fits:
            raise Invalid(
                f"Mã {self.area} không phải địa bàn của cấp “{self.level}”; cần mã của {vi}.",
                f"{self.area} is no area of level “{self.level}”, which needs {en}.",
                field="area",
                hint_vi="Dùng mã theo Quyết định 19/2025/QĐ-TTg.",
                hint_en="Use the codes of Decision 19/2025/QĐ-TTg.",
            )

    def _check_period(self) -> None:
        if self.period_to is not None and self.period_to < self.period_from:
            raise Invalid(
                f"Nhiệm kỳ kết thúc {self.period_to:%d/%m/%Y}, trước khi bắt đầu {self.period_from:%d/%m/%Y}.",
                f"The period ends on {self.period_to.isoformat()}, before it begins on {self.period_from.isoformat()}.",
                field="period_to",
            )


class ChangeCouncilMembers(CouncilCommand):
    """Change the members by a decision (kiện toàn hội đồng): all members from now on."""

    name = "change-council-members"
    vi = "Kiện toàn hội đồng"
    en = "Change the council's members"

    number: Line
    reason: Reasons
    members: Members

    def decide(self, state: Council, ctx: Context) -> list[MembersChanged]:
        """As at set-up. Sessions already called keep the members they were called with."""
        _check_members(self.members, _expect_working(state, ctx))
        if self.members == state.members:
            return []
        return [MembersChanged(number=self.number, reason=self.reason, members=self.members)]


class ChangeCouncilProcedure(CouncilCommand):
    """Change the council's rules of procedure (sửa đổi quy chế hội đồng); ``number``: of the paper that does."""

    name = "change-council-procedure"
    vi = "Sửa đổi quy chế hội đồng"
    en = "Change the council's rules of procedure"

    number: Line
    reason: Reasons
    rules: OwnRules

    def decide(self, state: Council, ctx: Context) -> list[ProcedureChanged]:
        """Values not given stay. Sessions already called keep the rules they were called with."""
        before = _expect_working(state, ctx)
        procedure = self.rules.over(before, self.number)
        if procedure == before:
            return []
        _check_members(state.members, procedure)
        return [ProcedureChanged(number=self.number, reason=self.reason, procedure=procedure)]


class DissolveCouncil(CouncilCommand):
    """Dissolve the council (giải thể hội đồng)."""

    name = "dissolve-council"
    vi = "Giải thể hội đồng"
    en = "Dissolve the council"

    number: Line
    reason: Reasons

    def decide(self, state: Council, ctx: Context) -> list[CouncilDissolved]:
        """Once; sessions already called go on."""
        _expect_working(state, ctx)
        return [CouncilDissolved(number=self.number, reason=self.reason)]


COMMANDS: tuple[type[Command], ...] = (SetUpCouncil, ChangeCouncilMembers, ChangeCouncilProcedure, DissolveCouncil)
