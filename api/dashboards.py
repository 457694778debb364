"""Dashboards (bảng điều hành): numbers, each with the rows it counts; as JSON, CSV or Excel."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import quote_plus, urlencode
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import StringConstraints
from pydantic_core import to_json

from api.as_of import AsOf, Effective, Known, instants
from api.conditional import etag, unchanged
from api.councils import Limit
from api.problems import Problem
from api.security import Caller
from api.supervisors import fresh, today
from application.tables import to_csv, to_xlsx
from domain.law.maps import name_on
from domain.law.old_units import last_day
from domain.values import Actor
from projections.boards import BOARDS, Board
from projections.dashboards import Asked, Number, groups, is_area, name_of, numbers, reached, rows_of, window
from projections.scope import Scope

router = APIRouter(prefix="/v1", tags=["dashboards"])

Format = Literal["json", "csv", "xlsx"]
TYPES: dict[str, str] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
Name = Annotated[str, Path(json_schema_extra={"enum": list(BOARDS)})]
Area = Annotated[
    str,
    StringConstraints(pattern=r"^(VN|[0-9]{2}|[0-9]{2}-[0-9]{3}|[0-9]{5})$"),
    Query(description="A province, commune or, on the old map, unit such as 17-150, on the map asked for; VN: all."),
]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z-]{0,40}$")]
Year = Annotated[int, Query(ge=2018, le=2100)]
Key = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00]*$")]
COLUMNS = (
    *("product_id", "name", "what", "begins", "ends", "area", "area_name", "group", "stars", "level", "kind"),
    *("subject", "amount", "illustrative", "position", "version", "href"),
)
"""Of a table of rows behind a number."""
_AFTER = re.compile(r"^([0-9a-f-]{36})\.([0-9]{1,18})\.([0-9]{1,9})$")


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked in the query: the board, and its answer's form."""

    asked: Asked
    board: Board
    at: AsOf
    map: str
    format: Format
    scope: Scope
    tag: int

    @property
    def query(self) -> dict[str, Any]:
        """The parameters of the same question, asked again of what is known now: the answer is the same."""
        asked, filters = self.asked, self.board.filters
        given: dict[str, Any] = {
            "by": asked.by,
            "map": self.map,
            "area": asked.area,
            "group": asked.group,
            "stars": asked.stars,
        }
        given |= {"year": asked.year, "cycle": asked.cycle}
        given |= {"effective": asked.day, "known": f"position:{asked.known}"}
        return {name: v for name, v in given.items() if v is not None and (name == "by" or name in filters)}

    @property
    def headers(self) -> dict[str, str]:
        """Of every answer: whose it is, and that it is asked for again before it is used again."""
        return {
            "ETag": etag(self.tag),
            "X-Position": str(self.asked.known),
            "Cache-Control": "private, no-cache",
            "Vary": "Accept, Authorization, Cookie, X-Acting-As",
        }


async def question(
    request: Request,
    actor: Caller,
    name: Name,
    by: Annotated[
        Word | None, Query(description="What the numbers are broken down by; see docs/dashboards.md.")
    ] = None,
    area: Area | None = None,
    group: Word | None = None,
    stars: Annotated[int | None, Query(ge=1, le=5)] = None,
    year: Year | None = None,
    cycle: Year | None = None,
    map: Annotated[  # noqa: A002
        Literal["day", "today"] | None, Query(description="The map of the effective day (else), or today's.")
    ] = None,
    effective: Effective = None,
    known: Known = None,
    format: Annotated[  # noqa: A002
        Format | None, Query(description="Without it by the header Accept, else JSON.")
    ] = None,
) -> Question:
    """Read the query; a parameter that this board does not take, or that names nothing, is a problem."""
    board = BOARDS.get(name)
    if board is None:
        raise Problem("not-found", "Không có bảng này.", "There is no such dashboard.")
    given: dict[str, Any] = {"area": area, "group": group, "stars": stars, "year": year, "cycle": cycle, "map": map}
    given |= {"effective": effective, "known": known}
    for field, value in given.items():
        if value is not None and field not in board.filters:
            raise _refused(field, f"Bảng {name} không nhận {field}", f"The board {name} does not take {field}")
    async with request.app.state.pool.connection() as connection:
        position = await reached(connection, board)
    at = await instants(request, effective, known or f"position:{position}")
    if at.position > position:
        await request.app.state.freshness.wait(at.position)
    map_day = at.effective if map != "today" else today(request)
    by = board.by[0] if by is None else by
    asked = Asked(
        name, by, at.effective, at.position, map_day, area, group, stars, year,
        (cycle or at.effective.year) if "cycle" in board.filters else None,
    )  # fmt: skip
    _check(board, asked)
    kind = format or _accepted(request)
    tag = _tag(request, actor, at, position, map_day)
    return Question(asked, board, at, map or "day", kind, Scope.of(actor), tag)


