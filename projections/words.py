"""Words for the codes in facts, as officials say them: code → (Vietnamese, English); and how values are written."""

from datetime import date
from fractions import Fraction
from typing import Any

EVIDENCE: dict[str, tuple[str, str]] = {
    "business-registration": ("giấy đăng ký kinh doanh", "business registration"),
    "production-licence": ("giấy phép sản xuất", "production licence"),
    "food-safety-certificate": ("giấy chứng nhận an toàn thực phẩm", "food-safety certificate"),
    "quality-declaration": ("bản công bố chất lượng", "quality declaration"),
    "test-report": ("phiếu kiểm nghiệm", "test report"),
    "environment-papers": ("hồ sơ môi trường", "environment papers"),
    "material-origin": ("giấy tờ nguồn gốc nguyên liệu", "papers on the origin of material"),
    "linkage-contract": ("hợp đồng liên kết", "linkage contract"),
    "sales-contract": ("hợp đồng tiêu thụ", "sales contract"),
    "labour-list": ("danh sách lao động", "list of workers"),
    "financial-statement": ("báo cáo tài chính", "financial statement"),
    "trademark": ("giấy tờ nhãn hiệu", "trademark papers"),
    "design-or-patent": ("kiểu dáng, sáng chế", "design or patent"),
    "management-certificate": ("chứng nhận hệ thống quản lý", "management certificate"),
    "area-certificate": ("chứng nhận vùng nguyên liệu", "certificate of the material area"),
    "barcode-traceability": ("mã vạch, truy xuất nguồn gốc", "barcode and traceability"),
    "product-story": ("câu chuyện sản phẩm", "product story"),
    "publicity": ("tài liệu quảng bá", "publicity"),
    "award": ("giải thưởng", "award"),
    "other": ("tài liệu khác", "other document"),
}
COMMITMENT: dict[str, tuple[str, str]] = {
    "food-safety": ("an toàn thực phẩm", "food safety"),
    "environment": ("bảo vệ môi trường", "the environment"),
}
AUDIENCE: dict[str, tuple[str, str]] = {
    "officials": ("cán bộ", "officials"),
    "new-producers": ("chủ thể mới", "new producers"),
    "producers": ("chủ thể", "producers"),
    "public": ("mọi đối tượng", "everybody"),
}
MEDIA: dict[str, tuple[str, str]] = {
    "clip": ("clip", "clip"),
    "article": ("bài", "article"),
    "broadcast": ("phóng sự", "broadcast"),
    "website": ("trang thông tin", "web page"),
    "leaflet": ("tờ rơi", "leaflet"),
}
EVENT: dict[str, tuple[str, str]] = {
    "fair": ("hội chợ", "fair"),
    "thematic-fair": ("hội chợ chuyên đề OCOP", "fair of OCOP products"),
    "conference": ("hội nghị", "conference"),
    "workshop": ("hội thảo", "workshop"),
    "meeting": ("cuộc họp", "meeting"),
    "exchange": ("buổi kết nối giao thương", "trade meeting"),
}
CHANGE: dict[str, tuple[str, str]] = {
    "founded": ("thành lập mới", "founded"),
    "strengthened": ("củng cố", "strengthened"),
    "upgraded": ("nâng cấp", "upgraded"),
}
DIFFICULTY: dict[str, tuple[str, str]] = {
    "material": ("nguyên liệu", "material"),
    "credit": ("vốn vay", "credit"),
    "technology": ("công nghệ", "technology"),
    "labour": ("lao động", "labour"),
    "market": ("thị trường", "the market"),
    "papers": ("thủ tục, giấy tờ", "papers"),
    "other": ("vấn đề khác", "another matter"),
}
SUPPORT: dict[str, tuple[str, str]] = {
    "training": ("đào tạo, tập huấn", "training"),
    "credit": ("tín dụng", "credit"),
    "equipment": ("máy móc, thiết bị", "equipment"),
    "packaging": ("bao bì, nhãn mác", "packaging"),
    "testing": ("kiểm nghiệm", "testing"),
    "trademark": ("nhãn hiệu", "trademark"),
    "advice": ("tư vấn", "advice"),
    "other": ("khác", "other"),
}
CHANNEL: dict[str, tuple[str, str]] = {
    "direct": ("bán trực tiếp", "direct sales"),
    "agents": ("đại lý", "agents"),
    "retail-chain": ("chuỗi bán lẻ", "retail chains"),
    "e-commerce": ("thương mại điện tử", "e-commerce"),
    "export": ("xuất khẩu", "export"),
    "tourism": ("du lịch", "tourism"),
}
ENTITY: dict[str, tuple[str, str]] = {
    "cooperative": ("hợp tác xã", "cooperative"),
    "cooperative-group": ("tổ hợp tác", "cooperative group"),
    "small-medium-enterprise": ("doanh nghiệp nhỏ và vừa", "small or medium enterprise"),
    "large-enterprise": ("doanh nghiệp lớn", "large enterprise"),
    "farm": ("trang trại", "farm"),
    "household": ("hộ có đăng ký kinh doanh", "registered household"),
    "association": ("hội", "association"),
    "federation": ("hiệp hội", "federation"),
    "operating-centre": ("trung tâm điều hành", "operating centre"),
    "equivalent-body": ("tổ chức tương đương", "equivalent body"),
}
LEVEL: dict[str, tuple[str, str]] = {
    "commune": ("cấp xã", "the commune"),
    "district": ("cấp huyện", "the district"),
    "province": ("cấp tỉnh", "the province"),
    "centre": ("cấp trung ương", "the centre"),
}
KIND: dict[str, tuple[str, str]] = {
    "first-time": ("lần đầu", "first-time"),
    "upgrade": ("nâng hạng", "upgrade"),
    "re-evaluation": ("đánh giá lại", "re-evaluation"),
}


