"""What decisions need to know of the log: its keys."""

from dataclasses import dataclass

from domain.changing import replace
from domain.log.facts import LogFact
from domain.stream import Told


@dataclass(frozen=True, slots=True)
class Log:
    """The log. ``keys``: verifier keys that signed, the last one signs; none before the first change."""

    version: int = 0
    keys: tuple[str, ...] = ()


def evolve(log: Log, told: Told) -> Log:
    """The log after one more fact."""
    fact: LogFact = told.fact
    return replace(log, version=told.version, keys=(*(log.keys or (fact.before,)), fact.now))
