"""Pages for people's daily work: what awaits me, plans and their progress, a product's journey, search.

Each reads what its counterpart under /v1 reads, in the same role; Vietnamese, or English where one chose it.
"""

from collections.abc import Callable, Coroutine, Sequence
from datetime import date
from fractions import Fraction
from itertools import groupby
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute

from api import programmes, supervisors
from api.access import as_problem, onward, problem_page
from api.forms import Cookies
from api.identity import unauthenticated
from api.problems import Problem, field_problem
from api.programmes import At, Code
from api.security import Caller, Oneself
from api.supervisors import Cursor, Text, no_such_product, today
from api.web import page
from application.directory import Directory
from domain.law.areas import area_name
from domain.law.book import LawBook
from domain.programme.measures import measures
from domain.refusals import Refusal
from domain.values import ROLE_NAMES, STEP_NAMES, Actor, Role
from projections.programmes import programme_of
from projections.scope import Scope
from projections.status import names_of, product_status
from projections.trail import sentences_at, trail_of
from projections.words import STANDING, day

MOST_TASKS, MOST_PLANS, PER_PAGE, TRAIL_PAGE = 100, 100, 50, 200
"""How much stands on one page: it must load on a slow line."""
LANGUAGES = ("vi", "en")
Language = Literal["vi", "en"]


class PageRoute(APIRoute):
    """A page of work: knows its language and the role chosen, and tells a problem as a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, with what every page does around it."""
        handler = super().get_route_handler()

        async def answered(request: Request) -> Response:
            cookies = Cookies.of(request)
            # A form sends the fields that were left empty too.
            given = parse_qsl(request.scope["query_string"].decode("latin-1"))
            request.scope["query_string"] = urlencode(given).encode()
            chosen = dict(given)
            language, role = chosen.get("lang"), chosen.get("as")
            known = language if language in LANGUAGES else request.cookies.get(cookies.language)
            request.state.language = known if known in LANGUAGES else "vi"
            request.state.acting_as = role or request.cookies.get(cookies.role)
            try:
                response = await handler(request)
            except (Problem, Refusal) as error:
                response = _refused(request, as_problem(error))
            except RequestValidationError as error:
                return problem_page(request, field_problem(list(error.errors()), skip=1))
            else:
                if role:
                    cookies.put(response, cookies.role, role)
            if language in LANGUAGES:
                cookies.put(response, cookies.language, request.state.language)
            return response

        return answered


def _refused(request: Request, problem: Problem) -> Response:
    """What must be done first is led to; a role that is not held any more is forgotten."""
    if problem.code == "account-unfinished":
        return onward("/account")
    response = problem_page(request, problem)
    if problem.code == "role-not-held":
        cookies = Cookies.of(request)
        cookies.drop(response, cookies.role)
    return response


router = APIRouter(route_class=PageRoute, include_in_schema=False)


def work(request: Request, template: str, actor: Actor | None, **values: Any) -> Response:
    """A page in the reader's language. ``t``: of two texts the one in it; ``own``: the same of a row's two keys."""
    language: Language = request.state.language
    number = LANGUAGES.index(language)
    other = LANGUAGES[1 - number]
    query = urlencode({**request.query_params, "lang": other})
    return page(
        template,
        lang=language,
        t=lambda vi, en: (vi, en)[number],
        own=lambda row: row[language],
        day=lambda value: day(date.fromisoformat(value) if isinstance(value, str) else value),
        left=lambda due: days_left(due, today(request), language),
        figure=lambda value: written(value, language),
        roles=lambda codes: ", ".join(ROLE_NAMES[Role(code)][number] for code in codes),
        role=(ROLE_NAMES[actor.role][number], area_name(actor.area)) if actor else None,
        switch=f"{request.url.path}?{query}",
        here=request.url.path,
        **values,
    )


def days_left(due: date | str, on: date, language: Language) -> str:
    """How near a day is, in words: "còn 5 ngày", "hôm nay", "trễ 3 ngày"."""
    days = ((date.fromisoformat(due) if isinstance(due, str) else due) - on).days
    if days == 0:
        return {"vi": "hôm nay", "en": "today"}[language]
    count = f"{written(str(abs(days)), language)} "
    if language == "vi":
        return ("còn " if days > 0 else "trễ ") + count + "ngày"
    return count + ("day" if abs(days) == 1 else "days") + (" left" if days > 0 else " late")


def written(value: str | int | None, language: Language) -> str:
    """A number as it is written in a language: 1.234.567,8 or 1,234,567.8."""
    if value is None:
        return "–"
    whole, _, part = str(value).partition(".")
    text = f"{int(whole):,}" + (f".{part}" if part else "")
    return text.translate(str.maketrans(",.", ".,")) if language == "vi" else text


