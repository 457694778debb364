"""What both measuring sticks share with the service: the commands' bodies, and the size of a stored row."""

import json
from datetime import UTC, datetime
from uuid import uuid4

from pydantic import BaseModel

from domain.product.steps.idea import EndorseIdea, SubmitIdea
from domain.product.steps.outreach import HandOverIdeaForm, IdentifyProduct, RecordGuidance
from domain.values import Role
from tests.story import COMMUNE, actor

__all__ = [
    "ACTOR",
    "BESIDE",
    "COMMUNE",
    "EndorseIdea",
    "HandOverIdeaForm",
    "IdentifyProduct",
    "RecordGuidance",
    "SubmitIdea",
    "row_bytes",
]

ACTOR = actor(Role.COMMUNE_OFFICER).model_dump(mode="json")
BESIDE = {"effective_on", "paper", "source"}
"""Fields of a body that stand in the envelope."""
_ENVELOPE = (
    '{{"fact_version":1,"recorded_at":"{at}","effective_on":"{on}","actor":'
    + json.dumps(ACTOR, ensure_ascii=False, separators=(",", ":")).replace("{", "{{").replace("}", "}}")
    + ',"paper":null,"source":{{"kind":"native","scan_sha256":null,"note":null}},"command_id":"{id}","commune":"'
    + COMMUNE
    + '","data":{data}}}'
)


def row_bytes(body: BaseModel) -> bytes:
    """A row as large as the fact that follows from the command: the same envelope round the body's own fields."""
    now = datetime.now(UTC)
    data = body.model_dump_json(exclude=BESIDE)
    return _ENVELOPE.format(at=now.isoformat(), on=now.date(), id=uuid4(), data=data).encode()
