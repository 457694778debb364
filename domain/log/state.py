"""What decisions need to know of the log: the key that signs."""

from dataclasses import dataclass

from domain.changing import replace
from domain.log.facts import LogFact
from domain.stream import Told


@dataclass(frozen=True, slots=True)
class Log:
    """The log. ``key``: verifier key of the one that signs; "" before the first change of it."""

    version: int = 0
    key: str = ""


def evolve(log: Log, told: Told) -> Log:
    """The log after one more fact."""
    fact: LogFact = told.fact
    return replace(log, version=told.version, key=fact.now)
