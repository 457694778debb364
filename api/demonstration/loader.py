"""Loads the demonstration through the public API alone, as its actors would: one command after another.

What is stated and what is made up: every command carries the source ``illustrative``, the opening of a
journey too. The plan of 2023 names the products and the producers of five of them, and the notes say
so; but it dates none of what is told here, so no fact of the demonstration is called one from paper.

Each command has a fixed idempotency key ("demo-2026:<product>:<number>:<command>"): a load that was cut
off goes on where it stopped when it is run again, and nothing is ever stored twice.
"""

import hashlib
import math
import time
import tomllib
from collections.abc import Callable
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.security import Holder, read_holders
from domain.law.areas import covers
from domain.values import Role

CYCLE = 2026
FILES = ("existing.toml", "potential.toml")
PATIENCE = 10
"""How often a busy service is asked again."""

_MADE_UP = "Minh hoạ, không phải việc đã xảy ra"
_PRODUCER_NAMED = "Tên sản phẩm và chủ thể theo kế hoạch Đà Bắc 2023; còn lại minh hoạ"
_PRODUCT_NAMED = "Tên sản phẩm theo kế hoạch Đà Bắc 2023; còn lại minh hoạ"


class Act(BaseModel):
    """One command of the data files; keys beside these three are the command's own fields."""

    model_config = ConfigDict(frozen=True, extra="allow")

    on: date
    by: str
    do: str