# ── What awaits me ─────────────────────────────────────────────────────────────────────────────────────


@router.get("/home")
async def home(request: Request, standing: Oneself) -> Response:
    """What awaits the person in the role acted in, late first; the roles there are to choose from."""
    if standing.identity.session is None:
        raise unauthenticated()
    law: LawBook = request.app.state.law
    entry = law.authority.routes["GET /v1/worklist"]
    actor = next((actor for actor in standing.actors if law.authority.may_read(entry, actor.role)), None)
    tasks: Sequence[dict[str, Any]] = ()
    if actor is not None:
        tasks = (await supervisors.worklist(request, actor, MOST_TASKS))["tasks"]
    directory: Directory = request.app.state.directory
    held = await directory.powers(standing.identity.person, today(request))
    return work(
        request,
        "home.html",
        actor,
        late=[task for task in tasks if task["days_late"]],
        due=[task for task in tasks if task["due"] and not task["days_late"]],
        undated=[task for task in tasks if not task["due"]],
        most=MOST_TASKS,
        powers=[_choice(power.actor, actor) for power in held],
    )


def _choice(held: Actor, now: Actor | None) -> dict[str, Any]:
    """A role to choose: ``now`` is the one acted in."""
    vi, en = ROLE_NAMES[held.role]
    by = held.delegator
    return {
        "acting_as": by.delegation if by else held.assignment,
        "vi": vi,
        "en": en,
        "area": area_name(held.area),
        "office": held.office,
        "for": by.person if by else None,
        "chosen": held == now,
    }


# ── Plans and their progress ───────────────────────────────────────────────────────────────────────────


@router.get("/plans")
async def plans(request: Request, actor: Caller) -> Response:
    """The plans of one's area, the latest first."""
    told = await programmes.list_programmes(request, actor, MOST_PLANS)
    return work(request, "plans.html", actor, plans=told["programmes"])


@router.get("/plans/{programme_id}")
async def plan(request: Request, actor: Caller, programme_id: UUID, at: At) -> Response:
    """Each target against what the facts say, as of the instants asked for."""
    told = await programmes.progress(request, actor, programme_id, at)
    law: LawBook = request.app.state.law
    drill = law.authority.routes["GET /plans/{programme_id}/targets/{code}"]
    entries = [_entry(entry, told["targets"], request) for entry in told["targets"]]
    standings = [entry["standing"] for entry in entries if entry["current"]]
    return work(
        request,
        "plan.html",
        actor,
        plan=told,
        targets=[entry for entry in entries if entry["current"]],
        former=[entry for entry in entries if not entry["current"]],
        summary=[
            {"vi": vi, "en": en, "count": standings.count(code)}
            for code, (vi, en) in STANDING.items()
            if code in standings
        ],
        may_drill=law.authority.may_read(drill, actor.role),
        asked=_instants(request),
    )


def _entry(entry: dict[str, Any], among: Sequence[dict[str, Any]], request: Request) -> dict[str, Any]:
    """A target's entry with its standing in words, how long its bar is, and what its figure leads to."""
    yearly = sum((e["code"], e["version"]) == (entry["code"], entry["version"]) for e in among) > 1
    drill = {"version": entry["version"], "year": entry["first"].year if yearly else None, **_instants(request)}
    vi, en = STANDING[entry["standing"]]
    return entry | {"standing_is": {"vi": vi, "en": en}, "share": _share(entry), "drill": _filled(drill)}


def _share(entry: dict[str, Any]) -> str | None:
    """Percent of what is wanted, at most 100; None where there is nothing to tell."""
    if entry["exact"] is None:
        return None
    if "units" in entry:
        done, wanted = Fraction(entry["units_reached"]), Fraction(entry["units_wanted"])
    else:
        done, wanted = Fraction(entry["exact"]), Fraction(entry["amount"])
    if not wanted:
        return None
    return f"{float(min(max(done / wanted, Fraction(0)), Fraction(1)) * 100):.1f}"


def _instants(request: Request) -> dict[str, str]:
    """The instants of the question as they stand in its address, for forms and links that go on with them."""
    return {name: request.query_params.get(name, "") for name in ("effective", "known")}


def _filled(query: dict[str, Any]) -> str:
    """A query of those fields that have a value."""
    return urlencode({name: value for name, value in query.items() if value})


