"""What the commands of a session share: where they stand before the law, and their guards."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID, uuid5

from domain.command import Command, Context, Standing
from domain.council.facts import Member
from domain.law.areas import province_of_area
from domain.product.command import not_before
from domain.product.phases import Phase
from domain.product.rating_facts import Conflict, Procedure
from domain.product.state import Dossier, Product
from domain.refusals import AgainstCouncilRules, Invalid, NotAllowed, WrongOrder
from domain.session.facts import AgendaItem
from domain.session.state import STAGE_NAMES, Session, Stage
from domain.stream import Fact, For
from domain.values import Role, Step


class SessionCommand(Command):
    """Base of the commands given to a session."""

    stream: ClassVar[str] = "session"
    step: ClassVar[Step | None] = Step.RATING

    def standing(self, state: Session, ctx: Context) -> Standing:
        """By the level the council works at, and the regime of the first dossier on the agenda."""
        first = next(iter(state.agenda.values()))
        return Standing(ctx.law.regimes[first.regime], state.level, state.area, province_of_area(state.area))

    def hands(self, state: Session, ctx: Context) -> Mapping[str, frozenset[str]]:
        """Who changed a score: handed in a sheet in a round after the first."""
        return {"change": state.changed}

    def ready(self, state: Session, ctx: Context, states: Sequence[str]) -> None:
        """The session stands at one of these stages, and a secretary is its own."""
        expect(state, ctx, *map(Stage, states))

    @abstractmethod
    def decide(self, state: Session, ctx: Context) -> Sequence[Fact | For]:
        """The facts that follow; an empty list when nothing would change. Raises Refusal."""


def expect(session: Session, ctx: Context, *stages: Stage) -> None:
    """Refuse unless the session stands at one of ``stages`` and the act is not dated before it."""
    if session.stage not in stages:
        vi, en = STAGE_NAMES[session.stage]
        raise WrongOrder(
            f"Phiên họp đang ở tình trạng “{vi}”, không thực hiện được bước này.",
            f"The session stands at “{en}”; this act is not possible there.",
            hint_vi=f"Bước này cần: {' hoặc '.join(STAGE_NAMES[stage][0] for stage in stages)}.",
            hint_en=f"It needs: {' or '.join(STAGE_NAMES[stage][1] for stage in stages)}.",
        )
    sits(session.members, ctx)
    not_before(session.since, ctx)


def sits(members: Iterable[Member], ctx: Context) -> None:
    """Refuse a secretary whom this council does not list."""
    secretaries = {member.person for member in members if member.capacity == "secretary"}
    if ctx.actor.role is Role.COUNCIL_SECRETARY and ctx.actor.person not in secretaries:
        raise NotAllowed(
            f"{ctx.actor.person} không phải thư ký của hội đồng này.",
            f"{ctx.actor.person} is not this council's secretary.",
            hint_vi=f"Thư ký: {', '.join(sorted(secretaries))}.",
            hint_en=f"Its secretary: {', '.join(sorted(secretaries))}.",
        )


def procedure_of(session: Session) -> Procedure:
    """The rules of procedure the session was called with."""
    assert session.procedure is not None, "a called session has its rules"
    return session.procedure


def voting(members: Iterable[Member]) -> tuple[str, ...]:
    """Persons of the members who score, in the council's order."""
    return tuple(member.person for member in members if member.voting)


def chair_of(members: Iterable[Member]) -> Member:
    """The chair; the council's commands see to it that there is exactly one."""
    return next(member for member in members if member.capacity == "chair")


def scorers(session: Session, product: UUID) -> tuple[str, ...]:
    """Members who score this product: voting, present, without a conflict of interest."""
    present, conflicted = set(session.present), session.conflicted(product)
    return tuple(person for person in voting(session.members) if person in present and person not in conflicted)


def able(members: Iterable[Member], conflicts: Iterable[Conflict]) -> int:
    """How many members may score a product, were all of them there."""
    return len(set(voting(members)) - {conflict.member for conflict in conflicts})


def quorum(procedure: Procedure, entitled: int) -> tuple[int, str]:
    """How many sheets a product needs of so many members who may score it, and the place of the rule that says so.

    INFERRED: the share is taken of the voting members who are not recused from this product, the chair like any
    other, at meetings and in writing alike; it never lies below the least number of members. What was read says
    "of the council's members" and nothing of recusals.
    """
    share = -(-procedure.quorum_percent * entitled // 100)
    if share > procedure.min_members:
        return share, procedure.basis["quorum_percent"]
    return procedure.min_members, procedure.basis["min_members"]


def quorum_of(session: Session, product: UUID) -> tuple[int, str]:
    """The product's quorum in this session."""
    return quorum(procedure_of(session), able(session.members, session.conflicts.get(product, ())))


def check_scorers(name: str, left: int, needed: tuple[int, str]) -> None:
    """Refuse when recusals leave a product fewer scorers than the rules demand."""
    need, basis = needed
    if left < need:
        raise AgainstCouncilRules(
            f"“{name}” chỉ còn {left} thành viên được chấm, cần ít nhất {need} ({basis}).",
            f"Only {left} members may score “{name}”, {need} are needed ({basis}).",
            hint_vi="Cần thêm thành viên không có xung đột lợi ích, hoặc đưa sản phẩm sang hội đồng khác.",
            hint_en="More members without a conflict are needed, or take the product to another council.",
        )


def item_of(session: Session, product: UUID, field: str) -> AgendaItem:
    """The product's item on the agenda; refuses when it is not there."""
    item = session.agenda.get(product)
    if item is None:
        raise Invalid(
            f"Sản phẩm {product} không có trong chương trình phiên họp.",
            f"Product {product} is not on the session's agenda.",
            field=field,
        )
    return item


def still_here(session: Session, ctx: Context) -> Mapping[UUID, Dossier]:
    """Dossiers the council still works on; others of the agenda were rejected, withdrawn or taken off meanwhile."""
    found = {product: _at_work(ctx.others.get(product), ctx.stream_id) for product in session.agenda}
    return {product: dossier for product, dossier in found.items() if dossier is not None}


def _at_work(product: Any, session: UUID) -> Dossier | None:
    """The product's dossier while it is before this session; None once it left."""
    if not isinstance(product, Product) or product.phase is not Phase.ADVISED:
        return None
    dossier = product.dossier
    return dossier if dossier is not None and dossier.session == session else None


def round_key(session: UUID, product: UUID, number: int) -> UUID:
    """Whose key seals the sheets: the product's of a round, so that opening one product opens no other."""
    return uuid5(session, f"round {number} {product}")


def about(session: UUID, product: UUID, member: str, number: int) -> str:
    """What a sealed sheet belongs to; it opens nowhere else."""
    return f"{session}/{product}/{member}/{number}"


def named_once(products: Sequence[UUID], field: str) -> None:
    """Refuse a list that names a product twice."""
    if len(set(products)) != len(products):
        raise Invalid("Một sản phẩm được ghi hai lần.", "A product is named twice.", field=field)


def listed(names: Iterable[str], most: int = 10) -> str:
    """Names for a message, the first few of many."""
    every = list(names)
    return ", ".join(every[:most]) + (f" … (+{len(every) - most})" if len(every) > most else "")
