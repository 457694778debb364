"""The command line of identities: ``ocop identity link``, ``unlink`` and ``list``."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NoReturn, TypeVar
from uuid import UUID

import psycopg
import typer
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from rich.console import Console
from rich.table import Table

from api.installation import installed_settings
from application.access.addresses import is_secure
from application.access.identities import Identities
from application.database import EmbeddedPostgres, is_current, service_conninfo
from application.settings import Settings
from application.writer import utc_now
from domain.refusals import AlreadyRegistered

identity = typer.Typer(no_args_is_help=True, help="Whose identity at an OpenID provider is which person.")
console = Console(stderr=True)

T = TypeVar("T")
Issuer = Annotated[str | None, typer.Option(help="The provider's address; default: OCOP_OPENID_ISSUER.")]
Subject = Annotated[str, typer.Option(help="The person's identifier at the provider (sub).")]


@identity.command()
def link(
    person: Annotated[UUID, typer.Argument(help="The person's UUID.")], subject: Subject, issuer: Issuer = None
) -> None:
    """Link an identity to a person, once you know that both are the same human being."""
    settings = installed_settings()
    provider = _issuer(settings, issuer)
    _check_subject(subject)
    try:
        fresh = _with_identities(settings, lambda identities: identities.link(provider, subject, person))
    except AlreadyRegistered as refusal:
        _stop(f"{refusal.vi}\n{refusal.hint_vi}\n{refusal.en}\n{refusal.hint_en}", 1)
    console.print("Đã liên kết. Linked." if fresh else "Đã liên kết từ trước. Linked before.", markup=False)


@identity.command()
def unlink(subject: Subject, issuer: Issuer = None) -> None:
    """Remove a link: the identity no longer lets anybody in. Sessions that are open stay open."""
    settings = installed_settings()
    provider = _issuer(settings, issuer)
    whose = _with_identities(settings, lambda identities: identities.unlink(provider, subject))
    if whose is None:
        _stop("Không có liên kết này. There is no such link.", 1)
    console.print(f"Đã gỡ liên kết của {whose}. The link of {whose} is removed.", markup=False, soft_wrap=True)


@identity.command("list")
def list_command() -> None:
    """Every link, by provider and age."""
    found = _with_identities(installed_settings(), lambda identities: identities.all())
    table = Table("issuer", "subject", "person", "linked at (UTC)")
    for one in found:
        table.add_row(one.issuer, one.subject, str(one.person), f"{one.linked_at:%Y-%m-%d %H:%M:%S}")
    Console(soft_wrap=True, markup=False).print(table)


def _issuer(settings: Settings, given: str | None) -> str:
    issuer = given or settings.openid_issuer
    if issuer is None or not is_secure(issuer):
        _stop("--issuer phải là địa chỉ https. --issuer must be an https address.", 2)
    return issuer


def _check_subject(subject: str) -> None:
    if not (1 <= len(subject) <= 255 and subject.isascii() and subject.isprintable()):
        _stop("--subject: 1–255 ký tự ASCII. --subject: 1 to 255 ASCII characters.", 2)


def _with_identities(settings: Settings, work: Callable[[Identities], Awaitable[T]]) -> T:
    """Do the work on this installation's database; ends the command where there is none."""
    embedded = None if settings.database_url else EmbeddedPostgres(settings.var)
    try:
        url = settings.database_url or (embedded.start() if embedded else "")
        if not is_current(url):
            _stop("Cơ sở dữ liệu chưa được chuẩn bị; chạy ocop migrate. Run ocop migrate first.", 2)
        return asyncio.run(_over(url, work))
    except (psycopg.Error, PoolTimeout) as error:
        _stop(f"{type(error).__name__}: {error}", 2)
    finally:
        if embedded is not None:
            embedded.leave()


async def _over(url: str, work: Callable[[Identities], Awaitable[T]]) -> T:
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        service_conninfo(url), min_size=1, max_size=1, timeout=5, open=False, kwargs={"autocommit": True}
    )
    async with pool:
        return await work(Identities(pool, utc_now))


def _stop(told: str, status: int) -> NoReturn:
    console.print(told, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(status)
