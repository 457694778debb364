"""Commands on a subject's dossier: ask for erasure, decide, and record that it was carried out.

No article on who asks, who decides and within what time was read: competences and terms are an office's settings.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from domain.command import Command, Context, Standing
from domain.law.areas import covers, province_of_area
from domain.product.command import not_before, province_of
from domain.product.state import Product
from domain.refusals import CaseRuns, HeldElsewhere, Invalid, NotFound, OutsideArea, WrongOrder
from domain.stream import Fact
from domain.subject.facts import (
    Capacity,
    DestroyedKey,
    ErasureDecided,
    ErasureRequested,
    KeysDestroyed,
    PurposeName,
    Purposes,
    RequestChannel,
    Scope,
)
from domain.subject.state import Subject
from domain.values import Day, Line, Paragraph, Role, Step


class SubjectCommand(Command):
    """Base of the commands given to a subject's dossier."""

    stream: ClassVar[str] = "subject"
    step: ClassVar[Step | None] = None

    def standing(self, state: Subject, ctx: Context) -> Standing:
        """By practice alone; in the area of the authority the request went to."""
        return Standing(None, None, state.area, province_of_area(state.area))

    def hands(self, state: Subject, ctx: Context) -> Mapping[str, frozenset[str]]:
        """Who recorded the request that waits."""
        waiting = state.open_request
        return {"submit": waiting.asked_by if waiting else frozenset()}


class RequestErasure(SubjectCommand):
    """Ask for the erasure of personal data (yêu cầu xóa dữ liệu cá nhân).

    Name the subject by ``registration`` (a producer), or by ``product`` (who is known only through it), and there
    by ``complaint``, its number, for who complained. The number itself is not stored. Each authority has a dossier of
    its own: what was asked of another is not told.
    """

    name = "request-erasure"
    opens = True
    vi = "Yêu cầu xóa dữ liệu cá nhân"
    en = "Ask for the erasure of personal data"

    registration: Line | None = None
    product: UUID | None = None
    complaint: Line | None = None
    asked_on: Day
    capacity: Capacity = "self"
    channel: RequestChannel
    scope: Scope = "both"

    def needs(self, state: Any, day: date) -> Sequence[UUID]:
        """The product the subject is named by."""
        return (self.product,) if self.product else ()

    def standing(self, state: Subject, ctx: Context) -> Standing:
        """Where the product is; a producer's number has no place, so the caller's own area."""
        named = ctx.others.get(self.product) if self.product else None
        if isinstance(named, Product):
            return Standing(None, None, named.commune, province_of(named))
        return Standing(None, None, ctx.actor.area, province_of_area(ctx.actor.area))

    def decide(self, state: Subject, ctx: Context) -> list[Fact]:
        """One request at a time and authority; received no later than recorded. A producer asks for itself."""
        product = self._named(ctx)
        area = product.commune if product else ctx.actor.area
        if state.area not in ("", area):
            raise OutsideArea("Hồ sơ này của cơ quan khác.", "The dossier is another authority's.")
        if ctx.actor.role is Role.PRODUCER:
            own = product.producer.registration if product and product.producer else self.registration
            if own is None or own != ctx.actor.producer:
                raise OutsideArea("Dữ liệu của chủ thể khác.", "The data is another's.")
        if self.asked_on > ctx.effective_on:
            raise Invalid(
                "Ngày nhận yêu cầu sau ngày ghi nhận.", "The request is dated after it is recorded.", field="asked_on"
            )
        not_before(state.latest_act, ctx)
        if state.open_request is not None:
            raise WrongOrder(
                "Đang có một yêu cầu chưa được quyết định.",
                "Another request waits for its decision.",
                hint_vi="Quyết định yêu cầu đó trước (decide-erasure).",
                hint_en="Decide that one first (decide-erasure).",
            )
        return [
            ErasureRequested(
                area=area,
                product=self.product,
                asked_on=self.asked_on,
                capacity=self.capacity,
                channel=self.channel,
                scope=self.scope,
                subject=ctx.subject,
            )
        ]

    def _named(self, ctx: Context) -> Product | None:
        if (self.registration is None) == (self.product is None) or (self.complaint and not self.product):
            raise Invalid(
                "Nêu chủ thể bằng registration, hoặc bằng product (và complaint).",
                "Name the subject by registration, or by product (and complaint).",
                field="registration",
            )
        if self.product is None:
            return None
        found = ctx.others.get(self.product)
        if not isinstance(found, Product):
            raise NotFound("Không có sản phẩm này.", "There is no such product.", field="product")
        return found