def _check(board: Board, asked: Asked) -> None:
    if asked.by not in board.by:
        ways = ", ".join(way or '""' for way in board.by)
        raise _refused("by", f"chỉ nhận: {ways}", f"takes: {ways}")
    if asked.by == "unit" and asked.map_day > last_day():
        raise _refused(
            "by", "bản đồ hôm nay không có cấp huyện", "today's map has no units between province and commune"
        )
    if asked.area is not None and not is_area(asked.area, asked.map_day):
        raise _refused("area", "không có trên bản đồ được hỏi", "no area of the map that was asked for")
    if asked.group is not None and asked.group not in groups():
        raise _refused("group", f"chỉ nhận: {', '.join(groups())}", f"takes: {', '.join(groups())}")


def _accepted(request: Request) -> Format:
    accept = request.headers.get("accept", "")
    if "text/csv" in accept:
        return "csv"
    return "xlsx" if TYPES["xlsx"] in accept else "json"


def _tag(request: Request, actor: Actor, at: AsOf, position: int, map_day: date) -> int:
    """Everything that an answer depends on, as a number that an entity tag may be.

    Whose a product is, and the names in rows, are of the newest fact, whatever ``known`` is.
    """
    scope = Scope.of(actor)
    newest = position if scope.producer is not None or request.url.path.endswith("/marks") else 0
    whose = (scope.area, scope.producer, newest)
    told = (
        request.url.path,
        sorted(request.query_params.multi_items()),
        _accepted(request),
        request.app.state.law.hash,
    )
    text = to_json([told, whose, at.effective, at.position, at.checkpoint is not None, map_day, today(request)])
    return int.from_bytes(hashlib.sha256(text).digest()[:6])


@router.get("/dashboards/{name}", dependencies=[Depends(fresh)], response_model=None)
async def dashboard(request: Request, asked: Annotated[Question, Depends(question)]) -> Response:
    """Numbers of your area: ``stars``, ``funnel``, ``expiring``, ``promotion``, ``lateness``.

    Every number has its definition, and in ``drill`` the address of exactly what it counts. ``known`` is a position:
    asked for again with it, an answer is the same.
    """
    if unchanged(request, asked.tag):
        return Response(None, 304, asked.headers)
    async with request.app.state.pool.connection() as connection:
        found = await numbers(connection, asked.asked, asked.scope)
    rows = _rows(asked, [number for number in found if number.key is not None])
    totals = {number.part: number for number in found if number.key is None}
    total = _rows(asked, [totals.get(part, Number(part, None, 0, None, 0)) for part in asked.board.parts])
    document = {
        "dashboard": asked.asked.board,
        **_words(asked.board),
        "by": asked.asked.by,
        **asked.query,
        "rows": rows if asked.asked.by else total,
        "total": total,
        "illustrative": sum(row["illustrative"] for row in total),
        "today_only": asked.board.today_only,
        "position": asked.asked.known,
        "as_of": asked.at.echo,
    }
    columns = ("key", "name", "part", "part_name", "count", "amount", "unit", "illustrative", "drill")
    sums = [row | {"name": "Tổng"} for row in total]
    return await _answer(asked, document, columns, [*(rows if asked.asked.by else []), *sums])


