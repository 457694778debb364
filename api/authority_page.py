"""The generated part of docs/security.md: who may do what, by which rule, and the numbers as they are in the code."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import NamedTuple

from api.commands import NOT_FOUND_AFTER
from api.law_page import Row, basis, table
from application.access import clients, openid_logins, passwords, sessions, throttle, totp
from application.access.accounts import FIRST_PASSWORD_LIVES
from application.access.tokens import KEPT
from application.directory import LIFETIME
from application.seals import KEPT_SECONDS
from domain.law.authority import ANYBODY, EVERYBODY, Table
from domain.law.book import LawBook
from domain.law.models import MARK_NAMES, Competence, Mark, Regime
from domain.streams import CATALOGUE
from domain.values import ROLE_NAMES, Role

BEGIN = "<!-- authority: begin; written by `ocop law authority` from the decision table and the law, do not edit -->"
END = "<!-- authority: end -->"

AREAS = {
    "commune": "cấp xã · commune",
    "old-unit": "cấp huyện cũ · old district",
    "province": "tỉnh · province",
    "nation": "cả nước · nation",
    "any": "bất kỳ · any",
    "any-ever": "bất kỳ, cả đơn vị cũ · any, old units too",
    "none": "không · none",
}
HANDS = {
    "submit": "nộp · submit",
    "review": "thẩm định · review",
    "approve": "phê duyệt · approve",
    "sign": "ký · sign",
    "score": "chấm điểm · score",
    "change": "thay đổi điểm · change a score",
    "minutes": "kết luận biên bản · conclude the minutes",
    "administer": "quản trị · administer",
    "administer-access": "quản trị tài khoản · administer accounts",
    "access": "cấp, cấp lại tài khoản · open or reset an account",
    "grant": "giao quyền · grant",
    "receive": "nhận quyền · receive",
}
OTHERWISE = {
    "grant": "ai ghi nhận quyền ký của người đó · who entered the person's signature",
    "submit": "ai ghi nhận yêu cầu xóa dữ liệu · who recorded a request to erase",
    "score": "ai đã nộp phiếu đánh giá sản phẩm · who handed in a sheet on the product",
    "change": "ai đã nộp phiếu ở vòng sau vòng đầu · who handed in a sheet in a later round",
    "receive": "người được giao quyền · whom the powers are for",
}
"""Hands that no fact's class gives."""
SEPARATION = ("Quy tắc · Rule", "Nội dung", "In English", "Việc · Acts", "Căn cứ", "Mức độ · Mark")


class Permit(NamedTuple):
    """A command that a role may give: at which level (None: wherever the case lies), by which rule."""

    command: str
    level: str | None
    rule: str
    competence: Competence


class NoPlace(Exception):
    """The page has no place for the generated part: its markers are missing."""


def put_into(page: str, generated: str) -> str:
    """The page with the generated part between its markers; raises NoPlace."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoPlace(f"{BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{generated}\n{END}{after}"


def authority_part(law: LawBook, commands: Mapping[str, str]) -> str:
    """The generated part in Markdown. ``commands``: Vietnamese name by command."""
    known = law.authority
    lines = [*_roles(known)]
    for role in Role:
        lines += [*_role(law, role, commands)]
    lines += [*_for_all(known), *_separation(known), *_fresh_proof(known, commands), *_scopes(known), *_numbers(law)]
    return "\n".join(lines).rstrip() + "\n"


def newest(law: LawBook) -> Regime:
    """The regime that came into force last."""
    return max(law.regimes.values(), key=lambda regime: regime.in_force_from)


def permits_of(law: LawBook, role: Role) -> list[Permit]:
    """What a role may do: by practice and the newest regime, then what only provinces or older regimes let it do."""
    latest = newest(law)
    older = sorted((r for r in law.regimes.values() if r is not latest), key=lambda r: r.in_force_from, reverse=True)
    everywhere = [(law.practice.id, law.practice.competences), (latest.id, latest.competences)]
    provinces = [(f"{law.practice.id}/{code}", own.competences) for code, own in law.practice.provinces.items()]
    found: dict[str, Permit] = {}
    for where, competences in [*everywhere, *provinces, *((regime.id, regime.competences) for regime in older)]:
        for name, competence in competences.items():
            # Practice comes before the regimes; what a province has of its own is told beside what holds elsewhere.
            key = f"{where}/{name}" if (where, competences) in provinces else name
            if role in competence.roles and key not in found:
                command, _, level = name.partition("@")
                found[key] = Permit(command, level or None, f"{where}/{name}", competence)
    return list(found.values())


def routes_of(known: Table, role: Role) -> list[str]:
    """Routes that a role reads by a group of readers, without those that are everybody's."""
    return [
        path
        for path, entry in known.routes.items()
        if entry.roles not in (ANYBODY, EVERYBODY) and known.may_read(entry, role)
    ]


