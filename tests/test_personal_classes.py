"""The class of every stored field: complete, and true to the facts."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from api.examples import EXAMPLES
from application.keys import MemoryKeys
from application.seals import Keeper
from domain import personal
from domain.decide import COMMANDS
from domain.personal import BrokenTable, Spot, all_types, read_table
from domain.product import certificate_facts as c
from domain.product import facts as f
from domain.sealing import STORED, SealedField, sealed_field
from domain.streams import CATALOGUE
from tests.golden_stream import golden_facts
from tests.language import keeper

TABLE = tomllib.loads((Path(personal.__file__).parent / "personal.toml").read_text(encoding="utf-8"))
SEALED = {"key": "00000000-0000-4000-8000-000000000001", "box": "AAAA"}
STREAM = UUID(int=5)


def altered(name: str, **entry: Any) -> dict[str, Any]:
    return {**TABLE, name: {**TABLE[name], **entry}}


def test_every_field_of_every_fact_and_of_the_envelope_has_one_class() -> None:
    kinds = all_types()

    assert {fact.__name__ for fact in CATALOGUE.values()} | {"Actor", "Paper", "Source", "Producer"} <= kinds.keys()
    assert TABLE.keys() == kinds.keys()
    for name, kind in kinds.items():
        entry = TABLE[name]
        listed = [*entry["official"], *entry.get("process", {}), *entry.get("consent", {})]
        assert sorted(listed) == sorted(kind.model_fields), name


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({name: entry for name, entry in TABLE.items() if name != "Choice"}, "Choice: no class for code, option"),
        (altered("Choice", official=["code"]), "Choice: no class for option"),
        (altered("Choice", official=["code", "option", "more"]), "Choice: there is no field more"),
        ({**TABLE, "Nobody": {"official": []}}, "there is no Nobody"),
        (altered("Producer", official=["registration", "name", "kind", "phone"]), "Producer: a field has two classes"),
        (altered("Choice", official=["code"], process={"option": "product"}), "the type of option is not Sealable"),
        (altered("IdeaFormHandedOver", official=["form", "received_by"], process={}), "received_by is Sealable"),
        (altered("IdeaFormHandedOver", process={"received_by": "somebody"}), "somebody names no subject"),
        (altered("Choice", secret=["code"]), "no class is called secret"),
    ],
)
def test_a_table_that_does_not_agree_with_the_facts_is_refused(table: dict[str, Any], why: str) -> None:
    with pytest.raises(BrokenTable, match=why):
        read_table(table, all_types())


def test_the_fields_that_are_known_to_be_personal_are_not_official() -> None:
    found = {(name, field) for name, rules in personal.RULES.items() for field in rules}

    assert found == {
        *(("Producer", x) for x in ("address", "representative", "phone", "email")),
        ("Producer", "representative_is_woman"),
        ("Producer", "representative_ethnic_group"),
        *(("RegisterEntity", x) for x in ("address", "representative", "phone")),
        ("RegisterRow", "cells"),
        ("IdeaFormHandedOver", "received_by"),
        ("WrittenNoticeGiven", "received_by"),
        ("ComplaintFiled", "complainant"),
        ("ProducerRegistered", "address"),
    }
    assert "received_by" in TABLE["DossierRegistered"]["official"], "the receiving officer"


@pytest.mark.parametrize("command", ["submit-idea", "hand-over-idea-form", "enter-from-register", "file-complaint"])
def test_sealed_content_is_not_taken_from_a_client(command: str) -> None:
    bodies = {
        "submit-idea": {"producer": {**EXAMPLES["submit-idea"]["producer"], "phone": SEALED}},
        "hand-over-idea-form": {"received_by": SEALED},
        "enter-from-register": {"register_row": {**EXAMPLES["enter-from-register"]["register_row"], "cells": SEALED}},
        "file-complaint": {"complainant": SEALED},
    }
    with pytest.raises(ValidationError) as caught:
        COMMANDS[command].model_validate_json(json.dumps({**EXAMPLES[command], **bodies[command]}))

    # Commands of one act take plain lines alone; values that facts share know sealed content, and refuse it.
    kind = "sealed-content" if command in ("submit-idea", "enter-from-register") else "string_type"
    assert [error["type"] for error in caught.value.errors()] == [kind]


def test_what_is_stored_may_be_sealed_and_is_written_as_it_was() -> None:
    stored = {"received_by": SEALED, "form": "new-product"}

    fact = f.IdeaFormHandedOver.model_validate(stored, context=STORED)

    assert isinstance(fact.received_by, SealedField)
    assert fact.model_dump(mode="json") == stored
    for broken in ({**SEALED, "key": "no id"}, {**SEALED, "box": "no base64 !"}, {**SEALED, "box": 5}):
        assert sealed_field(broken) is None
        with pytest.raises(ValidationError):
            f.IdeaFormHandedOver.model_validate({**stored, "received_by": broken}, context=STORED)


def test_what_was_stored_before_fields_were_sealed_still_loads() -> None:
    plain = [r for r in golden_facts() if r.fact.stored_name == "product.idea-submitted"]

    assert any(isinstance(r.fact.producer.address, str) for r in plain)  # type: ignore[union-attr]
    assert any(isinstance(r.fact.producer.address, SealedField) for r in plain)  # type: ignore[union-attr]


def producer(**more: Any) -> f.Producer:
    return f.Producer(**{"registration": "x-1", "name": "n", "kind": "household", "address": "Xóm 1", **more})


def idea(by: f.Producer) -> f.IdeaSubmitted:
    return f.IdeaSubmitted(producer=by, product_name="p", group="food", description="", local_material="")


def keys_in(fact: Any, version: int = 1) -> dict[str, UUID]:
    found: dict[str, UUID] = {}

    def note(spot: Spot, value: Any) -> Any:
        if (box := sealed_field(value)) is not None:
            found[spot.field] = box.key
        return value

    personal.visited(fact.stored_name, version, fact, note)
    return found


def test_whose_a_field_is() -> None:
    seals = keeper()
    everything = {"representative": "A", "phone": "1", "email": "e", "representative_is_woman": False}

    first = keys_in(personal.sealed(idea(producer(**everything)), STREAM, 1, None, seals))
    again = keys_in(personal.sealed(idea(producer(registration="X-1 ", phone="2")), UUID(int=6), 9, None, seals))
    other = keys_in(personal.sealed(idea(producer(registration="x-2")), STREAM, 2, None, seals))

    process = {first[f"producer.{name}"] for name in ("address", "representative", "phone", "email")}
    assert len(process) == 1
    assert first["producer.representative_is_woman"] not in process, "consent is a purpose of its own"
    assert set(again.values()) == process, "the same producer, in whatever product"
    assert not set(other.values()) & {*first.values()}


def test_an_address_is_personal_only_where_it_is_a_home() -> None:
    seals = keeper()

    for kind, home in (("household", True), ("farm", True), ("cooperative", False), ("small-medium-enterprise", False)):
        sealed: Any = personal.sealed(idea(producer(kind=kind)), STREAM, 1, None, seals)
        assert isinstance(sealed.producer.address, SealedField) == home, kind


def test_without_a_registration_number_it_is_known_through_the_product_only() -> None:
    seals = keeper()
    row = c.RegisterRow(file_sha256="a" * 64, row=1, cells={"A": "b"})

    def entered(registration: str | None) -> c.EnteredFromRegister:
        holder = c.RegisterEntity(name="n", phone="1", registration=registration)
        return c.EnteredFromRegister(
            name="p",
            commune="04876",
            commune_as_given="x",
            old_unit=None,
            group=None,
            holder=holder,
            register_row=row,
        )

    keys = keys_in(personal.sealed(entered(None), STREAM, 1, None, seals))
    form = f.IdeaFormHandedOver(received_by="a", form="new-product")
    assert set(keys.values()) == {*keys_in(personal.sealed(form, STREAM, 2, None, seals)).values()}
    numbered = keys_in(personal.sealed(entered("x-1"), STREAM, 1, None, seals))
    of_producer = keys_in(personal.sealed(idea(producer()), STREAM, 1, None, seals))
    assert set(numbered.values()) == {of_producer["producer.address"]}


def test_subject_ids_say_nothing_without_the_master_key() -> None:
    ours, theirs = (Keeper(letter * 32, MemoryKeys()) for letter in (b"a", b"b"))

    assert personal.producer("HKD-1", ours) == personal.producer(" hkd-1", ours)
    assert personal.producer("HKD-1", ours) != personal.producer("HKD-1", theirs)
    assert len({personal.producer("1", ours), ours.subject("product", "1"), ours.subject("complainant", "1")}) == 3
