"""Decisions of an authority (quyết định): recognise, approve for the level above, revoke.

Each takes the next number of the authority's book of the year; certificates likewise.
The book is one stream, so a number is given once and none is left out. Who signs which star is in the regime.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from domain.book.facts import DecisionIssued, Entry
from domain.book.state import Book, next_number
from domain.command import Command, Context, Standing
from domain.law.areas import covers, province_of_area
from domain.law.calendar import add_months
from domain.law.models import Regime
from domain.product.certificate_facts import CertificateRevoked
from domain.product.command import expect, rules_of
from domain.product.phases import Phase
from domain.product.rating_facts import DataWarning, LevelCode, ProductRecognised, ResultApproved
from domain.product.state import Product
from domain.product.steps.result import check_not_lost, goes_up, keeps_better, result_of, said
from domain.refusals import AgainstTheLaw, Invalid, NotFound, OutsideArea, Refusal, WrongOrder
from domain.stream import Fact, For
from domain.values import Day, Line, Reasons, Step, Value

Products = Annotated[tuple[UUID, ...], Field(min_length=1, max_length=500)]


class BookCommand(Command):
    """Base of the commands given to a book: the caller's authority at ``level``, in the year of the act.

    ``decision_number``: only for decisions of the past, as their paper has it.
    """

    stream: ClassVar[str] = "book"
    opens: ClassVar[bool] = True
    step: ClassVar[Step | None] = Step.RATING
    kind: ClassVar[Literal["recognition", "result-approval", "revocation"]]

    level: LevelCode
    signer: Line
    decision_number: Line | None = None

    @abstractmethod
    def subjects(self) -> tuple[UUID, ...]:
        """The products decided on."""

    def needs(self, state: Any, day: date) -> Sequence[UUID]:
        """The products decided on."""
        return self.subjects()

    def standing(self, state: Any, ctx: Context) -> Standing:
        """By the regime of the first product's dossier, else of the day."""
        first = ctx.others.get(self.subjects()[0])
        dossier = first.dossier if isinstance(first, Product) else None
        regime = ctx.law.regimes[dossier.regime] if dossier else ctx.law.regime_on(ctx.effective_on)
        return Standing(regime, self.level, "", province_of_area(ctx.actor.area))

    def hands(self, state: Any, ctx: Context) -> Mapping[str, frozenset[str]]:
        """Those in the dossiers of all products decided on."""
        found: dict[str, frozenset[str]] = {}
        for key in self.subjects():
            product = ctx.others.get(key)
            for hand, who in product.hands_in("dossier").items() if isinstance(product, Product) else ():
                found[hand] = found.get(hand, frozenset()) | who
        return found

    def signers(self) -> frozenset[str]:
        """The signer of the decision."""
        return frozenset({self.signer})

    def phases(self, ctx: Context) -> tuple[Phase, ...]:
        """Where each product decided on must stand."""
        return tuple(map(Phase, ctx.law.authority.command(self.name).states))

    def found(self, ctx: Context) -> list[tuple[UUID, Product]]:
        """The products decided on; refuses unknown ones, doubles, and those outside the caller's area."""
        found: dict[UUID, Product] = {}
        for key in self.subjects():
            product = ctx.others.get(key)
            if not isinstance(product, Product):
                raise NotFound("Không tìm thấy sản phẩm.", f"There is no product {key}.", field="products")
            if key in found:
                raise Invalid("Sản phẩm nêu hai lần.", f"Product {key} is named twice.", field="products")
            if not covers(ctx.actor.area, product.commune):
                raise OutsideArea("Sản phẩm ngoài địa bàn của bạn.", f"Product {key} lies outside your area.")
            found[key] = product
        return list(found.items())

    def number(self, book: Book, ctx: Context) -> tuple[int | None, str]:
        """The decision's number: the next of the book, or the one on the paper of a decision of the past."""
        past = ctx.source.kind == "paper"
        if past != (self.decision_number is not None):
            raise Invalid(
                "Quyết định đã có trên giấy thì ghi số của nó; quyết định mới được cấp số tự động.",
                "A decision known from its paper names its number; a new one is given the next number.",
                field="decision_number",
                hint_vi="Bỏ decision_number, hoặc ghi source.kind = paper kèm mã băm bản quét.",
                hint_en="Leave decision_number out, or give source.kind = paper with the scan's hash.",
            )
        if self.decision_number is not None:
            return None, self.decision_number
        regime = self.standing(book, ctx).regime
        own = regime.level(self.level).decision_number_format if regime else None
        return next_number(book, book.decisions, self.form(own or self.setting("decision_number_format", ctx), ctx))

    @staticmethod
    def setting(name: str, ctx: Context) -> str:
        """How the province writes a kind of number."""
        return str(ctx.law.practice.setting(name, province_of_area(ctx.actor.area)))

    @staticmethod
    def form(written: str, ctx: Context) -> Callable[[int], str]:
        """A number of the book, written out."""
        return lambda number: written.format(n=number, year=ctx.effective_on.year, area=ctx.actor.area)

    def issued(self, number: int | None, written: str, entries: Sequence[Entry], ctx: Context) -> DecisionIssued:
        """The book's own fact."""
        return DecisionIssued(
            kind=self.kind,
            level=self.level,
            area=ctx.actor.area,
            year=ctx.effective_on.year,
            number=number,
            decision_number=written,
            signer=self.signer,
            entries=tuple(entries),
        )

    def warnings(self, ctx: Context) -> tuple[DataWarning, ...]:
        """What is odd about a decision of this level on that day."""
        odd = ctx.law.data_warnings(self.level, ctx.effective_on)
        return tuple(DataWarning(code=w.code, vi=w.vi, en=w.en) for w in odd)


