"""Loads the demonstration through the public API alone, as its actors would: one command after another.

What is stated and what is made up: every command carries the source ``illustrative``, the opening of a
journey too. The plan of 2023 names the products and the producers of five of them, and the notes say
so; but it dates none of what is told here, so no fact of the demonstration is called one from paper.

Products, the council, its sessions and the decisions are stories of their own; all of them are told
together in the order of their days. Each command has a fixed idempotency key
("demo-2026:<story>:<number>:<command>"): a load that was cut off goes on where it stopped when it is run
again, and nothing is ever stored twice.
"""

import hashlib
import re
import time
import tomllib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import httpx
from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import to_json
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.commands import path_of
from api.demonstration.accounts import Holder
from api.demonstration.actors import OVERSEER
from domain.decide import COMMANDS
from domain.law.areas import covers
from domain.programme.plans import plans
from domain.values import Role

CYCLE = 2026
FILES = ("councils.toml", "existing.toml", "potential.toml", "plans.toml")
PATIENCE = 10
"""How often a busy service is asked again."""

_MADE_UP = "Minh hoạ, không phải việc đã xảy ra"
_PRODUCER_NAMED = "Tên sản phẩm và chủ thể theo kế hoạch Đà Bắc 2023; còn lại minh hoạ"
_PRODUCT_NAMED = "Tên sản phẩm theo kế hoạch Đà Bắc 2023; còn lại minh hoạ"
_PLAN_NAMED = "Chỉ tiêu theo văn bản của kế hoạch; nhập để minh hoạ"
_NOTES = {_MADE_UP, _PRODUCER_NAMED, _PRODUCT_NAMED, _PLAN_NAMED}


class Act(BaseModel):
    """One command of the data files; keys beside these three are the command's own fields."""

    model_config = ConfigDict(frozen=True, extra="allow")

    on: date
    by: str
    do: str


class Story(BaseModel):
    """What happens to one stream of the data files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: str
    acts: tuple[Act, ...]

    def key(self, number: int) -> str:
        """Idempotency key of the act with this number, counted from 1."""
        return f"demo-{CYCLE}:{self.slug}:{number}:{self.acts[number - 1].do}"

    def body(self, act: Act, ids: Mapping[str, str]) -> dict[str, Any]:
        """The command as the API takes it; ``ids``: of the streams opened so far, by slug."""
        given = self.spelt_out(act)
        for name in ("council", "product"):
            if name in given:
                given[name] = ids[given[name]]
        if "products" in given:
            given["products"] = [ids[slug] for slug in given["products"]]
        return {"effective_on": act.on, "source": {"kind": "illustrative", "note": _MADE_UP}, **given}

    @property
    @abstractmethod
    def where(self) -> str:
        """Area code of the place it happens at."""

    @property
    def registration(self) -> str | None:
        """The producer's registration number."""
        return None

    @abstractmethod
    def spelt_out(self, act: Act) -> dict[str, Any]:
        """The command's own fields, written in full."""


class Demonstrated(Story):
    """One product of the data files with all that happens to it outside a session or a decision."""

    name: str
    commune: str
    origin: Literal["existing", "potential"]
    stated: str
    producer: dict[str, str] | None = None

    @property
    def where(self) -> str:
        """The product's commune."""
        return self.commune

    @property
    def registration(self) -> str | None:
        """Its producer's registration number."""
        return (self.producer or {}).get("registration")

    def spelt_out(self, act: Act) -> dict[str, Any]:
        """Findings as objects, hashes in place of files, and what the product's own entry says once for all acts."""
        given = dict(act.model_extra or {})
        if isinstance(given.get("findings"), list):  # the findings of a site visit are a text
            given["findings"] = _chosen(given["findings"])
        if "file" in given:
            given["sha256"] = _no_file(given.pop("file"))
        if "files" in given:
            given["evidence"] = [_no_file(name) for name in given.pop("files")]
        if act.do == "identify-product":
            given |= {"product_name": self.name, "commune": self.commune, "origin": self.origin}
            given |= {"cycle": CYCLE, "note": self.stated}
        elif act.do == "submit-idea":
            given |= {"producer": self.producer, "product_name": self.name}
        else:
            return given
        note = _PRODUCER_NAMED if self.origin == "existing" else _PRODUCT_NAMED
        return {**given, "source": {"kind": "illustrative", "note": note}}


class Elsewhere(Story):
    """A council, a session of it, or a decision: ``sheets`` has the options most members chose, by product."""

    area: str
    sheets: dict[str, list[tuple[str, int]]] = {}

    @property
    def where(self) -> str:
        """The area of the council or the authority."""
        return self.area

    def spelt_out(self, act: Act) -> dict[str, Any]:
        """A member's sheet in full: the options most chose, and those chosen otherwise."""
        given = dict(act.model_extra or {})
        if act.do == "submit-score-sheet":
            given["choices"] = _chosen((dict(self.sheets[given["product"]]) | dict(given.pop("but", []))).items())
        return given


