"""A changed state is what the library's own ``replace`` makes of it."""

import dataclasses
import importlib
import pkgutil
from dataclasses import fields
from typing import Any

import pytest

import domain
from domain.changing import replace
from domain.product.state import Certificate, Product


def _states() -> list[type[Any]]:
    modules = [m.name for m in pkgutil.walk_packages(domain.__path__, "domain.") if m.name.endswith(".state")]
    found = [v for name in modules for v in vars(importlib.import_module(name)).values() if isinstance(v, type)]
    return sorted({v for v in found if dataclasses.is_dataclass(v)}, key=lambda v: (v.__module__, v.__name__))


@pytest.mark.parametrize("kind", _states(), ids=lambda kind: kind.__name__)
def test_every_state_is_changed_as_the_library_would(kind: type[Any]) -> None:
    assert not hasattr(kind, "__post_init__"), "what a state checks when it is made would be passed over"
    state = kind(**{field.name: object() for field in fields(kind)})

    for field in fields(kind):
        other = object()
        made = replace(state, **{field.name: other})
        assert type(made) is kind
        assert made == dataclasses.replace(state, **{field.name: other})
        assert state != made, "the state it was made from stays as it was"


def test_the_changed_state_is_as_frozen_as_the_first() -> None:
    made = replace(Product(), version=1)

    with pytest.raises(dataclasses.FrozenInstanceError):
        made.version = 2  # type: ignore[misc]


def test_a_field_that_is_none_is_refused() -> None:
    with pytest.raises(KeyError, match="star"):
        replace(Certificate("1", 4, 2025, None, None), star=5)  # type: ignore[call-arg]
