"""Step 6, trade promotion (xúc tiến thương mại): only with a valid certificate of 3 stars or more.

Sources: 3262/KH-UBND Phú Thọ 2019 and 950/QĐ-BCT. Revenue per product and year is a reporting duty
of the ministry's sector database (5277/QĐ-BNNMT).
"""

from datetime import date
from typing import Annotated

from pydantic import Field

from domain.product.command import Command, Context, not_before, province_of
from domain.product.facts import (
    Channel,
    ContractSigned,
    EcommerceDelisted,
    EcommerceListed,
    FairAttended,
    PointOfSaleJoined,
    ProductFact,
    RetailChainJoined,
    RevenueReported,
)
from domain.product.state import Product
from domain.product.steps.idea import Reasons
from domain.refusals import AgainstTheLaw, Invalid, WrongOrder
from domain.values import Count, Dong, Line, Step


def expect_certified(product: Product, ctx: Context) -> None:
    """Refuse when no certificate with enough stars is valid on the day of the act."""
    certificate = product.certificate
    needed = ctx.law.practice.setting("promotion_from_stars", province_of(product))
    if certificate is None or certificate.stars < needed:
        raise AgainstTheLaw(
            f"Xúc tiến thương mại chỉ dành cho sản phẩm đã được công nhận từ {needed} sao.",
            f"Trade promotion is for products recognised with {needed} stars or more.",
        )
    if not certificate.valid_on(ctx.effective_on):
        raise AgainstTheLaw(
            f"Giấy chứng nhận chỉ có hiệu lực từ {certificate.issued_on:%d/%m/%Y} đến {certificate.valid_to:%d/%m/%Y}.",
            f"The certificate is valid from {certificate.issued_on} to {certificate.valid_to} only.",
            field="effective_on",
        )


class ListOnEcommerce(Command):
    """List the product on an e-commerce platform (đưa lên sàn thương mại điện tử)."""

    name = "list-on-ecommerce"
    step = Step.PROMOTION
    vi = "Đưa sản phẩm lên sàn thương mại điện tử"
    en = "List on an e-commerce platform"

    platform: Line
    listing: Line

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """The same listing twice changes nothing."""
        expect_certified(product, ctx)
        if (self.platform, self.listing) in product.listings:
            return []
        return [EcommerceListed(platform=self.platform, listing=self.listing)]


class DelistFromEcommerce(Command):
    """Take a listing down (gỡ khỏi sàn). Possible without a valid certificate: that is its point."""

    name = "delist-from-ecommerce"
    step = Step.PROMOTION
    vi = "Gỡ sản phẩm khỏi sàn thương mại điện tử"
    en = "Take a listing down"

    platform: Line
    listing: Line
    reason: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Only a listing that is up can be taken down."""
        if (self.platform, self.listing) not in product.listings:
            raise WrongOrder(
                "Sản phẩm không có trên gian hàng này.",
                "There is no such listing.",
                field="listing",
            )
        not_before(product.since, ctx)
        return [EcommerceDelisted(platform=self.platform, listing=self.listing, reason=self.reason)]


class AttendFair(Command):
    """Record a fair attended (tham gia hội chợ); sales in VND."""

    name = "attend-fair"
    step = Step.PROMOTION
    vi = "Ghi nhận tham gia hội chợ"
    en = "Record a fair attended"

    fair: Line
    place: Line
    sales: Dong | None = None

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Needs a valid certificate."""
        expect_certified(product, ctx)
        return [FairAttended(fair=self.fair, place=self.place, sales=self.sales)]


class JoinPointOfSale(Command):
    """Enter a point of sale (vào điểm giới thiệu và bán sản phẩm OCOP)."""

    name = "join-point-of-sale"
    step = Step.PROMOTION
    vi = "Đưa sản phẩm vào điểm giới thiệu, bán hàng OCOP"
    en = "Enter a point of sale"

    point_of_sale: Line
    address: Line

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Needs a valid certificate."""
        expect_certified(product, ctx)
        return [PointOfSaleJoined(point_of_sale=self.point_of_sale, address=self.address)]


class JoinRetailChain(Command):
    """Enter a retail chain (vào chuỗi bán lẻ)."""

    name = "join-retail-chain"
    step = Step.PROMOTION
    vi = "Đưa sản phẩm vào chuỗi bán lẻ"
    en = "Enter a retail chain"

    chain: Line
    stores: Count

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Needs a valid certificate."""
        expect_certified(product, ctx)
        return [RetailChainJoined(chain=self.chain, stores=self.stores)]


class SignContract(Command):
    """Record a sales contract (hợp đồng tiêu thụ); value in VND."""

    name = "sign-contract"
    step = Step.PROMOTION
    vi = "Ghi nhận hợp đồng tiêu thụ"
    en = "Record a sales contract"

    number: Line
    partner: Line
    value: Dong | None = None
    runs_to: date | None = None

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Needs a valid certificate; a contract ends after it begins."""
        expect_certified(product, ctx)
        if self.runs_to is not None and self.runs_to < ctx.effective_on:
            raise Invalid("Hợp đồng kết thúc trước ngày ký.", "It ends before it is signed.", field="runs_to")
        fields = {name: getattr(self, name) for name in ContractSigned.model_fields}
        return [ContractSigned(**fields)]


class ReportRevenue(Command):
    """Report revenue of a period and channel (báo cáo doanh thu), in whole VND.

    ``period``: "2026", "2026-Q3" or "2026-09".
    """

    name = "report-revenue"
    step = Step.PROMOTION
    vi = "Báo cáo doanh thu"
    en = "Report revenue"

    period: Annotated[str, Field(pattern=r"^[0-9]{4}(-(Q[1-4]|0[1-9]|1[0-2]))?$")]
    channel: Channel
    amount: Dong

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Each period and channel once, and not before the period begins."""
        expect_certified(product, ctx)
        if _period_start(self.period) > ctx.effective_on:
            raise Invalid("Kỳ báo cáo chưa bắt đầu.", "The period has not begun.", field="period")
        if (self.period, self.channel) in product.revenue:
            raise WrongOrder(
                f"Doanh thu kỳ {self.period}, kênh {self.channel} đã được báo cáo.",
                f"Revenue of {self.period} through {self.channel} is already reported.",
                field="period",
                hint_vi="Nếu số liệu sai thì đính chính.",
                hint_en="If the amount is wrong, correct that fact.",
            )
        return [RevenueReported(period=self.period, channel=self.channel, amount=self.amount)]


def _period_start(period: str) -> date:
    year, _, part = period.partition("-")
    month = 1 if not part else (int(part[1]) - 1) * 3 + 1 if part[0] == "Q" else int(part)
    return date(max(int(year), 1), month, 1)


COMMANDS: tuple[type[Command], ...] = (
    ListOnEcommerce,
    DelistFromEcommerce,
    AttendFair,
    JoinPointOfSale,
    JoinRetailChain,
    SignContract,
    ReportRevenue,
)
