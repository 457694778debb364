"""The log for everybody: checkpoint, tiles, proofs, key, time stamps. Hashes only, so nobody logs in for them."""

import base64
import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import PlainTextResponse, Response
from psycopg import AsyncConnection

from api.problems import Problem
from application.proof.succession import CHANGES, Change, told
from application.proof.tiles import STORED, WIDTH, Tile, Tree, hashes_of, stored, tile_of, unfinished, width_of
from domain.log.facts import LOG
from domain.proof.merkle import (
    HASH_BYTES,
    Node,
    consistency_path,
    consistency_proof,
    inclusion_path,
    inclusion_proof,
    perfect_subtrees,
    tree_root,
)

router = APIRouter(prefix="/v1/log", tags=["log"])

LATEST = "SELECT tree_size, note FROM ocop.checkpoints ORDER BY tree_size DESC LIMIT 1"
COSIGNED = "SELECT line FROM ocop.cosignatures WHERE tree_size = %s ORDER BY witness"
STAMPS = (
    "SELECT t.authority, t.tree_size, c.note, t.response, t.stated_at, t.verified"
    " FROM ocop.timestamps AS t JOIN ocop.checkpoints AS c USING (tree_size) WHERE t.day = %s ORDER BY t.authority"
)
MOST_BEGUN = 64
_BEGUN: dict[Tile, bytes] = {}
"""Tiles that are not complete, as far as somebody asked for them."""
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_PLACE = re.compile(r"((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
Count = Annotated[int, Query(ge=0, lt=2**62)]


async def latest(connection: AsyncConnection[Any]) -> tuple[int, str]:
    """Size and signed note of the newest checkpoint, cosignatures included; raises the problem that there is none."""
    row = await (await connection.execute(LATEST)).fetchone()
    if row is None:
        raise Problem(
            "not-ready",
            "Nhật ký chưa có điểm kiểm tra nào.",
            "The log has no checkpoint yet.",
            hint_vi="Thử lại sau một giây.",
            hint_en="Try again in a second.",
        )
    lines = await (await connection.execute(COSIGNED, (row[0],))).fetchall()
    return row[0], row[1] + "".join(f"{line}\n" for (line,) in lines)


async def fetched(connection: AsyncConnection[Any], nodes: Iterable[Node], size: int) -> Tree:
    """What some nodes of the tree over ``size`` facts are in."""
    wanted = {tile_of(node) for node in nodes}
    rows = await (await connection.execute(STORED, stored(wanted))).fetchall()
    tiles = {Tile(level, index): bytes(hashes) for level, index, hashes in rows}
    for tile in wanted - tiles.keys():
        tiles[tile] = await _begun(connection, tile, width_of(tile, size))
    return Tree(tiles)


async def _begun(connection: AsyncConnection[Any], tile: Tile, width: int) -> bytes:
    """The first hashes of a tile that is not complete; made once, since they never change."""
    known = _BEGUN.get(tile, b"")
    if len(known) < width * HASH_BYTES:
        query = unfinished(tile, width)
        known = hashes_of(tile, await (await connection.execute(query.text, query.params)).fetchall())
        if len(_BEGUN) >= MOST_BEGUN:
            _BEGUN.clear()
        _BEGUN[tile] = known
    return known[: width * HASH_BYTES]


@router.get("/checkpoint", response_class=PlainTextResponse)
async def checkpoint(request: Request) -> PlainTextResponse:
    """The newest signed checkpoint (điểm kiểm tra đã ký), as a note, with what witnesses put under it."""
    async with request.app.state.pool.connection() as connection:
        _, note = await latest(connection)
    return PlainTextResponse(note, headers={"Cache-Control": "no-store"})


@router.get("/key")
async def key(request: Request) -> dict[str, Any]:
    """The log's origin and its verifier key, as ``name+id+key``, and every change of the key.

    Both keys signed the first checkpoint over the fact of the change: who trusts one of them can follow to the other.
    """
    signer = request.app.state.log_key
    async with request.app.state.pool.connection() as connection:
        entered = await changes_of(connection)
    done = [
        {"before": change.before.vkey, "now": change.now.vkey, "checkpoint": note, **fact}
        for change, note, fact in entered
        if change.size is not None
    ]
    return {"origin": signer.origin, "vkey": signer.vkey, "changes": done}


async def changes_of(connection: AsyncConnection[Any]) -> list[tuple[Change, str, dict[str, Any]]]:
    """Changes of the key, the oldest first, each with the first checkpoint over it and the fact that tells it."""
    rows = await (await connection.execute(CHANGES, (LOG,))).fetchall()
    return [
        (change, note, leaf_told(leaf, position, stream, version, name, state))
        for change, (name, state, _, note, leaf, position, stream, version) in zip(told(rows), rows, strict=False)
    ]


def leaf_told(leaf: int, position: int, stream: UUID, version: int, name: str, state: bytes) -> dict[str, Any]:
    """What a fact's leaf is made of, to be held against a proof."""
    return {
        "leaf_index": leaf,
        "position": position,
        "stream": str(stream),
        "version": version,
        "name": name,
        "state": _text(bytes(state)),
    }


@router.get("/timestamps/{day}")
async def timestamps(request: Request, day: date) -> dict[str, Any]:
    """Time stamps (dấu thời gian, RFC 3161) of the last checkpoint of a day in Vietnam, beside the note stamped.

    ``response`` is the authority's answer in DER, over the bytes of ``note`` in UTF-8. ``verified``: whether its
    signature was held against root certificates when it came.
    """
    async with request.app.state.pool.connection() as connection:
        rows = await (await connection.execute(STAMPS, (day,))).fetchall()
    if not rows:
        raise Problem(
            "not-found",
            f"Chưa có dấu thời gian của ngày {day:%d/%m/%Y}.",
            f"There is no time stamp of {day}.",
            hint_vi="Điểm kiểm tra cuối của mỗi ngày được đóng dấu khi ngày sau bắt đầu, nếu dịch vụ có đặt OCOP_TSA.",
            hint_en="A day's last checkpoint is stamped once the next day begins, where the service has OCOP_TSA.",
        )
    items = [
        {
            "authority": authority,
            "tree_size": size,
            "note": note,
            "response": _text(response),
            "stated_at": stated_at,
            "verified": verified,
        }
        for authority, size, note, response, stated_at, verified in rows
    ]
    return {"day": day, "items": items}


@router.get("/tile/{level}/{place:path}", response_class=Response)
async def tile(request: Request, level: Annotated[int, Path(ge=0, le=7)], place: str) -> Response:
    """A tile's hashes, 32 bytes each: ``x001/067`` is tile 1067, ``.p/12`` its first twelve."""
    found = _PLACE.fullmatch(place)
    if found is None:
        raise _no_tile()
    at = Tile(level, int(found[1].replace("x", "").replace("/", "")))
    async with request.app.state.pool.connection() as connection:
        size, _ = await latest(connection)
        width = int(found[2] or WIDTH)
        if width > width_of(at, size):
            raise _no_tile()
        rows = await (await connection.execute(STORED, stored([at]))).fetchall()
        if rows:
            hashes = bytes(rows[0][2])
        else:
            hashes = await _begun(connection, at, width)
    return Response(hashes[: width * HASH_BYTES], media_type="application/octet-stream", headers=FOR_EVER)


@router.get("/proof/inclusion")
async def inclusion(request: Request, leaf: Count, size: Count) -> dict[str, Any]:
    """That a leaf is in the tree of ``size`` facts (bằng chứng có trong nhật ký)."""
    async with request.app.state.pool.connection() as connection:
        await _within(connection, "size", size)
        if leaf >= size:
            raise _outside("leaf", leaf, size - 1)
        path = inclusion_path(leaf, size)
        whole = (at for nodes in (*path, perfect_subtrees(0, size), ((0, leaf),)) for at in nodes)
        tree = await fetched(connection, whole, size)
    return {
        "leaf_index": leaf,
        "tree_size": size,
        "leaf_hash": _text(tree.node(0, leaf)),
        "hashes": [_text(hash_) for hash_ in inclusion_proof(leaf, size, tree.node)],
        "root_hash": _text(tree_root(size, tree.node)),
    }


@router.get("/proof/consistency")
async def consistency(request: Request, first: Count, second: Count) -> dict[str, Any]:
    """That the tree of ``first`` facts is the beginning of that of ``second`` (bằng chứng chỉ thêm)."""
    async with request.app.state.pool.connection() as connection:
        await _within(connection, "second", second)
        if first > second:
            raise _outside("first", first, second)
        path = consistency_path(first, second)
        tree = await fetched(connection, (at for nodes in path for at in nodes), second)
    hashes = consistency_proof(first, second, tree.node)
    return {"first": first, "second": second, "hashes": [_text(hash_) for hash_ in hashes]}


async def _within(connection: AsyncConnection[Any], field: str, size: int) -> None:
    newest, _ = await latest(connection)
    if size > newest:
        raise _outside(field, size, newest)


def _outside(field: str, given: int, most: int) -> Problem:
    return Problem(
        "invalid-content",
        f"{field} = {given} vượt quá {most}.",
        f"{field} = {given} is more than {most}.",
        hint_vi="Cỡ mới nhất có trong GET /v1/log/checkpoint, dòng thứ hai.",
        hint_en="The newest size is the second line of GET /v1/log/checkpoint.",
        errors=[{"field": field, "detail": "vượt quá nhật ký", "detail_en": "beyond the log"}],
    )


def _no_tile() -> Problem:
    return Problem(
        "not-found",
        "Không có mảnh này trong nhật ký.",
        "The log has no such tile.",
        hint_vi="Mảnh 1067 là x001/067; mảnh chưa đủ 256 mã băm ghi thêm .p/<số mã>.",
        hint_en="Tile 1067 is x001/067; one with fewer than 256 hashes is named with .p/<how many>.",
    )


def _text(hash_: bytes) -> str:
    return base64.b64encode(hash_).decode()
