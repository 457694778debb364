"""Step 2, idea registration (nhận đăng ký ý tưởng sản phẩm).

The producer submits the idea form; the commune returns it for completion or endorses it, then
accepts or rejects it by the tests in ``practice.toml``. Who decides is a setting per province.
"""

from typing import Annotated

from pydantic import Field

from domain.command import Command, Context
from domain.product.command import ProductCommand
from domain.product.eligibility import check_entity
from domain.product.facts import (
    IdeaAccepted,
    IdeaEndorsed,
    IdeaRejected,
    IdeaReturned,
    IdeaSubmitted,
    IdeaWithdrawn,
    Producer,
    ProductFact,
    ProductGroup,
)
from domain.product.phases import Phase
from domain.product.state import Product
from domain.refusals import Invalid
from domain.values import Count, Line, Paragraph, Percent, Reasons, Step


class SubmitIdea(ProductCommand):
    """Submit the idea form (phiếu đăng ký ý tưởng sản phẩm).

    The form's fields are not fixed by law (not found); these are the inferred minimum.
    """

    name = "submit-idea"
    step = Step.IDEA
    vi = "Nộp phiếu đăng ký ý tưởng"
    en = "Submit the idea form"

    producer: Producer
    product_name: Line
    group: ProductGroup
    description: Paragraph
    local_material: Paragraph
    local_material_percent: Percent | None = None
    local_labour: Count | None = None
    local_identity: Paragraph = ""
    market: Paragraph = ""
    present_state: Paragraph = ""
    support_wanted: Paragraph = ""

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """First submission, or again after the idea was returned; the entity must be eligible."""
        check_entity(ctx.law.regime_on(ctx.moment.today), self.producer.kind, self.group)
        if product.producer and product.producer.registration != self.producer.registration:
            raise Invalid(
                "Phiếu nộp lại phải do cùng một chủ thể.",
                "A returned idea is submitted again by the same producer.",
                field="producer.registration",
            )
        fields = {name: getattr(self, name) for name in IdeaSubmitted.model_fields}
        return [IdeaSubmitted(**fields)]


class ReturnIdea(ProductCommand):
    """Return the idea for completion, with reasons and missing items (trả lại để bổ sung)."""

    name = "return-idea"
    step = Step.IDEA
    vi = "Trả lại ý tưởng để bổ sung"
    en = "Return the idea for completion"

    reasons: Reasons
    missing: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50)]

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Only an idea under review can be returned."""
        return [IdeaReturned(reasons=self.reasons, missing=self.missing)]


class EndorseIdea(ProductCommand):
    """Put the idea into the commune's plan (xác nhận, đưa vào kế hoạch ý tưởng cấp xã)."""

    name = "endorse-idea"
    step = Step.IDEA
    vi = "Xác nhận ý tưởng, đưa vào kế hoạch của xã"
    en = "Endorse the idea"

    opinion: Paragraph = ""

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Endorsing twice changes nothing."""
        if product.phase is Phase.IDEA_ENDORSED:
            return []
        return [IdeaEndorsed(opinion=self.opinion)]


class AcceptIdea(ProductCommand):
    """Accept the idea (chấp thuận ý tưởng)."""

    name = "accept-idea"
    step = Step.IDEA
    vi = "Chấp thuận ý tưởng"
    en = "Accept the idea"

    opinion: Paragraph = ""

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """An endorsed idea is accepted; accepting twice changes nothing."""
        if product.phase is Phase.IDEA_ACCEPTED:
            return []
        return [IdeaAccepted(opinion=self.opinion)]


class RejectIdea(ProductCommand):
    """Reject the idea, naming the acceptance tests it fails (không chấp thuận)."""

    name = "reject-idea"
    step = Step.IDEA
    vi = "Không chấp thuận ý tưởng"
    en = "Reject the idea"

    failed: Annotated[tuple[Line, ...], Field(min_length=1, max_length=10)]
    reasons: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Each failed test must be one of the published ones."""
        known = [test.code for test in ctx.law.practice.idea_tests]
        for code in self.failed:
            if code not in known:
                raise Invalid(
                    f"Không có tiêu chí xét ý tưởng “{code}”.",
                    f"There is no acceptance test “{code}”.",
                    field="failed",
                    hint_vi=f"Chọn trong: {', '.join(known)}.",
                    hint_en=f"Choose among: {', '.join(known)}.",
                )
        return [IdeaRejected(failed=self.failed, reasons=self.reasons)]


class WithdrawIdea(ProductCommand):
    """Withdraw the idea (rút ý tưởng)."""

    name = "withdraw-idea"
    step = Step.IDEA
    vi = "Rút ý tưởng"
    en = "Withdraw the idea"

    reason: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Possible until a plan is submitted."""
        return [IdeaWithdrawn(reason=self.reason)]


COMMANDS: tuple[type[Command], ...] = (
    SubmitIdea,
    ReturnIdea,
    EndorseIdea,
    AcceptIdea,
    RejectIdea,
    WithdrawIdea,
)
