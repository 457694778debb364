"""Arrays as PostgreSQL reads them in binary: an append has a dozen, and psycopg makes each item by item.

Pass one where a query has ``%b``. Items are never NULL. Format: ``array_recv`` in PostgreSQL's source.
"""

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import ClassVar
from uuid import UUID

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER, _EMPTY, _LENGTH, _BIGINT = Struct("!iiIii"), Struct("!iiI"), Struct("!i"), Struct("!iq")
_UUID_LENGTH = _LENGTH.pack(16)


class PackedArray:
    """An array of one type. ``item_oid``: of its items, ``oid``: of the array, as in ``pg_type``."""

    item_oid: ClassVar[int]
    oid: ClassVar[int]

    def __init__(self, items: Sequence[bytes]) -> None:
        """Each item with its length before it."""
        if items:
            self.data = _HEADER.pack(1, 0, self.item_oid, len(items), 1) + b"".join(items)
        else:
            self.data = _EMPTY.pack(0, 0, self.item_oid)


class Uuids(PackedArray):
    """``uuid[]``."""

    item_oid, oid = 2950, 2951

    def __init__(self, values: Iterable[UUID]) -> None:
        super().__init__([_UUID_LENGTH + value.bytes for value in values])


class Bigints(PackedArray):
    """``bigint[]``."""

    item_oid, oid = 20, 1016

    def __init__(self, values: Iterable[int]) -> None:
        super().__init__([_BIGINT.pack(8, value) for value in values])


class Byteas(PackedArray):
    """``bytea[]``."""

    item_oid, oid = 17, 1001

    def __init__(self, values: Iterable[bytes]) -> None:
        super().__init__([_LENGTH.pack(len(value)) + value for value in values])


class Texts(PackedArray):
    """``text[]``."""

    item_oid, oid = 25, 1009

    def __init__(self, values: Iterable[str]) -> None:
        super().__init__([_LENGTH.pack(len(value)) + value for value in map(str.encode, values)])


def _register(kind: type[PackedArray]) -> None:
    class Packed(Dumper):
        format, oid = Format.BINARY, kind.oid

        def dump(self, obj: PackedArray) -> bytes:
            return obj.data

    psycopg.adapters.register_dumper(kind, Packed)


for _kind in (Uuids, Bigints, Byteas, Texts):
    _register(_kind)