def _here(key: UUID, product: Product, level: str) -> None:
    dossier = product.dossier
    if dossier is None or dossier.level != level:
        raise WrongOrder(
            f"Hồ sơ của “{product.name}” không ở cấp này.",
            f"The dossier of {key} does not lie at this level.",
            field="products",
        )


def _in_time(product: Product, regime: Regime, ctx: Context) -> None:
    """A dossier of earlier rules is finished within the transition's term."""
    assert product.dossier is not None
    found = ctx.law.finish_by(regime, product.dossier.kind)
    if found is not None and ctx.effective_on > found[0] and found[1].after.value == "refuse":
        last, rule = found
        raise AgainstTheLaw(
            f"Hồ sơ theo quy định cũ phải xong trước hết ngày {last:%d/%m/%Y} ({rule.legal_basis}).",
            f"A dossier under the earlier rules had to be finished by {last.isoformat()} ({rule.legal_basis}).",
            field="effective_on",
            hint_vi=f"Nộp lại hồ sơ theo quy định hiện hành ({said(rule.after)[0]}).",
            hint_en=f"File it again under the rules in force ({said(rule.after)[1]}).",
        )


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise type(refusal)(
            f"“{name}”: {refusal.vi}",
            f"“{name}”: {refusal.en}",
            field=refusal.field or "products",
            hint_vi=refusal.hint_vi,
            hint_en=refusal.hint_en,
        ) from refusal


class PastCertificate(Value):
    """Number of a certificate of the past, as its paper has it."""

    product: UUID
    number: Line


