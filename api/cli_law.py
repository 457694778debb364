"""The command line of the law: ``ocop law import-sheets``, ``page``, ``authority``, ``seal`` and ``recheck``."""

import time
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console

import domain.law
from api.authority_page import NoPlace, authority_part, put_into
from api.installation import installed_settings
from api.law_page import SHEETS_PAGE, law_page
from api.law_sheets_page import sheets_page
from api.plans_page import PLANS_PAGE, plans_page
from application.database import EmbeddedPostgres, is_current
from application.logs import configure_logs
from application.recheck import Rechecked, recheck
from application.settings import Settings
from application.store import Journal
from application.wording import LARGEST_FILE, BadWording, read_wording, store_wording
from domain.decide import COMMANDS
from domain.law.book import LawBook, law_book, load
from domain.law.checks import BrokenRules
from domain.law.sums import write_sums

law = typer.Typer(no_args_is_help=True, help="The rule files: official wording, the page, the seals.")
console = Console(stderr=True)

PAGE = Path("docs") / "law.md"
SECURITY_PAGE = Path("docs") / "security.md"
SHOWN = 50
"""Deviations that are printed one by one."""


@law.command("import-sheets")
def import_sheets(file: Annotated[Path, typer.Argument(help="JSON file with the official wording.")]) -> None:
    """Import the official wording of a regime's sheets; every figure in it must equal ours, or nothing is taken."""
    try:
        with file.open("rb") as source:
            content = source.read(LARGEST_FILE + 1)
        wording = read_wording(content, law_book())
    except OSError as error:
        console.print(f"{file}: {error.strerror}", style="red", markup=False)
        raise typer.Exit(2) from None
    except BadWording as bad:
        for fault in bad.faults:
            console.print(str(fault), markup=False, highlight=False, soft_wrap=True)
        told = f"{file}: {len(bad.faults)} lỗi, không nhập gì. {len(bad.faults)} fault(s), nothing was imported."
        console.print(told, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    target = store_wording(Settings.from_environment().var, wording)
    labels = sum(len(c.labels) for s in wording.sheets.values() for c in s.criteria.values())
    console.print(
        f"{wording.regime}: {len(wording.sheets)} bộ/sheets, {labels} mức/options → {target}\n"
        "Khởi động lại dịch vụ để hiển thị. Restart the service to show it.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


@law.command()
def page(to: Annotated[Path, typer.Option(help="File to write.")] = PAGE) -> None:
    """Write the page of the law from the rule files, and beside it the pages of the sheets and of the plans."""
    sheets, plans = to.with_name(SHEETS_PAGE), to.with_name(PLANS_PAGE)
    to.write_text(current_page(), encoding="utf-8")
    sheets.write_text(sheets_page(law_book()), encoding="utf-8")
    plans.write_text(plans_page(), encoding="utf-8")
    console.print(f"{to}\n{sheets}\n{plans}", markup=False)


def current_page() -> str:
    """The page as the rule files give it now."""
    return law_page(law_book(), {name: command.vi for name, command in COMMANDS.items()})


@law.command()
def authority(to: Annotated[Path, typer.Option(help="Page to write into.")] = SECURITY_PAGE) -> None:
    """Write who may do what, and the numbers, between the markers of the page of security."""
    try:
        to.write_text(put_into(to.read_text(encoding="utf-8"), current_authority()), encoding="utf-8")
    except OSError as error:
        console.print(f"{to}: {error.strerror}", style="red", markup=False)
        raise typer.Exit(2) from None
    except NoPlace as missing:
        console.print(f"{to}: thiếu chỗ đánh dấu / no markers: {missing}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    console.print(str(to), markup=False)


def current_authority() -> str:
    """The generated part of the page of security as table, law and code give it now."""
    return authority_part(law_book(), {name: command.vi for name, command in COMMANDS.items()})


@law.command()
def seal() -> None:
    """Write SHA256SUMS anew over the rule files as they stand, then read them; check your changes first."""
    write_sums(Path(domain.law.__path__[0]))
    law_book.cache_clear()
    try:
        book = law_book()
    except BrokenRules as broken:
        console.print(str(broken), style="red", markup=False)
        raise typer.Exit(1) from None
    console.print(f"{len(book.regimes)} regimes, {len(book.sheets)} sheets, hash {book.hash}", markup=False)


@law.command("recheck")
def recheck_command(
    rules: Annotated[
        Path | None,
        typer.Option(help="Folder of other rule files, sealed like domain/law.", exists=True, file_okay=False),
    ] = None,
) -> None:
    """Take every stored decision again with the rules as loaded; exit code 1 when one comes out otherwise."""
    settings = installed_settings()
    configure_logs(settings.log_format)
    try:
        book = load(rules) if rules else law_book()
    except (BrokenRules, OSError) as broken:
        console.print(str(broken), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    embedded = None if settings.database_url else EmbeddedPostgres(settings.var)
    try:
        url = settings.database_url or (embedded.start() if embedded else "")
        found = _rechecked(url, book)
    except psycopg.Error as error:
        console.print(f"{type(error).__name__}: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    finally:
        if embedded is not None:
            embedded.leave()
    if found.deviations:
        raise typer.Exit(1)


def _rechecked(url: str, book: LawBook) -> Rechecked:
    if not is_current(url):
        console.print(
            "Cơ sở dữ liệu chưa được chuẩn bị; chạy ocop migrate. / Run ocop migrate first.",
            style="red",
            soft_wrap=True,
        )
        raise typer.Exit(2)
    journal = Journal(url, pool_size=1)
    began = time.perf_counter()
    try:
        with console.status("") as status:
            found = recheck(journal, book, lambda done: status.update(f"{done:,} quyết định / decisions"))
    finally:
        journal.close()
    _tell(found, time.perf_counter() - began)
    return found


def _tell(found: Rechecked, seconds: float) -> None:
    out = Console(soft_wrap=True, highlight=False, markup=False)
    for d in found.deviations[:SHOWN]:
        out.print(f"{d.product} {d.version}: {d.what}: {d.recorded} → {d.again}")
    if len(found.deviations) > SHOWN:
        out.print(f"… {len(found.deviations) - SHOWN:,} chỗ khác nữa / more")
    for what, count in found.kinds.items():
        out.print(f"{what}: {count:,}")
    rate = found.decisions / seconds if seconds else 0.0
    out.print(
        f"{found.decisions:,} quyết định, {found.identical:,} giống hệt, {rate:,.0f}/giây. "
        f"{found.decisions:,} decisions, {found.identical:,} identical, {rate:,.0f}/s."
    )
