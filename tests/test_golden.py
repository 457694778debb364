"""Stored bytes load for ever: the golden streams, upcasting, and what this version does not know."""

import json
import os
from hashlib import sha256
from typing import Any, ClassVar

import pytest
from pydantic import create_model

from application import recorded as envelope_module
from application.recorded import UPCASTS, Envelope, UnknownFact, from_bytes, to_bytes
from domain.product import facts
from domain.product.phases import Phase
from domain.product.state import Product, fold
from domain.stream import Fact
from domain.streams import CATALOGUE, KINDS
from domain.values import Step
from tests.golden_stream import add_missing, golden_facts, golden_lines, golden_stream, path_of, todays_stream

if os.environ.get("OCOP_UPDATE_SNAPSHOTS"):
    add_missing()

WRITTEN_FIRST = 52
"""Lines of products as the first version of the service wrote them; the first 32 are the tea's whole story."""
AS_WRITTEN = "305bc6af3f22484d64e50deef225cdcb7fbbc6c8516ba4c144d371d9dbd58e54"
LINES = [line for kind in KINDS for line in golden_lines(kind)]


def version_of(line: dict[str, str]) -> int:
    version: int = json.loads(line["state"])["fact_version"]
    return version


def test_every_fact_has_a_golden_line_of_each_of_its_versions() -> None:
    stored = {(line["name"], version_of(line)) for line in LINES}

    assert {(name, v) for name, fact in CATALOGUE.items() for v in range(1, fact.fact_version + 1)} == stored


@pytest.mark.parametrize("kind", KINDS)
def test_golden_bytes_load_and_fold(kind: str) -> None:
    state = KINDS[kind].fold(r.told for r in golden_stream(kind))

    assert state.version == len(golden_lines(kind))
    assert {line["name"].partition(".")[0] for line in golden_lines(kind)} == {kind}


def test_golden_bytes_of_the_newest_versions_are_written_again_byte_for_byte() -> None:
    for line, recorded in zip(LINES, golden_facts(), strict=True):
        if version_of(line) == recorded.fact.fact_version:
            assert to_bytes(recorded) == (line["name"], line["state"].encode())


def test_the_golden_file_is_only_ever_added_to() -> None:
    lines = path_of("product").read_text(encoding="utf-8").splitlines(keepends=True)

    assert sha256("".join(lines[:WRITTEN_FIRST]).encode()).hexdigest() == AS_WRITTEN


@pytest.mark.parametrize("kind", KINDS)
def test_todays_facts_survive_the_bytes(kind: str) -> None:
    for recorded in todays_stream(kind):
        name, state = to_bytes(recorded)
        assert from_bytes(name, state) == recorded.envelope


# ── What was written before councils had sessions and levels were data ────────────────────────


def old(name: str) -> tuple[dict[str, Any], Any]:
    """The first version of a fact: its data as stored, and the fact as it is read today."""
    line = next(line for line in golden_lines() if line["name"] == name)
    assert version_of(line) == 1
    loaded = from_bytes(name, line["state"].encode())
    assert loaded.fact_version == CATALOGUE[name].fact_version
    return json.loads(line["state"])["data"], loaded.data


def test_every_earlier_version_has_its_upcast() -> None:
    assert {(name, v) for name, fact in CATALOGUE.items() for v in range(1, fact.fact_version)} == UPCASTS.keys()


@pytest.mark.parametrize(
    ("name", "added"),
    [
        ("product.scoring-concluded", {"level": "province", "session": None, "gate_test": "agreed"}),
        (
            "product.recognised",
            {"level": "province", "authority": "", "book": None, "product_number": None, "warnings": []},
        ),
        ("product.not-recognised", {"level": "province"}),
        ("product.result-approved", {"level": "province", "book": None}),
    ],
)
def test_facts_of_the_first_version_are_raised_to_todays_shape(name: str, added: dict[str, Any]) -> None:
    stored, fact = old(name)

    today = fact.model_dump(mode="json")
    assert today.keys() - stored.keys() == added.keys()
    assert {field: today[field] for field in added} == added
    kept = {field: value for field, value in stored.items() if field not in ("missed", "warnings")}
    assert {field: today[field] for field in kept} == kept