STANDING: dict[str, tuple[str, str]] = {
    "reached": ("Đạt", "Reached"),
    "not-reached": ("Chưa đạt", "Not reached"),
    "running": ("Đang thực hiện", "Under way"),
    "not-begun": ("Chưa bắt đầu", "Not begun"),
    "cannot-be-told": ("Chưa có số liệu", "No figures yet"),
}
CONFLICT: dict[str, tuple[str, str]] = {
    "own-product": ("sản phẩm của chính mình", "own product"),
    "employer": ("sản phẩm của nơi làm việc", "the employer's product"),
    "relative": ("sản phẩm của người thân", "a relative's product"),
    "guidance": ("đã hướng dẫn sản phẩm", "gave the product guidance"),
    "other": ("lý do khác", "another reason"),
}


def day(value: date | None) -> str:
    """dd/mm/yyyy."""
    return f"{value.day:02d}/{value.month:02d}/{value.year}" if value else "—"


def dong(value: int | None) -> str:
    """1.234.567 đ."""
    return f"{value:,}".replace(",", ".") + " đ" if value is not None else "—"


def vnd(value: int | None) -> str:
    """VND 1,234,567."""
    return f"VND {value:,}" if value is not None else "—"


def items(values: Any) -> str:
    """Items one after another."""
    return "; ".join(str(v) for v in values) or "—"


def average(value: str, comma: str) -> str:
    """An exact average shown with two decimals; the exact value stays in the fact."""
    return f"{float(round(Fraction(value), 2)):.2f}".replace(".", comma)


def text(value: str) -> str:
    """Words somebody wrote, so that they end inside a sentence."""
    return value.strip().rstrip(".;,").strip()


def missing(item: str) -> dict[str, str]:
    """A missing item in words: a code of ours ("evidence:…"), or the words somebody asked in."""
    kind, _, code = item.partition(":")
    if kind == "evidence" and code in EVIDENCE:
        vi, en = EVIDENCE[code]
    elif kind == "commitment" and code in COMMITMENT:
        vi, en = f"cam kết {COMMITMENT[code][0]}", f"commitment on {COMMITMENT[code][1]}"
    elif kind == "milestone":
        vi, en = f"mốc “{code}” của phương án", f"milestone “{code}” of the plan"
    else:
        vi = en = item
    return {"item": item, "vi": vi, "en": en}
