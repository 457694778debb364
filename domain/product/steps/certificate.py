"""A certificate's life (vòng đời giấy chứng nhận): notices, expiry, extension, suspension; past recognitions.

Revocation is a decision with a number: it stands with the book of decisions. Two commands here belong to the
service itself: nobody has to be at work for a certificate to run out.
"""

from abc import abstractmethod
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from domain.command import Command, Context, Standing
from domain.law.calendar import add_months
from domain.law.models import Regime, Setting
from domain.product.certificate_facts import (
    CertificateExpired,
    CertificateExtended,
    CertificateNoticeDue,
    CertificateSuspended,
    EnteredFromRegister,
    ProducerRegistered,
    RecognitionRecorded,
    RegisteredGroup,
    RegisteredKind,
    RegisterEntity,
    RegisterRow,
    SuspensionLifted,
    WrittenNoticeGiven,
)
from domain.product.command import ProductCommand, not_before, province_of
from domain.product.facts import ProductFact
from domain.product.rating_facts import DataWarning, LevelCode
from domain.product.state import Certificate, Product
from domain.refusals import AgainstTheLaw, Invalid, NoRegime, WrongOrder
from domain.values import CommuneCode, Day, Line, Reasons, Sha256, Step, Value

DOES_NOT_CERTIFY = "level-does-not-certify"
"""Code of the warning: the level did not certify so many stars by the rules of that day."""


def notice_due(last_day: date, marks: Iterable[int], today: date) -> int | None:
    """The nearest mark (mốc nhắc) a certificate has come to, in days; None before the first and after its end.

    A mark of 30 days is reached on the day with 30 days left. Marks it was past when it became known are gone.
    """
    left = (last_day - today).days
    return min((mark for mark in marks if mark >= left), default=None) if left >= 0 else None


def held(product: Product) -> Certificate:
    """The certificate (giấy chứng nhận) the product has, over or not; refuses when it has none or lost it."""
    certificate = product.certificate
    if certificate is None:
        raise WrongOrder("Sản phẩm chưa có giấy chứng nhận.", "The product has no certificate.")
    if certificate.revoked:
        raise WrongOrder("Giấy chứng nhận đã bị thu hồi.", "The certificate was revoked.")
    return certificate


def last_day_of(certificate: Certificate) -> date:
    """Its last day (ngày hết hiệu lực); refuses when a register gave none."""
    if certificate.last_day is None:
        raise WrongOrder(
            "Chưa biết ngày hết hiệu lực của giấy chứng nhận.",
            "The certificate's last day is not known.",
            hint_vi="Bổ sung bằng lệnh record-recognition với ngày quyết định.",
            hint_en="Add it with record-recognition and the day of the decision.",
        )
    return certificate.last_day


def _named(product: Product, number: str) -> Certificate:
    certificate = held(product)
    if certificate.number != number:
        raise WrongOrder(
            f"Giấy chứng nhận hiện nay mang số {certificate.number}.",
            f"The certificate today is number {certificate.number}.",
            field="certificate_number",
        )
    return certificate


class CertificateCommand(ProductCommand):
    """Base of acts on a certificate: by the rules of the day, whatever dossier is under way."""

    def standing(self, state: Product, ctx: Context) -> Standing:
        """The level that issued it; where the day's rules do not know that level, the one that would."""
        regime = None if self.name in ctx.law.practice.competences else ctx.law.regime_on(ctx.effective_on)
        return Standing(regime, _issuing_level(state, regime), state.commune, province_of(state))


def _issuing_level(product: Product, regime: Regime | None) -> str | None:
    certificate = product.certificate
    if certificate is None or regime is None:
        return None
    if certificate.level in {level.code for level in regime.levels}:
        return certificate.level
    certifier = regime.certifier(certificate.stars)
    return certifier.code if certifier else None


# ── Days that come by themselves ──────────────────────────────────────────────────────────────


