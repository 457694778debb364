"""Who may take part (đối tượng tham gia): the list of entity kinds in the regime."""

from domain.law.models import Regime
from domain.refusals import AgainstTheLaw


def check_entity(regime: Regime, kind: str, group: str) -> None:
    """Refuse kinds of entities that the regime does not list; tourism has additional ones."""
    allowed = regime.eligibility.entities
    if group == "tourism":
        allowed += regime.eligibility.tourism_entities
    if kind not in allowed:
        raise AgainstTheLaw(
            f"Loại hình chủ thể không thuộc đối tượng tham gia ({regime.eligibility.legal_basis}).",
            f"This kind of entity cannot take part ({regime.eligibility.legal_basis}).",
            field="producer.kind",
            hint_vi=f"Đối tượng: {', '.join(allowed)}.",
            hint_en=f"Eligible: {', '.join(allowed)}.",
        )
