"""Stored bytes load for ever: the golden stream, upcasting, and what this version does not know."""

import json
import os
from typing import ClassVar

import pytest
from pydantic import create_model

from application import recorded as envelope_module
from application.recorded import Envelope, UnknownFact, from_bytes, to_bytes
from domain.product import facts
from domain.product.facts import CATALOGUE, Fact
from domain.product.state import fold
from domain.values import Step
from tests.golden_stream import PATH, add_missing, golden_lines, golden_stream, todays_stream

if os.environ.get("OCOP_UPDATE_SNAPSHOTS"):
    add_missing()


def test_every_fact_has_a_golden_line_of_its_newest_version() -> None:
    stored = {(line["name"], json.loads(line["state"])["fact_version"]) for line in golden_lines()}

    assert {(name, fact.fact_version) for name, fact in CATALOGUE.items()} <= stored


def test_golden_bytes_load_and_fold() -> None:
    product = fold(r.told for r in golden_stream())

    assert product.version == len(golden_lines())
    assert product.certificate is not None


def test_golden_bytes_of_the_newest_versions_are_written_again_byte_for_byte() -> None:
    for line, recorded in zip(golden_lines(), golden_stream(), strict=True):
        if json.loads(line["state"])["fact_version"] == recorded.fact.fact_version:
            assert to_bytes(recorded) == (line["name"], line["state"].encode())


def test_the_golden_file_is_only_ever_added_to() -> None:
    names = [json.loads(line)["name"] for line in PATH.read_text(encoding="utf-8").splitlines()]

    assert names[:3] == ["product.identified", "product.guidance-given", "product.idea-form-handed-over"]
    assert len(names) >= len(CATALOGUE)


def test_todays_facts_survive_the_bytes() -> None:
    for recorded in todays_stream():
        name, state = to_bytes(recorded)
        assert from_bytes(name, state) == recorded.envelope


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
    monkeypatch.setitem(CATALOGUE, name, FairAttendedV3)  # type: ignore[arg-type]
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
