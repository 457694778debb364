"""Commands on a subject's dossier: ask for erasure, decide, and record that it was carried out.

No article on who asks, who decides and within what time was read: competences and terms are an office's settings.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from domain.command import Command, Context, Standing
from domain.law.areas import province_of_area
from domain.product.command import not_before, province_of
from domain.product.state import Product
from domain.refusals import Invalid, NotFound, OutsideArea, WrongOrder
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
    by ``complaint``, its number, for who complained. The number itself is not stored.
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
        """One request at a time; received no later than it is recorded. A producer asks for itself."""
        product = self._named(ctx)
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
                area=product.commune if product else ctx.actor.area,
                product=self.product,
                asked_on=self.asked_on,
                capacity=self.capacity,
                channel=self.channel,
                scope=self.scope,
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

    def decide(self, state: Subject, ctx: Context) -> list[Fact]:
        """A refusal, also of a part, names its article and its reasons; what is granted was asked for."""
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
