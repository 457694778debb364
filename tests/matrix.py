"""What the decision table permits and denies, cell by cell, as plain data to hold against a snapshot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from domain.decide import COMMANDS
from domain.law.authority import Table
from domain.law.book import LawBook
from domain.law.models import Competence, Regime
from domain.values import Role

SOMEBODY = frozenset({"x"})


def levels_of(regime: Regime | None) -> list[str | None]:
    return [None, "commune", *(level.code for level in regime.levels)] if regime else [None]


def competences(law: LawBook) -> dict[str, Any]:
    """Command → regime → level → roles; practice stands under no regime."""
    found: dict[str, Any] = {}
    for command in COMMANDS:
        for regime in (None, *law.regimes.values()):
            for level in levels_of(regime):
                rule = law.competence_rule(command, "25", regime, level)
                if rule is not None:
                    place = found.setdefault(command, {}).setdefault(regime.id if regime else "-", {})
                    place[level or "-"] = sorted(rule[1].roles)
    return found


def cells(law: LawBook) -> dict[str, Any]:
    """Every cell, by asking the table as the service does."""
    table = law.authority
    hands = sorted({deny.of for deny in table.denies} | {"submit", "review", "score", "change", "receive"})
    return {
        "competences": competences(law),
        "states": {name: list(entry.states) for name, entry in table.commands.items() if entry.states != "any"},
        "fresh proof": sorted(name for name, entry in table.commands.items() if entry.step_up),
        "producer's will": sorted(name for name, entry in table.commands.items() if entry.own_will),
        "apart": {
            name: denied
            for name, entry in [*table.commands.items(), *table.routes.items()]
            if (denied := {of: deny.id for of in hands if (deny := table.separated(entry, SOMEBODY, {of: SOMEBODY}))})
        },
        "kept back": {
            name: kept
            for name, entry in table.commands.items()
            if (kept := {role: deny.id for role in Role if (deny := table.held_back(entry, {role}))})
        },
        "roles": {
            role: [entry.area, entry.signs, entry.delegable, entry.until, sorted(entry.serves)]
            for role, entry in table.roles.items()
        },
        "routes": {
            path: [readers(table, entry.roles), entry.area, entry.scope, entry.step_up]
            for path, entry in table.routes.items()
        },
    }


def readers(table: Table, group: str) -> list[str]:
    return sorted(table.groups[group]) if group in table.groups else [group]


def as_text(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True)


# ── Mutants: one rule less ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Mutant:
    what: str
    law: LawBook


def mutants(law: LawBook) -> Iterator[Mutant]:
    """The law book with any one rule taken out."""
    yield from _without_competences(law)
    for name, changed in _tables(law.authority):
        yield Mutant(name, with_table(law, changed))


def with_table(law: LawBook, table: Table) -> LawBook:
    return LawBook(law.regimes, law.sheets, law.practice, table, law._hashes)


def _without_competences(law: LawBook) -> Iterator[Mutant]:
    def less(held: dict[str, Competence], name: str) -> dict[str, Competence]:
        return {key: value for key, value in held.items() if key != name}

    for name in law.practice.competences:
        practice = law.practice.model_copy(update={"competences": less(law.practice.competences, name)})
        yield Mutant(f"practice {name}", LawBook(law.regimes, law.sheets, practice, law.authority, law._hashes))
    for regime in law.regimes.values():
        for name in regime.competences:
            mutated = regime.model_copy(update={"competences": less(regime.competences, name)})
            regimes = {**law.regimes, regime.id: mutated}
            yield Mutant(f"{regime.id} {name}", LawBook(regimes, law.sheets, law.practice, law.authority, law._hashes))


def _tables(table: Table) -> Iterator[tuple[str, Table]]:
    def changed(**update: Any) -> Table:
        return table.model_copy(update=update)

    for deny in table.denies:
        yield f"deny {deny.id}", changed(denies=tuple(d for d in table.denies if d is not deny))
    for holder in table.holders:
        yield f"holder {holder.id}", changed(holders=tuple(h for h in table.holders if h is not holder))
    for path in table.routes:
        yield f"route {path}", changed(routes={key: value for key, value in table.routes.items() if key != path})
    for group, roles in table.groups.items():
        for role in roles:
            yield (
                f"group {group} {role}",
                changed(groups={**table.groups, group: tuple(other for other in roles if other is not role)}),
            )
    for role, entry in table.roles.items():
        if entry.signs:
            yield f"role {role} signs", changed(roles={**table.roles, role: entry.model_copy(update={"signs": False})})
        for served in entry.serves:
            left = tuple(other for other in entry.serves if other is not served)
            yield (
                f"role {role} serves {served}",
                changed(roles={**table.roles, role: entry.model_copy(update={"serves": left})}),
            )
        if entry.until:
            yield f"role {role} until", changed(roles={**table.roles, role: entry.model_copy(update={"until": None})})
        if not entry.delegable:
            free = entry.model_copy(update={"delegable": True})
            yield f"role {role} delegable", changed(roles={**table.roles, role: free})
    yield from _commands(table)


def _commands(table: Table) -> Iterator[tuple[str, Table]]:
    for name, entry in table.commands.items():
        updates: list[tuple[str, dict[str, Any]]] = []
        if entry.states != "any":
            updates += [(f"state {s}", {"states": tuple(o for o in entry.states if o != s)}) for s in entry.states]
        updates += [(f"hand {h}", {"hands": tuple(o for o in entry.hands if o != h)}) for h in entry.hands]
        updates += [("fresh proof", {"step_up": False})] * entry.step_up
        updates += [("producer's will", {"own_will": False})] * entry.own_will
        for what, update in updates:
            mutated = entry.model_copy(update=update)
            yield f"command {name} {what}", table.model_copy(update={"commands": {**table.commands, name: mutated}})
