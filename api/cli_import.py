"""The command line's ``ocop import``: registers of certificates out of Excel, and the template for them."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from psycopg_pool import ConnectionPool
from rich.console import Console

from api.security import read_holders
from application.database import EmbeddedPostgres, is_current, service_conninfo
from application.logs import configure_logs
from application.registers.layouts import write_template
from application.registers.loading import Loaded, RowNote, load
from application.registers.reading import Finding, Reading, read_mapping, read_register
from application.registers.workbook import BadWorkbook
from application.seals import DatabaseKeys, Keeper, master_key
from application.settings import Settings
from application.store import Journal
from application.writer import Writer, utc_now
from domain.law.areas import areas
from domain.law.book import law_book
from domain.law.calendar import legal_date
from domain.values import Actor, Role

imports = typer.Typer(no_args_is_help=True, help="Registers of certificates (sổ theo dõi) out of Excel.")
console, errors = Console(), Console(stderr=True)


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
    person: Annotated[str | None, typer.Option(help="Who loads it, as in the token file.")] = None,
) -> None:
    """Load a province's register: rows with errors are told and left out; a second run changes nothing."""
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
    _tell_findings(reading)
    if preview:
        return
    loaded = _load(settings, reading, _officer(settings, province, person))
    _tell_loaded(loaded)


def _stop(why: str) -> typer.Exit:
    errors.print(why, style="red", markup=False, soft_wrap=True)
    return typer.Exit(1)


def _officer(settings: Settings, province: str, person: str | None) -> Actor:
    """The province's officer who loads the register."""
    holders = read_holders(settings.tokens) if settings.tokens.exists() else []
    officers = [
        holder.actor
        for holder in holders
        if holder.actor.role is Role.PROVINCE_OFFICER
        and holder.actor.area == province
        and person in (None, holder.actor.person)
    ]
    if len(officers) != 1:
        names = ", ".join(f"“{actor.person}”" for actor in officers) or "–"
        raise _stop(
            f"Cần đúng một cán bộ OCOP của tỉnh {province} trong {settings.tokens}, chọn bằng --person; có: {names}\n"
            f"Exactly one OCOP officer of province {province} is needed from that file, see --person; found: {names}"
        )
    return officers[0]


def _load(settings: Settings, reading: Reading, actor: Actor) -> Loaded:
    embedded = None if settings.database_url else EmbeddedPostgres(settings.var)
    try:
        url = settings.database_url or (embedded.start() if embedded else "")
        if not is_current(url):
            raise _stop("Cơ sở dữ liệu chưa được chuẩn bị; chạy ocop migrate / run ocop migrate first")
        master = master_key(settings.master_key, settings.master_key_file)
        pool: ConnectionPool[Any] = ConnectionPool(service_conninfo(url), min_size=1, kwargs={"autocommit": True})
        journal = Journal(url, pool_size=1)
        with pool:
            keeper = Keeper(master, DatabaseKeys(pool))
            try:
                return asyncio.run(_through_the_writer(journal, keeper, reading, actor))
            finally:
                journal.close()
    finally:
        if embedded is not None:
            embedded.leave()


async def _through_the_writer(journal: Journal, keeper: Keeper, reading: Reading, actor: Actor) -> Loaded:
    law = law_book()
    writer = Writer(journal, law, keeper)
    writer.start(asyncio.get_running_loop())
    try:
        return await load(reading, writer.run, keeper.digest, law, actor, legal_date(utc_now()))
    finally:
        await asyncio.to_thread(writer.stop)


def _tell_findings(reading: Reading) -> None:
    for finding in reading.findings:
        console.print(_line(finding), markup=False, highlight=False, soft_wrap=True)
    wrong = len({finding.row for finding in reading.findings if finding.severity == "error"})
    errors.print(
        f"{len(reading.rows)} dòng nạp được, {wrong} dòng có lỗi / {len(reading.rows)} rows can be loaded, "
        f"{wrong} have errors",
        soft_wrap=True,
    )


def _line(finding: Finding) -> str:
    kind = "lỗi/error" if finding.severity == "error" else "cảnh báo/warning"
    return f"{finding.cell}: {kind} {finding.code}: {finding.vi} / {finding.en}"


def _tell_loaded(loaded: Loaded) -> None:
    _tell_notes(loaded.refused)
    _tell_notes(loaded.changed)
    errors.print(
        f"Đã nạp {loaded.loaded} dòng, {loaded.already} dòng đã có, {len(loaded.changed)} chỗ khác với lần trước, "
        f"{len(loaded.refused)} bị từ chối / {loaded.loaded} rows loaded, {loaded.already} known before, "
        f"{len(loaded.changed)} differ from before, {len(loaded.refused)} refused",
        soft_wrap=True,
    )


def _tell_notes(notes: Iterable[RowNote]) -> None:
    for note in notes:
        text = f"dòng/row {note.row}: {note.code}: {note.vi} / {note.en}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
