"""The command line's ``ocop import``: registers of certificates out of Excel, and the template for them."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from uuid import UUID

import psycopg
import typer
from anyio import CapacityLimiter
from rich.console import Console

from api.cli_access import carried_out
from api.cli_keys import prepared_keys
from api.installation import lost_checkpoint
from application.access.accounts import Accounts
from application.database import EmbeddedPostgres, is_current, service_conninfo
from application.directory import Directory
from application.keys import DatabaseKeys, key_pool
from application.logs import configure_logs
from application.registers.checking import check
from application.registers.known import Known, look_up
from application.registers.layouts import write_template
from application.registers.loading import Loaded, load
from application.registers.reading import Reading, read_mapping, read_register
from application.registers.workbook import BadWorkbook
from application.seals import Keeper, secret_of
from application.settings import Settings
from application.store import Journal
from application.writer import Writer, utc_now
from domain.law.areas import areas
from domain.law.book import law_book
from domain.law.calendar import legal_date
from domain.proof.note import Checkpoint
from domain.values import Actor, Role

imports = typer.Typer(no_args_is_help=True, help="Registers of certificates (sổ theo dõi) out of Excel.")
console, errors = Console(), Console(stderr=True)

TOLD_ONE_BY_ONE = 3
"""Rows told of with the same warning; those after them are only counted."""


@imports.command("template")
def template(file: Annotated[Path, typer.Argument(help="Where to write it.")]) -> None:
    """Write the empty template of a register (biểu mẫu sổ theo dõi)."""
    if file.exists():
        raise _stop(f"{file}: đã có tệp này / there is such a file already")
    write_template(file)
    errors.print(f"{file}", soft_wrap=True)


@imports.command("certificates")
def certificates(
    file: Annotated[Path, typer.Argument(help="The register, .xlsx.", exists=True, dir_okay=False)],
    province: Annotated[str, typer.Option(help="Code of the province whose register it is.")],
    mapping: Annotated[
        Path | None, typer.Option(help="CSV “old,code”: today's communes of old names and codes.", exists=True)
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet, where several look like a register.")] = None,
    preview: Annotated[bool, typer.Option(help="Only say what is found; store nothing.")] = False,
    login: Annotated[str | None, typer.Option(help="Account of the province's officer who loads it.")] = None,
) -> None:
    """Load a province's register: rows with errors are told and left out; a second run changes nothing.

    Ends with 1 when there were errors, also where other rows were loaded.
    """
    settings = Settings.from_environment()
    configure_logs(settings.log_format)
    if len(province) != 2 or province not in areas():
        raise _stop(f"--province: không có tỉnh mang mã {province} / there is no province {province}")
    today = legal_date(utc_now())
    try:
        known = read_mapping(mapping) if mapping else {}
        reading = read_register(file, province=province, mapping=known, today=today, sheet=sheet)
    except BadWorkbook as bad:
        raise _stop(f"{bad.vi}\n{bad.en}") from None
    actor = None if preview else _officer(province, login)
    with _database(settings, preview=preview) as url:
        checked = check(reading, law_book(), today, _known(url, reading))
        loaded = _load(settings, url, checked, actor) if actor and url else None
    _tell(checked, loaded)
    if url is None:
        errors.print("Chưa đối chiếu với cơ sở dữ liệu / not compared with the database", soft_wrap=True)
    if loaded:
        _say(_sum_of_load(checked, loaded))
    else:
        _say(_sum_of_preview(checked))
    if _rows_with_errors(checked) or (loaded and loaded.refused):
        raise typer.Exit(1)


def _stop(why: str) -> typer.Exit:
    errors.print(why, style="red", markup=False, soft_wrap=True)
    return typer.Exit(1)


def _officer(province: str, login: str | None) -> Actor:
    """The province's officer who loads the register, proved by the account's password."""
    if login is None:
        raise _stop("--login: cần tài khoản của cán bộ OCOP cấp tỉnh / the account of the province's officer is needed")
    password = typer.prompt("Mật khẩu / password", hide_input=True)
    code = typer.prompt("Mã xác thực, nếu có / code, if enrolled", default="", show_default=False)
    person = carried_out(lambda accounts, _: _proved(accounts, login, password, code))
    settings = Settings.from_environment()
    with _database(settings, preview=False) as url:
        journal = Journal(url or "", pool_size=1)
        try:
            today = legal_date(utc_now())
            held = asyncio.run(Directory(journal, law_book(), CapacityLimiter(1), utc_now).powers(person, today))
        finally:
            journal.close()
    for power in held:
        if power.actor.role is Role.PROVINCE_OFFICER and power.actor.area == province:
            return power.actor
    raise _stop(
        f"{login} không phải cán bộ OCOP của tỉnh {province} / {login} is no OCOP officer of province {province}"
    )


async def _proved(accounts: Accounts, login: str, password: str, code: str) -> UUID:
    return (await accounts.log_in(login, password, code, "command line")).session.person


@contextmanager
def _database(settings: Settings, *, preview: bool) -> Iterator[str | None]:
    """The database's URL; for a preview None where none has been prepared."""
    local = settings.var / "postgres" / "PG_VERSION"
    if preview and not settings.database_url and not local.exists():
        yield None
        return
    embedded = None if settings.database_url else EmbeddedPostgres(settings.var)
    try:
        url = settings.database_url or (embedded.start() if embedded else "")
        if is_current(url):
            yield url
        elif preview:
            yield None
        else:
            raise _stop("Cơ sở dữ liệu chưa được chuẩn bị; chạy ocop migrate / run ocop migrate first")
    finally:
        if embedded is not None:
            embedded.leave()


