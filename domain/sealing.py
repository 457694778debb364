"""Sealed content (nội dung niêm phong): written by the journal, readable by nobody until its seal is broken.

A fact that must stay secret for a while carries a ``Sealed`` in place of the content; a field with personal data
carries a ``SealedField``. The key belongs to a subject (a scoring round, a person), lives outside the journal, and
is given to nobody before the rules say so. A destroyed key erases what it sealed, wherever copies of it lie.
"""

import re
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, Final, Protocol, TypeVar, get_args
from uuid import UUID

from pydantic import GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from domain.values import Sha256, Value

STORED: Final = {"stored": True}
"""Validation context of what the service itself wrote: only there may a field hold sealed content."""


class Sealed(Value):
    """Encrypted content. ``subject``: whose key; ``box``: nonce and ciphertext in base64.

    ``sha256`` is over the box, so that what is opened later can be shown to be what was sealed.
    """

    subject: UUID
    box: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/=]+$", max_length=60_000)]
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class SealedField:
    """A field's value, encrypted. ``key``: id of the key; ``box``: nonce and ciphertext in base64."""

    key: UUID
    box: str

    def as_json(self) -> dict[str, str]:
        """As it is stored."""
        return {"key": str(self.key), "box": self.box}


class KeyDestroyed(Exception):
    """The key of sealed content was destroyed: what it sealed is erased for good (đã xoá)."""


_FORM = frozenset({"key", "box"})
_BASE64 = re.compile(r"[A-Za-z0-9+/=]+")


def sealed_field(value: object) -> SealedField | None:
    """What is stored in a field, where that is sealed content; None for anything else."""
    if isinstance(value, SealedField):
        return value
    if not isinstance(value, dict) or value.keys() != _FORM:
        return None
    key, box = value["key"], value["box"]
    if not isinstance(key, str) or not isinstance(box, str) or not _BASE64.fullmatch(box):
        return None
    try:
        return SealedField(UUID(key), box)
    except ValueError:
        return None


class _MaySeal:
    """Lets a field hold sealed content when it is read from the store; what a client sends stays plain."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        parts = [part for part in get_args(source) if part is not SealedField]
        return core_schema.with_info_wrap_validator_function(
            _validated,
            handler.generate_schema(reduce(or_, parts)),
            serialization=core_schema.wrap_serializer_function_ser_schema(_serialised),
        )


def _validated(
    value: Any, handler: core_schema.ValidatorFunctionWrapHandler, info: core_schema.ValidationInfo[Any]
) -> Any:
    if isinstance(value, SealedField):
        return value
    if isinstance(value, dict) and value.keys() == _FORM:
        if info.context != STORED:
            raise PydanticCustomError("sealed-content", "sealed content is not taken from outside")
        found = sealed_field(value)
        if found is not None:
            return found
    return handler(value)


def _serialised(value: Any, handler: core_schema.SerializerFunctionWrapHandler) -> Any:
    return value.as_json() if isinstance(value, SealedField) else handler(value)


T = TypeVar("T")
Sealable = Annotated[T | SealedField, _MaySeal()]
"""Type of a field with personal data: as given by the client, or sealed as stored."""


class Seals(Protocol):
    """The keeper of the keys, handed in from outside as the clock is."""

    def seal(self, subject: UUID, about: str, content: bytes) -> Sealed:
        """Encrypt; ``about`` says what it belongs to and must be named again to open it."""

    def unseal(self, sealed: Sealed, about: str) -> bytes:
        """Decrypt; raises BrokenSeal when it was altered, moved to another place, or its key is gone."""

    def reveal(self, subject: UUID) -> str:
        """The subject's key in hex, to be published once its content is open to all."""

    def subject(self, kind: str, text: str) -> UUID:
        """Id of the subject that a text names: the same for the same text, and nothing to be guessed from."""

    def digest(self, text: str) -> bytes:
        """A keyed digest: equal texts are recognised, but nobody finds a short text by trying."""

    def seal_field(self, subject: UUID, purpose: str, place: str, value: Any) -> SealedField:
        """Encrypt a JSON value under the subject's key for a purpose; ``place``: where it stands."""

    def open_field(self, sealed: SealedField, place: str) -> Any:
        """Decrypt; raises KeyDestroyed when it is erased, BrokenSeal when it was altered or moved."""
