"""From a command to facts: the register of all commands, authority, and the one way to decide.

``decide`` is pure: state, command and context in; facts out, or one named refusal.
"""

import hashlib
import json
import unicodedata
from uuid import UUID, uuid5

from domain.law.areas import area_name, commune, covers
from domain.law.book import Competence, LawBook
from domain.product.command import Command, Context, not_before, province_of
from domain.product.facts import ProductFact
from domain.product.phases import CLOSED, Phase
from domain.product.state import Product, Told, evolve
from domain.product.steps import anywhere, idea, implementation, outreach, plan, promotion, rating, result
from domain.refusals import Invalid, NotAllowed, OutsideArea, StaleVersion
from domain.values import ROLE_NAMES, Actor, Role, Source

COMMANDS: dict[str, type[Command]] = {
    command.name: command
    for step in (outreach, idea, plan, implementation, rating, result, promotion, anywhere)
    for command in step.COMMANDS
}
"""Every command by name, in the order of the six steps."""

EARLIEST_YEAR = 2018
"""The programme began in 2018 (Decision 490/QĐ-TTg): no act is older."""


def decide(product: Product, command: Command, ctx: Context) -> list[ProductFact]:
    """Check authority, version and date, let the command decide, and check the order of days. Raises Refusal."""
    authorise(product, command, ctx)
    if ctx.expected_version is not None and ctx.expected_version != product.version:
        raise StaleVersion(
            f"Sản phẩm đã ở phiên bản {product.version}, bạn đang sửa phiên bản {ctx.expected_version}.",
            f"The product is at version {product.version}; your If-Match names {ctx.expected_version}.",
            field="If-Match",
            hint_vi="Tải lại sản phẩm rồi thực hiện lại.",
            hint_en="Read the product again, then decide again.",
        )
    _check_day(ctx)
    facts = command.decide(product, ctx)
    if facts and moves_on(product, facts[0], ctx):
        # What closes a phase cannot be dated before the last act of that phase.
        not_before(product.latest_act, ctx)
    return facts


def moves_on(product: Product, fact: ProductFact, ctx: Context) -> bool:
    """Whether a fact ends the phase the product stands in."""
    told = Told(product.version + 1, fact, ctx.effective_on, Source())
    return product.phase is not Phase.NONE and evolve(product, told).phase is not product.phase


def _check_day(ctx: Context) -> None:
    if ctx.effective_on > ctx.moment.today:
        raise Invalid(
            f"Ngày thực hiện {ctx.effective_on:%d/%m/%Y} ở tương lai.",
            f"The act is dated {ctx.effective_on.isoformat()}, in the future.",
            field="effective_on",
            hint_vi=f"Hôm nay là {ctx.moment.today:%d/%m/%Y} (giờ Việt Nam).",
            hint_en=f"Today is {ctx.moment.today.isoformat()} in Vietnam.",
        )
    if ctx.effective_on.year < EARLIEST_YEAR:
        raise Invalid(
            "Chương trình OCOP bắt đầu từ năm 2018.",
            "The OCOP programme began in 2018.",
            field="effective_on",
        )


def authorise(product: Product, command: Command, ctx: Context) -> None:
    """Refuse callers whose role does not carry the command, or whose area or producer is another."""
    actor = ctx.actor
    where = product.commune or getattr(command, "commune", "")
    allowed = competence(ctx.law, command.name, product, ctx)
    roles = allowed.roles if allowed else ()
    if actor.role not in roles:
        raise NotAllowed(
            f"Vai trò “{ROLE_NAMES[actor.role][0]}” không có thẩm quyền thực hiện việc này.",
            f"The role “{ROLE_NAMES[actor.role][1]}” may not do this.",
            hint_vi=f"Thẩm quyền: {', '.join(ROLE_NAMES[r][0] for r in roles) or 'không ai'}.",
            hint_en=f"It is for: {', '.join(ROLE_NAMES[r][1] for r in roles) or 'nobody'}.",
        )
    if where and not product.commune and commune(where) is None:
        raise Invalid(
            f"Không có xã, phường, đặc khu nào mang mã {where}.",
            f"No commune has the code {where}.",
            field="commune",
            hint_vi="Dùng mã 5 chữ số theo Quyết định 19/2025/QĐ-TTg.",
            hint_en="Use the five-digit code of Decision 19/2025/QĐ-TTg.",
        )
    if where and not covers(actor.area, where):
        raise OutsideArea(
            f"Sản phẩm ngoài địa bàn của bạn ({area_name(actor.area)}).",
            f"The product lies outside your area ({area_name(actor.area)}).",
        )
    if actor.role is Role.PRODUCER and not _own(product, command, actor):
        raise OutsideArea("Sản phẩm của chủ thể khác.", "The product is another producer's.")


def competence(law: LawBook, command: str, product: Product, ctx: Context) -> Competence | None:
    """Who may give a command: practice of the province, else the regime pinned by the dossier."""
    dossier = product.dossier
    filing = dossier is None or command == "file-dossier"
    if command in law.practice.competences:
        regime = None
    elif filing:
        regime = law.regime_on(ctx.effective_on)
    else:
        regime = law.regimes[dossier.regime] if dossier else None
    return law.competence(command, province_of(product), regime)


def _own(product: Product, command: Command, actor: Actor) -> bool:
    if actor.producer is None:
        return False
    named = getattr(command, "producer", None)
    if named is not None and named.registration != actor.producer:
        return False
    owner = product.producer
    return named is not None if owner is None else owner.registration == actor.producer


def open_claim(product: Product) -> bytes | None:
    """Key of the open registration this product holds: producer, product name and cycle.

    Hashed, because a household's registration number is personal. None while no producer has
    registered, and once the cycle is closed without a star: the name is free again.
    """
    if product.producer is None or product.phase in CLOSED:
        return None
    key = [_plain(product.producer.registration), _plain(product.name), product.cycle]
    return hashlib.sha256(json.dumps(key).encode()).digest()


def _plain(text: str) -> str:
    """One spelling of a text: compatibility forms, case and spaces made alike."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def product_id(command_id: UUID) -> UUID:
    """Id of the journey a command opens: the same for every retry of that command."""
    return uuid5(command_id, "product")
