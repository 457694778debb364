"""Facts of a council (hội đồng đánh giá, phân hạng). Names and rules as for a product's facts."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from domain.product.rating_facts import LevelCode, Procedure
from domain.stream import Fact
from domain.values import AreaCode, Day, Line, Paragraph, Step, Value

Capacity = Literal["chair", "vice-chair", "member", "secretary"]  # chủ tịch, phó chủ tịch, ủy viên, thư ký


class Tie(Value):
    """A member's tie to a producer (quan hệ với chủ thể), by the producer's registration number."""

    registration: Line
    kind: Literal["own-product", "employer", "relative"]


class Member(Value):
    """A member (thành viên): ``person`` as the caller's identity names him, his office and capacity.

    ``voting`` False: takes part without scoring, as a secretary may.
    """

    person: Line
    office: Line
    capacity: Capacity
    voting: bool = True
    ties: Annotated[tuple[Tie, ...], Field(max_length=50)] = ()


Members = Annotated[tuple[Member, ...], Field(min_length=1, max_length=60)]


class CouncilSetUp(Fact):
    """A council was set up by a decision (thành lập hội đồng), for a period, with its rules of procedure."""

    stored_name = "council.set-up"
    step = Step.RATING
    number: Line
    signer: Line
    level: LevelCode
    area: AreaCode
    regime: Line
    period_from: Day
    period_to: Day | None
    members: Members
    procedure: Procedure


class MembersChanged(Fact):
    """The council's members changed by a decision (kiện toàn hội đồng): all members from now on."""

    stored_name = "council.members-changed"
    step = Step.RATING
    number: Line
    reason: Paragraph
    members: Members


class ProcedureChanged(Fact):
    """The rules of procedure changed (sửa quy chế hội đồng): all rules from now on."""

    stored_name = "council.procedure-changed"
    step = Step.RATING
    number: Line
    reason: Paragraph
    procedure: Procedure


class CouncilDissolved(Fact):
    """The council was dissolved (giải thể hội đồng)."""

    stored_name = "council.dissolved"
    step = Step.RATING
    number: Line
    reason: Paragraph


CouncilFact = CouncilSetUp | MembersChanged | ProcedureChanged | CouncilDissolved
CATALOGUE: dict[str, type[CouncilFact]] = {fact.stored_name: fact for fact in get_args(CouncilFact)}
