"""What a programme asks for, as it read on any day: each target with its versions, deadlines, priorities, tasks."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from domain.programme.targets import Target


@dataclass(frozen=True, slots=True)
class TargetVersion:
    """A target as it read from a day on. ``version`` and ``position``: of the fact; ``decision``: that amended it."""

    target: Target
    since: date
    version: int
    position: int
    decision: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class PlanRead:
    """What a programme asks for. ``targets``: by code, the versions in the order of their days."""

    targets: dict[str, list[TargetVersion]]
    deadlines: dict[str, dict[str, Any]]
    priorities: dict[str, dict[str, Any]]
    tasks: dict[str, dict[str, Any]]


PLAN_FACTS = (
    "SELECT fact, effective_on, version, position, data FROM read.trail WHERE product_id = %s AND fact = ANY(%s)"
    " AND effective_on <= %s AND position <= %s ORDER BY effective_on, version"
)
_PARTS = {
    "programme.deadline-set": "deadline",
    "programme.priority-set": "priority",
    "programme.task-assigned": "task",
}


async def plan_of(connection: AsyncConnection[Any], programme: UUID, effective: date, position: int) -> PlanRead:
    """The plan as it read on a day, as known at a position."""
    wanted = ["programme.target-set", "programme.target-amended", *_PARTS]
    found = await (await connection.execute(PLAN_FACTS, (programme, wanted, effective, position))).fetchall()
    targets: dict[str, list[TargetVersion]] = {}
    parts: dict[str, dict[str, dict[str, Any]]] = {part: {} for part in _PARTS.values()}
    for fact, day, version, at, text in found:
        data = json.loads(text)
        if part := _PARTS.get(fact):
            parts[part][data["code"]] = data[part]
            continue
        target = Target.model_validate(data["target"], strict=False)
        since = TargetVersion(target, day, version, at, data.get("decision_number"), data.get("reason"))
        targets.setdefault(data["code"], []).append(since)
    return PlanRead(targets, parts["deadline"], parts["priority"], parts["task"])
