"""Facts of a certificate's life (vòng đời giấy chứng nhận), and of recognitions known from registers.

Names and rules of ``facts.py`` hold.
"""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from domain.product.rating_facts import DataWarning, LevelCode
from domain.sealing import Sealable
from domain.stream import Fact
from domain.values import CommuneCode, Count, Day, Line, Paragraph, Sha256, Stars, Step, Value

CertifiedStars = Annotated[int, Field(ge=3, le=5)]
RegisteredKind = Literal[
    "cooperative",
    "cooperative-group",
    "small-medium-enterprise",
    "farm",
    "household",
    "association",
    "federation",
    "operating-centre",
    "equivalent-body",
]
RegisteredGroup = Literal["food", "drinks", "medicinal", "handicraft", "ornamental", "tourism"]


class CertificateNoticeDue(Fact):
    """So many days are left (đến hạn nhắc): written once by the service, for the office and the producer."""

    stored_name = "product.certificate-notice-due"
    step = Step.PROMOTION
    certificate_number: Line
    valid_to: Day
    days: Annotated[int, Field(ge=1, le=400)]


class WrittenNoticeGiven(Fact):
    """The producer was told in writing that the certificate ends (thông báo bằng văn bản), with proof."""

    stored_name = "product.written-notice-given"
    fact_version = 2
    step = Step.PROMOTION
    correctable = frozenset({"letter_number", "received_by"})
    certificate_number: Line
    letter_number: Line
    received_by: Sealable[Line]
    received_on: Day
    proof_sha256: Sha256
    days_before: int
    """Days between receipt and the certificate's last day; negative when it had already ended."""


class CertificateExpired(Fact):
    """The certificate ran out (hết hiệu lực): written once by the service, effective the day after its last."""

    stored_name = "product.certificate-expired"
    step = Step.PROMOTION
    certificate_number: Line
    stars: CertifiedStars
    last_day: Day


class CertificateExtended(Fact):
    """The certificate runs on until the authority has ruled (tiếp tục có hiệu lực), by a transition rule."""

    stored_name = "product.certificate-extended"
    step = Step.PROMOTION
    certificate_number: Line
    until: Day
    reason: Paragraph
    legal_basis: Line


class CertificateSuspended(Fact):
    """The certificate was suspended (tạm đình chỉ): only where a province's rules know it."""

    stored_name = "product.certificate-suspended"
    step = Step.PROMOTION
    certificate_number: Line
    reason: Paragraph
    legal_basis: Line


class SuspensionLifted(Fact):
    """The suspension was lifted (chấm dứt tạm đình chỉ)."""

    stored_name = "product.suspension-lifted"
    step = Step.PROMOTION
    certificate_number: Line
    reason: Paragraph


class CertificateRevoked(Fact):
    """The certificate was revoked by a decision (thu hồi giấy chứng nhận) on a ground the law names.

    ``concluded_on``: day of the conclusion on the breach, or of the commune's confirmation that production
    stopped. ``late_days``: days beyond the time limit.
    """

    stored_name = "product.certificate-revoked"
    step = Step.PROMOTION
    certificate_number: Line
    stars: CertifiedStars
    decision_number: Line
    signer: Line
    ground: Line
    legal_basis: Line
    conclusion: Line
    concluded_on: Day
    late_days: Count
    reasons: Paragraph
    level: LevelCode
    book: UUID | None
    regime: Line
    rules_hash: Sha256


class RegisterEntity(Value):
    """The holder as a province's register names it (chủ thể theo sổ): nothing added, nothing corrected."""

    name: Line
    kind: Line | None = None
    address: Sealable[Paragraph] = ""
    representative: Sealable[Line | None] = None
    phone: Sealable[Line | None] = None
    registration: Line | None = None


class RegisterRow(Value):
    """Where it stands in the register: the file's hash, the sheet's row, the cells as they were."""

    file_sha256: Sha256
    row: Annotated[int, Field(ge=1)]
    cells: Sealable[dict[str, Paragraph]]


class EnteredFromRegister(Fact):
    """A product known from a register of certificates, without a dossier (nhập từ sổ theo dõi).

    ``commune``: today's; ``commune_as_given`` and ``old_unit``: name and code in the register.
    """

    stored_name = "product.entered-from-register"
    fact_version = 2
    step = Step.PROMOTION
    correctable = frozenset({"name", "commune_as_given", "old_unit", "group", "holder"})
    name: Line
    commune: CommuneCode
    commune_as_given: Line
    old_unit: Line | None
    group: Line | None
    holder: RegisterEntity
    register_row: RegisterRow


class RecognitionRecorded(Fact):
    """A recognition of the past, taken over from a register or a paper (ghi nhận kết quả công nhận đã có).

    ``decided_on``: the day it took effect; None: only the year is known, and stays so. ``valid_to`` as given,
    else by the law of that day; None when neither is known. ``authority`` as the register names it.
    ``register_row`` None: that of the product's entry, when it was entered together with it.
    """

    stored_name = "product.recognition-recorded"
    fact_version = 2
    step = Step.PROMOTION
    correctable = frozenset({"authority"})
    stars: Stars
    decision_number: Line
    year: Annotated[int, Field(ge=2018, le=2100)]
    decided_on: Day | None
    authority: Line | None
    level: LevelCode | None
    certificate_number: Line | None
    product_number: Line | None = None
    valid_to: Day | None
    valid_to_given: bool
    regime: Line | None
    rules_hash: Sha256 | None
    warnings: tuple[DataWarning, ...]
    register_row: RegisterRow | None = None

    def dated(self, day: date) -> date:
        """The day of the decision where it is known: a decision of 2019 entered today took effect then."""
        return self.decided_on or day


class ProducerRegistered(Fact):
    """The producer behind a product known from a register was registered (đăng ký chủ thể)."""

    stored_name = "product.producer-registered"
    fact_version = 2
    step = Step.PROMOTION
    registration: Line
    name: Line
    kind: RegisteredKind
    address: Sealable[Line]
    group: RegisteredGroup
