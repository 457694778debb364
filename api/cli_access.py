"""The command line of access: ``ocop account`` and ``ocop client``. Passwords and secrets are printed once."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

import psycopg
import typer
from psycopg_pool import AsyncConnectionPool
from rich.console import Console
from rich.table import Table

from api.cli_keys import prepared_keys
from api.installation import installed_settings
from application.access import totp
from application.access.accounts import Account, Accounts
from application.access.clients import OVERLAP, SCOPES, Clients
from application.access.sessions import Sessions
from application.database import EmbeddedPostgres, is_current, service_conninfo
from application.keys import DatabaseKeys, key_pool
from application.logs import configure_logs
from application.seals import Keeper, secret_of
from application.writer import utc_now
from domain.refusals import Refusal

account = typer.Typer(no_args_is_help=True, help="Local accounts: reset, close, list; a code for trying things out.")
client = typer.Typer(no_args_is_help=True, help="Service accounts: register, rotate, close, list.")
console = Console(stderr=True)

Result = TypeVar("Result")
Work = Callable[[Accounts, Clients], Awaitable[Result]]


def carried_out(work: Work[Result]) -> Result:
    """Do something on this installation's database; ends the command with a sentence when it is refused."""
    settings = installed_settings()
    configure_logs(settings.log_format)
    embedded = None if settings.database_url else EmbeddedPostgres(settings.var)
    embedded_keys = None
    try:
        url = settings.database_url or (embedded.start() if embedded else "")
        if not is_current(url):
            console.print("Chạy ocop migrate trước. / Run ocop migrate first.", style="red")
            raise typer.Exit(2)
        keys_url, embedded_keys = prepared_keys(settings)
        master = secret_of(settings.master_key, settings.master_key_file)
        return asyncio.run(_on(url, keys_url, master, work))
    except Refusal as refusal:
        console.print(f"{refusal.vi}\n{refusal.en}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except psycopg.Error as error:
        console.print(f"{type(error).__name__}: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    finally:
        for server in (embedded, embedded_keys):
            if server is not None:
                server.leave()


async def _on(url: str, keys_url: str, master: bytes, work: Work[Result]) -> Result:
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        service_conninfo(url), min_size=0, max_size=2, timeout=10, open=False, kwargs={"autocommit": True}
    )
    with key_pool(keys_url) as keys:
        keeper = Keeper(master, DatabaseKeys(keys))
        async with pool:
            accounts = Accounts(pool, keeper, utc_now, Sessions(pool, utc_now))
            return await work(accounts, Clients(pool, keeper, utc_now))


async def _of(accounts: Accounts, login: str) -> Account:
    found = await accounts.by_login(login)
    if found is None:
        console.print(f"Không có tài khoản {login}. / There is no account {login}.", style="red", markup=False)
        raise typer.Exit(1)
    return found


@account.command("list")
def list_accounts() -> None:
    """All local accounts."""
    table = Table("login", "person", "code", "one-time password", "last login", "closed")
    for a in carried_out(lambda accounts, _: accounts.listed()):
        once, code = "yes" if a.first_password else "", "yes" if a.totp else ""
        table.add_row(a.login, str(a.person), code, once, _moment(a.last_login_at), _moment(a.closed_at))
    Console().print(table)


@account.command("reset")
def reset_account(
    login: Annotated[str, typer.Argument(help="The account's login.")],
    drop_totp: Annotated[bool, typer.Option("--drop-totp", help="The phone is lost: enrol anew.")] = False,
) -> None:
    """Print a new one-time password; the account's sessions end."""

    async def work(accounts: Accounts, _: Clients) -> str:
        return await accounts.reset((await _of(accounts, login)).person, drop_totp=drop_totp)

    print(carried_out(work))


@account.command("close")
def close_account(login: Annotated[str, typer.Argument(help="The account's login.")]) -> None:
    """Close an account; its sessions end."""

    async def work(accounts: Accounts, _: Clients) -> None:
        await accounts.close((await _of(accounts, login)).person)

    carried_out(work)
    console.print(f"Đã đóng {login}. / Closed {login}.", markup=False)


@account.command("code")
def code() -> None:
    """Read a TOTP secret from standard input and print its code of now; for trying things out without a phone."""
    secret = "".join(sys.stdin.readline().split())
    try:
        print(totp.code_at(secret, utc_now()))
    except (ValueError, TypeError):  # not base 32
        console.print("Đây không phải khóa TOTP. / That is no TOTP secret.", style="red")
        raise typer.Exit(2) from None


@client.command("list")
def list_clients() -> None:
    """All service accounts."""
    table = Table("client", "person", "scopes", "live secrets", "closed")
    for c in carried_out(lambda _, clients: clients.listed()):
        table.add_row(c.client, str(c.person), " ".join(c.scopes), str(c.secrets), _moment(c.closed_at))
    Console().print(table)


@client.command("register")
def register_client(
    person: Annotated[UUID, typer.Argument(help="The person (UUID) that the service account acts for.")],
    scope: Annotated[list[str], typer.Option(help=f"One of {', '.join(SCOPES)}; repeat for more.")],
) -> None:
    """Register a service account and print its client id and secret."""
    name, secret = carried_out(lambda _, clients: clients.register(person, scope))
    print(name)
    print(secret)


@client.command("rotate")
def rotate_client(
    name: Annotated[str, typer.Argument(metavar="CLIENT", help="The client id.")],
    hours: Annotated[float, typer.Option(min=0, max=720, help="How long the old secret lives on.")] = (
        OVERLAP.total_seconds() / 3600
    ),
) -> None:
    """Print a new secret; the old one lives on for a while."""
    print(carried_out(lambda _, clients: clients.rotate(name, timedelta(hours=hours))))


@client.command("close")
def close_client(name: Annotated[str, typer.Argument(metavar="CLIENT", help="The client id.")]) -> None:
    """Close a service account: its secrets and tokens are dead."""
    carried_out(lambda _, clients: clients.close(name))
    console.print(f"Đã đóng {name}. / Closed {name}.", markup=False)


def _moment(at: Any) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M") if at else ""
