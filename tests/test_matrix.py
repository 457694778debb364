"""The decision table: every cell as declared, every route in it, and no rule that could go unnoticed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from api.app import create_app
from api.commands import path_of
from domain.decide import COMMANDS
from domain.law.authority import ANYBODY, EVERYBODY
from domain.law.book import law_book
from domain.product.phases import Phase
from domain.session.state import Stage
from domain.values import Role
from tests.matrix import as_text, cells, mutants
from tests.snapshot import matches_snapshot

SNAPSHOT = Path(__file__).parent / "snapshots" / "authority.json"


def test_every_cell_is_as_declared() -> None:
    matches_snapshot("authority.json", as_text(cells(law_book())))


def test_every_command_has_a_row_and_no_row_is_of_nothing() -> None:
    table = law_book().authority

    assert {name.partition("@")[0] for name in table.commands} == COMMANDS.keys()
    assert table.commands.keys() >= COMMANDS.keys()
    known = {*Phase, *Stage}
    for name, entry in table.commands.items():
        assert entry.states == "any" or set(entry.states) <= known, name
    assert table.roles.keys() == set(Role)


def declared_routes() -> Counter[str]:
    """Every route the service answers on, commands' aside."""
    app = create_app("postgresql:///nowhere", b"k" * 32)
    flat: list[Any] = []
    for route in app.routes:
        flat += [route] if hasattr(route, "path") else route.original_router.routes  # type: ignore[attr-defined]
    return Counter(f"{m} {r.path}" for r in flat for m in r.methods or () if m != "HEAD")


COMMAND_ROUTES = {"POST /v1/{kind:str}/{stream_id}/commands/{command}", "POST /v1/decisions/{command}"}


def test_a_route_that_is_not_declared_fails_here() -> None:
    found = declared_routes()
    commands = COMMAND_ROUTES | {f"POST {path_of(COMMANDS[name])}" for name in COMMANDS if COMMANDS[name].opens}
    routes = law_book().authority.routes

    assert set(found) - commands == routes.keys()
    assert len({entry.id for entry in routes.values()}) == len(routes)


def test_who_needs_no_login_reads_nothing_of_a_case() -> None:
    for path, entry in law_book().authority.routes.items():
        if entry.roles in (ANYBODY, EVERYBODY):
            assert entry.area in ("none", "own"), path


def test_any_one_rule_less_turns_the_matrix_red() -> None:
    """The mutation run: each rule of the table and each competence taken out in turn."""
    law, declared = law_book(), json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    tried, unnoticed = 0, []
    for mutant in mutants(law):
        tried += 1
        if json.loads(as_text(cells(mutant.law))) == declared:
            unnoticed.append(mutant.what)
    print(f"\n{tried} rules taken out in turn, {len(unnoticed)} unnoticed")

    assert tried > 400
    assert unnoticed == []