class Recognise(BookCommand):
    """Recognise products and issue their certificates (quyết định công nhận, cấp giấy chứng nhận)."""

    name = "recognise"
    vi = "Quyết định công nhận và cấp giấy chứng nhận"
    en = "Recognise and certify"
    kind = "recognition"

    products: Products
    certificates: Annotated[tuple[PastCertificate, ...], Field(max_length=500)] = ()

    def subjects(self) -> tuple[UUID, ...]:
        """The products recognised."""
        return self.products

    def decide(self, book: Book, ctx: Context) -> Sequence[Fact | For]:
        """Stars are the council's; each product must be this authority's to certify, or the whole decision fails."""
        number, written = self.number(book, ctx)
        past = {c.product: c.number for c in self.certificates}
        last, certificates = book.certificates, self.form(self.setting("certificate_number_format", ctx), ctx)
        facts, entries = list[Fact | For](), list[Entry]()
        for key, product in self.found(ctx):
            with _naming(product.name):
                stars, regime, rules_hash = self._stars(key, product, ctx)
            if (key in past) != (number is None):
                raise Invalid(
                    "Số giấy chứng nhận chỉ ghi cho quyết định đã có trên giấy, đủ từng sản phẩm.",
                    "Certificate numbers are named for decisions known from paper only, one for each product.",
                    field="certificates",
                )
            entry = Entry(product=key, certificate_number=past.get(key))
            if number is not None:
                last, shown = next_number(book, last, certificates)
                entry = Entry(product=key, certificate=last, certificate_number=shown)
            entries.append(entry)
            recognised = ProductRecognised(
                stars=stars,
                decision_number=written,
                signer=self.signer,
                certificate_number=entry.certificate_number or written,
                issued_on=ctx.effective_on,
                valid_to=add_months(ctx.effective_on, regime.certificate.months),
                regime=regime.id,
                rules_hash=rules_hash,
                level=self.level,
                authority=ctx.actor.area,
                book=ctx.stream_id,
                product_number=product.dossier.product_number if product.dossier else None,
                warnings=self.warnings(ctx),
            )
            facts.append(For(key, recognised))
        return [*facts, self.issued(number, written, entries, ctx)]

    def _stars(self, key: UUID, product: Product, ctx: Context) -> tuple[int, Regime, str]:
        expect(product, ctx, *self.phases(ctx))
        _here(key, product, self.level)
        regime, sheet = rules_of(product, ctx)
        level, result, rating = regime.level(self.level), result_of(product), regime.rating
        _in_time(product, regime, ctx)
        check_not_lost(product, ctx)
        stars = result.stars
        if goes_up(product, regime, level):
            if level.interim_stars is None:
                raise AgainstTheLaw(
                    f"Kết quả từ {level.pass_up_from} điểm phải phê duyệt và trình cấp trên ({level.legal_basis}).",
                    f"From {level.pass_up_from} points the result is approved and sent up ({level.legal_basis}).",
                    field="products",
                    hint_vi="Dùng lệnh approve-results.",
                    hint_en="Use approve-results.",
                )
            stars = min(stars, level.interim_stars)
        if keeps_better(product, regime, stars, ctx.effective_on):
            raise AgainstTheLaw(
                f"Nâng hạng chỉ đạt {stars} sao: giấy chứng nhận hiện có giữ nguyên ({said(regime.upgrade)[0]}).",
                f"The upgrade reached {stars} stars: the certificate held stays ({said(regime.upgrade)[1]}).",
                field="products",
                hint_vi="Dùng lệnh decline-recognition.",
                hint_en="Use decline-recognition.",
            )
        if stars < rating.certifiable_from_stars:
            raise AgainstTheLaw(
                f"Kết quả {stars} sao: không công nhận, không cấp giấy ({rating.legal_basis}).",
                f"{stars} stars: no decision, no certificate ({rating.legal_basis}).",
                field="products",
                hint_vi="Dùng lệnh decline-recognition.",
                hint_en="Use decline-recognition.",
            )
        return self._certified(stars, regime), regime, ctx.law.rules_hash(regime.id, sheet.id)

    def _certified(self, stars: int, regime: Regime) -> int:
        level = regime.level(self.level)
        if stars not in level.certifies:
            raise AgainstTheLaw(
                f"{level.authority_vi} không có thẩm quyền cấp giấy {stars} sao ({level.legal_basis}).",
                f"{level.authority_en} does not certify {stars} stars ({level.legal_basis}).",
                field="products",
                hint_vi="Dùng lệnh send-back-result hoặc approve-results.",
                hint_en="Use send-back-result or approve-results.",
            )
        return stars


