"""Small values shared by every stream: texts, dates, codes, actors, the paper behind an act."""

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

# Control characters (NUL above all) cannot live in PostgreSQL text and have no business on a form; marks
# that are invisible or turn the writing direction make one text look like another. Line feed and tab are
# for long answers only: in a name they would forge lines of the trail.
_INVISIBLE = r"\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufff9-\uffff"
_FORBIDDEN = re.compile(rf"[\x00-\x08\x0b-\x1f{_INVISIBLE}]")
_FORBIDDEN_IN_LINE = re.compile(rf"[\x00-\x1f{_INVISIBLE}]")


def _cleaned(forbidden: re.Pattern[str], most: int, *, blank: bool) -> Callable[[str], str]:
    """A check in one call: every text of every command and stored fact goes through it."""

    def cleaned(text: str) -> str:
        if forbidden.search(text):
            raise ValueError("control-characters")
        text = (text if text.isascii() else unicodedata.normalize("NFC", text)).strip()
        if not (text or blank):
            raise ValueError("blank")
        if len(text) > most:  # NFC makes some letters two or three, and what is stored must load again
            raise ValueError("too-long")
        return text

    return cleaned


Line = Annotated[str, StringConstraints(max_length=300), AfterValidator(_cleaned(_FORBIDDEN_IN_LINE, 300, blank=False))]
"""One required line: 1 to 300 characters, NFC, no control characters."""

Paragraph = Annotated[str, StringConstraints(max_length=8_000), AfterValidator(_cleaned(_FORBIDDEN, 8_000, blank=True))]
"""Free text, possibly empty: at most 8,000 characters."""

Reasons = Annotated[str, StringConstraints(max_length=8_000), AfterValidator(_cleaned(_FORBIDDEN, 8_000, blank=False))]
"""Free text that must say something: 1 to 8,000 characters."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of a file, 64 lower-case hex digits."""

CommuneCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$")]
"""Commune code (mã xã, phường, đặc khu), five digits, Decision 19/2025/QĐ-TTg."""


AreaCode = Annotated[str, StringConstraints(pattern=r"^(VN|[0-9]{2}|[0-9]{5}|[0-9]{2}-[0-9]{3})$")]
"""An area: "VN", a province (two digits), a commune (five), or an old unit between them ("60-595")."""


def _written_out(day: object) -> object:
    if not isinstance(day, str):
        return day
    try:
        return date.fromisoformat(day if _DAY.fullmatch(day) else "")
    except ValueError:
        raise PydanticCustomError("date_parsing", "Input should be a date written YYYY-MM-DD") from None


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Day = Annotated[date, BeforeValidator(_written_out)]
"""A calendar day, written YYYY-MM-DD and in no other way."""

Percent = Annotated[int, Field(ge=0, le=100)]
Dong = Annotated[int, Field(ge=0, le=10**15)]
"""Amount in VND, whole đồng."""

Count = Annotated[int, Field(ge=0, le=10_000_000)]
Points = Annotated[int, Field(ge=0, le=100)]
"""Points of one criterion or sheet: whole numbers; only averages are fractions."""

ExactPoints = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,7}(/[0-9]{1,7})?$")]
"""An exact rational number of points as text, e.g. "73" or "221/3": never rounded, never floated."""

Stars = Annotated[int, Field(ge=1, le=5)]


class Value(BaseModel):
    """Base of all values and facts: frozen, no unknown fields, no silent conversion."""

    # Built at first use: a process that starts needs few of some hundred kinds at once.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class Step(IntEnum):
    """The six steps of the yearly cycle (chu trình OCOP)."""

    OUTREACH = 1
    IDEA = 2
    PLAN = 3
    IMPLEMENTATION = 4
    RATING = 5
    PROMOTION = 6


STEP_NAMES: dict[Step, tuple[str, str]] = {
    Step.OUTREACH: ("Tuyên truyền, hướng dẫn", "Information and guidance"),
    Step.IDEA: ("Đăng ký ý tưởng sản phẩm", "Idea registration"),
    Step.PLAN: ("Phương án sản xuất kinh doanh", "Business plan"),
    Step.IMPLEMENTATION: ("Triển khai phương án", "Implementation"),
    Step.RATING: ("Đánh giá, phân hạng", "Evaluation and star rating"),
    Step.PROMOTION: ("Xúc tiến thương mại", "Trade promotion"),
}


class Role(StrEnum):
    """What a person acts as. Which role may do what is law or practice data, never code."""

    PRODUCER = "producer"  # chủ thể OCOP
    COMMUNE_OFFICER = "commune-officer"  # cán bộ phụ trách OCOP cấp xã
    COMMUNE_CHAIR = "commune-chair"  # chủ tịch UBND cấp xã
    PROVINCE_OFFICER = "province-officer"  # cơ quan tham mưu quản lý OCOP cấp tỉnh
    ADVISORY_TEAM = "advisory-team"  # tổ tư vấn
    COUNCIL_MEMBER = "council-member"  # thành viên hội đồng
    COUNCIL_SECRETARY = "council-secretary"  # thư ký hội đồng
    PROVINCE_CHAIR = "province-chair"  # chủ tịch UBND cấp tỉnh
    DISTRICT_OFFICER = "district-officer"  # cơ quan OCOP cấp huyện, đến 30/6/2025
    DISTRICT_CHAIR = "district-chair"  # chủ tịch UBND cấp huyện, đến 30/6/2025
    MINISTRY_OFFICER = "ministry-officer"  # cơ quan quản lý OCOP của Bộ
    MINISTER = "minister"  # bộ trưởng
    SYSTEM = "system"  # hệ thống: việc đến ngày, không do người làm
    ADMINISTRATOR = "administrator"  # quản trị viên: nhân sự và tài khoản, không làm hồ sơ
    SUPERVISOR = "supervisor"  # giám sát
    INSPECTOR = "inspector"  # thanh tra, kiểm tra
    INTEGRATOR = "integrator"  # hệ thống nhận dữ liệu


