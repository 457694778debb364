"""The command line: ``ocop serve``, ``migrate``, ``rebuild``, ``projections``, ``appoint-administrator`` and others."""

import application.at_start  # noqa: F401

# isort: split
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Annotated

import psycopg
import structlog
import typer
import uvicorn
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.app import create_app
from api.cli_access import account, carried_out, client
from api.cli_import import imports
from api.cli_keys import bury_again, keys, prepared_keys
from api.cli_law import law
from api.cli_log import backup_command, change_key_command, restore_command, verify_command
from api.cli_openid import identity
from api.cli_witness import witness
from api.demonstration.accounts import appoint_everybody, is_foreign, let_in, let_out, open_accounts, tell
from api.demonstration.loader import load_demonstration
from api.installation import installed_settings, lost_checkpoint
from api.openid import OpenIDDoor
from api.openid_session import open_session
from application.appointing import Appointment, appoint
from application.database import (
    CannotMigrate,
    EmbeddedPostgres,
    ensure_login,
    is_current,
    migrate,
    service_conninfo,
)
from application.keys import DatabaseKeys, key_pool, migrate_with_keys
from application.logs import configure_logs
from application.proof.keys import LogKey
from application.proof.succession import known_keys
from application.proof.timestamps import authorities_of
from application.proof.witnesses import Witness, witnessed, witnesses_of
from application.seals import Keeper, fits, secret_of
from application.settings import BadSettings, OpenIDSettings, Settings
from application.store import Journal
from application.wording import load_wordings
from application.writer import Writer, utc_now
from domain.law.book import law_book
from domain.law.calendar import legal_date
from domain.proof.note import Checkpoint
from domain.refusals import Refusal
from domain.values import Actor, Role
from projections.catalogue import read_models
from projections.engine import Projector
from projections.following import follow

gc.enable()
cli = typer.Typer(no_args_is_help=True, add_completion=False, help="OCOP: the six steps as an event stream.")
cli.add_typer(law, name="law")
cli.add_typer(imports, name="import")
cli.command("verify")(verify_command)
cli.command("backup")(backup_command)
cli.command("restore")(restore_command)
cli.command("change-log-key")(change_key_command)
cli.add_typer(account, name="account")
cli.add_typer(client, name="client")
cli.add_typer(keys, name="keys")
cli.add_typer(identity, name="identity")
cli.add_typer(witness, name="witness")
console = Console(stderr=True)
log = structlog.get_logger(__name__)


def _prepare(settings: Settings, keys_url: str | None = None) -> tuple[str, EmbeddedPostgres | None]:
    """Database URL of a running, migrated database, and the embedded server if it is ours to keep up.

    ``keys_url``: of the key store, where it is ready: keys that still lie in the database move there.
    """
    embedded = None if settings.database_url else EmbeddedPostgres(settings.var)
    url = settings.database_url or (embedded.start() if embedded else "")
    owner = settings.owner_database_url or url
    try:
        if not is_current(url):
            if keys_url is None:
                migrate(owner)
            else:
                migrate_with_keys(owner, settings.owner_keys_url or keys_url)
        if settings.service_login and settings.service_password:
            ensure_login(owner, settings.service_login, settings.service_password)
    except (CannotMigrate, psycopg.Error) as error:
        console.print(f"[red]Cannot prepare the database: {type(error).__name__}: {error}[/red]")
        raise typer.Exit(1) from None
    projector = _projector(url)
    with projector.connect() as connection:
        projector.ensure_tables(connection)
    return url, embedded


def _projector(url: str) -> Projector:
    return Projector(url, Journal(url), read_models(law_book()))


