"""Words for the codes in facts, as officials say them: code → (Vietnamese, English)."""

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
LEVEL: dict[str, tuple[str, str]] = {
    "commune": ("cấp xã", "the commune"),
    "province": ("cấp tỉnh", "the province"),
    "centre": ("cấp trung ương", "the centre"),
}
KIND: dict[str, tuple[str, str]] = {
    "first-time": ("lần đầu", "first-time"),
    "upgrade": ("nâng hạng", "upgrade"),
    "re-evaluation": ("đánh giá lại", "re-evaluation"),
}


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
