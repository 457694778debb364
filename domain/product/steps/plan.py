"""Step 3, business plan (nhận phương án, dự án sản xuất kinh doanh).

The producer of an accepted idea submits a plan with milestones; the commune returns or accepts it.
A running plan may be amended; the older milestones stay in the history.
"""

from typing import Annotated

from pydantic import Field

from domain.command import Command, Context
from domain.product.command import ProductCommand
from domain.product.facts import (
    Milestone,
    PlanAccepted,
    PlanAmended,
    PlanReturned,
    PlanSubmitted,
    ProductFact,
)
from domain.product.phases import Phase
from domain.product.state import Product
from domain.refusals import Invalid
from domain.values import Count, Dong, Line, Paragraph, Reasons, Step

Milestones = Annotated[tuple[Milestone, ...], Field(min_length=1, max_length=60)]


class SubmitPlan(ProductCommand):
    """Submit the business plan (nộp phương án). Money in whole VND.

    The plan's fields are not fixed by law (not found); these are the inferred minimum.
    """

    name = "submit-plan"
    step = Step.PLAN
    vi = "Nộp phương án sản xuất kinh doanh"
    en = "Submit the business plan"

    aims: Paragraph
    material_area: Paragraph = ""
    technology: Paragraph = ""
    quality_papers: Paragraph = ""
    packaging: Paragraph = ""
    market: Paragraph = ""
    cost: Dong | None = None
    own_funds: Dong | None = None
    loans: Dong | None = None
    state_support: Dong | None = None
    turnover_forecast: Dong | None = None
    profit_forecast: Dong | None = None
    labour: Count | None = None
    target_stars: Annotated[int, Field(ge=3, le=5)] | None = None
    milestones: Milestones

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Milestone codes are unique and funding adds up to the cost where all of it is given."""
        check_milestones(self.milestones, ctx)
        funds = (self.own_funds, self.loans, self.state_support)
        if self.cost is not None and None not in funds and sum(x or 0 for x in funds) != self.cost:
            raise Invalid(
                "Tổng nguồn vốn không bằng chi phí của phương án.",
                "Own funds, loans and state support do not add up to the cost.",
                field="cost",
            )
        fields = {name: getattr(self, name) for name in PlanSubmitted.model_fields}
        return [PlanSubmitted(**fields)]


def check_milestones(milestones: tuple[Milestone, ...], ctx: Context) -> None:
    """Refuse doubled codes and due dates more than ten years away."""
    codes = [m.code for m in milestones]
    for code in codes:
        if codes.count(code) > 1:
            raise Invalid(f"Mốc “{code}” bị trùng.", f"Milestone “{code}” is doubled.", field="milestones")
    for milestone in milestones:
        if milestone.due.year > ctx.moment.today.year + 10:
            raise Invalid(
                f"Mốc “{milestone.code}” có hạn quá xa.",
                f"Milestone “{milestone.code}” is due too far ahead.",
                field="milestones",
            )


class ReturnPlan(ProductCommand):
    """Return the plan for completion (trả lại phương án)."""

    name = "return-plan"
    step = Step.PLAN
    vi = "Trả lại phương án để bổ sung"
    en = "Return the plan for completion"

    reasons: Reasons
    missing: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50)]

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Only a submitted plan can be returned."""
        return [PlanReturned(reasons=self.reasons, missing=self.missing)]


class AcceptPlan(ProductCommand):
    """Accept the plan (chấp thuận phương án)."""

    name = "accept-plan"
    step = Step.PLAN
    vi = "Chấp thuận phương án"
    en = "Accept the plan"

    opinion: Paragraph = ""

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Accepting twice changes nothing."""
        if product.phase is Phase.IMPLEMENTING:
            return []
        return [PlanAccepted(opinion=self.opinion)]


class AmendPlan(ProductCommand):
    """Amend the running plan (điều chỉnh phương án): all its milestones from now on."""

    name = "amend-plan"
    step = Step.PLAN
    vi = "Điều chỉnh phương án"
    en = "Amend the plan"

    reason: Reasons
    milestones: Milestones

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Milestones already reached stay in the plan."""
        check_milestones(self.milestones, ctx)
        lost = product.reached - {m.code for m in self.milestones}
        if lost:
            raise Invalid(
                f"Mốc đã đạt không được bỏ: {', '.join(sorted(lost))}.",
                f"Milestones already reached cannot be dropped: {', '.join(sorted(lost))}.",
                field="milestones",
            )
        return [PlanAmended(reason=self.reason, milestones=self.milestones)]


COMMANDS: tuple[type[Command], ...] = (SubmitPlan, ReturnPlan, AcceptPlan, AmendPlan)
