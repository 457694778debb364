"""Who calls: bearer tokens from a file made at first start, each a person in an office and role.

A stand-in until persons and assignments are facts themselves. The file is readable by its owner
only; tokens are compared by hash and never logged.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from fastapi import Request
from pydantic import TypeAdapter

from api.problems import Problem
from domain.values import Actor, Line, Value


class Holder(Value):
    """One line of the token file."""

    token: Line
    actor: Actor


_FILE = TypeAdapter(list[Holder])


class Tokens:
    """The callers known to this process."""

    def __init__(self, holders: Sequence[Holder]) -> None:
        self._by_hash = {_digest(h.token): h.actor for h in holders}

    @classmethod
    def read(cls, path: Path) -> "Tokens":
        """Read the file."""
        return cls(read_holders(path))

    def actor(self, token: str) -> Actor | None:
        """Whose token it is."""
        return self._by_hash.get(_digest(token))


def read_holders(path: Path) -> list[Holder]:
    """All lines of the token file."""
    return _FILE.validate_json(path.read_bytes())


def make_tokens(path: Path, actors: Sequence[Actor]) -> bool:
    """Make the file with a fresh token for each actor, mode 600; False when it exists already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"token": secrets.token_urlsafe(24), "actor": a.model_dump(mode="json")} for a in actors]
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(lines, file, ensure_ascii=False, indent=1)
    try:
        os.link(draft, path)  # appears whole or not at all, and never replaces an older file
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def caller(request: Request) -> Actor:
    """The actor of a request; raises a 401 problem."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        tokens: Tokens = request.app.state.tokens
        actor = tokens.actor(token.strip())
        if actor is not None:
            return actor
    raise Problem(
        "unauthenticated",
        "Cần mã truy cập hợp lệ trong tiêu đề Authorization.",
        "A valid token is needed in the Authorization header.",
        hint_vi="Gửi “Authorization: Bearer <mã>”.",
        hint_en="Send “Authorization: Bearer <token>”.",
    )
