"""Step 1, information and guidance (tuyên truyền, hướng dẫn).

The commune finds a potential or existing product, guides its people and hands over the idea form.
Guided by provincial plans; Decision 26/2026 article 10.4 puts guidance on the commune.
"""

from typing import Annotated, Literal

from pydantic import Field

from domain.command import Command, Context
from domain.product.command import ProductCommand, expect_open
from domain.product.facts import GuidanceGiven, IdeaFormHandedOver, ProductFact, ProductIdentified
from domain.product.phases import Phase
from domain.product.state import Product
from domain.refusals import Invalid
from domain.values import CommuneCode, Count, Line, Paragraph, Step


class IdentifyProduct(ProductCommand):
    """Open a journey: a product is identified in a commune (phát hiện sản phẩm)."""

    name = "identify-product"
    opens = True
    step = Step.OUTREACH
    vi = "Ghi nhận sản phẩm tiềm năng hoặc sẵn có"
    en = "Record a potential or existing product"

    product_name: Line
    commune: CommuneCode
    origin: Literal["potential", "existing"]
    cycle: Annotated[int, Field(ge=2018, le=2100)]
    note: Paragraph = ""

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Refuses cycles beyond next year; an unknown commune is refused with the caller's authority."""
        if self.cycle > ctx.moment.today.year + 1:
            raise Invalid(f"Chu trình {self.cycle} còn quá xa.", f"Cycle {self.cycle} is too far ahead.", field="cycle")
        return [
            ProductIdentified(
                name=self.product_name,
                commune=self.commune,
                origin=self.origin,
                cycle=self.cycle,
                note=self.note,
            )
        ]


class RecordGuidance(ProductCommand):
    """Record guidance given in a campaign, class, meeting or on site (hướng dẫn, tập huấn)."""

    name = "record-guidance"
    step = Step.OUTREACH
    vi = "Ghi nhận việc tuyên truyền, hướng dẫn"
    en = "Record guidance given"

    form: Literal["campaign", "class", "meeting", "on-site"]
    title: Line
    given_by: Line
    attendees: Count | None = None

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Guidance may be given at any time while the cycle is open."""
        expect_open(product, ctx)
        return [GuidanceGiven(form=self.form, title=self.title, given_by=self.given_by, attendees=self.attendees)]


class HandOverIdeaForm(ProductCommand):
    """Hand over the idea form (giao phiếu đăng ký ý tưởng)."""

    name = "hand-over-idea-form"
    step = Step.OUTREACH
    vi = "Giao phiếu đăng ký ý tưởng"
    en = "Hand over the idea form"

    received_by: Line
    form: Literal["new-product", "existing-product"]

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Handing it over twice changes nothing."""
        if product.phase is Phase.FORM_HANDED_OVER:
            return []
        return [IdeaFormHandedOver(received_by=self.received_by, form=self.form)]


COMMANDS: tuple[type[Command], ...] = (IdentifyProduct, RecordGuidance, HandOverIdeaForm)
