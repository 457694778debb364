"""What may come before a council: a dossier that is ready, lies at its level and in its area, and is free."""

from datetime import date
from uuid import UUID

from domain.command import Context
from domain.council.state import Council
from domain.law.areas import area_name, covers
from domain.law.models import Regime
from domain.product.phases import PHASE_NAMES, Phase
from domain.product.rating_facts import Procedure, SessionForm
from domain.product.state import Dossier, Product
from domain.product.steps.rating import renewed_above
from domain.refusals import AgainstTheLaw, Invalid, NotFound, OutsideArea, WrongOrder
from domain.session.conflicts import detected
from domain.session.facts import AgendaItem


def agenda_item(
    product_id: UUID, council: Council, procedure: Procedure, form: SessionForm, held_on: date, ctx: Context
) -> AgendaItem:
    """The product as it goes on the agenda; refuses one that may not come before this council."""
    product = ctx.others.get(product_id)
    if not isinstance(product, Product):
        raise NotFound(f"Không có sản phẩm {product_id}.", f"There is no product {product_id}.", field="products")
    _check_place(product, council)
    dossier = _ready(product, held_on)
    _check_level(product, dossier, council)
    _check_form(product, dossier, form, ctx.law.regimes[dossier.regime])
    _check_renewal(product, ctx.law.regimes[dossier.regime])
    return AgendaItem(
        product=product_id,
        name=product.name,
        producer=product.holder,
        kind=dossier.kind,
        regime=dossier.regime,
        sheet=dossier.sheet,
        rules_hash=ctx.law.rules_hash(dossier.regime, dossier.sheet),
        conflicts=detected(product, council.members, guidance=procedure.guidance_is_conflict),
    )


def _check_place(product: Product, council: Council) -> None:
    if not covers(council.area, product.commune):
        raise OutsideArea(
            f"“{product.name}” ngoài địa bàn của hội đồng ({area_name(council.area)}).",
            f"“{product.name}” lies outside the council's area ({area_name(council.area)}).",
            field="products",
        )


def _ready(product: Product, held_on: date) -> Dossier:
    dossier = product.dossier
    if product.phase is not Phase.ADVISED or dossier is None:
        vi, en = PHASE_NAMES[product.phase]
        raise WrongOrder(
            f"“{product.name}” đang ở tình trạng “{vi}”, chưa đưa ra hội đồng được.",
            f"“{product.name}” stands at “{en}” and cannot come before the council.",
            field="products",
            hint_vi=f"Cần: {PHASE_NAMES[Phase.ADVISED][0]}.",
            hint_en=f"It needs: {PHASE_NAMES[Phase.ADVISED][1]}.",
        )
    if dossier.session is not None:
        raise WrongOrder(
            f"“{product.name}” đã có trong chương trình phiên họp {dossier.session}.",
            f"“{product.name}” is on the agenda of session {dossier.session} already.",
            field="products",
            hint_vi="Bỏ sản phẩm này, hoặc hủy phiên họp kia trước.",
            hint_en="Leave it out, or cancel that session first.",
        )
    if held_on < product.since:
        raise WrongOrder(
            f"Phiên họp trước ngày tổ tư vấn báo cáo về “{product.name}” ({product.since:%d/%m/%Y}).",
            f"The session lies before the advisory report on “{product.name}” ({product.since.isoformat()}).",
            field="held_on",
        )
    return dossier


def _check_level(product: Product, dossier: Dossier, council: Council) -> None:
    # A dossier lies only at levels its own regime knows: one level for both is enough, whatever the regimes.
    if dossier.level != council.level:
        raise Invalid(
            f"Hồ sơ “{product.name}” đang ở cấp “{dossier.level}”, hội đồng là của cấp “{council.level}”.",
            f"The dossier of “{product.name}” lies at “{dossier.level}”, the council is one of “{council.level}”.",
            field="products",
            hint_vi="Chọn hội đồng của cấp đang giữ hồ sơ.",
            hint_en="Choose a council of the level the dossier lies at.",
        )


def _check_renewal(product: Product, regime: Regime) -> None:
    if renewed_above(product, regime):
        raise AgainstTheLaw(
            f"Đánh giá lại “{product.name}” do cấp trên quyết định, cấp này không họp hội đồng"
            f" ({regime.renewal.legal_basis}).",
            f"The renewal of “{product.name}” is the level above's; no council meets here"
            f" ({regime.renewal.legal_basis}).",
            field="products",
            hint_vi="Trình cấp trên kèm báo cáo thẩm định: dùng lệnh forward-dossier.",
            hint_en="Send it up with the advisers' report: use forward-dossier.",
        )


def _check_form(product: Product, dossier: Dossier, form: SessionForm, regime: Regime) -> None:
    by_law = regime.renewal.written_opinions and dossier.kind == "re-evaluation"
    if form == "written" and not by_law:
        raise AgainstTheLaw(
            f"Không lấy ý kiến bằng văn bản cho “{product.name}” được ({regime.renewal.legal_basis}).",
            f"“{product.name}” cannot be decided by written opinions ({regime.renewal.legal_basis}).",
            field="form",
            hint_vi="Chỉ hồ sơ đánh giá lại, nơi quy định cho phép; các hồ sơ khác cần họp.",
            hint_en="Only re-evaluations can, where the rules say so; others need a meeting.",
        )