class DecideErasure(SubjectCommand):
    """Decide a request to erase (quyết định về yêu cầu xóa dữ liệu cá nhân): all, a part, or not."""

    name = "decide-erasure"
    vi = "Quyết định về yêu cầu xóa dữ liệu cá nhân"
    en = "Decide a request to erase personal data"

    outcome: Literal["granted", "partly", "refused"]
    purposes: tuple[PurposeName, ...] = Field(default=(), max_length=2)
    legal_basis: Line | None = None
    reasons: Paragraph = ""

    @property
    def may_grant_process(self) -> bool:
        """Whether it may destroy what a running case needs."""
        return self.outcome == "granted" or "process" in self.purposes

    def decide(self, state: Subject, ctx: Context) -> list[Fact]:
        """A refusal, also of a part, names its article and its reasons; what is granted was asked for.

        Data needed while a case runs is not erased before its end, and not by who decides for a part of its cases.
        """
        request = state.open_request
        if request is None:
            raise WrongOrder("Không có yêu cầu nào đang chờ.", "No request is waiting.")
        not_before(request.recorded_on, ctx)
        asked: tuple[PurposeName, ...] = ("process", "consent") if request.scope == "both" else (request.scope,)
        if self.outcome != "granted":
            self._check_grounds()
        granted = asked if self.outcome == "granted" else tuple(p for p in asked if p in self.purposes)
        fits = {
            "granted": not self.purposes or set(self.purposes) == set(asked),
            "partly": 0 < len(granted) < len(asked) and set(self.purposes) == set(granted),
            "refused": not self.purposes,
        }
        if not fits[self.outcome]:
            raise Invalid(
                f"Phần được chấp nhận không khớp với yêu cầu ({', '.join(asked)}).",
                f"What is granted does not fit what was asked for ({', '.join(asked)}).",
                field="purposes",
                hint_vi="granted: toàn bộ; partly: nêu một phần; refused: để trống.",
                hint_en="granted: all; partly: name a part; refused: leave it empty.",
            )
        if "process" in granted:
            _check_cases(ctx)
        return [
            ErasureDecided(outcome=self.outcome, purposes=granted, legal_basis=self.legal_basis, reasons=self.reasons)
        ]

    def _check_grounds(self) -> None:
        for field in ("legal_basis", "reasons"):
            if not getattr(self, field):
                raise Invalid(
                    "Từ chối, dù một phần, phải nêu điều khoản và lý do.",
                    "A refusal, also of a part, names its article and its reasons.",
                    field=field,
                )


_CONSENT_ONLY_VI = 'Nếu có yêu cầu, chỉ chấp nhận phần "consent" (partly)'
_CONSENT_ONLY_EN = 'Where it was asked for, grant "consent" only (partly)'


def _check_cases(ctx: Context) -> None:
    """Refuse "process" while a case of the subject runs, or where its key also seals what lies elsewhere.

    A key is one for the whole country. ``erasure_case_at_rest`` lists the phases in which no case runs (inferred).
    """
    cases = [found for key in sorted(ctx.cases) if isinstance(found := ctx.others.get(key), Product)]
    if any(not covers(ctx.actor.area, case.commune) for case in cases):
        raise HeldElsewhere(
            'Phần "process": dữ liệu này còn thuộc hồ sơ ngoài địa bàn của bạn, bạn không quyết định một mình được.',
            'Purpose "process": the data also belongs to cases outside your area; it is not yours alone to erase.',
            field="purposes",
            hint_vi=f"{_CONSENT_ONLY_VI}, hoặc để người có thẩm quyền trên cả nước quyết định.",
            hint_en=f"{_CONSENT_ONLY_EN}, or leave it to who decides for the whole country.",
        )
    if any(_runs(case, ctx) for case in cases):
        raise CaseRuns(
            'Phần "process": một hồ sơ của chủ thể đang được giải quyết và cần dữ liệu này.',
            'Purpose "process": a case of the subject still runs and needs this data.',
            field="purposes",
            hint_vi=f"{_CONSENT_ONLY_VI}, hoặc chờ hồ sơ kết thúc.",
            hint_en=f"{_CONSENT_ONLY_EN}, or wait until the case ends.",
        )


def _runs(case: Product, ctx: Context) -> bool:
    at_rest = ctx.law.practice.setting("erasure_case_at_rest", province_of(case))
    assert isinstance(at_rest, tuple | list), "checked against the shipped file"
    return str(case.phase) not in at_rest or (case.dossier is not None and case.dossier.complaint_open)


class RecordKeysDestroyed(SubjectCommand):
    """Record that keys were destroyed (ghi nhận việc hủy khóa): by the service, once it is done."""

    name = "record-keys-destroyed"
    opens = True  # a retention time ends also where nobody ever asked for anything
    vi = "Ghi nhận việc hủy khóa dữ liệu cá nhân"
    en = "Record that keys of personal data were destroyed"

    ground: Literal["request", "retention"]
    decision: int | None = Field(default=None, ge=1)
    purposes: Purposes
    keys: tuple[DestroyedKey, ...] = Field(default=(), max_length=1_000)

    def standing(self, state: Subject, ctx: Context) -> Standing:
        """Everywhere: it is the service's own act."""
        return Standing(None, None, "", "")

    def decide(self, state: Subject, ctx: Context) -> list[Fact]:
        """A request's once it was granted; a retention's when keys were there."""
        if self.ground == "request":
            granted = next((r for r in state.requests if r.decision == self.decision), None)
            if granted is None or set(granted.purposes) != set(self.purposes):
                raise WrongOrder("Không có quyết định như vậy.", "There is no such decision.", field="decision")
            if not granted.to_carry_out:
                return []
        elif self.decision is not None or not self.keys:
            raise Invalid("Hết hạn lưu giữ: nêu khóa, không nêu quyết định.", "Of a retention: keys and no decision.")
        return [KeysDestroyed(ground=self.ground, decision=self.decision, purposes=self.purposes, keys=self.keys)]


COMMANDS: tuple[type[Command], ...] = (RequestErasure, DecideErasure, RecordKeysDestroyed)
