"""What a reader may see: rows of his area, or of his own products. One WHERE clause for every list."""

from dataclasses import dataclass
from typing import Any, LiteralString

from domain.law.areas import NATION
from domain.values import Actor, Role


@dataclass(frozen=True, slots=True)
class Scope:
    """Area ("VN", province or commune code) and, for a producer, its registration number."""

    area: str
    producer: str | None = None

    @classmethod
    def of(cls, actor: Actor) -> "Scope":
        """A producer sees its own products and those of its commune that nobody has registered yet."""
        return cls(actor.area, (actor.producer or "") if actor.role is Role.PRODUCER else None)

    def where(self) -> tuple[LiteralString, dict[str, Any]]:
        """Condition on columns commune, province and producer, with its parameters."""
        params: dict[str, Any] = {"scope_area": self.area}
        area: LiteralString = "commune = %(scope_area)s"
        if self.area == NATION:
            area, params = "true", {}
        elif len(self.area) != len("00000"):  # an old unit between province and commune reads its province
            area, params = "province = %(scope_area)s", {"scope_area": self.area[:2]}
        if self.producer is None:
            return area, params
        own: LiteralString = "(producer = %(scope_producer)s OR (producer IS NULL AND " + area + "))"
        return own, {**params, "scope_producer": self.producer}

    def where_area(self) -> tuple[LiteralString, dict[str, Any]]:
        """Condition for what belongs to an authority: its area is the reader's, or lies within the reader's."""
        if self.area == NATION:
            return "true", {}
        params = {"scope_area": self.area, "scope_province": self.area[:2]}
        if self.area == params["scope_province"]:
            return "province = %(scope_province)s", params
        return "commune = %(scope_area)s", params