def _roles(known: Table) -> Iterator[str]:
    yield from ("### Vai trò · Roles", "")
    rows = [
        (
            f"[{ROLE_NAMES[role][0]} · {ROLE_NAMES[role][1]}](#{role})",
            AREAS[entry.area],
            "ký · signs" if entry.signs else "",
            "" if entry.delegable else "không · no",
            ", ".join(ROLE_NAMES[served][0] for served in entry.serves),
            f"đến hết {entry.until}" if entry.until else "",
        )
        for role, entry in known.roles.items()
    ]
    heads = (
        "Vai trò · Role",
        "Địa bàn · Area",
        "Ký · Signs",
        "Ủy quyền được · Delegable",
        "Làm thay · Serves",
        "Đến · Until",
    )
    yield from table(heads, rows)


def _role(law: LawBook, role: Role, commands: Mapping[str, str]) -> Iterator[str]:
    vi, en = ROLE_NAMES[role]
    yield from (f'<a id="{role}"></a>', "", f"#### {vi} · {en} (`{role}`)", "")
    permits = permits_of(law, role)
    rows = []
    for permit in permits:
        entry = law.authority.command(permit.command, permit.level)
        told = f"{commands[permit.command]} (`{permit.command}`)"
        hands = "; ".join(HANDS[hand] for hand in entry.hands)
        rows.append((told, permit.level or "", hands, f"`{permit.rule}`", *basis(permit.competence)))
    if rows:
        yield from table(
            ("Việc · Act", "Cấp · Level", "Phần việc · Hand", "Quy tắc · Rule", "Căn cứ", "Mức độ · Mark"), rows
        )
    else:
        yield from ("Không ra lệnh nào. Gives no command.", "")
    if served := law.authority.roles[role].serves:
        whom = ", ".join(f"{ROLE_NAMES[r][0]} · {ROLE_NAMES[r][1]}" for r in served)
        yield from (f"Cũng làm thay, theo giấy tờ · Also on behalf, on paper (`on_behalf_of`): {whom}.", "")
    routes = routes_of(law.authority, role)
    if routes:
        yield from (f"Đọc và gọi · Routes: {', '.join(f'`{route}`' for route in routes)}.", "")


def _for_all(known: Table) -> Iterator[str]:
    yield from ("### Đường dẫn của mọi người · Routes for all", "")
    for who, told in (
        (ANYBODY, "Không cần đăng nhập · Without a login"),
        (EVERYBODY, "Ai đã đăng nhập, về chính mình · Whoever is logged in, about oneself"),
    ):
        paths = ", ".join(f"`{path}`" for path, entry in known.routes.items() if entry.roles == who)
        yield from (f"{told}: {paths}.", "")


def _separation(known: Table) -> Iterator[str]:
    yield from ("### Phân tách nhiệm vụ · Separation of duties", "")
    rows: list[Row] = [
        (
            f"`{deny.id}`",
            deny.vi,
            deny.en,
            f"{HANDS[deny.of]} ✗ {HANDS[deny.hand]}",
            deny.legal_basis,
            _mark(deny.mark),
        )
        for deny in known.denies
    ]
    rows += [
        (
            f"`{deny.id}`",
            deny.vi,
            deny.en,
            f"{ROLE_NAMES[deny.role][0]}: chỉ · only {', '.join(HANDS[hand] for hand in deny.but) or 'đọc · reads'}",
            deny.legal_basis,
            _mark(deny.mark),
        )
        for deny in known.holders
    ]
    yield from table(SEPARATION, rows)
    heads = ("Phần việc · Hand", "Ai có · Who has it", "Lệnh xét đến · Commands held to it")
    rows = [
        (
            told,
            "; ".join([*(f"`{name}`" for name in facts_with(hand)), *([OTHERWISE[hand]] if hand in OTHERWISE else [])]),
            ", ".join(f"`{name}`" for name, entry in known.commands.items() if hand in entry.hands),
        )
        for hand, told in HANDS.items()
    ]
    yield from table(heads, rows)


def facts_with(hand: str) -> list[str]:
    """Stored names of the facts by which whoever acts has a hand in their matter."""
    return [name for name, fact in CATALOGUE.items() if (fact.hand or "").partition("/")[2] == hand]


def _fresh_proof(known: Table, commands: Mapping[str, str]) -> Iterator[str]:
    yield from ("### Cần xác thực mới · Fresh proof of identity", "")
    acts = [f"{commands[name]} (`{name}`)" for name, entry in known.commands.items() if entry.step_up]
    routes = [f"`{path}`" for path, entry in known.routes.items() if entry.step_up]
    yield from (f"- {told}" for told in [*acts, *routes])
    willed = ", ".join(f"`{name}`" for name, entry in known.commands.items() if entry.own_will)
    yield from (
        "",
        "Ý chí của chủ thể: cán bộ làm thay phải ghi `on_behalf_of` · The producer's own will, which an officer gives",
        f"only on behalf: {willed}.",
        "",
    )