class RecordCertificateNotice(CertificateCommand):
    """Write down that so many days are left (đến mốc nhắc trước khi hết hạn)."""

    name = "record-certificate-notice"
    step = Step.PROMOTION
    vi = "Ghi nhận đến mốc nhắc trước khi giấy chứng nhận hết hạn"
    en = "Record that a reminder before expiry is due"

    certificate_number: Line
    days: Annotated[int, Field(ge=1, le=400)]

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Once a mark; only the nearest one reached."""
        certificate = _named(product, self.certificate_number)
        if self.days in certificate.reminded or certificate.expired:
            return []
        last_day = last_day_of(certificate)
        marks = ctx.law.regime_on(ctx.moment.today).certificate.notices.days
        due = notice_due(last_day, marks, ctx.moment.today)
        if due != self.days:
            raise WrongOrder(
                f"Chưa đến hoặc đã qua mốc nhắc {self.days} ngày (hết hạn ngày {last_day:%d/%m/%Y}).",
                f"The mark of {self.days} days is not reached or is past (last day {last_day.isoformat()}).",
                field="days",
                hint_vi=f"Mốc đang đến hạn: {due or 'không có'}.",
                hint_en=f"The mark that is due: {due or 'none'}.",
            )
        return [CertificateNoticeDue(certificate_number=certificate.number, valid_to=last_day, days=due)]


class RecordCertificateExpiry(CertificateCommand):
    """Write down that the certificate ran out (giấy chứng nhận hết hiệu lực)."""

    name = "record-certificate-expiry"
    step = Step.PROMOTION
    vi = "Ghi nhận giấy chứng nhận hết hiệu lực"
    en = "Record that the certificate ran out"

    certificate_number: Line

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Once, effective the day after the last day, which counts itself."""
        certificate = _named(product, self.certificate_number)
        if certificate.expired:
            return []
        last_day = last_day_of(certificate)
        if ctx.moment.today <= last_day:
            raise WrongOrder(
                f"Giấy chứng nhận còn hiệu lực đến hết ngày {last_day:%d/%m/%Y}.",
                f"The certificate is valid until the end of {last_day.isoformat()}.",
            )
        _expect_day(ctx, last_day + timedelta(days=1))
        return [CertificateExpired(certificate_number=certificate.number, stars=certificate.stars, last_day=last_day)]


def _expect_day(ctx: Context, day: date) -> None:
    if ctx.effective_on != day:
        raise Invalid(
            f"Ngày thực hiện phải là {day:%d/%m/%Y}.",
            f"The act is to be dated {day.isoformat()}.",
            field="effective_on",
            hint_vi=f"Gửi effective_on = {day.isoformat()}.",
            hint_en=f"Send effective_on = {day.isoformat()}.",
        )


# ── What offices do with a certificate ────────────────────────────────────────────────────────


class GiveWrittenNotice(CertificateCommand):
    """Tell the producer in writing that the certificate ends (thông báo bằng văn bản), with proof of receipt."""

    name = "give-written-notice"
    step = Step.PROMOTION
    vi = "Thông báo bằng văn bản việc giấy chứng nhận hết hạn"
    en = "Give written notice that the certificate ends"

    letter_number: Line
    received_by: Line
    received_on: Day
    proof_sha256: Sha256

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """About the certificate held, also once it has ended; received after it was issued, not in the future."""
        certificate = held(product)
        last_day = last_day_of(certificate)
        if self.received_on > ctx.effective_on or self.received_on < (certificate.issued_on or self.received_on):
            raise Invalid(
                "Ngày nhận thông báo phải từ ngày cấp giấy chứng nhận đến ngày thực hiện.",
                "The letter is received between the certificate's issue and the day of the act.",
                field="received_on",
            )
        return [
            WrittenNoticeGiven(
                certificate_number=certificate.number,
                letter_number=self.letter_number,
                received_by=self.received_by,
                received_on=self.received_on,
                proof_sha256=self.proof_sha256,
                days_before=(last_day - self.received_on).days,
            )
        ]


