"""Facts of a subject's dossier (hồ sơ yêu cầu về dữ liệu cá nhân). Names and rules as for a product's facts.

A stream holds a subject's requests to one authority, or, under the subject's own id, the ends of its retention times.
Nothing here says who the subject is: its id is a keyed digest.
"""

from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field

from domain.stream import Fact
from domain.values import AreaCode, Day, Line, Paragraph, Value

Scope = Literal["process", "consent", "both"]
PurposeName = Literal["process", "consent"]
Capacity = Literal["self", "representative", "heir"]  # chính chủ thể; người đại diện; người thừa kế
RequestChannel = Literal["in-person", "post", "electronic"]  # trực tiếp; bưu chính; điện tử
Purposes = Annotated[tuple[PurposeName, ...], Field(min_length=1, max_length=2)]


class DestroyedKey(Value):
    """A key that is gone: its id, and what it was for."""

    key: UUID
    purpose: PurposeName


class ErasureRequested(Fact):
    """Erasure of personal data was asked for (yêu cầu xóa dữ liệu cá nhân).

    ``area``: of the authority that decides; ``product``: the one the request names the subject by, if any.
    ``subject``: whose data; None in older facts, where the stream's id is the subject's.
    """

    stored_name = "subject.erasure-requested"
    step = None
    area: AreaCode
    product: UUID | None
    asked_on: Day
    capacity: Capacity
    channel: RequestChannel
    scope: Scope
    subject: Annotated[UUID | None, Field(exclude_if=lambda value: value is None)] = None


class ErasureDecided(Fact):
    """The request was decided (quyết định về yêu cầu xóa). ``purposes``: what is to be erased, none when refused."""

    stored_name = "subject.erasure-decided"
    step = None
    outcome: Literal["granted", "partly", "refused"]
    purposes: Annotated[tuple[PurposeName, ...], Field(max_length=2)]
    legal_basis: Line | None
    reasons: Paragraph


class KeysDestroyed(Fact):
    """The keys were destroyed (hủy khóa): what they sealed is erased wherever copies of it lie.

    ``decision``: version of the decision carried out; None when the retention time was over. ``keys`` may be empty:
    nothing was held.
    """

    stored_name = "subject.keys-destroyed"
    step = None
    ground: Literal["request", "retention"]
    decision: Annotated[int, Field(ge=1)] | None
    purposes: Purposes
    keys: Annotated[tuple[DestroyedKey, ...], Field(max_length=1_000)]


SubjectFact = ErasureRequested | ErasureDecided | KeysDestroyed
CATALOGUE: dict[str, type[SubjectFact]] = {fact.stored_name: fact for fact in get_args(SubjectFact)}
