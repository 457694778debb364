"""What every command of a product shares: its fields, its context, its guards.

A command is what an official or producer wants recorded; ``decide`` turns it into facts or refuses.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from domain.law.areas import commune
from domain.law.book import LawBook, Regime, Sheet
from domain.product.facts import ProductFact
from domain.product.phases import CLOSED, PHASE_NAMES, Phase
from domain.product.state import Dossier, Product, Told
from domain.refusals import WrongOrder
from domain.values import Actor, Day, Moment, Paper, Source, Step, Value


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may look at besides the product: the law, the actor, the day, the history.

    ``effective_on`` is the date of the act in Vietnam; ``expected_version`` the version the caller decided
    on, or None; ``history`` is filled only for commands that ask for it with ``needs_history``.
    """

    law: LawBook
    actor: Actor
    moment: Moment
    effective_on: date
    history: tuple[Told, ...] = ()
    expected_version: int | None = None


class Command(Value, ABC):
    """Base of all commands.

    ``effective_on``: date of the act (default: today in Vietnam), never in the future.
    ``paper``: the document behind it. ``source``: native, from paper (with the scan's hash) or
    illustrative.
    """

    name: ClassVar[str]
    step: ClassVar[Step | None]
    vi: ClassVar[str]
    en: ClassVar[str]
    needs_history: ClassVar[bool] = False

    effective_on: Day | None = None
    paper: Paper | None = None
    source: Source = Source()

    @abstractmethod
    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """The facts that follow; an empty list when nothing would change. Raises Refusal."""


def province_of(product: Product) -> str:
    """Province code of a product's commune ("" before it is opened)."""
    found = commune(product.commune)
    return found.province if found else ""


def expect(product: Product, ctx: Context, *phases: Phase) -> None:
    """Refuse unless the product stands in one of ``phases`` and the act is not dated before it."""
    if product.phase not in phases:
        vi, en = PHASE_NAMES[product.phase]
        wanted_vi = ", ".join(PHASE_NAMES[phase][0] for phase in phases)
        wanted_en = ", ".join(PHASE_NAMES[phase][1] for phase in phases)
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