def _known(url: str | None, reading: Reading) -> Known:
    if url is None:
        return Known()
    with psycopg.connect(service_conninfo(url), autocommit=True) as connection:
        return look_up(connection, reading)


def _load(settings: Settings, url: str, reading: Reading, actor: Actor) -> Loaded:
    master = secret_of(settings.master_key, settings.master_key_file)
    keys_url, embedded_keys = prepared_keys(settings)
    pool = key_pool(keys_url)
    journal = Journal(url, pool_size=1)
    with pool:
        keeper = Keeper(master, DatabaseKeys(pool))
        try:
            lost = lost_checkpoint(settings, url)
            return asyncio.run(_through_the_writer(journal, keeper, reading, actor, lost))
        finally:
            journal.close()
            if embedded_keys is not None:
                embedded_keys.leave()


async def _through_the_writer(
    journal: Journal, keeper: Keeper, reading: Reading, actor: Actor, lost: Checkpoint | None
) -> Loaded:
    law = law_book()
    writer = Writer(journal, law, keeper, missing=lost)
    writer.start(asyncio.get_running_loop())
    try:
        return await load(reading, writer.run, keeper, law, actor, journal.streams)
    finally:
        await asyncio.to_thread(writer.stop)


# ── What is told ──────────────────────────────────────────────────────────────────────────────


def _say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _tell(reading: Reading, loaded: Loaded | None) -> None:
    """One line a row: its number, its product, and all there is to say, by column; warnings over and over in sum."""
    said: dict[int, list[str]] = defaultdict(list)
    named = {row.number: row.product for row in reading.rows}
    warned: Counter[str] = Counter()
    for found in sorted(reading.findings, key=lambda f: (f.row, len(f.cell), f.cell)):
        named.setdefault(found.row, found.product)
        if found.severity == "warning":
            warned[found.code] += 1
            if warned[found.code] > TOLD_ONE_BY_ONE:
                continue
        kind = "lỗi/error" if found.severity == "error" else "cảnh báo/warning"
        said[found.row].append(f"{found.cell} {kind} {found.code}: {found.vi} / {found.en}")
    for note in (*loaded.refused, *loaded.changed) if loaded else ():
        named.setdefault(note.row, note.product)
        said[note.row].append(f"{note.code}: {note.vi} / {note.en}")
    for number in sorted(said):
        _say(f"dòng/row {number} “{named.get(number, '')}”: " + " | ".join(said[number]))
    for code, times in warned.items():
        if more := times - min(times, TOLD_ONE_BY_ONE):
            _say(f"cảnh báo/warning {code}: thêm {more} dòng / {more} more rows")


def _rows_with_errors(reading: Reading) -> int:
    return len({finding.row for finding in reading.findings if finding.severity == "error"})


def _sum_of_preview(reading: Reading) -> str:
    right, wrong = len(reading.rows), _rows_with_errors(reading)
    return f"{right} dòng nạp được, {wrong} dòng có lỗi / {right} rows can be loaded, {wrong} have errors"


def _sum_of_load(reading: Reading, loaded: Loaded) -> str:
    wrong, changed, refused = _rows_with_errors(reading), len(loaded.changed), len(loaded.refused)
    return (
        f"Đã nạp {loaded.loaded} dòng, {loaded.already} dòng đã có, {wrong} dòng có lỗi, {changed} chỗ khác với lần "
        f"trước, {refused} bị từ chối / {loaded.loaded} rows loaded, {loaded.already} known before, {wrong} have "
        f"errors, {changed} differ from before, {refused} refused"
    )
