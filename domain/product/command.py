"""What the commands of a product share: where they stand before the law, and their guards."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import date
from typing import ClassVar

from domain.command import Command, Context, Standing
from domain.law.areas import commune
from domain.law.models import Regime, Sheet
from domain.product.phases import CLOSED, PHASE_NAMES, Phase
from domain.product.state import Dossier, Product
from domain.refusals import WrongOrder
from domain.stream import Fact, For
from domain.values import Step

MATTERS: dict[Step | None, str] = {Step.IDEA: "idea", Step.PLAN: "plan"}
"""Matter by step; all else is about the dossier."""


class ProductCommand(Command):
    """Base of the commands given to a product."""

    stream: ClassVar[str] = "product"

    def standing(self, state: Product, ctx: Context) -> Standing:
        """By the regime the dossier pinned and the level it lies at; before that, by the day's."""
        dossier = state.dossier
        if self.name in ctx.law.practice.competences:
            regime = None
        elif dossier is None or self.name == "file-dossier":
            regime = ctx.law.regime_on(ctx.effective_on)
        else:
            regime = ctx.law.regimes[dossier.regime]
        place = state.commune or str(getattr(self, "commune", ""))
        return Standing(regime, self.acts_at(state, regime), place, province_of(state))

    def hands(self, state: Product, ctx: Context) -> Mapping[str, frozenset[str]]:
        """Those of the idea, the plan or the dossier, by the step it belongs to."""
        return state.hands_in(MATTERS.get(self.step, "dossier"))

    def ready(self, state: Product, ctx: Context, states: Sequence[str]) -> None:
        """The product stands in one of these phases."""
        expect(state, ctx, *map(Phase, states))

    def acts_at(self, state: Product, regime: Regime | None) -> str | None:
        """The level the act is done at: where the dossier lies."""
        return state.dossier.level if state.dossier else None

    @abstractmethod
    def decide(self, state: Product, ctx: Context) -> Sequence[Fact | For]:
        """The facts that follow; an empty list when nothing would change. Raises Refusal."""


def province_of(product: Product) -> str:
    """Province code of a product's commune ("" before it is opened)."""
    found = commune(product.commune)
    return found.province if found else ""


def expect(product: Product, ctx: Context, *phases: Phase) -> None:
    """Refuse unless the product stands in one of ``phases`` and the act is not dated before it."""
    if product.phase not in phases:
        vi, en = PHASE_NAMES[product.phase]
        wanted_vi = " hoặc ".join(PHASE_NAMES[phase][0] for phase in phases)
        wanted_en = " or ".join(PHASE_NAMES[phase][1] for phase in phases)
        raise WrongOrder(
            f"Sản phẩm đang ở tình trạng “{vi}”, không thực hiện được bước này.",
            f"The product stands at “{en}”; this act is not possible there.",
            hint_vi=f"Bước này cần: {wanted_vi}.",
            hint_en=f"It needs: {wanted_en}.",
        )
    not_before(product.since, ctx)


def expect_open(product: Product, ctx: Context, *, from_phase: Phase | None = None) -> None:
    """Refuse when this cycle is closed, or when the product has not come as far as ``from_phase``."""
    order = list(Phase)
    reached = from_phase is None or order.index(product.phase) >= order.index(from_phase)
    if product.phase in CLOSED or product.phase is Phase.NONE or not reached:
        vi, en = PHASE_NAMES[product.phase]
        raise WrongOrder(
            f"Sản phẩm đang ở tình trạng “{vi}”, không thực hiện được bước này.",
            f"The product stands at “{en}”; this act is not possible there.",
        )
    not_before(product.opened_on, ctx)


def not_before(day: date, ctx: Context) -> None:
    """Refuse an act dated before the one it builds on."""
    if ctx.effective_on < day:
        raise WrongOrder(
            f"Ngày thực hiện {ctx.effective_on:%d/%m/%Y} sớm hơn việc trước đó ({day:%d/%m/%Y}).",
            f"The act is dated {ctx.effective_on.isoformat()}, before the one it builds on ({day.isoformat()}).",
            field="effective_on",
            hint_vi="Kiểm tra lại ngày thực hiện trên văn bản.",
            hint_en="Check the date of the act on its paper.",
        )


def current_dossier(product: Product) -> Dossier:
    """The dossier being rated; refuses when there is none."""
    if product.dossier is None:
        raise WrongOrder("Sản phẩm chưa nộp hồ sơ đánh giá.", "No dossier has been filed yet.")
    return product.dossier


def rules_of(product: Product, ctx: Context) -> tuple[Regime, Sheet]:
    """Regime and sheet that the product's dossier pinned when it was filed."""
    dossier = current_dossier(product)
    return ctx.law.regimes[dossier.regime], ctx.law.sheets[dossier.sheet]
