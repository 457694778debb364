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
        """A producer sees its own products, everybody else those of the area."""
        return cls(actor.area, (actor.producer or "") if actor.role is Role.PRODUCER else None)

    def where(self) -> tuple[LiteralString, dict[str, Any]]:
        """Condition on columns commune, province and producer, with its parameters."""
        if self.producer is not None:
            return "producer = %(scope_producer)s", {"scope_producer": self.producer}
        if self.area == NATION:
            return "true", {}
        if len(self.area) == 2:
            return "province = %(scope_area)s", {"scope_area": self.area}
        return "commune = %(scope_area)s", {"scope_area": self.area}