class ExtendCertificate(CertificateCommand):
    """Let the certificate run on until the authority has ruled (tiếp tục có hiệu lực, chuyển tiếp).

    May be given after it ran out: then it holds again, as if it had not.
    """

    name = "extend-certificate"
    step = Step.PROMOTION
    vi = "Cho giấy chứng nhận tiếp tục có hiệu lực theo điều khoản chuyển tiếp"
    en = "Extend the certificate by the transition rule"

    reason: Reasons
    until: Day

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Only where the time for filing a re-evaluation was over when the rules came, and not for longer."""
        certificate = held(product)
        last_day = last_day_of(certificate)
        valid_to = certificate.valid_to or last_day
        not_before(certificate.issued_on or ctx.effective_on, ctx)
        regime = ctx.law.regime_on(ctx.effective_on)
        if certificate.ruled:
            raise AgainstTheLaw(
                "Đã có kết quả đánh giá lại: giấy chứng nhận không được kéo dài nữa.",
                "The re-evaluation has been ruled on: the certificate runs on no longer.",
            )
        if regime.transition is None or not _missed_the_window(valid_to, regime):
            raise AgainstTheLaw(
                f"Giấy chứng nhận hết hạn ngày {valid_to:%d/%m/%Y} không thuộc diện chuyển tiếp của {regime.vi}.",
                f"No transition rule of {regime.en} extends a certificate that ends {valid_to.isoformat()}.",
                hint_vi="Chỉ khi hạn nộp hồ sơ đánh giá lại đã qua lúc quy định có hiệu lực.",
                hint_en="Only where the last day to file for re-evaluation lay before the rules took effect.",
            )
        rule = regime.transition.run_on
        longest = valid_to + timedelta(days=rule.max_days)
        if not last_day < self.until <= longest:
            basis = rule.legal_basis
            raise AgainstTheLaw(
                f"Chỉ kéo dài sau ngày {last_day:%d/%m/%Y}, muộn nhất đến {longest:%d/%m/%Y} ({basis}).",
                f"It runs on beyond {last_day.isoformat()}, until {longest.isoformat()} at the latest ({basis}).",
                field="until",
            )
        return [
            CertificateExtended(
                certificate_number=certificate.number,
                until=self.until,
                reason=self.reason,
                legal_basis=rule.legal_basis,
            )
        ]


def _missed_the_window(valid_to: date, regime: Regime) -> bool:
    """Whether the last day to file for re-evaluation was over when the rules came, the certificate not yet."""
    latest = regime.renewal.latest_days
    return latest is not None and valid_to - timedelta(days=latest) < regime.in_force_from <= valid_to


class _KnownToTheProvince(CertificateCommand):
    """Acts that are possible only where a province's own rules know a suspension (tạm đình chỉ)."""

    reason: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """The province's rule is the legal basis."""
        certificate, rule = held(product), _setting(ctx, "suspension_known", province_of(product))
        if not rule.value:
            raise AgainstTheLaw(
                f"Không có quy định về tạm đình chỉ giấy chứng nhận ({rule.legal_basis}).",
                f"No rule knows the suspension of a certificate ({rule.legal_basis}).",
                hint_vi="Nếu tỉnh có quy định riêng, đặt suspension_known của tỉnh trong practice.toml.",
                hint_en="If the province has rules of its own, set its suspension_known in practice.toml.",
            )
        not_before(product.since, ctx)
        return self.settle(certificate, ctx, rule.legal_basis)

    @abstractmethod
    def settle(self, certificate: Certificate, ctx: Context, basis: str) -> list[ProductFact]:
        """What follows once the rule is there."""


class SuspendCertificate(_KnownToTheProvince):
    """Suspend the certificate (tạm đình chỉ giấy chứng nhận)."""

    name = "suspend-certificate"
    step = Step.PROMOTION
    vi = "Tạm đình chỉ giấy chứng nhận"
    en = "Suspend the certificate"

    def settle(self, certificate: Certificate, ctx: Context, basis: str) -> list[ProductFact]:
        """Only one that holds; a second time changes nothing."""
        if certificate.suspended:
            return []
        if not certificate.valid_on(ctx.effective_on):
            raise WrongOrder(
                f"Giấy chứng nhận không có hiệu lực ngày {ctx.effective_on:%d/%m/%Y}.",
                f"The certificate does not hold on {ctx.effective_on.isoformat()}.",
                field="effective_on",
            )
        return [CertificateSuspended(certificate_number=certificate.number, reason=self.reason, legal_basis=basis)]


class LiftSuspension(_KnownToTheProvince):
    """Lift the suspension (chấm dứt tạm đình chỉ)."""

    name = "lift-suspension"
    step = Step.PROMOTION
    vi = "Chấm dứt tạm đình chỉ giấy chứng nhận"
    en = "Lift the suspension"

    def settle(self, certificate: Certificate, ctx: Context, basis: str) -> list[ProductFact]:
        """A certificate that is not suspended is left as it is."""
        if not certificate.suspended:
            return []
        return [SuspensionLifted(certificate_number=certificate.number, reason=self.reason)]


def _setting(ctx: Context, name: str, province: str) -> Setting:
    """A setting with where it comes from, as the province keeps it."""
    own, practice = ctx.law.practice.provinces.get(province), ctx.law.practice
    return (own.settings if own else {}).get(name, practice.settings[name])


# ── What papers and registers know of the past ────────────────────────────────────────────────


class PastRecognition(Value):
    """A recognition of the past as a paper or a register states it (kết quả công nhận đã có).

    ``decided_on`` None: only the year is known. ``authority`` as it is named there, ``level`` by its code.
    """

    stars: Annotated[int, Field(ge=3, le=5)]
    decision_number: Line
    year: Annotated[int, Field(ge=2018, le=2100)]
    decided_on: Day | None = None
    authority: Line | None = None
    level: LevelCode | None = None
    certificate_number: Line | None = None
    product_number: Line | None = None
    valid_to: Day | None = None

    @property
    def age(self) -> tuple[int, date]:
        """A year without a day comes before every known day of that year."""
        return self.year, self.decided_on or date(self.year, 1, 1)


