"""Facts of a book of one year: an authority's decisions (sổ quyết định), or a commune's product numbers."""

from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field

from domain.product.rating_facts import LevelCode
from domain.stream import Fact
from domain.values import AreaCode, CommuneCode, Line, Step, Value

Number = Annotated[int, Field(ge=1)]


class Entry(Value):
    """What one decision says of one product; the certificate's number where one is issued."""

    product: UUID
    certificate: Number | None = None
    certificate_number: Line | None = None


class DecisionIssued(Fact):
    """A decision was entered in the book under the next number (vào sổ, lấy số quyết định).

    ``number`` None: a decision of the past, known from its paper with the number written there.
    """

    stored_name = "book.decision-issued"
    step = Step.RATING
    kind: Literal["recognition", "result-approval", "revocation"]
    level: LevelCode
    area: AreaCode
    year: Annotated[int, Field(ge=2018, le=2100)]
    number: Number | None
    decision_number: Line
    signer: Line
    entries: Annotated[tuple[Entry, ...], Field(min_length=1, max_length=500)]


class ProductNumberGiven(Fact):
    """A product number was given (cấp mã số sản phẩm): the running number that the commune keeps, by year.

    ``number`` None: one known from its paper.
    """

    stored_name = "book.product-number-given"
    step = Step.RATING
    commune: CommuneCode
    year: Annotated[int, Field(ge=2018, le=2100)]
    number: Number | None
    product_number: Line
    product: UUID


BookFact = DecisionIssued | ProductNumberGiven
CATALOGUE: dict[str, type[BookFact]] = {fact.stored_name: fact for fact in get_args(BookFact)}
