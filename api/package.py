"""The case package (hồ sơ vụ việc): a product's whole journey with its proofs, to be verified without the service.

The facts are the stored bytes: personal data in them stays sealed, and erased stays erased. Facts from before personal
data was sealed hold it in clear; that somebody was given it is written down.
"""

import base64
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from psycopg import AsyncConnection

from api.log import changes_of, fetched, latest, leaf_told
from api.problems import Problem
from api.security import Caller
from api.supervisors import fresh, no_such_product, today
from api.web import rendered
from application.proof.keys import LogKey
from application.proof.succession import CHANGES, Succession, told
from domain.log.facts import LOG
from domain.personal import Spot, visited
from domain.proof.merkle import consistency_path, consistency_proof, inclusion_path, inclusion_proof
from domain.proof.note import parse
from domain.sealing import sealed_field
from projections.personal_reads import PersonalRead, note_reads
from projections.scope import Scope
from projections.status import product_status
from projections.trail import trail_of

router = APIRouter(prefix="/v1", tags=["supervisors"])

FACTS = (
    "SELECT leaf_index, notification_id, originator_version, topic, state FROM ocop.events"
    " WHERE originator_id = %s ORDER BY originator_version"
)
STAMPED = (
    "SELECT coalesce(min(tree_size) FILTER (WHERE tree_size > %(last)s), max(tree_size)) FROM ocop.timestamps"
    " WHERE tree_size > %(first)s"
)
"""The first checkpoint with a time stamp over all of a product's facts; else the last one over some."""
STAMPS = (
    "SELECT DISTINCT ON (t.authority) t.authority, t.response, c.note"
    " FROM ocop.timestamps AS t JOIN ocop.checkpoints AS c USING (tree_size) WHERE t.tree_size = %s"
    " ORDER BY t.authority, t.day"
)
MOST = 100_000
"""Facts of the longest journey that is packed."""
README = """HỒ SƠ HÀNH TRÌNH SẢN PHẨM OCOP – cách kiểm chứng, không cần mạng

1. chronicle.html: đọc và in. facts.json: các sự kiện. evidence.json: mã băm SHA-256 của tài liệu minh chứng.
2. Kiểm chứng bằng máy tính có Python 3.11 và gói cryptography:
       python verifier.py bundle.json --key "<khóa của nhật ký>"
   hoặc mở verifier.html bằng trình duyệt rồi chọn tệp bundle.json.
3. Khóa của nhật ký (vkey) phải lấy từ nơi khác hồ sơ này: GET /v1/log/key, hoặc từ cơ quan làm chứng.
   Không có khóa đó, việc kiểm chứng chỉ cho biết hồ sơ không tự mâu thuẫn.
   Khóa đã được thay trước khi lập hồ sơ vẫn dùng được: hồ sơ mang theo các lần thay khóa, mỗi lần do cả hai khóa ký.
4. Tệp tài liệu minh chứng do chủ thể giữ: so mã băm của tệp với evidence.json.
5. Dữ liệu cá nhân ở dạng niêm phong; phần đã xoá không mở lại được.
6. Nếu có tệp timestamp-….tsr: dấu thời gian (RFC 3161) của stamped-checkpoint.txt. Kiểm tra bằng OpenSSL:
       openssl ts -verify -data stamped-checkpoint.txt -in timestamp-….tsr -CAfile chung-thu-goc.pem
       openssl ts -reply -in timestamp-….tsr -text
   Chứng thư gốc lấy từ tổ chức cấp dấu, không lấy từ hồ sơ này. Sau đó kiểm chứng stamped-bundle.json như ở bước 2:
   số lá và gốc phải là dòng 2 và 3 của stamped-checkpoint.txt. Các sự kiện trong đó có trước thời điểm ghi trong dấu.
   Nếu khóa đã được thay từ đó, đưa cho bước này khóa ghi ở log.vkey của tệp; bundle.json cho thấy nó nối tới khóa nay.

THE JOURNEY OF AN OCOP PRODUCT – how to verify it, without network

1. chronicle.html to read and print; facts.json, the facts; evidence.json, SHA-256 of the evidence documents.
2. With Python 3.11 and the package cryptography: python verifier.py bundle.json --key "<the log's key>"
   or open verifier.html in a browser and choose bundle.json.
3. The log's key (vkey) comes from elsewhere than this package: GET /v1/log/key, or the witness.
   Without it, verification shows only that the package does not contradict itself.
   A key that was changed before this package was made will do: the package holds each change, signed by both keys.
4. Evidence files stay with the producer: compare the hash of a file with evidence.json.
5. Personal data is sealed; what was erased does not open any more.
6. Where there is a file timestamp-….tsr, it is a time stamp (RFC 3161) of stamped-checkpoint.txt. With OpenSSL:
       openssl ts -verify -data stamped-checkpoint.txt -in timestamp-….tsr -CAfile roots.pem
       openssl ts -reply -in timestamp-….tsr -text
   The root certificate comes from the authority, not from this package. Then verify stamped-bundle.json as in 2: leaves
   and root must be lines 2 and 3 of stamped-checkpoint.txt. The facts in it were there before the time stated.
   If the key was changed since, give the key in that file's log.vkey here; bundle.json shows how it leads to today's.
"""


