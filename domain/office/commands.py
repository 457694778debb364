"""Commands of an office: entered, renamed, closed, each on its decision."""

from abc import abstractmethod
from typing import Any, ClassVar

from domain.command import Command, Context, Standing
from domain.law.areas import province_of_area
from domain.office.facts import AgencyCode, OfficeClosed, OfficeEstablished, OfficeFact, OfficeRenamed
from domain.office.state import Office
from domain.product.rating_facts import LevelCode
from domain.refusals import Invalid, WrongOrder
from domain.values import AreaCode, Day, Line, Reasons, Step


class OfficeCommand(Command):
    """Base of the commands given to an office."""

    stream: ClassVar[str] = "office"
    step: ClassVar[Step | None] = None

    decision_number: Line

    def standing(self, state: Any, ctx: Context) -> Standing:
        """By the office's area."""
        area = state.area or str(getattr(self, "area", ""))
        return Standing(None, None, area, province_of_area(area))

    @abstractmethod
    def decide(self, state: Office, ctx: Context) -> list[OfficeFact]:
        """The facts that follow; an empty list when nothing would change. Raises Refusal."""


def _expect_open(office: Office) -> None:
    if office.closed_on is not None:
        raise WrongOrder(f"“{office.name}” đã giải thể.", f"“{office.name}” was closed.")


class EstablishOffice(OfficeCommand):
    """Enter an office with the decision that set it up (ghi nhận cơ quan, đơn vị).

    ``since``: its first day, when that is not the day it is entered.
    """

    name = "establish-office"
    opens = True
    vi = "Ghi nhận cơ quan, đơn vị"
    en = "Enter an office"

    title: Line
    level: LevelCode
    area: AreaCode
    agency_code: AgencyCode | None = None
    since: Day | None = None

    def decide(self, state: Office, ctx: Context) -> list[OfficeFact]:
        """Once; not of the future."""
        since = self.since or ctx.effective_on
        if since > ctx.moment.today:
            raise Invalid("Cơ quan chưa thành lập.", "The office does not exist yet.", field="since")
        return [
            OfficeEstablished(
                name=self.title,
                level=self.level,
                area=self.area,
                agency_code=self.agency_code,
                since=since,
                decision_number=self.decision_number,
            )
        ]


class RenameOffice(OfficeCommand):
    """Give the office another name (đổi tên cơ quan)."""

    name = "rename-office"
    vi = "Đổi tên cơ quan"
    en = "Rename the office"

    title: Line

    def decide(self, state: Office, ctx: Context) -> list[OfficeFact]:
        """The same name again changes nothing."""
        _expect_open(state)
        if self.title == state.name:
            return []
        return [OfficeRenamed(name=self.title, decision_number=self.decision_number)]


class CloseOffice(OfficeCommand):
    """Close the office (giải thể, sáp nhập), once nobody is assigned to it any more."""

    name = "close-office"
    vi = "Giải thể cơ quan"
    en = "Close the office"

    reason: Reasons

    def decide(self, state: Office, ctx: Context) -> list[OfficeFact]:
        """Once; whoever is still assigned is relieved first, each by his own decision."""
        _expect_open(state)
        if left := state.filled_on(ctx.effective_on):
            raise WrongOrder(
                f"Còn {left} phân công tại “{state.name}”: thôi phân công trước khi giải thể.",
                f"{left} assignments to “{state.name}” still run: end them first.",
                hint_vi="Dùng lệnh end-assignment cho từng người.",
                hint_en="Use end-assignment for each person.",
            )
        return [OfficeClosed(decision_number=self.decision_number, reason=self.reason)]


COMMANDS: tuple[type[Command], ...] = (EstablishOffice, RenameOffice, CloseOffice)