ROLE_NAMES: dict[Role, tuple[str, str]] = {
    Role.PRODUCER: ("chủ thể OCOP", "producer"),
    Role.COMMUNE_OFFICER: ("cán bộ OCOP cấp xã", "commune OCOP officer"),
    Role.COMMUNE_CHAIR: ("chủ tịch UBND cấp xã", "commune chair"),
    Role.PROVINCE_OFFICER: ("cơ quan tham mưu OCOP cấp tỉnh", "provincial OCOP advisory body"),
    Role.ADVISORY_TEAM: ("tổ tư vấn", "advisory team"),
    Role.COUNCIL_MEMBER: ("thành viên hội đồng", "council member"),
    Role.COUNCIL_SECRETARY: ("thư ký hội đồng", "council secretary"),
    Role.PROVINCE_CHAIR: ("chủ tịch UBND cấp tỉnh", "provincial chair"),
    Role.DISTRICT_OFFICER: ("cơ quan OCOP cấp huyện", "district OCOP body"),
    Role.DISTRICT_CHAIR: ("chủ tịch UBND cấp huyện", "district chair"),
    Role.MINISTRY_OFFICER: ("cơ quan quản lý OCOP của Bộ", "the ministry's OCOP body"),
    Role.MINISTER: ("bộ trưởng", "minister"),
    Role.SYSTEM: ("hệ thống", "the service itself"),
    Role.ADMINISTRATOR: ("quản trị viên", "administrator"),
    Role.SUPERVISOR: ("giám sát", "supervisor"),
    Role.INSPECTOR: ("thanh tra", "inspector"),
    Role.INTEGRATOR: ("hệ thống kết nối", "integrator"),
}


_UNSAID = Field(exclude_if=lambda value: value is None)
"""A field that older facts do not have: left out where it says nothing, so that their bytes stay as they are."""


class Delegator(Value):
    """On whose authority a delegate acts (người ủy quyền), and under which paper.

    ``delegation``: the delegation's id; ``person`` and ``id``: the delegator; ``document``: number of the paper.
    """

    delegation: UUID
    person: Line
    id: UUID
    document: Line


class Actor(Value):
    """Who acts: a person in an office, in one role, over an area.

    ``person``: the handle, one person's alone and for ever; ``area``: where the office has its powers.
    ``producer`` is the producer's registration number when the role is producer, else None.
    ``id``: the person's stream, ``assignment``: of the role, by which the powers are held (phân công); None in facts
    older than both, and for the service itself. ``delegator``: set when the powers are another person's (ủy quyền).
    """

    person: Line
    office: Line
    role: Role
    area: AreaCode
    producer: Line | None = None
    id: Annotated[UUID | None, _UNSAID] = None
    assignment: Annotated[UUID | None, _UNSAID] = None
    delegator: Annotated[Delegator | None, _UNSAID] = None


class Paper(Value):
    """The paper behind an act (văn bản căn cứ): number, date, signer, article."""

    number: Line
    signed_on: Day | None = None
    signer: Line | None = None
    article: Line | None = None


class OnBehalf(Value):
    """For whom an officer acts (thực hiện thay): who asked, as whom, and on which paper.

    ``role``: the role acted in; ``area``: the commune served, None when a producer is; ``producer``: registration
    number of the producer served, None when a commune is. ``paper``: the signed form or request.
    """

    role: Role
    area: AreaCode | None = None
    producer: Line | None = None
    paper: Paper

    @model_validator(mode="after")
    def _names_one(self) -> "OnBehalf":
        if (self.area is None) == (self.producer is None) or (self.role is Role.PRODUCER) != (self.area is None):
            raise ValueError("principal-unclear")
        return self


class Source(Value):
    """Where a fact comes from.

    ``native``: done in the service. ``paper``: entered afterwards from a paper whose scan has the
    given SHA-256. ``register``: taken over from a province's register, whose file the fact itself names.
    ``illustrative``: made up to show the service; never evidence of anything.
    """

    kind: Literal["native", "paper", "register", "illustrative"] = "native"
    scan_sha256: Sha256 | None = None
    note: Line | None = None

    @model_validator(mode="after")
    def _paper_has_a_scan(self) -> "Source":
        if self.kind == "paper" and self.scan_sha256 is None:
            raise ValueError("scan-missing")
        return self


class Moment(Value):
    """The instant a decision is taken in, handed in from outside.

    ``at`` is the server's UTC instant, ``today`` the legal date in Asia/Ho_Chi_Minh.
    """

    at: datetime
    today: date


def one_spelling(text: str) -> str:
    """One spelling of a text, to compare by: compatibility forms, case and spaces made alike."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@lru_cache(20_000)  # names of products come again with every fact
def without_diacritics(text: str) -> str:
    """Fold for searching: "Mật ong Đà Bắc" → "mat ong da bac"."""
    decomposed = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()
