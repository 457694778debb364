"""From a register's row to commands: which product it is, and what is asked for."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid5

from pydantic import TypeAdapter, ValidationError

from application.registers.reading import Recognition, RegisterRow
from domain.law.areas import province_of_area
from domain.law.book import LawBook
from domain.product import certificate_facts as c
from domain.product.steps.certificate import EnterFromRegister, PastRecognition, RecordRecognition
from domain.values import Paragraph, Source

PRODUCTS = UUID("6f636f70-0000-4000-8000-726567697374")
"""Namespace of the ids of products known from registers. Never change it: they would be entered twice."""

_PARAGRAPH: TypeAdapter[str] = TypeAdapter(Paragraph)


def plain(text: str) -> str:
    """For comparing: NFC, spaces collapsed, case ignored."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def stream_of(row: RegisterRow) -> UUID:
    """The stream of a row's product: by today's commune, the entity's name and the product's name."""
    code = row.commune_code or ""
    return uuid5(PRODUCTS, "\n".join([province_of_area(code), code, plain(row.entity.name), plain(row.product)]))


def levels_of(law: LawBook) -> dict[str, str]:
    """A level's Vietnamese name → its code."""
    return {level.vi: level.code for regime in law.regimes.values() for level in regime.levels}


@dataclass(frozen=True, slots=True)
class Commands:
    """Makes commands out of the rows of one file; raises ValidationError. ``levels``: see ``levels_of``."""

    file_sha256: str
    levels: Mapping[str, str]

    def enter(self, row: RegisterRow) -> EnterFromRegister:
        """The product with all the recognitions of its row: it is stored whole or not at all."""
        return EnterFromRegister(
            product_name=row.product,
            commune=row.commune_code or "",
            commune_as_given=row.commune_name or row.commune_code or "",
            old_unit=row.old_unit,
            group=row.group,
            holder=self.holder(row),
            register_row=self._origin(row),
            recognitions=self.pasts(row),
            source=self._source(row),
        )

    def record(self, row: RegisterRow, past: PastRecognition) -> RecordRecognition:
        """One recognition more of a product that is known."""
        return RecordRecognition(recognition=past, register_row=self._origin(row), source=self._source(row))

    def holder(self, row: RegisterRow) -> c.RegisterEntity:
        """The entity as the row names it."""
        entity = row.entity
        return c.RegisterEntity(
            name=entity.name,
            kind=entity.kind,
            address=entity.address or "",
            representative=entity.representative,
            phone=entity.phone,
            registration=entity.registration,
        )

    def pasts(self, row: RegisterRow) -> tuple[PastRecognition, ...]:
        """The recognitions of a row."""
        return tuple(self._past(stated) for stated in row.recognitions)

    def _past(self, stated: Recognition) -> PastRecognition:
        return PastRecognition(
            stars=stated.stars,
            decision_number=stated.decision_number,
            year=stated.in_year or 0,
            decided_on=stated.decided_on,
            authority=stated.authority or None,
            level=self.levels.get(f"cấp {stated.level}"),
            certificate_number=stated.certificate_number,
            product_number=stated.product_number,
            valid_to=stated.valid_to,
        )

    def _origin(self, row: RegisterRow) -> c.RegisterRow:
        cells = {address: _storable(text) for address, text in row.raw.items()}
        return c.RegisterRow(file_sha256=self.file_sha256, row=row.number, cells=cells)

    def _source(self, row: RegisterRow) -> Source:
        return Source(kind="register", note=f"sổ theo dõi, dòng {row.number}")


def _storable(text: str) -> str:
    """A cell as it is; where it holds characters that no text here may hold, those are replaced."""
    try:
        return _PARAGRAPH.validate_python(text)
    except ValidationError:
        return "".join(letter if _is_storable(letter) else "␦" for letter in text.replace("\r\n", "\n")[:4_000])


def _is_storable(letter: str) -> bool:
    try:
        _PARAGRAPH.validate_python(letter)
    except ValidationError:
        return False
    return True
