"""Measures (chỉ số): what targets count, as data. See ``measures.toml``, which says what each part of it means."""

import tomllib
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

from pydantic import Field, model_validator

from domain.values import Stars, Value

What = Literal[
    "identified",
    "registered",
    "joined",
    "guided",
    "supported",
    "implemented",
    "evidence",
    "committed",
    "filed",
    "approved",
    "rated",
    "rated-in-year",
    "refused",
    "certified",
    "undated",
    "expired",
    "listed",
    "fair",
    "chain",
    "shop",
    "contract",
    "revenue",
    "profit",
    "revenue-before",
    "profit-before",
    "class",
    "media",
    "staff",
    "apparatus",
    "organisation",
    "monitoring",
    "event",
    "point-of-sale",
]
"""Kinds of marks (dấu việc): those of products, then those of programmes."""


class Selection(Value):
    """Which marks, on which days, and how they are counted."""

    what: tuple[What, ...] = Field(min_length=1)
    kinds: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    stars_from: Stars | None = None
    when: Literal["span", "day", "before"] = "span"
    years_after: int | None = None
    each: Literal["product", "subject", "mark", "amount"]


class Measure(Value):
    """One measure: names, definition and unit in both languages, and what it counts."""

    vi: str
    en: str
    definition_vi: str
    definition_en: str
    unit_vi: str
    unit_en: str
    form: Literal["count", "share", "growth", "ratio"] = "count"
    of: Selection
    over: Selection | None = None
    pair: Literal["", "among", "both"] = ""
    by_area: bool = False

    @model_validator(mode="after")
    def _whole(self) -> "Measure":
        if (self.form == "count") == (self.over is not None) or (self.pair and self.over is None):
            raise ValueError("over-unclear")
        return self

    def value(self, of: int, over: int | None) -> Fraction | None:
        """The figure, exact; None where there is nothing to divide by."""
        if self.form == "count":
            return Fraction(of)
        if not over:
            return None
        ratio = Fraction(of, over)
        return ratio if self.form == "ratio" else 100 * (ratio - 1 if self.form == "growth" else ratio)


@cache
def measures() -> Mapping[str, Measure]:
    """All measures by id."""
    data = tomllib.loads(files("domain.programme").joinpath("measures.toml").read_text(encoding="utf-8"))
    return MappingProxyType({code: Measure.model_validate(entry, strict=False) for code, entry in data.items()})