@cli.command()
def serve(
    demo: Annotated[bool, typer.Option(help="Load the demonstration when the database is empty.")] = False,
    projector: Annotated[bool, typer.Option(help="Run the projector beside the service.")] = True,
) -> None:
    """Start the service: database, migrations, tokens, projector, HTTP."""
    settings = Settings.from_environment()
    configure_logs(settings.log_format)
    witnesses = _asked(settings)
    began = time.perf_counter()
    keys_url, embedded_keys = prepared_keys(settings)
    url, embedded = _prepare(settings, keys_url)
    bury_again(url, keys_url)
    master = secret_of(settings.master_key, settings.master_key_file)
    if not fits(keys_url, master):
        console.print(
            "Khóa chính không phải của kho khóa này: phục hồi tệp khóa, hoặc đặt OCOP_MASTER_KEY.\n"
            "The master key is not this key store's: restore its file, or set OCOP_MASTER_KEY.",
            style="red",
            markup=False,
        )
        raise typer.Exit(1)
    log_key = LogKey.of(settings)
    lost = lost_checkpoint(settings, url, witnessed(witnesses, log_key.origin, known_keys(url, [log_key.key])))
    if lost is not None:
        _say_rolled_back(lost)
    stopping = threading.Event()
    helpers = []
    kept_up = [(server_of, at) for server_of, at in ((embedded, url), (embedded_keys, keys_url)) if server_of]
    helpers += [threading.Thread(target=_keep_up, args=(*one, stopping), daemon=True) for one in kept_up]
    if projector:
        helpers.append(threading.Thread(target=_keep_projecting, args=(url, stopping), daemon=True))
    for helper in helpers:
        helper.start()
    address = f"http://{settings.host}:{settings.port}"
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(
                url,
                master,
                wordings=load_wordings(settings.var, law_book()),
                public_url=settings.public_url,
                openid_door=_openid_door(settings),
                keys_url=keys_url,
                log_key=log_key,
                missing=lost,
            ),
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            log_level="warning",
            access_log=False,
            server_header=False,
        )
    )

    def announce() -> None:
        while not server.started:
            if stopping.wait(0.05):
                return
        ready = f"OCOP is ready at {address} after {time.perf_counter() - began:.1f} s  (API: {address}/docs)"
        console.print(ready, soft_wrap=True)
        if demo and lost is None:
            show(url, keys_url, master, address)
            console.print(ready, soft_wrap=True)

    threading.Thread(target=announce, daemon=True).start()
    # The server ends by raising the signal it got once more: leave through `finally` then, not at once.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # What was loaded so far lives as long as the process, and facts have no cycles: look for garbage seldom.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    try:
        server.run()
    finally:
        stopping.set()
        for helper in helpers:
            helper.join(15)
        for server_of, _ in kept_up:
            server_of.leave()


def _say_rolled_back(lost: Checkpoint) -> None:
    console.print(
        f"Dữ liệu là trạng thái cũ: thiếu điểm kiểm tra đã ký gồm {lost.size} sự kiện. Chỉ đọc, không ghi thêm.\n"
        f"The data is an older state: a signed checkpoint over {lost.size} facts is missing. Reading only.",
        style="red",
        markup=False,
    )


