"""The decision table (bảng thẩm quyền): its shape, read once from ``authority.toml``, and how it is asked.

Whether a role is competent for a command at a level is law (``domain/law``); the table says the rest: in which states
of a case a command is possible, which hand it is in a matter, what separates hands (deny), which roles read what
(permit), and what every role is. What is not permitted is denied, and a deny overrides every permit.
"""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field, ValidationError

from domain.law.checks import BrokenRules
from domain.law.models import Entry, Rule
from domain.values import Role, one_spelling

ANYBODY, EVERYBODY = "anybody", "everybody"
DEFAULT_DENY = "default-deny"
"""Id of the answer where no rule permits."""

Hands = Mapping[str, frozenset[str]]
"""Which persons, by handle, had which hand in a matter: "submit" → {…}."""


class RoleEntry(Entry):
    """A role (vai trò).

    ``area``: kind of area it is held over ("any-ever": units that are no more, too);
    ``signs``: it signs decisions, so its holder proves himself with a second
    factor; ``delegable``: its powers may be delegated (ủy quyền được); ``until``: last day there was such a role;
    ``serves``: roles whose acts it may do on their behalf (thực hiện thay), with their paper.
    """

    area: Literal["commune", "old-unit", "province", "nation", "any", "any-ever", "none"]
    signs: bool = False
    delegable: bool = True
    until: str | None = None
    serves: tuple[Role, ...] = ()


class CommandEntry(Entry):
    """What the table says of a command.

    ``states``: phases of the product or stages of the session in which it is possible ("any": whatever it decides
    itself); ``hands``: duties it fulfils; ``step_up``: asks for a fresh proof of identity; ``own_will``: it declares
    the producer's will, so that an officer who gives it says on whose behalf and on which paper.
    """

    states: tuple[str, ...] | Literal["any"] = "any"
    hands: tuple[str, ...] = ()
    step_up: bool = False
    own_will: bool = False


class RouteEntry(Entry):
    """Who may call a route that reads, or that is about oneself.

    ``roles``: a group, "anybody" without a login, or "everybody" who is logged in, with or without a role.
    ``area``: "within" the reader's area or, of a producer, its own; "own" person only; "none": not of any area.
    ``scope``: what a service account's token must carry. ``step_up``: asks for a fresh proof of identity. ``hands``:
    duties it fulfils, as of a command.
    """

    id: str
    roles: str
    area: Literal["within", "own", "none"] = "within"
    scope: str | None = None
    step_up: bool = False
    hands: tuple[str, ...] = ()


class Deny(Rule):
    """A separation: who had the hand ``of`` in a matter does not fulfil ``hand`` in it."""

    id: str
    hand: str
    of: str
    vi: str
    en: str


class HolderDeny(Rule):
    """Who holds ``role`` gives no command, under this or another assignment, except those with a hand in ``but``."""

    id: str
    role: Role
    but: tuple[str, ...] = ()
    vi: str
    en: str


class Table(Entry):
    """All of it, by name. ``old_units_until``: last day of the units that were between commune and province."""

    old_units_until: str
    roles: dict[Role, RoleEntry]
    groups: dict[str, tuple[Role, ...]]
    commands: dict[str, CommandEntry]
    routes: dict[str, RouteEntry]
    denies: tuple[Deny, ...] = Field(default=())
    holders: tuple[HolderDeny, ...] = Field(default=())

    def command(self, name: str, level: str | None = None) -> CommandEntry:
        """What the table says of a command, at a level where it says something else there."""
        return self.commands.get(f"{name}@{level}") or self.commands[name]

    def separated(self, entry: CommandEntry | RouteEntry, persons: Iterable[str], hands: Hands) -> Deny | None:
        """The first separation that keeps these persons from the command or route; None where none does."""
        acting = {one_spelling(person) for person in persons}
        for deny in self.denies:
            if deny.hand in entry.hands and not acting.isdisjoint(map(one_spelling, hands.get(deny.of, ()))):
                return deny
        return None

    def held_back(self, command: CommandEntry, held: Iterable[Role]) -> HolderDeny | None:
        """The first rule that keeps the holder of these roles from the command."""
        roles = set(held)
        for deny in self.holders:
            if deny.role in roles and not set(deny.but) & set(command.hands):
                return deny
        return None

    def may_read(self, route: RouteEntry, role: Role) -> bool:
        """Whether the role reads what the route shows."""
        return role in self.groups[route.roles]


def read_table(content: bytes) -> Table:
    """The table out of a file's bytes; raises BrokenRules."""
    try:
        table = Table.model_validate(tomllib.loads(content.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as broken:
        raise BrokenRules(f"authority.toml: {broken}") from None
    known = {*table.groups, ANYBODY, EVERYBODY}
    if unknown := [path for path, entry in table.routes.items() if entry.roles not in known]:
        raise BrokenRules(f"authority.toml: no group of readers for {', '.join(unknown)}")
    if missing := set(Role) - table.roles.keys():
        raise BrokenRules(f"authority.toml: roles {', '.join(sorted(missing))} are missing")
    return table
