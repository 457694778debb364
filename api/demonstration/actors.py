"""Who acts in the demonstration: offices and roles, no persons' names."""

from domain.law.areas import NATION, area_name
from domain.values import Actor, Role

PROVINCE = "25"
OVERSEER = "Giám sát toàn quốc"
"""Who reads all of it."""
ELSEWHERE = ("48", "68")
"""Provinces of today that the old ones went into whose plans are shown."""
COMMUNES = ("04831", "04873", "04876", "04891")
PRODUCERS: dict[str, tuple[str, str]] = {
    # registration (illustrative) → (producer, commune); these five are named by the plan of 2023
    "HKD-TOANSON": ("Một hộ kinh doanh xóm Cha, Toàn Sơn", "04831"),
    "HTX-DAGIANG": ("HTX Đà Giang Eco", "04831"),
    "HTX-BIGFARM": ("HTX dược liệu BIGFARM", "04873"),
    "THT-XOMSUNG": ("Tổ hợp tác xóm Sưng", "04876"),
    "HTX-TAMCUONG": ("HTX Tâm Cương Tân Minh", "04876"),
    # the plan names no producer for its potential products: these are made up and say so in their names
    "MH-MATONG": ("HTX minh hoạ nuôi ong Đà Bắc", "04831"),
    "MH-CHEKHO": ("Tổ hợp tác minh hoạ chè khô", "04876"),
    "MH-TRAUSAY": ("Hộ kinh doanh minh hoạ thịt trâu sấy", "04873"),
    "MH-CATOM": ("HTX minh hoạ thủy sản hồ Hòa Bình", "04891"),
    "MH-DULICH": ("Hội minh hoạ du lịch cộng đồng", "04891"),
    "MH-LONBANDIA": ("Trang trại minh hoạ lợn bản địa", "04873"),
    "MH-GADOI": ("Hộ kinh doanh minh hoạ gà đồi", "04831"),
    "MH-MUOIDOI": ("HTX minh hoạ muối dổi", "04876"),
}


def demonstration_actors() -> list[Actor]:
    """Everybody the demonstration needs, and a reader of each kind."""
    actors: list[Actor] = []
    for code in COMMUNES:
        name = area_name(code)
        office = f"UBND {name[0].lower()}{name[1:]}"
        actors += [
            Actor(
                person=f"Cán bộ OCOP {office.removeprefix('UBND ')}",
                office=office,
                role=Role.COMMUNE_OFFICER,
                area=code,
            ),
            Actor(person=f"Chủ tịch {office}", office=office, role=Role.COMMUNE_CHAIR, area=code),
        ]
    for registration, (name, code) in PRODUCERS.items():
        actors.append(Actor(person=name, office=name, role=Role.PRODUCER, area=code, producer=registration))
    province = f"UBND tỉnh {area_name(PROVINCE)}"
    council = f"Hội đồng OCOP tỉnh {area_name(PROVINCE)}"
    body = f"Văn phòng điều phối nông thôn mới tỉnh {area_name(PROVINCE)}"
    for code in ELSEWHERE:
        office = f"Văn phòng điều phối nông thôn mới {area_name(code)}"
        person = f"Cán bộ OCOP {area_name(code)}"
        actors.append(Actor(person=person, office=office, role=Role.PROVINCE_OFFICER, area=code))
    actors += [
        Actor(person="Quản trị viên OCOP tỉnh", office=body, role=Role.ADMINISTRATOR, area=PROVINCE),
        Actor(person="Cán bộ OCOP cấp tỉnh", office=body, role=Role.PROVINCE_OFFICER, area=PROVINCE),
        Actor(
            person="Tổ trưởng tổ tư vấn",
            office=f"Tổ tư vấn OCOP {area_name(PROVINCE)}",
            role=Role.ADVISORY_TEAM,
            area=PROVINCE,
        ),
        *(
            Actor(person=person, office=council, role=Role.COUNCIL_MEMBER, area=PROVINCE)
            for person in (
                "Chủ tịch hội đồng",
                "Phó chủ tịch hội đồng",
                *(f"Thành viên hội đồng {n}" for n in range(1, 6)),
            )
        ),
        Actor(person="Thư ký hội đồng", office=council, role=Role.COUNCIL_SECRETARY, area=PROVINCE),
        Actor(person="Chủ tịch UBND tỉnh", office=province, role=Role.PROVINCE_CHAIR, area=PROVINCE),
        Actor(person="Giám sát chương trình", office=body, role=Role.SUPERVISOR, area=PROVINCE),
        Actor(person=OVERSEER, office="Bộ Nông nghiệp và Môi trường", role=Role.SUPERVISOR, area=NATION),
        Actor(person="Thanh tra tỉnh", office="Thanh tra tỉnh", role=Role.INSPECTOR, area=PROVINCE),
        Actor(person="Hệ thống kết nối", office="Sàn thương mại điện tử", role=Role.INTEGRATOR, area="VN"),
    ]
    return actors
