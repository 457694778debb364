"""Step 6, trade promotion (xúc tiến thương mại): only with a valid certificate of 3 stars or more.

Sources: 3262/KH-UBND Phú Thọ 2019 and 950/QĐ-BCT. Revenue per product and year is a reporting duty
of the ministry's sector database (5277/QĐ-BNNMT).
"""

from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from domain.command import Command, Context
from domain.law.calendar import add_months
from domain.product.command import ProductCommand, not_before, province_of
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
from domain.refusals import AgainstTheLaw, Invalid, WrongOrder
from domain.values import Count, Day, Dong, Line, Reasons, Step


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
        begin, end = certificate.issued_on, certificate.last_day
        term = f"{begin or '?'} – {end or '?'}"
        raise AgainstTheLaw(
            f"Giấy chứng nhận không còn hiệu lực vào ngày này ({term}).",
            f"The certificate is not valid on that day ({term}).",
            field="effective_on",
        )


class ListOnEcommerce(ProductCommand):
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


class DelistFromEcommerce(ProductCommand):
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


class AttendFair(ProductCommand):
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


class JoinPointOfSale(ProductCommand):
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


class JoinRetailChain(ProductCommand):
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


class SignContract(ProductCommand):
    """Record a sales contract (hợp đồng tiêu thụ); value in VND."""

    name = "sign-contract"
    step = Step.PROMOTION
    vi = "Ghi nhận hợp đồng tiêu thụ"
    en = "Record a sales contract"

    number: Line
    partner: Line
    value: Dong | None = None
    runs_to: Day | None = None

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Needs a valid certificate; a contract ends after it begins."""
        expect_certified(product, ctx)
        if self.runs_to is not None and self.runs_to < ctx.effective_on:
            raise Invalid("Hợp đồng kết thúc trước ngày ký.", "It ends before it is signed.", field="runs_to")
        fields = {name: getattr(self, name) for name in ContractSigned.model_fields}
        return [ContractSigned(**fields)]


class ReportRevenue(ProductCommand):
    """Report revenue of a period and channel (báo cáo doanh thu), in whole VND.

    ``period``: "2026", "2026-Q3" or "2026-09". ``profit``: of the same period and channel, where it is known.
    """

    name = "report-revenue"
    step = Step.PROMOTION
    vi = "Báo cáo doanh thu"
    en = "Report revenue"

    period: Annotated[str, Field(pattern=r"^20[0-9]{2}(-(Q[1-4]|0[1-9]|1[0-2]))?$")]
    channel: Channel
    amount: Dong
    profit: Dong | None = None

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """No day twice in a channel, not before the period begins, and some of it under the certificate.

        The report may come after the certificate has run out: the duty does not end with the star.
        """
        begin, end = days_of_period(self.period)
        certificate = product.certificate
        issued, last = (certificate.issued_on, certificate.last_day) if certificate else (None, None)
        if issued is None or last is None or ctx.effective_on < issued:
            expect_certified(product, ctx)
        elif end < issued or begin > last:
            raise AgainstTheLaw(
                "Giấy chứng nhận không có hiệu lực trong kỳ báo cáo.",
                "The certificate was not valid at any time of the period.",
                field="period",
            )
        if begin > ctx.effective_on:
            raise Invalid("Kỳ báo cáo chưa bắt đầu.", "The period has not begun.", field="period")
        taken = [p for p, channel in product.revenue if channel == self.channel and _overlap(p, self.period)]
        if taken:
            raise WrongOrder(
                f"Doanh thu kênh {self.channel} của kỳ {taken[0]} đã được báo cáo.",
                f"Revenue of {taken[0]} through {self.channel} is already reported.",
                field="period",
                hint_vi="Nếu số liệu sai thì đính chính.",
                hint_en="If the amount is wrong, correct that fact.",
            )
        return [RevenueReported(period=self.period, channel=self.channel, amount=self.amount, profit=self.profit)]


def days_of_period(period: str) -> tuple[date, date]:
    """First and last day of "2026", "2026-Q3" or "2026-09"."""
    year, _, part = period.partition("-")
    if not part:
        months = (1, 12)
    elif part[0] == "Q":
        months = (int(part[1]) * 3 - 2, int(part[1]) * 3)
    else:
        months = (int(part), int(part))
    return date(int(year), months[0], 1), add_months(date(int(year), months[1], 1), 1) - timedelta(days=1)


def _overlap(one: str, other: str) -> bool:
    (begin, end), (start, stop) = days_of_period(one), days_of_period(other)
    return begin <= stop and start <= end


COMMANDS: tuple[type[Command], ...] = (
    ListOnEcommerce,
    DelistFromEcommerce,
    AttendFair,
    JoinPointOfSale,
    JoinRetailChain,
    SignContract,
    ReportRevenue,
)