def _check_past(past: PastRecognition, where: str, ctx: Context) -> None:
    """Refuse days that contradict each other or lie in the future, and levels no rules know."""
    today, levels = ctx.moment.today, _levels(ctx)
    if past.year > today.year or (past.decided_on or today) > today:
        raise Invalid("Quyết định đề ngày ở tương lai.", "It lies in the future.", field=f"{where}.decided_on")
    if past.decided_on is not None and past.decided_on.year != past.year:
        raise Invalid(
            f"Năm {past.year} khác năm của ngày quyết định ({past.decided_on:%d/%m/%Y}).",
            f"The year {past.year} is not that of the decision ({past.decided_on.isoformat()}).",
            field=f"{where}.year",
        )
    if past.valid_to is not None and past.valid_to < (past.decided_on or date(past.year, 1, 1)):
        raise Invalid("Hết hạn trước ngày quyết định.", "It ends before it was decided.", field=f"{where}.valid_to")
    if past.level is not None and past.level not in levels:
        raise Invalid(
            f"Không có cấp công nhận “{past.level}”.",
            f"There is no level “{past.level}”.",
            field=f"{where}.level",
            hint_vi=f"Các cấp: {', '.join(levels)}.",
            hint_en=f"Levels: {', '.join(levels)}.",
        )


def _levels(ctx: Context) -> list[str]:
    return sorted({level.code for regime in ctx.law.regimes.values() for level in regime.levels})


def _as_fact(past: PastRecognition, row: RegisterRow | None, ctx: Context) -> RecognitionRecorded:
    """The fact, with validity by the law of that day where none is given, and with the doubts there are."""
    day = past.decided_on
    regime = _regime_on(day, ctx) if day else None
    computed = add_months(day, regime.certificate.months) if day and regime else None
    return RecognitionRecorded(
        **past.model_dump(include=set(PastRecognition.model_fields) - {"valid_to"}),
        valid_to=past.valid_to or computed,
        valid_to_given=past.valid_to is not None,
        regime=regime.id if regime else None,
        rules_hash=ctx.law.regime_hash(regime.id) if regime else None,
        warnings=_doubts(past, regime, ctx),
        register_row=row,
    )


def _doubts(past: PastRecognition, regime: Regime | None, ctx: Context) -> tuple[DataWarning, ...]:
    """What is odd about it: by the law's own list; else a level that did not certify these stars on that day."""
    if past.decided_on is None:
        return ()
    odd = ctx.law.data_warnings(past.level, past.decided_on)
    if odd or regime is None or past.level is None:
        return tuple(DataWarning(code=d.code, vi=d.vi, en=d.en) for d in odd)
    level = next((level for level in regime.levels if level.code == past.level), None)
    if level is not None and past.stars in level.certifies:
        return ()
    named = f"“{level.authority_vi}”" if level else f"“{past.level}”"
    named_en = f"“{level.authority_en}”" if level else f"“{past.level}”"
    return (
        DataWarning(
            code=DOES_NOT_CERTIFY,
            vi=f"Ngày {past.decided_on:%d/%m/%Y}, {named} không có thẩm quyền công nhận {past.stars} sao "
            f"({regime.vi}).",
            en=f"On {past.decided_on.isoformat()}, {named_en} did not certify {past.stars} stars ({regime.en}).",
        ),
    )


def _regime_on(day: date, ctx: Context) -> Regime | None:
    """The rules of a day; None for days without any, which an import may well name."""
    try:
        return ctx.law.regime_on(day)
    except NoRegime:
        return None


class RecordRecognition(ProductCommand):
    """Record a recognition of the past for a product that exists (ghi nhận kết quả công nhận đã có).

    The act is today's or dated the decision; the fact takes effect on the day of the decision, where only the
    year is known when it is recorded. An old round added later never changes the star held today.
    """

    name = "record-recognition"
    step = Step.PROMOTION
    vi = "Ghi nhận kết quả công nhận đã có"
    en = "Record a past recognition"

    recognition: PastRecognition
    register_row: RegisterRow | None = None

    def standing(self, state: Product, ctx: Context) -> Standing:
        """By today's rules: it is recorded now."""
        return Standing(ctx.law.regime_on(ctx.moment.today), None, state.commune, province_of(state))

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """From a paper or a register only; the same decision twice changes nothing.

        The scanned decision mends what a register said of the certificate held: it is recorded once more.
        """
        past = self.recognition
        if (past.decision_number, past.year) in product.recorded and (
            ctx.source.kind != "paper" or not _mends(past, product.certificate, ctx)
        ):
            return []
        if ctx.source.kind in ("native", "register") and self.register_row is None:
            raise Invalid(
                "Kết quả đã có chỉ được ghi nhận từ văn bản hoặc sổ theo dõi.",
                "A past recognition is recorded from a paper or a register.",
                field="source",
                hint_vi="Gửi source.kind = “paper” với mã SHA-256 của bản chụp.",
                hint_en="Send source.kind = “paper” with the scan's SHA-256.",
            )
        _check_past(past, "recognition", ctx)
        if ctx.effective_on != past.decided_on:
            _expect_day(ctx, ctx.moment.today)
        return [_as_fact(past, self.register_row, ctx)]