@router.get("/dashboards/{name}/marks", dependencies=[Depends(fresh)], response_model=None)
async def dashboard_marks(
    request: Request,
    asked: Annotated[Question, Depends(question)],
    part: Annotated[Word, Query(description="Which number of the board: its part.")],
    key: Annotated[Key | None, Query(description="Its key; without one the part's total.")] = None,
    after: Annotated[str | None, Query(max_length=70)] = None,
    limit: Limit = 100,
) -> Response:
    """What one number of a dashboard counts, row by row, each with the fact it comes from; ``next``: the next page."""
    if part not in asked.board.parts:
        ways = ", ".join(asked.board.parts)
        raise _refused("part", f"chỉ nhận: {ways}", f"takes: {ways}")
    place = _place(after)
    if unchanged(request, asked.tag):
        return Response(None, 304, asked.headers)
    wanted = replace(asked.asked, part=part, key=key)
    async with request.app.state.pool.connection() as connection:
        found = await rows_of(connection, wanted, asked.scope, place, limit)
    last = found[-1] if len(found) == limit else None
    marks = [
        {
            **row,
            "area_name": name_on(row["area"], wanted.map_day),
            "href": f"/v1/{'sessions' if row['what'] == 'session' else 'products'}/{row['product_id']}",
        }
        for row in found
    ]
    document = {
        "dashboard": wanted.board,
        "part": part,
        "key": key,
        **asked.query,
        "marks": marks,
        "next": f"{last['product_id']}.{last['position']}.{last['number']}" if last else None,
        "position": wanted.known,
        "as_of": asked.at.echo,
    }
    return await _answer(asked, document, COLUMNS, marks)


def _rows(asked: Question, found: Iterable[Number]) -> list[dict[str, Any]]:
    """Numbers as rows, each with the address of what it counts."""
    path, days = f"/v1/dashboards/{asked.asked.board}/marks?{urlencode(asked.query)}", window()
    names = {name: (part.vi.format(**days), part.en.format(**days)) for name, part in asked.board.parts.items()}
    return [
        {
            "key": number.key,
            "name": name_of(asked.asked.by, number.key, asked.asked.map_day) if number.key is not None else "",
            "part": number.part,
            "part_name": names[number.part][0],
            "part_name_en": names[number.part][1],
            "count": number.count,
            "amount": number.amount,
            "unit": asked.board.parts[number.part].unit or None,
            "illustrative": number.illustrative,
            "drill": f"{path}&part={number.part}"
            + (f"&key={quote_plus(number.key)}" if number.key is not None else ""),
        }
        for number in found
    ]


def _words(board: Board) -> dict[str, str]:
    words = {"title": board.vi, "title_en": board.en}
    words |= {"definition_vi": board.definition_vi, "definition_en": board.definition_en}
    return {name: text.format(**window()) for name, text in words.items()}


async def _answer(
    asked: Question, document: Mapping[str, Any], columns: Sequence[str], rows: Iterable[Mapping[str, Any]]
) -> Response:
    """The document, or its rows as a table; a file says in its name which day and knowledge it tells of."""
    if asked.format == "json":
        return Response(to_json(document), 200, asked.headers, TYPES["json"])
    table = [list(columns), *([row[column] for column in columns] for row in rows)]
    if asked.format == "csv":
        content = to_csv(table)
    else:
        words = _words(asked.board)
        about: list[list[Any]] = [[name, text] for name, text in words.items()] + [
            [name, str(v)] for name, v in asked.query.items()
        ]
        about += [["effective", asked.asked.day.isoformat()], ["position", asked.asked.known]]
        content = await to_thread.run_sync(to_xlsx, {asked.asked.board: table, "Định nghĩa": about})
    name = f"ocop-{asked.asked.board}-{asked.asked.day}-{asked.asked.known}.{asked.format}"
    headers = asked.headers | {"Content-Disposition": f'attachment; filename="{name}"'}
    if document.get("next"):
        query = urlencode({**asked.query, **_next(document), "format": asked.format})
        headers["Link"] = f'</v1/dashboards/{asked.asked.board}/marks?{query}>; rel="next"'
    return Response(content, 200, headers, TYPES[asked.format])


def _next(document: Mapping[str, Any]) -> dict[str, Any]:
    key = {"key": document["key"]} if document["key"] is not None else {}
    return {"part": document["part"], **key, "after": document["next"]}


def _place(after: str | None) -> tuple[UUID, int, int]:
    if after is None:
        return (UUID(int=0), -1, -1)
    if found := _AFTER.match(after):
        with suppress(ValueError):
            return UUID(found[1]), int(found[2]), int(found[3])
    raise _refused("after", "Con trỏ trang không hợp lệ", "The cursor is not one of ours")


def _refused(field: str, vi: str, en: str) -> Problem:
    return Problem(
        "invalid-fields",
        f"{field}: {vi}.",
        f"{field}: {en}.",
        hint_vi="Xem docs/dashboards.md.",
        hint_en="See docs/dashboards.md.",
        errors=[{"field": field, "detail": vi, "detail_en": en}],
    )
