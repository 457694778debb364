"""Five plans of the past as data (các kế hoạch mẫu): what they set themselves, ready to be entered.

Each figure and day of the texts at hand is a target, a deadline, a priority or a task, with the place it stands at.
"""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from pydantic import Field

from domain.programme.commands import (
    AssignTask,
    IssueProgramme,
    ProgrammeCommand,
    SetDeadline,
    SetPriority,
    SetTarget,
)
from domain.programme.targets import Deadline, Priority, Target, Task
from domain.values import Value


class Plan(Value):
    """A plan's file: the programme, and by code what it sets."""

    programme: dict[str, Any]
    targets: dict[str, Target]
    deadlines: dict[str, Deadline] = Field(default_factory=dict)
    priorities: dict[str, Priority] = Field(default_factory=dict)
    tasks: dict[str, Task] = Field(default_factory=dict)

    def commands(self) -> tuple[IssueProgramme, Sequence[ProgrammeCommand]]:
        """What enters it: the command that opens the programme, then those given to it. Dated the day it was issued."""
        issued = IssueProgramme.model_validate(
            {"decision_number": None, "effective_on": self.programme["issued_on"], **self.programme}, strict=False
        )
        on = issued.issued_on
        return issued, [
            *(SetTarget(code=code, target=target, effective_on=on) for code, target in self.targets.items()),
            *(SetDeadline(code=code, deadline=held, effective_on=on) for code, held in self.deadlines.items()),
            *(SetPriority(code=code, priority=held, effective_on=on) for code, held in self.priorities.items()),
            *(AssignTask(code=code, task=task, effective_on=on) for code, task in self.tasks.items()),
        ]


@cache
def plans() -> Mapping[str, Plan]:
    """All of them by the name of their file."""
    folder = files("domain.programme").joinpath("plans")
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return MappingProxyType(
        {
            entry.name.removesuffix(".toml"): Plan.model_validate(
                tomllib.loads(entry.read_text(encoding="utf-8")), strict=False
            )
            for entry in found
        }
    )