def _mends(past: PastRecognition, held: Certificate | None, ctx: Context) -> bool:
    """Whether it is the decision of the certificate held, and says something else of it."""
    if held is None or held.revoked or held.year != past.year:
        return False
    number, fact = past.certificate_number or past.decision_number, _as_fact(past, None, ctx)
    if held.number not in (number, past.decision_number) and held.issued_on != past.decided_on:
        return False
    known = (held.number, held.stars, held.issued_on, held.valid_to, held.level)
    return known != (number, past.stars, past.decided_on, fact.valid_to, past.level)


class EnterFromRegister(ProductCommand):
    """Enter a product that a register of certificates knows, without a dossier (nhập từ sổ theo dõi).

    Entered today; the recognitions that come along take effect each on its own day, as those do that follow with
    ``record-recognition``.
    """

    name = "enter-from-register"
    step = Step.PROMOTION
    vi = "Nhập sản phẩm từ sổ theo dõi giấy chứng nhận"
    en = "Enter a product from a register"
    opens = True

    product_name: Line
    commune: CommuneCode
    commune_as_given: Line
    old_unit: Line | None = None
    group: Line | None = None
    holder: RegisterEntity
    register_row: RegisterRow
    recognitions: Annotated[tuple[PastRecognition, ...], Field(max_length=10)] = ()

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Once a product; dated the day it is entered, the recognitions in order of age."""
        if product.version:
            raise WrongOrder("Sản phẩm này đã có trong hệ thống.", "This product is already known here.")
        for index, past in enumerate(self.recognitions):
            _check_past(past, f"recognitions.{index}", ctx)
        aged = sorted(self.recognitions, key=lambda past: past.age)
        if len({(past.decision_number, past.year) for past in aged}) < len(aged):
            raise Invalid("Một quyết định được ghi hai lần.", "A decision is named twice.", field="recognitions")
        _expect_day(ctx, ctx.moment.today)
        entered = EnteredFromRegister(
            name=self.product_name,
            commune=self.commune,
            commune_as_given=self.commune_as_given,
            old_unit=self.old_unit,
            group=self.group,
            holder=self.holder,
            register_row=self.register_row,
        )
        return [entered, *(_as_fact(past, None, ctx) for past in aged)]


class RegisterProducer(ProductCommand):
    """Register the producer of a product known from a register (đăng ký chủ thể)."""

    name = "register-producer"
    step = Step.PROMOTION
    vi = "Đăng ký chủ thể của sản phẩm nhập từ sổ theo dõi"
    en = "Register the producer of a product known from a register"

    registration: Line
    producer_name: Line
    kind: RegisteredKind
    address: Line
    group: RegisteredGroup

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Once, and only where the register named nobody by a registration number."""
        if product.producer is not None:
            if product.producer.registration == self.registration:
                return []
            raise WrongOrder(
                "Sản phẩm đã có chủ thể đăng ký.",
                "The product's producer is registered already.",
                field="registration",
            )
        if not product.holder:
            raise WrongOrder(
                "Chỉ đăng ký chủ thể như vậy cho sản phẩm nhập từ sổ theo dõi.",
                "A producer is registered in this way only for a product known from a register.",
                hint_vi="Chủ thể được ghi nhận khi nộp phiếu ý tưởng (submit-idea).",
                hint_en="The producer becomes known with the idea form (submit-idea).",
            )
        not_before(product.opened_on, ctx)
        return [
            ProducerRegistered(
                registration=self.registration,
                name=self.producer_name,
                kind=self.kind,
                address=self.address,
                group=self.group,
            )
        ]


COMMANDS: tuple[type[Command], ...] = (
    RecordCertificateNotice,
    RecordCertificateExpiry,
    GiveWrittenNotice,
    ExtendCertificate,
    SuspendCertificate,
    LiftSuspension,
    RecordRecognition,
    EnterFromRegister,
    RegisterProducer,
)