@router.get("/products/{product_id}/package", dependencies=[Depends(fresh)], response_class=Response)
async def package(request: Request, actor: Caller, product_id: UUID) -> Response:
    """A zip with the chronicle to read, the facts, evidence hashes, proofs, signed checkpoint and both verifiers."""
    state = request.app.state
    async with state.pool.connection() as connection:
        row = await product_status(connection, Scope.of(actor), product_id, today(request))
        if row is None:
            raise no_such_product()
        trail = await trail_of(connection, product_id, 0, MOST)
        size, note = await latest(connection)
        stored = await (await connection.execute(FACTS, (product_id,))).fetchall()
        if any(leaf >= size for leaf, *_ in stored) or len(stored) != len(trail):
            raise _not_signed_yet()
        bundle = await _bundle(connection, product_id, stored, note, state.log_key.vkey)
        stamped = await _stamped(connection, product_id, stored, state.log_key)
        if fields := _in_clear(stored):
            read = PersonalRead(product_id, row["commune"]["code"], tuple(sorted(set(fields))), len(fields))
            await note_reads(connection, actor, request.scope["route"].path, [read])
    checkpoint = parse(note).checkpoint
    entries = [{**entry, "leaf_index": fact[0]} for entry, fact in zip(trail, stored, strict=True)]
    page = rendered(
        "chronicle.html",
        name=row["name"],
        place=row["commune"]["name"],
        product_id=product_id,
        size=size,
        root=_text(checkpoint.root),
        made_at=state.clock(),
        facts=entries,
    )
    parts = {
        "README.txt": README.encode(),
        "chronicle.html": page.encode(),
        "facts.json": _json([_readable(fact) for fact in stored]),
        "evidence.json": _json(_evidence(stored)),
        "bundle.json": _json(bundle),
        "checkpoint.txt": note.encode(),
        "verifier.py": _shipped("verifier.py"),
        "verifier.html": _shipped("verifier.html"),
        **stamped,
    }
    whole = await to_thread.run_sync(_zipped, parts, state.clock())
    named = {"Content-Disposition": f'attachment; filename="ocop-{product_id}-{size}.zip"', "Cache-Control": "no-store"}
    return Response(whole, media_type="application/zip", headers=named)


async def _bundle(
    connection: AsyncConnection[Any], product_id: UUID, stored: Sequence[tuple[Any, ...]], note: str, vkey: str
) -> dict[str, Any]:
    """Facts with their proofs under one signed checkpoint, for the verifiers."""
    size = parse(note).checkpoint.size
    proofs = await _proofs(connection, [leaf for leaf, *_ in stored], size)
    changes = await _changes(connection, size)
    return {
        "format": "ocop-bundle/1",
        "log": {"vkey": vkey},
        **({"changes": changes} if changes else {}),  # a verifier from before there were any reads the rest
        "witnesses": [],
        "checkpoint": note,
        "facts": [
            {**leaf_told(leaf, position, product_id, version, name, content), "proof": _texts(proofs[leaf])}
            for leaf, position, version, name, content in stored
        ],
    }


