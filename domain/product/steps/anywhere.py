"""Acts possible at any step: leaving the programme, correcting an earlier fact (đính chính)."""

from typing import Annotated

from pydantic import Field, JsonValue, ValidationError

from domain import personal
from domain.command import Command, Context
from domain.product.command import ProductCommand, not_before
from domain.product.facts import EvidenceObtained, FactCorrected, JourneyWithdrawn, ProductFact
from domain.product.state import Product, corrected
from domain.product.steps.implementation import check_validity
from domain.refusals import Invalid
from domain.sealing import sealed_field
from domain.values import Line, Reasons


class WithdrawJourney(ProductCommand):
    """Leave the programme for this cycle (rút khỏi chương trình)."""

    name = "withdraw-journey"
    step = None
    vi = "Rút khỏi chương trình trong chu trình này"
    en = "Leave the programme for this cycle"

    reason: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Before a dossier is filed, or after it was withdrawn; an idea under review is withdrawn first."""
        return [JourneyWithdrawn(reason=self.reason)]


class CorrectFact(ProductCommand):
    """Correct fields of an earlier fact (đính chính): the wrong fact stays, a new one names it.

    ``version``: the corrected fact's number in the product's trail. Points, stars, regimes and dates
    of decisions are not correctable: they are decided again.
    """

    name = "correct-fact"
    step = None
    vi = "Đính chính một sự kiện đã ghi"
    en = "Correct an earlier fact"
    needs_history = True

    version: Annotated[int, Field(ge=1, le=1_000_000)]
    now: Annotated[dict[str, JsonValue], Field(min_length=1, max_length=20)]
    reason: Reasons
    authority: Line

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Refuses unknown versions, fields that are not correctable and values that do not fit."""
        told = next((t for t in ctx.history if t.version == self.version), None)
        if told is None or isinstance(told.fact, FactCorrected):
            raise Invalid(
                f"Không có sự kiện số {self.version} để đính chính.",
                f"There is no fact {self.version} to correct.",
                field="version",
            )
        not_before(told.effective_on, ctx)
        allowed = type(told.fact).correctable
        if product.certificate is not None:
            allowed -= {"name", "product_name"}  # the name that was certified is not for a correction to change
        for name in self.now:
            if name not in allowed:
                raise Invalid(
                    f"Trường “{name}” của sự kiện này không đính chính được.",
                    f"Field “{name}” of this fact cannot be corrected.",
                    field=f"now.{name}",
                    hint_vi=f"Đính chính được: {', '.join(sorted(allowed)) or 'không có trường nào'}.",
                    hint_en=f"Correctable: {', '.join(sorted(allowed)) or 'none'}.",
                )
        self._check_plain(type(told.fact))
        earlier = [t for t in ctx.history if isinstance(t.fact, FactCorrected)]
        # A field that says nothing is left out of what is stored: None then.
        current: dict[str, JsonValue] = dict.fromkeys(type(told.fact).model_fields) | told.fact.model_dump(mode="json")
        for entry in earlier:
            if isinstance(entry.fact, FactCorrected) and entry.fact.corrected_version == self.version:
                current |= entry.fact.now
        was = {name: current[name] for name in self.now}
        if personal.readable(told.fact.stored_name, self.version, was, ctx.stream_id, ctx.seals) == self.now:
            return []
        try:
            mended = corrected(told.fact, {**current, **self.now})
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise Invalid(
                f"Giá trị mới của “{where}” không hợp lệ.",
                f"The new value of “{where}” is not valid.",
                field=f"now.{where}",
            ) from error
        if isinstance(mended, EvidenceObtained):
            check_validity(mended.issued_on, mended.expires_on, told.effective_on)
        stored = mended.model_dump(mode="json")
        return [
            FactCorrected(
                corrected_version=self.version,
                corrected_name=told.fact.stored_name,
                was=was,
                now={name: stored.get(name) for name in self.now},
                reason=self.reason,
                authority=self.authority,
            )
        ]

    def _check_plain(self, kind: type[ProductFact]) -> None:
        """Refuse sealed content from outside: it could be another field's, or another product's."""

        def found(spot: personal.Spot, value: JsonValue) -> JsonValue:
            if sealed_field(value) is not None:
                raise Invalid(
                    "Không nhận nội dung niêm phong từ bên ngoài.",
                    "Sealed content is not taken from outside.",
                    field=f"now.{spot.path}",
                )
            return value

        personal.walked(kind, self.version, self.now, found)


COMMANDS: tuple[type[Command], ...] = (WithdrawJourney, CorrectFact)
