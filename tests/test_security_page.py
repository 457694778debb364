"""docs/security.md says what the decision table, the law and the code say, and names tests that there are."""

import re
from pathlib import Path

import pytest

from api.authority_page import BEGIN, NoPlace, newest, permits_of, put_into, routes_of
from api.cli_law import current_authority
from application.access import passwords, throttle
from domain.decide import COMMANDS
from domain.law.book import law_book
from domain.values import ROLE_NAMES, Role

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
LAW = law_book()


def test_the_generated_part_is_what_table_law_and_code_give() -> None:
    assert put_into(PAGE, current_authority()) == PAGE, "run `ocop law authority`"


def test_the_page_tells_every_role_separation_route_and_command() -> None:
    part, table = current_authority(), LAW.authority

    assert all(f"#### {vi} · {en} (`{role}`)" in part for role, (vi, en) in ROLE_NAMES.items())
    assert all(f"| `{deny.id}` | {deny.vi} |" in part for deny in (*table.denies, *table.holders))
    assert part.count("luật không quy định, thiết lập của cơ quan · `not-found`") >= len(table.denies)
    assert all(f"`{path}`" in part for path in table.routes)
    assert all(f"(`{name}`)" in part for name in COMMANDS)


@pytest.mark.parametrize("role", Role)
def test_a_role_is_shown_what_the_law_book_answers(role: Role) -> None:
    """Asked level by level, as a decision is, instead of read rule by rule."""
    regime = newest(LAW)
    levels = [None, "commune", *(level.code for level in regime.levels)]
    asked = {
        found[0]
        for command in COMMANDS
        for level in levels
        if (found := LAW.competence_rule(command, "", regime, level)) and role in found[1].roles
    }
    shown = {permit.rule for permit in permits_of(LAW, role)}

    assert asked <= shown
    assert {rule.partition("/")[0] for rule in shown - asked} <= LAW.regimes.keys() - {regime.id}


def test_routes_of_a_role_are_those_it_is_let_into() -> None:
    assert "GET /v1/personal-data/reads" in routes_of(LAW.authority, Role.INSPECTOR)
    assert "GET /v1/personal-data/reads" not in routes_of(LAW.authority, Role.ADMINISTRATOR)
    assert routes_of(LAW.authority, Role.SYSTEM) == []


def test_the_numbers_are_the_codes() -> None:
    part = current_authority()

    assert f"| {passwords.SHORTEST}–{passwords.LONGEST} ký tự" in part
    assert f"| {throttle.LOCK_AT}, {throttle.LOCK.seconds // 60} phút" in part


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/\w+\.py)(?:::(\w+))?`", PAGE)

    assert len(named) > 20
    for file, function in named:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert not function or f"def {function}(" in text, f"{file}::{function}"


def test_every_link_leads_somewhere() -> None:
    anchors = set(re.findall(r'<a id="([^"]+)"></a>', PAGE))

    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        file, _, anchor = target.partition("#")
        assert (ROOT / "docs" / file).exists() if file else anchor in anchors, target


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(NoPlace):
        put_into(PAGE.replace(BEGIN, ""), "")