async def _stamped(
    connection: AsyncConnection[Any], product_id: UUID, stored: Sequence[tuple[Any, ...]], key: LogKey
) -> dict[str, bytes]:
    """Time stamps, the exact bytes stamped, and the facts under that checkpoint; nothing where there are none."""
    span = {"first": stored[0][0], "last": stored[-1][0]}
    row = await (await connection.execute(STAMPED, span)).fetchone()
    if row is None or row[0] is None:
        return {}
    stamps = await (await connection.execute(STAMPS, row)).fetchall()
    note = stamps[0][2]
    # Its signer is perhaps a key before the present one.
    line = Succession(told(await (await connection.execute(CHANGES, (LOG,))).fetchall()), [key.key]).known
    by = {(signature.name, signature.key_id) for signature in parse(note).signatures}
    vkey = next((one.vkey for one in line if (one.name, one.id) in by), key.vkey)
    bundle = await _bundle(connection, product_id, [fact for fact in stored if fact[0] < row[0]], note, vkey)
    return {
        "stamped-bundle.json": _json(bundle),
        "stamped-checkpoint.txt": note.encode(),
        **{f"timestamp-{authority.replace(':', '-')}.tsr": response for authority, response, _ in stamps},
    }


async def _proofs(connection: AsyncConnection[Any], leaves: Sequence[int], size: int) -> dict[int, list[bytes]]:
    nodes = {at for leaf in leaves for part in inclusion_path(leaf, size) for at in part}
    tree = await fetched(connection, nodes, size)
    return {leaf: inclusion_proof(leaf, size, tree.node) for leaf in leaves}


async def _changes(connection: AsyncConnection[Any], size: int) -> list[dict[str, Any]]:
    """Changes of the log's key (các lần thay khóa) up to a checkpoint over ``size`` facts, for who has an old one."""
    line = []
    for change, note, fact in await changes_of(connection):
        if change.size is None or change.size > size:
            break  # not signed by both, or not yet: nobody can follow further
        leaf = fact["leaf_index"]
        path = [*inclusion_path(leaf, change.size), *consistency_path(change.size, size)]
        tree = await fetched(connection, (at for nodes in path for at in nodes), size)
        proof = inclusion_proof(leaf, change.size, tree.node)
        hashes = consistency_proof(change.size, size, tree.node)
        line.append({"fact": {**fact, "proof": _texts(proof)}, "checkpoint": note, "hashes": _texts(hashes)})
    return line


def _in_clear(stored: Sequence[tuple[Any, ...]]) -> list[str]:
    """Personal fields that stand in clear: in facts from before such fields were sealed."""
    fields: list[str] = []

    def note(spot: Spot, value: Any) -> Any:
        if sealed_field(value) is None:
            fields.append(spot.field)
        return value

    for _, _, version, name, content in stored:
        visited(name, version, json.loads(bytes(content))["data"], note)
    return fields


def _readable(fact: tuple[Any, ...]) -> dict[str, Any]:
    leaf, position, version, name, content = fact
    return {"leaf_index": leaf, "position": position, "version": version, "name": name, **json.loads(bytes(content))}


def _evidence(stored: Sequence[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Every SHA-256 of a file that a fact names, with the version of the fact and the field."""
    return [
        {"version": version, "fact": name, "field": field, "sha256": found}
        for _, _, version, name, content in stored
        for field, found in _sums(json.loads(bytes(content)), "")
    ]


def _sums(value: Any, path: str) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        pairs = [(f"{path}.{key}".lstrip("."), held) for key, held in value.items()]
    elif isinstance(value, list):
        pairs = [(f"{path}.{number}", held) for number, held in enumerate(value)]
    else:
        return [(path, value)] if path.endswith("sha256") and isinstance(value, str) else []
    return [found for name, held in pairs for found in _sums(held, name)]


def _shipped(name: str) -> bytes:
    return files("api.proof").joinpath(name).read_bytes()


def _zipped(parts: Mapping[str, bytes], at: datetime) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, at.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _texts(hashes: Sequence[bytes]) -> list[str]:
    return [_text(hash_) for hash_ in hashes]


def _not_signed_yet() -> Problem:
    return Problem(
        "not-ready",
        "Sự kiện mới nhất chưa nằm dưới điểm kiểm tra đã ký.",
        "The newest fact is not under a signed checkpoint yet.",
        hint_vi="Thử lại sau một giây.",
        hint_en="Try again in a second.",
    )
