"""What a programme sets itself: targets, deadlines, priorities, tasks. Amounts are exact, never floats."""

from datetime import date
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from domain.product.facts import ProductGroup
from domain.product.rating_facts import LevelCode
from domain.values import AreaCode, Day, Line, Paragraph, Value

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?$")]
"""A name inside a programme: small letters, digits and hyphens, at most 60."""

Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}(\.[0-9]{1,4})?$")]
"""An exact amount as text, such as "20", "1.5" or "70" (of a hundred): never floated."""

Compare = Literal["at-least", "more-than", "within"]


class Origin(Value):
    """Where a plan says it: the section or paragraph, and the figure or day as it stands there ("70%", "30/9/2023")."""

    place: Line
    figure: Line


class Target(Value):
    """A target (chỉ tiêu): a measure, the amount wanted, for which area and goods, by when.

    ``measure``: id in ``measures.toml``, which says unit and definition. ``compare``: at least, more than, or within
    ``amount`` and ``most``. ``first``: what is done before does not count; None: the programme's first day.
    ``every``: asked of each year anew. ``each``: asked of every old unit (cấp huyện) or commune of the area;
    ``units``: how many there are, where the plan says it. ``baseline``: the amount at the start, where it gives one.
    """

    title: Line
    measure: Slug
    compare: Compare = "at-least"
    amount: Quantity
    most: Quantity | None = None
    first: Day | None = None
    due: Day
    every: Literal["year"] | None = None
    area: AreaCode | None = None
    each: Literal["old-unit", "commune"] | None = None
    units: Annotated[int, Field(ge=1, le=10_000)] | None = None
    groups: tuple[ProductGroup, ...] = ()
    baseline: Quantity | None = None
    origin: Origin | None = None

    @model_validator(mode="after")
    def _sound(self) -> "Target":
        if (self.most is None) == (self.compare == "within") or (
            self.most is not None and Fraction(self.most) < Fraction(self.amount)
        ):
            raise ValueError("span-unclear")
        if self.first is not None and self.first > self.due:
            raise ValueError("days-crossed")
        if self.units is not None and self.each is None:
            raise ValueError("units-of-nothing")
        return self

    def spans(self, first: date) -> list[tuple[date, date]]:
        """The spans it is asked of, first and last day: one, or each year's part of it. ``first``: the programme's."""
        begin = self.first or first
        if self.every is None:
            return [(begin, self.due)]
        return [
            (max(begin, date(year, 1, 1)), min(self.due, date(year, 12, 31)))
            for year in range(begin.year, self.due.year + 1)
        ]

    def reached(self, amount: Fraction) -> bool:
        """Whether an amount is what it asks for."""
        wanted = Fraction(self.amount)
        if self.compare == "within":
            return wanted <= amount <= Fraction(self.most or self.amount)
        return amount > wanted if self.compare == "more-than" else amount >= wanted


class Deadline(Value):
    """Something to be done by a day (thời hạn). ``level``: who does it; ``before``: the day itself is too late."""

    title: Line
    level: LevelCode | None = None
    step: Annotated[int, Field(ge=1, le=6)] | None = None
    due: Day
    before: bool = False
    origin: Origin | None = None


class Priority(Value):
    """What comes first (ưu tiên): goods of some groups, or products named. ``count``: how many, as the plan says."""

    title: Line
    groups: tuple[ProductGroup, ...] = ()
    products: tuple[Line, ...] = ()
    count: Annotated[int, Field(ge=1, le=10_000)] | None = None
    origin: Origin | None = None


class Task(Value):
    """What an agency is charged with (nhiệm vụ)."""

    agency: Line
    text: Paragraph
    origin: Origin | None = None
