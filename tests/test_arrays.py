"""Arrays packed here are to PostgreSQL what psycopg's own are."""

import struct
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.arrays import Bigints, Byteas, Texts, Uuids

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
KINDS = {
    "uuid": (Uuids, st.uuids()),
    "bigint": (Bigints, st.integers(-(2**63), 2**63 - 1)),
    "bytea": (Byteas, st.binary()),
    "text": (Texts, TEXT),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_packed_is_what_postgresql_reads(server_url: str, name: str) -> None:
    packed, items = KINDS[name]
    query = f"SELECT %b, %b = %s::{name}[], pg_typeof(%b)::text, cardinality(%b)"
    with psycopg.connect(server_url) as connection:

        @settings(max_examples=100)
        @given(st.lists(items, max_size=20))
        def check(values: list[Any]) -> None:
            one = packed(values)
            row = connection.execute(query.encode(), (one, one, values, one, one)).fetchone()
            assert row == (values, True, f"{name}[]", len(values))

        check()


def test_a_number_too_large_is_refused_before_it_is_sent() -> None:
    with pytest.raises((OverflowError, struct.error)):
        Bigints([2**63])