class ApproveResults(BookCommand):
    """Approve results that the level above decides on (phê duyệt kết quả, trình cấp trên)."""

    name = "approve-results"
    vi = "Phê duyệt kết quả, trình cấp trên"
    en = "Approve results for the level above"
    kind = "result-approval"

    products: Products

    def subjects(self) -> tuple[UUID, ...]:
        """The products whose results are approved."""
        return self.products

    def decide(self, book: Book, ctx: Context) -> Sequence[Fact | For]:
        """A missed gate of the top star is a warning here: the level above judges (inferred)."""
        number, written = self.number(book, ctx)
        facts, entries = list[Fact | For](), list[Entry]()
        for key, product in self.found(ctx):
            with _naming(product.name):
                facts.append(For(key, self._approved(key, product, written, ctx)))
            entries.append(Entry(product=key))
        return [*facts, self.issued(number, written, entries, ctx)]

    def _approved(self, key: UUID, product: Product, written: str, ctx: Context) -> ResultApproved:
        expect(product, ctx, *self.phases(ctx))
        _here(key, product, self.level)
        regime, sheet = rules_of(product, ctx)
        level, result = regime.level(self.level), result_of(product)
        _in_time(product, regime, ctx)
        check_not_lost(product, ctx)
        if not goes_up(product, regime, level) or level.interim_stars is not None:
            raise AgainstTheLaw(
                f"Chỉ trình kết quả từ {level.pass_up_from} điểm, đủ điều kiện 3 sao ({level.legal_basis}).",
                f"Only results from {level.pass_up_from} points that hold three stars go up ({level.legal_basis}).",
                field="products",
            )
        return ResultApproved(
            level=self.level,
            book=ctx.stream_id,
            decision_number=written,
            signer=self.signer,
            average=result.average,
            warnings=result.missed,
            regime=regime.id,
            rules_hash=ctx.law.rules_hash(regime.id, sheet.id),
        )


class Revoke(BookCommand):
    """Revoke a certificate on a ground the law names (thu hồi giấy chứng nhận).

    ``concluded_on``: day of the conclusion on the breach, or of the commune's confirmation that production stopped.
    """

    name = "revoke"
    vi = "Quyết định thu hồi giấy chứng nhận"
    en = "Revoke a certificate"
    kind = "revocation"

    product: UUID
    ground: Line
    conclusion: Line
    concluded_on: Day
    reasons: Reasons

    def subjects(self) -> tuple[UUID, ...]:
        """The one product."""
        return (self.product,)

    def standing(self, state: Any, ctx: Context) -> Standing:
        """By the rules of the day, as the grounds are, whatever rules the dossier came under."""
        return Standing(ctx.law.regime_on(ctx.effective_on), self.level, "", province_of_area(ctx.actor.area))

    def decide(self, book: Book, ctx: Context) -> Sequence[Fact | For]:
        """A decision after the time limit is still one: the fact says how late it is."""
        number, written = self.number(book, ctx)
        ((key, product),) = self.found(ctx)
        held, regime = product.certificate, ctx.law.regime_on(ctx.effective_on)
        if held is None or held.revoked:
            raise WrongOrder("Không có giấy chứng nhận để thu hồi.", "There is no certificate to revoke.")
        if held.stars not in regime.level(self.level).certifies:
            level = regime.level(self.level)
            raise AgainstTheLaw(
                f"{level.authority_vi} không có thẩm quyền với giấy {held.stars} sao ({level.legal_basis}).",
                f"{level.authority_en} has no power over {held.stars} stars ({level.legal_basis}).",
                field="level",
            )
        grounds = {g.code: g for g in regime.revocation.grounds}
        if self.ground not in grounds:
            raise Invalid(
                f"Không có căn cứ thu hồi “{self.ground}”.",
                f"There is no ground of revocation “{self.ground}”.",
                field="ground",
                hint_vi="; ".join(f"{g.code}: {g.vi}" for g in grounds.values()),
                hint_en="; ".join(f"{g.code}: {g.en}" for g in grounds.values()),
            )
        if self.concluded_on > ctx.effective_on:
            raise Invalid("Kết luận ghi sau ngày quyết định.", "Concluded after the decision.", field="concluded_on")
        within = regime.revocation.within_days
        late = (ctx.effective_on - self.concluded_on - timedelta(days=within)).days if within else 0
        revoked = CertificateRevoked(
            certificate_number=held.number,
            stars=held.stars,
            decision_number=written,
            signer=self.signer,
            ground=self.ground,
            legal_basis=grounds[self.ground].legal_basis or regime.revocation.legal_basis,
            conclusion=self.conclusion,
            concluded_on=self.concluded_on,
            late_days=max(late, 0),
            reasons=self.reasons,
            level=self.level,
            book=ctx.stream_id,
            regime=regime.id,
            rules_hash=ctx.law.regime_hash(regime.id),
        )
        return [For(key, revoked), self.issued(number, written, [Entry(product=key)], ctx)]


COMMANDS: tuple[type[Command], ...] = (Recognise, ApproveResults, Revoke)
