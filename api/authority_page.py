"""The generated part of docs/security.md: who may do what, by which rule, and the numbers as they are in the code."""

from collections.abc import Iterable, Iterator, Mapping
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
from domain.values import ROLE_NAMES, Role

BEGIN = "<!-- authority: begin; written by `ocop law authority` from the decision table and the law, do not edit -->"
END = "<!-- authority: end -->"

AREAS = {
    "commune": "cấp xã · commune",
    "old-unit": "cấp huyện cũ · old district",
    "province": "tỉnh · province",
    "nation": "cả nước · nation",
    "any": "bất kỳ · any",
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
    "grant": "giao quyền · grant",
    "receive": "nhận quyền · receive",
}
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
    by_hand = [
        (HANDS[hand], ", ".join(f"`{name}`" for name, entry in known.commands.items() if hand in entry.hands))
        for hand in HANDS
    ]
    yield from table(("Phần việc · Hand", "Lệnh · Commands"), [row for row in by_hand if row[1]])


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


def numbers(law: LawBook) -> Iterable[Row]:
    """Every number that docs/security.md speaks of: what, value, and where it stands in the code."""
    minutes, hours, days = "phút · min", "giờ · h", "ngày · d"
    access = "application/access"
    yield "Mật khẩu · Password", f"{passwords.SHORTEST}–{passwords.LONGEST} ký tự · characters", f"{access}/passwords.py"
    yield (
        "Argon2id",
        f"{passwords.MEMORY_KIB // 1024} MiB, {passwords.PASSES} lượt · passes, {passwords.LANES} luồng · lane",
        f"{access}/passwords.py",
    )
    yield (
        "Băm cùng lúc, chờ · Hashes at once, waiting",
        f"{passwords.AT_ONCE}, {passwords.MOST_WAITING}",
        f"{access}/passwords.py",
    )
    accounts = f"{access}/accounts.py"
    yield "Mật khẩu cấp một lần sống · One-time password lives", f"{FIRST_PASSWORD_LIVES.days} {days}", accounts
    where = f"{access}/throttle.py"
    yield "Chậm dần từ lần sai thứ · Slowed from failure", str(throttle.SLOW_FROM), where
    yield "Khóa từ lần sai thứ · Locked at failure", f"{throttle.LOCK_AT}, {_min(throttle.LOCK)} {minutes}", where
    yield (
        "Một địa chỉ · One address: slowed, locked",
        f"{throttle.ADDRESS_SLOW_FROM}, {throttle.ADDRESS_LOCK_AT} / {_min(throttle.ADDRESS_WINDOW)} {minutes}",
        where,
    )
    where = f"{access}/sessions.py"
    yield "Phiên không dùng · Session unused", f"{_min(sessions.IDLE)} {minutes}", where
    yield "Phiên dài nhất · Session at most", f"{_min(sessions.ABSOLUTE) // 60} {hours}", where
    yield "Xác thực còn mới · Proof is fresh for", f"{sessions.STEP_UP // 60} {minutes}", where
    yield (
        "Mã xác thực · Code",
        f"bước · step {totp.STEP} s, lệch · off by {totp.DRIFT}, mỗi mã một lần · each once",
        f"{access}/totp.py",
    )
    where = f"{access}/clients.py"
    yield "Mã truy cập dịch vụ · Service token", f"{_min(clients.TOKEN_LIVES)} {minutes}", where
    yield "Hai bí mật cùng sống khi đổi · Two secrets at a rotation", f"{_min(clients.OVERLAP) // 60} {hours}", where
    yield (
        "Đăng nhập OpenID dở dang · OpenID login under way",
        f"{_min(openid_logins.LIFE)} {minutes}",
        f"{access}/openid_logins.py",
    )
    yield (
        "Quyền, mã đã đọc được tin · Powers and tokens read are believed",
        f"{LIFETIME:g} s, {KEPT.total_seconds():g} s",
        f"application/directory.py, {access}/tokens.py",
    )
    yield "Khóa đã mở giữ · An opened key is kept", f"{KEPT_SECONDS:g} s", "application/seals.py"
    yield "“Không tìm thấy” không sớm hơn · “Not found” not before", f"{NOT_FOUND_AFTER * 1000:g} ms", "api/commands.py"
    for name, told, unit in (
        ("late_entry_days", "Nhập muộn phải ghi văn bản sau · Late entry names its paper after", days),
        ("retention_process_months", "Lưu dữ liệu hồ sơ · Process data kept", "tháng · months"),
        ("retention_consent_months", "Lưu dữ liệu đồng ý · Consent data kept", "tháng · months"),
    ):
        setting = law.practice.settings[name]
        yield told, f"{setting.value} {unit} ({_mark(setting.mark)})", "domain/law/practice.toml"
    term = law.practice.deadlines["erasure_decision"]
    yield (
        "Quyết định yêu cầu xóa · Deciding a request to erase",
        f"{term.value} {days} ({_mark(term.mark)})",
        "domain/law/practice.toml",
    )


def _min(span: timedelta) -> int:
    return int(span.total_seconds()) // 60


def _mark(mark: Mark) -> str:
    return f"{MARK_NAMES[mark][0]} · `{mark}`"