def test_points_found_at_a_gate_are_exact_today() -> None:
    stored, fact = old("product.result-approved")

    assert stored["warnings"] == [{"code": "4.1", "stars": 5, "needed": 5, "found": 3}]
    assert [(g.code, g.stars, g.needed, g.found) for g in fact.warnings] == [("4.1", 5, 5, "3")]


def told(until: str) -> Product:
    """The first version's tea up to and with the last fact of this name."""
    story = [recorded.told for recorded in golden_stream()[:32]]
    last = max(n for n, t in enumerate(story) if t.fact.stored_name == until)
    return fold(story[: last + 1])


def test_a_proposal_to_the_province_is_read_as_a_dossier_that_went_up() -> None:
    product = told("product.proposed-to-province")

    assert product.phase is Phase.PROPOSED
    assert product.dossier is not None
    assert (product.dossier.level, product.dossier.batch) == ("province", "2026-2")
    assert str(product.dossier.batch_done) == "2026-12-30"
    assert product.dossier.registered == {"commune"}


def test_score_sheets_in_the_open_still_count() -> None:
    scored = told("product.score-sheet-submitted")

    assert scored.phase is Phase.ADVISED
    assert scored.dossier is not None
    assert dict(scored.dossier.sheets) == {f"council-member-{n}": 59 for n in (1, 2, 3)}
    assert (scored.dossier.session, scored.dossier.opened) == (None, ())
    again = fold([t.told for t in golden_stream()[:26]] + [t.told for t in golden_stream()[42:43]])
    assert again.dossier is not None
    assert dict(again.dossier.sheets) == {}  # another round was ordered


def test_the_first_versions_story_ends_with_its_star() -> None:
    product = told("product.revenue-reported")

    assert product.phase is Phase.RECOGNISED
    assert product.certificate is not None
    assert (product.certificate.number, product.certificate.stars) == ("25-2026-001", 3)
    assert (product.certificate.level, product.certificate.authority) == ("province", "")
    assert (str(product.certificate.issued_on), str(product.certificate.valid_to)) == ("2026-10-20", "2029-10-20")
    assert product.dossier is not None
    assert product.dossier.result is not None
    assert (product.dossier.result.average, product.dossier.result.session) == ("59", None)
    assert (product.dossier.decided, product.dossier.notified) == (True, True)


# ── What this version does not know ───────────────────────────────────────────────────────────


def test_an_old_version_is_raised_to_todays_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    class FairAttendedV3(Fact):
        stored_name: ClassVar[str] = "product.fair-attended"
        fact_version: ClassVar[int] = 3
        step: ClassVar[Step] = Step.PROMOTION
        fair_name: str
        place: str
        sales: int | None
        country: str

    name = "product.fair-attended"
    shape = create_model("StoredV3", __base__=Envelope, data=(FairAttendedV3, ...))
    monkeypatch.setitem(CATALOGUE, name, FairAttendedV3)
    monkeypatch.setitem(envelope_module._SHAPES, name, shape)
    upcasts = {
        (name, 1): lambda data: {"fair_name": data["fair"], "place": data["place"], "sales": data["sales"]},
        (name, 2): lambda data: {**data, "country": "VN"},
    }
    monkeypatch.setattr(envelope_module, "UPCASTS", upcasts)
    line = next(line for line in golden_lines() if line["name"] == name)

    loaded = from_bytes(name, line["state"].encode())

    assert loaded.fact_version == 3
    assert loaded.data.fair_name == "Hội chợ OCOP vùng Tây Bắc"
    assert loaded.data.country == "VN"
    newer = json.dumps({**json.loads(line["state"]), "fact_version": 4}).encode()
    with pytest.raises(UnknownFact):
        from_bytes(name, newer)


def test_a_name_nobody_knows_is_said_so() -> None:
    with pytest.raises(UnknownFact, match="nobody-knows"):
        from_bytes("product.nobody-knows", b"{}")


def test_a_newer_fact_version_is_not_read_as_an_old_one() -> None:
    line = golden_lines()[0]
    state = json.dumps({**json.loads(line["state"]), "fact_version": facts.ProductIdentified.fact_version + 1})

    with pytest.raises(UnknownFact):
        from_bytes(line["name"], state.encode())