def _openid_door(settings: Settings) -> OpenIDDoor | None:
    try:
        found = OpenIDSettings.of(settings)
    except BadSettings as bad:
        console.print(str(bad), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    return OpenIDDoor(found, open_session, utc_now) if found else None


def _asked(settings: Settings) -> tuple[Witness, ...]:
    """The log's witnesses; ends the command where they or time-stamping authorities are not named as they must be."""
    try:
        authorities_of(settings)
        return witnesses_of(settings)
    except BadSettings as bad:
        console.print(str(bad), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _keep_up(embedded: EmbeddedPostgres, url: str, stopping: threading.Event) -> None:
    """Start the embedded server again when it was killed."""
    while not stopping.wait(1.0):
        try:
            psycopg.connect(service_conninfo(url), autocommit=True).close()
        except psycopg.OperationalError:
            log.warning("embedded-postgres-restarts")
            try:
                embedded.start()
            except Exception:
                log.exception("embedded-postgres-down")


def _keep_projecting(url: str, stopping: threading.Event) -> None:
    """Run the projector in a process of its own, again when it ends."""
    while not stopping.is_set():
        child = subprocess.Popen(  # noqa: S603 our own module, no shell
            [sys.executable, "-m", "projections.following", str(os.getpid())],
            env={**os.environ, "OCOP_DATABASE_URL": url},
        )
        while child.poll() is None:
            if stopping.wait(0.2):
                child.terminate()
                child.wait(10)
                return
        log.warning("projector-ended", status=child.returncode)
        stopping.wait(0.5)


@cli.command()
def project(
    parent: Annotated[int | None, typer.Option(help="Process that started it, perhaps gone by now.")] = None,
) -> None:
    """Run the projector alone, until stopped or until the service that started it is gone."""
    settings = Settings.from_environment()
    configure_logs(settings.log_format)
    _asked(settings)
    follow(settings.database_url or _prepare(settings)[0], settings, parent or os.getppid())


def show(url: str, keys_url: str, master: bytes, address: str) -> None:
    """Appoint the demonstration's people, load their stories, and print their accounts the first time."""
    if is_foreign(url):
        console.print(
            "[yellow]The database holds facts of its own: the demonstration is not loaded beside them.[/yellow]"
        )
        return
    with key_pool(keys_url) as pool:
        keeper = Keeper(master, DatabaseKeys(pool))
        appoint_everybody(url, keeper)
        holders = let_in(url, keeper)
        try:
            load_demonstration(address, holders, console)
        finally:
            let_out(url, keeper, holders)
        tell(open_accounts(url, keeper), console)


@cli.command("migrate")
def migrate_command() -> None:
    """Bring the database to the service's schema; with OCOP_OWNER_DATABASE_URL for the owner's login."""
    settings = Settings.from_environment()
    configure_logs(settings.log_format)
    keys_url, _ = prepared_keys(settings)
    url, _ = _prepare(settings, keys_url)
    bury_again(url, keys_url)
    console.print("The database and the key store are up to date.")


@cli.command()
def rebuild(names: Annotated[list[str] | None, typer.Argument(help="Read models; default: all.")] = None) -> None:
    """Rebuild read models beside the old ones, compare, switch; reads go on meanwhile."""
    settings = installed_settings()
    configure_logs(settings.log_format)
    url, _ = _prepare(settings)
    known = [model.name for model in read_models(law_book())]
    wanted = names or known
    for name in wanted:
        if name not in known:
            console.print(f"[red]There is no read model {name}; there are: {', '.join(known)}[/red]")
            raise typer.Exit(2)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("facts", total=None)
        same = _projector(url).rebuild(wanted, lambda done, head: progress.update(task, completed=done, total=head))
    for name, equal in same.items():
        console.print(f"{name}: {'the same rows as before' if equal else 'rows differ from before'}")


@cli.command("projections")
def projections_command(
    retry: Annotated[bool, typer.Option(help="Try parked facts again.")] = False,
) -> None:
    """How far each read model has come, and what is parked."""
    settings = installed_settings()
    configure_logs(settings.log_format)
    url, _ = _prepare(settings)
    projector = _projector(url)
    if retry:
        taken, left = projector.retry_parked()
        console.print(f"{taken} taken, {left} still parked")
    head = Journal(url).head()
    table = Table("read model", "table", "position", "lag", "parked")
    for s in projector.standings():
        table.add_row(s.name, s.table, str(s.position), str(max(head - s.position, 0)), str(s.parked))
    Console().print(table)


@cli.command("appoint-administrator")
def appoint_administrator(
    handle: Annotated[str, typer.Argument(help="The name the records are to know the person by.")],
    login: Annotated[str, typer.Option(help="Login of the account.")],
    office: Annotated[str, typer.Option(help="Office the person works in.")],
    decision: Annotated[str, typer.Option(help="Number of the decision that appoints him.")],
    signer: Annotated[str, typer.Option(help="Who signed it.")],
    area: Annotated[str, typer.Option(help="Area administered: VN, or a province's code.")] = "VN",
) -> None:
    """Appoint the first administrator, who appoints everybody else over HTTP; prints a one-time password."""
    settings = Settings.from_environment()
    configure_logs(settings.log_format)
    url, _ = _prepare(settings)
    try:
        actor = Actor(person=handle, office=office, role=Role.ADMINISTRATOR, area=area)
        keys_url, _ = prepared_keys(settings)
        with key_pool(keys_url) as pool:
            keeper = Keeper(secret_of(settings.master_key, settings.master_key_file), DatabaseKeys(pool))
            journal = Journal(url, pool_size=1)
            today = legal_date(utc_now())
            appointment = Appointment(actor, decision, signer, today)
            lost = lost_checkpoint(settings, url)
            person = appoint(Writer(journal, law_book(), keeper, missing=lost), [appointment])[actor.person]
            journal.close()
        password = carried_out(lambda accounts, _: accounts.open(person, login))
    except (ValidationError, Refusal) as error:
        console.print(f"{getattr(error, 'vi', '')} {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    console.print(f"{login}  {password}", highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    cli()
