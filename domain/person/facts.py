"""Facts of a person (cán bộ, chủ thể, hệ thống kết nối): authority as history. Names as for a product's facts.

Nothing about accounts is here: how somebody proves who he is changes without a trace in the journal, what he may do
never does.
"""

from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import Field

from domain.stream import Fact
from domain.values import AreaCode, Day, Line, Paragraph, Role, Value

PersonKind = Literal["official", "producer", "service"]
CommandNames = Annotated[tuple[Line, ...], Field(max_length=100)]


class Term(Value):
    """From which day to which (thời hạn), both counted; ``last`` None: until it is ended."""

    first: Day
    last: Day | None = None


class PersonRegistered(Fact):
    """A person was entered (ghi nhận người dùng).

    ``handle``: the name the records know the person by, one person's alone and for ever: an official's name as in the
    decisions; of a producer's representative never a private name but the producer's with a number.
    """

    stored_name = "person.registered"
    step = None
    handle: Line
    kind: PersonKind
    area: AreaCode


class RoleAssigned(Fact):
    """A role in an office was assigned by a numbered decision (phân công).

    ``office``: its stream, ``office_name``: its name on that day; a producer's representative and an integrator
    have none. ``producer``: registration number, of the role producer.
    """

    stored_name = "person.role-assigned"
    step = None
    assignment: UUID
    role: Role
    office: UUID | None
    office_name: Line
    area: AreaCode
    producer: Line | None
    term: Term
    decision_number: Line
    signer: Line


class AssignmentEnded(Fact):
    """An assignment ended (thôi phân công, thu hồi quyền). ``ends_on``: the first day without it."""

    stored_name = "person.assignment-ended"
    step = None
    assignment: UUID
    ends_on: Day
    decision_number: Line
    reason: Paragraph


class DelegationGiven(Fact):
    """The person delegated powers of an assignment to another (ủy quyền).

    ``commands``: which acts; none named: every act of the role. ``document``: number of the paper.
    """

    stored_name = "person.delegation-given"
    step = None
    delegation: UUID
    assignment: UUID
    delegate: UUID
    delegate_handle: Line
    commands: CommandNames
    term: Term
    document: Line


class DelegationReceived(Fact):
    """The person received powers of another's assignment (được ủy quyền)."""

    stored_name = "person.delegation-received"
    step = None
    delegation: UUID
    assignment: UUID
    delegator: UUID
    delegator_handle: Line
    commands: CommandNames
    term: Term
    document: Line


class DelegationEnded(Fact):
    """A delegation given or received ended before its term (chấm dứt ủy quyền). ``ends_on``: first day without it."""

    stored_name = "person.delegation-ended"
    step = None
    delegation: UUID
    ends_on: Day
    document: Line


PersonFact = PersonRegistered | RoleAssigned | AssignmentEnded | DelegationGiven | DelegationReceived | DelegationEnded
CATALOGUE: dict[str, type[PersonFact]] = {fact.stored_name: fact for fact in get_args(PersonFact)}