class Demonstrated(BaseModel):
    """One product of the data files with all that happens to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: str
    name: str
    commune: str
    origin: Literal["existing", "potential"]
    stated: str
    producer: dict[str, str] | None = None
    acts: tuple[Act, ...]

    def key(self, number: int) -> str:
        """Idempotency key of the act with this number, counted from 1."""
        return f"demo-{CYCLE}:{self.slug}:{number}:{self.acts[number - 1].do}"

    def body(self, act: Act) -> dict[str, Any]:
        """The command as the API takes it."""
        given = dict(act.model_extra or {})
        for name in ("choices", "findings"):
            if isinstance(given.get(name), list):  # the findings of a site visit are a text
                given[name] = [{"code": code, "option": option} for code, option in given[name]]
        if "file" in given:
            given["sha256"] = _no_file(given.pop("file"))
        if "files" in given:
            given["evidence"] = [_no_file(name) for name in given.pop("files")]
        note = _MADE_UP
        if act.do == "identify-product":
            given |= {"product_name": self.name, "commune": self.commune, "origin": self.origin}
            given |= {"cycle": CYCLE, "note": self.stated}
            note = _PRODUCER_NAMED if self.origin == "existing" else _PRODUCT_NAMED
        elif act.do == "submit-idea":
            given |= {"producer": self.producer, "product_name": self.name}
            note = _PRODUCER_NAMED if self.origin == "existing" else _PRODUCT_NAMED
        return {**given, "effective_on": act.on, "source": {"kind": "illustrative", "note": note}}


def _no_file(name: str) -> str:
    """Where a real document has the hash of its file, the demonstration has that of a name."""
    return hashlib.sha256(f"minh hoạ: {name}".encode()).hexdigest()


@cache
def demonstrated() -> tuple[Demonstrated, ...]:
    """The fifteen products of the data files."""
    folder = files("api.demonstration")
    read = (tomllib.loads(folder.joinpath(name).read_text(encoding="utf-8")) for name in FILES)
    return tuple(Demonstrated.model_validate(entry) for data in read for entry in data["products"])


class Stopped(Exception):
    """The load cannot go on; the message says why."""


class Cast:
    """Who acts: finds the token of an office, a council member or a producer in the token file."""

    def __init__(self, holders: list[Holder]) -> None:
        self._holders = holders

    def token(self, by: str, product: Demonstrated) -> str:
        """Token of ``by``: a role, or "council-member-2" for the second member in the file."""
        name, _, number = by.rpartition("-") if by.startswith(Role.COUNCIL_MEMBER) else (by, "", "1")
        role, registration = Role(name), (product.producer or {}).get("registration")
        found = [
            holder
            for holder in self._holders
            if holder.actor.role is role
            and covers(holder.actor.area, product.commune)
            and (role is not Role.PRODUCER or holder.actor.producer == registration)
        ]
        if len(found) < int(number):
            raise Stopped(
                f"the token file holds no {by} for {product.name} ({product.commune}); "
                "it was made for others: move it away and start again"
            )
        return found[int(number) - 1].token


def load_demonstration(address: str, tokens: Path, console: Console) -> bool:
    """Load what is not there yet; says nothing when all of it is. A failure is printed and ends the load.

    Returns whether nothing failed.
    """
    with httpx.Client(base_url=address, timeout=30) as client:
        try:
            holders = read_holders(tokens)
        except (OSError, ValidationError) as error:
            console.print(f"[red]Demonstration not loaded: cannot read {tokens}: {type(error).__name__}[/red]")
            return False
        return load(client, holders, console)


def load(client: httpx.Client, holders: list[Holder], console: Console) -> bool:
    """``load_demonstration`` over a client at hand."""
    try:
        _load(client, Cast(holders), console)
    except Stopped as stopped:
        console.print(f"[red]Demonstration stopped: {escape(str(stopped))}[/red]", soft_wrap=True)
        return False
    except httpx.HTTPError as error:
        reason = f"{type(error).__name__}: {error}"
        console.print(f"[red]Demonstration stopped: no answer ({escape(reason)})[/red]", soft_wrap=True)
        return False
    return True


def _load(client: httpx.Client, cast: Cast, console: Console) -> None:
    products = demonstrated()
    reader = cast.token(Role.SUPERVISOR, products[0])
    if _all_there(client, reader, products):
        return
    if _is_foreign(client, reader):
        console.print(
            "[yellow]The database holds facts of its own: the demonstration is not loaded beside them.[/yellow]"
        )
        return
    began, position = time.perf_counter(), 0
    total = sum(len(product.acts) for product in products)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Demonstration", total=total)
        for product in products:
            progress.update(task, description=f"Demonstration: {product.name}")
            journey = ""
            for number, act in enumerate(product.acts, 1):
                answer = _give(client, cast, product, number, act, journey)
                journey, position = answer["product_id"], max(position, answer["position"])
                progress.advance(task)
        progress.update(task, description="Demonstration")
    seconds = time.perf_counter() - began
    console.print(f"Demonstration: {len(products)} products, {total} commands in {seconds:.1f} s.")
    if not _shown(client, reader, position):
        console.print("[yellow]The read models have not caught up with it yet.[/yellow]")


def _all_there(client: httpx.Client, reader: str, products: tuple[Demonstrated, ...]) -> bool:
    """Whether every product is told to its end, or further: each act stores one fact."""
    awaited = {(product.name, product.commune): len(product.acts) for product in products}
    query: dict[str, Any] = {"cycle": CYCLE, "limit": 200}
    while awaited:
        page = _read(client, reader, "/v1/products", query)
        for row in page["products"]:
            key = (row["name"], row["commune"]["code"])
            if row["illustrative"] and row["version"] >= awaited.get(key, math.inf):
                del awaited[key]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    return not awaited


def _is_foreign(client: httpx.Client, reader: str) -> bool:
    """Whether the journal begins with something else than illustrative facts."""
    page = _read(client, reader, "/v1/events", {"limit": 1})
    if page["events"]:
        return bool(page["events"][0]["source"]["kind"] != "illustrative")
    return bool(page["next"] > 0)


def _give(
    client: httpx.Client, cast: Cast, product: Demonstrated, number: int, act: Act, journey: str
) -> dict[str, Any]:
    """Give one command; a busy service is asked again, anything else but success ends the load."""
    opens = act.do == "identify-product"
    headers = {
        "Authorization": f"Bearer {cast.token(act.by, product)}",
        "Idempotency-Key": product.key(number),
        "Content-Type": "application/json",
    }
    path = "/v1/products" if opens else f"/v1/products/{journey}/commands/{act.do}"
    answer = _ask(lambda: client.post(path, content=to_json(product.body(act)), headers=headers))
    if answer.is_success:
        return dict(answer.json())
    raise Stopped(f"{product.name}, act {number} ({act.do} by {act.by}): {_problem(answer)}")


def _read(client: httpx.Client, reader: str, path: str, query: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {reader}"}
    answer = _ask(lambda: client.get(path, params=query, headers=headers))
    if answer.is_success:
        return dict(answer.json())
    raise Stopped(f"GET {path}: {_problem(answer)}")


def _ask(send: Callable[[], httpx.Response]) -> httpx.Response:
    """Send; again after a moment while the service says that it is busy."""
    for _ in range(PATIENCE):
        answer = send()
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(float(answer.headers.get("Retry-After", 1)))
    return answer


def _problem(answer: httpx.Response) -> str:
    """A problem document on one line."""
    try:
        problem = answer.json()
    except ValueError:
        return f"{answer.status_code} {answer.text[:200]}"
    parts = [problem.get(name, "") for name in ("title", "detail", "hint", "detail_en", "hint_en")]
    parts += [f"{line.get('field')}: {line.get('detail')}" for line in problem.get("errors", ())]
    return f"{answer.status_code} " + " – ".join(part for part in parts if part)


def _shown(client: httpx.Client, reader: str, position: int) -> bool:
    """Wait until readers see what was loaded; False when the read models take too long."""
    headers = {"Authorization": f"Bearer {reader}", "X-Min-Position": str(position)}
    return client.get("/v1/products", params={"limit": 1}, headers=headers).is_success
