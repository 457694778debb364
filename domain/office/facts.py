"""Facts of an office (cơ quan, đơn vị). Names and rules as for a product's facts."""

from typing import Annotated, get_args
from uuid import UUID

from pydantic import Field, StringConstraints

from domain.product.rating_facts import LevelCode
from domain.stream import Fact
from domain.values import AreaCode, Day, Line, Paragraph

AgencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,10}(\.[A-Z0-9]{1,10}){0,5}$")]
"""Identification code of an agency (mã định danh cơ quan), such as "H44.3.12"."""


class OfficeEstablished(Fact):
    """An office was entered with the decision that set it up (thành lập cơ quan); ``since``: its first day."""

    stored_name = "office.established"
    step = None
    name: Line
    level: LevelCode
    area: AreaCode
    agency_code: AgencyCode | None = None
    since: Day
    decision_number: Line


class OfficeRenamed(Fact):
    """The office has another name from that day on (đổi tên cơ quan)."""

    stored_name = "office.renamed"
    step = None
    name: Line
    decision_number: Line


class PostFilled(Fact):
    """Somebody was assigned to the office (phân công). ``last``: the assignment's last day, None while it has none."""

    stored_name = "office.post-filled"
    step = None
    assignment: UUID
    person: UUID
    handle: Line
    last: Day | None


class PostVacated(Fact):
    """An assignment to the office ended (thôi phân công). ``ends_on``: the first day without it."""

    stored_name = "office.post-vacated"
    step = None
    assignment: UUID
    ends_on: Day


class OfficeClosed(Fact):
    """The office ended (giải thể, sáp nhập cơ quan): nobody is assigned to it from that day on."""

    stored_name = "office.closed"
    step = None
    decision_number: Line
    reason: Annotated[Paragraph, Field(min_length=1)]


OfficeFact = OfficeEstablished | OfficeRenamed | PostFilled | PostVacated | OfficeClosed
CATALOGUE: dict[str, type[OfficeFact]] = {fact.stored_name: fact for fact in get_args(OfficeFact)}
