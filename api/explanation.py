"""Shape of an explained decision for the API's document; what is in it is told in ``projections/explained.py``.

Every key is always there; what is not known is null or empty. Points and dates are exact: averages and scores are
text such as "221/3".
"""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.as_of import Echoed
from domain.product.rating_facts import ConflictGround, Procedure, SessionForm
from domain.values import ExactPoints, Paper, Role, Sha256, Source

Mark = Literal["fact", "inferred", "local", "not-found"]


class Explained(BaseModel):
    """Base of its parts."""

    model_config = ConfigDict(extra="forbid")


class ExplainedRole(Explained):
    """A role in words."""

    code: Role
    vi: str
    en: str


class ExplainedArea(Explained):
    """An area in words."""

    code: str
    name: str


class ExplainedCompetence(Explained):
    """The rule that lets a role give the command the decision comes from."""

    command: str
    vi: str
    en: str
    roles: list[ExplainedRole]
    legal_basis: str
    mark: Mark


class ExplainedAuthority(Explained):
    """Who decided: the authority, its powers, the signer, and the person who recorded it; in words too."""

    level: str | None
    name: str | None
    name_en: str | None
    area: ExplainedArea | None
    legal_basis: str | None
    mark: Mark | None
    certifies: list[int] = Field(description="stars this level's authority signs")
    interim_stars: int | None = Field(description="stars certified here before the level above decides")
    competence: ExplainedCompetence | None
    decision_number: str | None
    signer: str | None
    stars: int | None = Field(description="stars decided on; null where the decision names none")
    person: str
    role: ExplainedRole
    office: str
    paper: Paper | None
    source: Source
    effective_on: date
    recorded_at: datetime
    vi: str
    en: str


class ExplainedFact(Explained):
    """A fact the decision rests on, by its version in the product's trail."""

    version: int
    position: int
    fact: str
    corrected_by: list[int]


class ExplainedWarning(Explained):
    """Something odd about the date or the authority."""

    code: str
    vi: str
    en: str


class ExplainedEvidence(Explained):
    """A document of the dossier."""

    sha256: Sha256
    kind: str | None
    number: str | None
    issuer: str | None
    issued_on: date | None


class ExplainedRules(Explained):
    """The rules pinned when the dossier was filed; ``unchanged``: the rule files loaded now are the same."""

    regime: str
    decision: str
    legal_basis: str
    sheet: str | None
    sheet_name: str | None
    sheet_name_en: str | None
    sheet_complete: bool | None
    sheet_note: str
    sheet_note_en: str
    hash: Sha256
    hash_loaded: Sha256
    unchanged: bool


class ExplainedBand(Explained):
    """A star band: the average lies at or above ``min``."""

    stars: int
    min: int
    article: str


class ExplainedCouncil(Explained):
    """The council and its session."""

    id: UUID
    number: str
    session: UUID
    form: SessionForm
    held_on: date
    round: int


class ExplainedAttendance(Explained):
    """Who may vote, who was there, and how many were needed."""

    voting: list[str]
    present: list[str]
    quorum: int
    chair_present: bool


class ExplainedConflict(Explained):
    """A member who did not score for a conflict of interest."""

    member: str
    ground: ConflictGround
    found: Literal["declared", "detected"]
    note: str
    vi: str
    en: str


class ExplainedChoice(Explained):
    """An option chosen. ``option``: null where none is met; ``points``: null where the loaded rules do not know it."""

    code: str
    criterion: str | None
    criterion_en: str | None
    option: int | None
    label: str | None
    points: int | None
    max: int | None


class ExplainedSheet(Explained):
    """A member's sheet. ``sealed``: hash of the sealed sheet; null for sheets handed in openly in old journals."""

    member: str
    capacity: str | None
    total: int
    comment: str
    sealed: Sha256 | None
    choices: list[ExplainedChoice]


class ExplainedRound(Explained):
    """An earlier round: its sheets, and the discussion its spread led to."""

    round: int
    sheets: list[ExplainedSheet]
    discussion: str | None
    spread: int | None


class ExplainedSpread(Explained):
    """Largest minus smallest total, and the council's limit with where it comes from."""

    points: int
    limit: ExactPoints | None
    basis: str | None


class ExplainedCondition(Explained):
    """A condition of a star: the average total (``code`` null), or a criterion's minimum."""

    code: str | None
    condition: str
    condition_en: str
    score: ExactPoints
    minimum: int
    met: bool
    article: str


class ExplainedStar(Explained):
    """The checklist of a star."""

    stars: int
    passed: int
    of: int
    conditions: list[ExplainedCondition]


class ExplainedGate(Explained):
    """A condition missed up to the band reached."""

    code: str
    stars: int
    needed: int
    found: ExactPoints


class ExplainedResult(Explained):
    """What the council concluded. ``average`` is exact, ``shown`` is written with two digits."""

    average: ExactPoints
    shown: str
    band: int
    stars: int
    missed: list[ExplainedGate]
    minutes_number: str


class Explanation(Explained):
    """A decision explained. The stars can be computed again from this document alone.

    Totals are sums of ``sheets[].choices[].points``; their exact mean lies in one of ``bands``; a condition of
    ``checklist`` missed at or below that band holds the product under its star. Conditions are held against
    ``agreed``, or where ``gate_test`` is "average" against the mean of the members' points. ``digest``: SHA-256 over
    everything else, as JSON with sorted keys and without spaces.
    """

    product_id: UUID
    product: str
    number: int
    decision: str
    sentence: str
    sentence_en: str
    authority: ExplainedAuthority
    facts: list[ExplainedFact]
    warnings: list[ExplainedWarning]
    evidence: list[ExplainedEvidence]
    rules: ExplainedRules | None
    bands: list[ExplainedBand]
    council: ExplainedCouncil | None
    attendance: ExplainedAttendance | None
    conflicts: list[ExplainedConflict]
    procedure: Procedure | None
    sheets: list[ExplainedSheet]
    earlier_rounds: list[ExplainedRound]
    spread: ExplainedSpread | None
    gate_test: Literal["agreed", "average"] | None
    agreed: list[ExplainedChoice]
    checklist: list[ExplainedStar]
    result: ExplainedResult | None
    vi: str
    en: str
    as_of: Echoed = None
    digest: Sha256


class ExplainedDecision(Explained):
    """A decision in a product's list."""

    number: int
    decision: str
    version: int
    effective_on: date
    stars: int | None


class ExplainedDecisions(Explained):
    """The decisions on a product in order."""

    product_id: UUID
    decisions: list[ExplainedDecision]
    as_of: Echoed = None
