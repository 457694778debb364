"""The demonstration's people: appointed by the service itself, each with an account whose password is told once.

No password is kept anywhere but as a hash; who lost the list has ``ocop account reset LOGIN`` give another.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool
from rich.console import Console

from api.demonstration.actors import demonstration_actors
from application.access.accounts import Accounts
from application.access.clients import SCOPES, Clients
from application.access.sessions import Proof, Sessions
from application.appointing import Appointment, appoint, person_id
from application.database import service_conninfo
from application.seals import Keeper
from application.store import Journal
from application.writer import Writer, utc_now
from domain.law.book import law_book
from domain.values import ROLE_NAMES, Actor, Role, Source

SINCE = date(2019, 1, 1)
NOTE = "Minh hoạ, không phải việc đã xảy ra"
DECISION = "01-MH/QĐ-UBND"


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody of the demonstration with an open session."""

    token: str = field(repr=False)
    actor: Actor = field()


@dataclass(frozen=True, slots=True)
class Entry:
    """What is told once of an account: ``secret`` of the authenticator app, of those who sign."""

    login: str
    actor: Actor
    password: str = field(repr=False)
    secret: str | None = field(repr=False)


def logins() -> dict[str, Actor]:
    """Login of everybody: the role and the area, with a number where several share them."""
    found: dict[str, Actor] = {}
    for actor in demonstration_actors():
        base = (actor.producer or f"{actor.role}.{actor.area}").lower()
        number = 1 + sum(name.partition("#")[0] == base for name in found)
        found[f"{base}#{number}"] = actor
    several = {name.partition("#")[0] for name in found if name.endswith("#2")}
    return {
        name.replace("#", "-") if name.partition("#")[0] in several else name.partition("#")[0]: actor
        for name, actor in found.items()
    }


def is_foreign(url: str) -> bool:
    """Whether the journal begins with something else than the demonstration."""
    journal = Journal(url, pool_size=1)
    try:
        return any(first.envelope.source.kind != "illustrative" for first in journal.page(0, 1))
    finally:
        journal.close()


def appoint_everybody(url: str, keeper: Keeper) -> None:
    """Offices, persons and roles, as facts that say they are illustrative; run again, it changes nothing."""
    journal = Journal(url, pool_size=1)
    source = Source(kind="illustrative", note=NOTE)
    try:
        appoint(
            Writer(journal, law_book(), keeper),
            [Appointment(actor, DECISION, "Minh hoạ", SINCE, source) for actor in demonstration_actors()],
        )
    finally:
        journal.close()


def open_accounts(url: str, keeper: Keeper) -> list[Entry]:
    """An account for everybody who has none yet, and a service account; what has to be told of them, once."""
    return asyncio.run(_with_access(url, keeper, _open))


def let_in(url: str, keeper: Keeper) -> list[Holder]:
    """A session for everybody, for the loader to act in."""
    return asyncio.run(_with_access(url, keeper, _let_in))


def let_out(url: str, keeper: Keeper, holders: Sequence[Holder]) -> None:
    """End the loader's sessions."""

    async def end(access: _Access) -> None:
        for holder in holders:
            await access.sessions.end(holder.token)

    asyncio.run(_with_access(url, keeper, end))


def tell(entries: Sequence[Entry], console: Console) -> None:
    """Print the accounts. Nothing prints them again."""
    if not entries:
        return
    console.print("\nTài khoản minh hoạ, chỉ in một lần / Demonstration accounts, printed once:", style="bold")
    width = max(len(entry.login) for entry in entries)
    for e in entries:
        code = f"  khóa mã/code secret {e.secret}" if e.secret else ""
        told = f"{e.login:{width}}  {e.password}  {ROLE_NAMES[e.actor.role][0]}: {e.actor.person}{code}"
        console.print(told, soft_wrap=True, highlight=False, markup=False)
    console.print(
        "Mã xác thực khi không có điện thoại / the code without a phone: echo SECRET | .venv/bin/ocop account code\n",
        soft_wrap=True,
        highlight=False,
    )


@dataclass(frozen=True, slots=True)
class _Access:
    accounts: Accounts
    sessions: Sessions
    clients: Clients


async def _with_access(url: str, keeper: Keeper, work: Any) -> Any:
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        service_conninfo(url), min_size=1, max_size=3, timeout=10, open=False, kwargs={"autocommit": True}
    )
    async with pool:
        sessions = Sessions(pool, utc_now)
        access = _Access(Accounts(pool, keeper, utc_now, sessions), sessions, Clients(pool, keeper, utc_now))
        return await work(access)


async def _open(access: _Access) -> list[Entry]:
    roles = law_book().authority.roles

    async def one(login: str, actor: Actor) -> Entry | None:
        person = person_id(actor.person)
        if actor.role is Role.INTEGRATOR:
            if any(client.person == person for client in await access.clients.listed()):
                return None
            client, secret = await access.clients.register(person, SCOPES)
            return Entry(client, actor, secret, None)
        if await access.accounts.of(person) is not None:
            return None
        return Entry(login, actor, *await access.accounts.open_for_show(person, login, code=roles[actor.role].signs))

    told = await asyncio.gather(*(one(login, actor) for login, actor in logins().items()))
    return [entry for entry in told if entry is not None]


async def _let_in(access: _Access) -> list[Holder]:
    holders = []
    for actor in demonstration_actors():
        person: UUID = person_id(actor.person)
        holders.append(Holder(await access.sessions.open_for(person, proof=Proof.TOTP), actor))
    return holders