class Planned(Story):
    """One of the plans at hand: entered as its text has it, then what is made up of its time."""

    plan: str

    @model_validator(mode="before")
    @classmethod
    def _entered_first(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The plan's own commands before the acts of the file."""
        issued, commands = plans()[given["plan"]].commands()
        entered = [
            {
                **command.model_dump(mode="json", exclude_defaults=True, exclude={"effective_on"}),
                "on": issued.issued_on,
                "by": Role.PROVINCE_OFFICER,
                "do": command.name,
                "source": {"kind": "illustrative", "note": _PLAN_NAMED},
            }
            for command in (issued, *commands)
        ]
        return {**given, "acts": [*entered, *given["acts"]]}

    @property
    def where(self) -> str:
        """The area the plan is for, on the map of its day."""
        return plans()[self.plan].commands()[0].area

    def spelt_out(self, act: Act) -> dict[str, Any]:
        """As it is, on a paper: what lies so far back is entered from one."""
        return {"paper": {"number": "01-MH/BC", "signed_on": act.on}, **(act.model_extra or {})}


def _chosen(pairs: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """Options as the API takes them."""
    return [{"code": code, "option": option} for code, option in pairs]


def _no_file(name: str) -> str:
    """Where a real document has the hash of its file, the demonstration has that of a name."""
    return hashlib.sha256(f"minh hoạ: {name}".encode()).hexdigest()


@cache
def stories() -> tuple[Story, ...]:
    """All that the data files tell: councils, sessions, decisions, the fifteen products, the five plans."""
    folder, found = files("api.demonstration"), list[Story]()
    for name in FILES:
        data = tomllib.loads(folder.joinpath(name).read_text(encoding="utf-8"))
        found += [Demonstrated.model_validate(entry) for entry in data.get("products", ())]
        for kind in ("councils", "sessions", "decisions"):
            found += [Elsewhere.model_validate(entry) for entry in data.get(kind, ())]
        found += [Planned.model_validate(entry) for entry in data.get("plans", ())]
    return tuple(found)


def demonstrated() -> tuple[Demonstrated, ...]:
    """The fifteen products."""
    return tuple(story for story in stories() if isinstance(story, Demonstrated))


@dataclass(frozen=True, slots=True)
class Turn:
    """One act of a story, and its number in it, counted from 1."""

    story: Story
    number: int

    @property
    def act(self) -> Act:
        """What is done."""
        return self.story.acts[self.number - 1]

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return self.story.key(self.number)


@cache
def turns() -> tuple[Turn, ...]:
    """Every act of every story in the order of their days, as a journal has them."""
    every = [Turn(story, number) for story in stories() for number in range(1, len(story.acts) + 1)]
    return tuple(sorted(every, key=lambda turn: turn.act.on))


class Stopped(Exception):
    """The load cannot go on; the message says why."""


class Cast:
    """Who acts: finds office, council member or producer."""

    def __init__(self, holders: list[Holder]) -> None:
        self._holders = holders

    def holder(self, by: str, story: Story) -> Holder:
        """Whom ``by`` means: a role, or a person by name."""
        for holder in self._holders:
            actor = holder.actor
            if by not in (actor.role, actor.person) or not covers(actor.area, story.where):
                continue
            if actor.role is not Role.PRODUCER or actor.producer == story.registration:
                return holder
        raise Stopped(f"nobody of the demonstration is {by} for {story.slug} ({story.where})")


def load_demonstration(address: str, holders: list[Holder], console: Console) -> bool:
    """Load what is not there yet; says nothing when all of it is. A failure is printed and ends the load.

    Returns whether nothing failed.
    """
    with httpx.Client(base_url=address, timeout=30) as client:
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
    reader = cast.holder(OVERSEER, stories()[0]).token
    if _all_there(client, reader):
        return
    began, position, ids = time.perf_counter(), 0, dict[str, str]()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Demonstration", total=len(turns()))
        for turn in turns():
            progress.update(task, description=f"Demonstration {turn.act.on:%d/%m/%Y}")
            answer = _give(client, cast, turn, ids)
            ids[turn.story.slug] = answer[f"{COMMANDS[turn.act.do].stream}_id"]
            position = max(position, answer["position"])
            progress.advance(task)
        progress.update(task, description="Demonstration")
    seconds = time.perf_counter() - began
    console.print(f"Demonstration: {len(demonstrated())} products, {len(turns())} commands in {seconds:.1f} s.")
    if not _shown(client, reader, position):
        console.print("[yellow]The read models have not caught up with it yet.[/yellow]")


def _all_there(client: httpx.Client, reader: str) -> bool:
    """Whether the journal holds as many commands with a note of the demonstration as it has acts."""
    commands, after, more = set[str](), 0, True
    while more and len(commands) < len(turns()):
        page = _read(client, reader, "/v1/events", {"after": after, "limit": 1000})
        commands |= {event["command_id"] for event in page["events"] if event["source"]["note"] in _NOTES}
        after, more = page["next"], page["more"]
    return len(commands) >= len(turns())


def _give(client: httpx.Client, cast: Cast, turn: Turn, ids: Mapping[str, str]) -> dict[str, Any]:
    """Give one command; a busy service is asked again, anything else but success ends the load."""
    story, act = turn.story, turn.act
    headers = {
        "Authorization": f"Bearer {cast.holder(act.by, story).token}",
        "Idempotency-Key": turn.key,
        "Content-Type": "application/json",
    }
    path = re.sub(r"\{\w+\}", lambda _: ids[story.slug], path_of(COMMANDS[act.do]))
    content = to_json(story.body(act, ids))
    answer = _ask(lambda: client.post(path, content=content, headers=headers))
    if answer.is_success:
        return dict(answer.json())
    raise Stopped(f"{story.slug}, act {turn.number} ({act.do} by {act.by}): {_problem(answer)}")


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