@router.get("/plans/{programme_id}/targets/{code}")
async def target(
    request: Request,
    actor: Caller,
    programme_id: UUID,
    code: Code,
    at: At,
    part: Literal["of", "over"] = "of",
    version: Annotated[int | None, Query(ge=1, le=10**9)] = None,
    year: Annotated[int | None, Query(ge=2018, le=2100)] = None,
    after: Annotated[str | None, Query(max_length=30)] = None,
) -> Response:
    """The marks behind a figure, each with the sentence of its fact and its product's page, where one may see it."""
    told = await programmes.target_marks(request, actor, programme_id, code, at, part, version, year, after, PER_PAGE)
    scope, marks = Scope.of(actor), told["marks"]
    async with request.app.state.pool.connection() as connection:
        programme = await programme_of(connection, scope, programme_id, at.effective, at.position)
        names = await names_of(connection, scope, [mark["stream"] for mark in marks])
        seen = [mark["known_from"] for mark in marks if mark["stream"] in names or mark["stream"] == programme_id]
        sentences = await sentences_at(connection, seen)
    if programme is None:
        raise programmes.no_such_programme()
    measure = measures()[told["measure"]]
    query = {"version": version, "year": year, **_instants(request)}
    return work(
        request,
        "target.html",
        actor,
        programme=programme,
        told=told,
        measure=measure,
        marks=[
            mark | {"name": names.get(mark["stream"]), "sentence": sentences.get(mark["known_from"])} for mark in marks
        ],
        parts={name: _filled({"part": name, **query}) for name in ("of", "over")} if measure.over else {},
        next=_filled({"part": part, **query, "after": told["next"]}) if told["next"] else None,
        back=_filled(_instants(request)),
    )


# ── Products ───────────────────────────────────────────────────────────────────────────────────────────


@router.get("/products/{product_id}")
async def product(
    request: Request, actor: Caller, product_id: UUID, after: Annotated[int, Query(ge=0, le=10**9)] = 0
) -> Response:
    """One product: its six steps, stars and certificate, what awaits whom, and everything that happened."""
    async with request.app.state.pool.connection() as connection:
        row = await product_status(connection, Scope.of(actor), product_id, today(request))
        if row is None:
            raise no_such_product()
        trail = await trail_of(connection, product_id, after, TRAIL_PAGE + 1)
    shown, on = trail[:TRAIL_PAGE], today(request).isoformat()
    return work(
        request,
        "product.html",
        actor,
        product=row,
        steps=[_step(number, names, row, shown) for number, names in STEP_NAMES.items()],
        on=on,
        awaited=[task for task in row["tasks"] if not task["opens_on"] or task["opens_on"] <= on],
        later=[task for task in row["tasks"] if task["opens_on"] and task["opens_on"] > on],
        trail=_by_step(shown),
        next=shown[-1]["version"] if len(trail) > TRAIL_PAGE else None,
    )


def _by_step(trail: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trail in its order, in parts of one step each; the first part of a step is what the step leads to."""
    parts, named = [], set[int]()
    for step, facts in groupby(trail, lambda entry: entry["step"]):
        parts.append({"step": step, "id": f"step-{step}" if step and step not in named else None, "facts": list(facts)})
        named.add(step)
    return parts


def _step(number: int, names: tuple[str, str], row: dict[str, Any], trail: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One of the six steps: behind, current or ahead, with the days of its first and last fact."""
    days = [entry["effective_on"] for entry in trail if entry["step"] == number]
    now = row["step"]["number"]
    return {
        "vi": names[0],
        "en": names[1],
        "place": "behind" if number < now else "now" if number == now else "ahead",
        "first": min(days, default=None),
        "last": max(days, default=None),
    }


@router.get("/search")
async def search(
    request: Request,
    actor: Caller,
    q: Text | None = None,
    step: Annotated[int | None, Query(ge=1, le=6)] = None,
    stars: Annotated[int | None, Query(ge=1, le=5)] = None,
    late: bool | None = None,
    cursor: Cursor | None = None,
) -> Response:
    """Products by name, without diacritics too, by step and stars."""
    told = await supervisors.products(
        request, actor, step=step, stars=stars, late=late, q=q, cursor=cursor, limit=PER_PAGE
    )
    asked = {"q": q, "step": step, "stars": stars, "late": "true" if late else None}
    return work(
        request,
        "search.html",
        actor,
        products=told["products"],
        asked=asked,
        steps=[{"number": int(number), "vi": vi, "en": en} for number, (vi, en) in STEP_NAMES.items()],
        first=_filled(asked) if cursor else None,
        next=_filled({**asked, "cursor": told["next"]}) if told["next"] else None,
    )