def _scopes(known: Table) -> Iterator[str]:
    yield from ("### Phạm vi của tài khoản dịch vụ · Scopes of service accounts", "")
    rows = [
        (f"`{scope}`", ", ".join(f"`{path}`" for path, entry in known.routes.items() if entry.scope == scope))
        for scope in clients.SCOPES
    ]
    yield from table(("Phạm vi · Scope", "Đường dẫn · Routes"), rows)


def _numbers(law: LawBook) -> Iterator[str]:
    yield from ("### Các con số · Numbers", "")
    yield from table(("Cái gì · What", "Giá trị · Value", "Ở đâu · Where"), list(numbers(law)))


def numbers(law: LawBook) -> Iterator[Row]:
    """Every number that docs/security.md speaks of: what, value, and where it stands in the code."""
    p, t, s, c = passwords, throttle, sessions, clients
    argon = f"{p.MEMORY_KIB // 1024} MiB, {p.PASSES} lượt · passes, {p.LANES} luồng · lane"
    code = f"bước · step {totp.STEP} s, lệch · off by {totp.DRIFT}, mỗi mã một lần · each once"
    address = f"{t.ADDRESS_SLOW_FROM}, {t.ADDRESS_LOCK_AT} / {_span(t.ADDRESS_WINDOW)}"
    found = {
        "access/passwords.py": {
            "Mật khẩu · Password": f"{p.SHORTEST}–{p.LONGEST} ký tự · characters",
            "Băm mật khẩu · Hash of a password": f"argon2id, {argon}",
            "Băm cùng lúc, chờ · Hashes at once, waiting": f"{p.AT_ONCE}, {p.MOST_WAITING}",
        },
        "access/accounts.py": {"Mật khẩu cấp một lần sống · One-time password lives": _span(FIRST_PASSWORD_LIVES)},
        "access/throttle.py": {
            "Chậm dần từ lần sai thứ · Slowed from failure": f"{t.SLOW_FROM}, đến · up to {_span(t.LONGEST_WAIT)}",
            "Khóa từ lần sai thứ, trong · Locked at failure, for": f"{t.LOCK_AT}, {_span(t.LOCK)}",
            "Một địa chỉ: chậm, khóa · One address: slowed, locked": address,
        },
        "access/totp.py": {"Mã xác thực · Code": code},
        "access/sessions.py": {
            "Phiên không dùng · Session unused": _span(s.IDLE),
            "Phiên dài nhất · Session at most": _span(s.ABSOLUTE),
            "Xác thực còn mới · Proof is fresh for": _span(timedelta(seconds=s.STEP_UP)),
        },
        "access/clients.py": {
            "Mã truy cập dịch vụ · Service token": _span(c.TOKEN_LIVES),
            "Hai bí mật cùng sống khi đổi · Two secrets at a rotation": _span(c.OVERLAP),
        },
        "access/openid_logins.py": {"Đăng nhập OpenID dở dang · OpenID login under way": _span(openid_logins.LIFE)},
        "access/tokens.py": {"Mã đã đọc được tin · A token read is believed": _span(KEPT)},
        "directory.py": {"Quyền đã đọc được tin · Powers read are believed": _span(timedelta(seconds=LIFETIME))},
        "seals.py": {"Khóa đã mở giữ · An opened key is kept": _span(timedelta(seconds=KEPT_SECONDS))},
    }
    for file, values in found.items():
        yield from ((what, value, f"application/{file}") for what, value in values.items())
    floor = f"{NOT_FOUND_AFTER * 1000:g} ms"
    yield "Lệnh: “không tìm thấy” không sớm hơn · Command: “not found” not before", floor, "api/commands.py"
    for name, what, unit in SETTINGS:
        setting = law.practice.settings[name]
        yield what, f"{setting.value} {unit} ({_mark(setting.mark)})", "domain/law/practice.toml"
    term = law.practice.deadlines["erasure_decision"]
    told = f"{term.value} ngày · days ({_mark(term.mark)})"
    yield "Quyết định yêu cầu xóa · Deciding a request to erase", told, "domain/law/practice.toml"


SETTINGS = (
    ("late_entry_days", "Nhập muộn phải ghi văn bản sau · Late entry names its paper after", "ngày · days"),
    ("retention_process_months", "Lưu dữ liệu phục vụ hồ sơ · Process data kept", "tháng · months"),
    ("retention_consent_months", "Lưu dữ liệu theo sự đồng ý · Consent data kept", "tháng · months"),
    ("retention_idle_months", "Hồ sơ bỏ dở coi là kết thúc · An idle case counts as ended", "tháng · months"),
)


def _span(span: timedelta) -> str:
    """A length of time in the largest unit it is whole in."""
    seconds = int(span.total_seconds())
    units = ((86_400 * 2, 86_400, "ngày · days"), (7_200, 3_600, "giờ · h"), (60, 60, "phút · min"), (0, 1, "giây · s"))
    return next(f"{seconds // size} {unit}" for least, size, unit in units if seconds >= least and seconds % size == 0)


def _mark(mark: Mark) -> str:
    return f"{MARK_NAMES[mark][0]} · `{mark}`"
