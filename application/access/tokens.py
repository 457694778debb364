"""Opaque random tokens: the caller holds the token, the database its SHA-256; a short memory of those just seen."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

KEPT = timedelta(seconds=2)
"""How long a process believes what it read of a token: revoked ones die everywhere within this."""
MOST_KEPT = 10_000
"""Tokens remembered at once; a process that sees more forgets all and reads again."""
LONGEST = 200
"""Characters of the longest token that is looked up at all."""

Found = TypeVar("Found")


def fresh_token() -> str:
    """256 random bits for a caller to hold."""
    return secrets.token_urlsafe(32)


def key_of(token: str) -> bytes:
    """What of a token is stored."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


class Recent(Generic[Found]):
    """What was read of tokens a moment ago, by their keys. Only tokens that are good are kept."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._kept: dict[bytes, tuple[Found, datetime]] = {}

    def get(self, key: bytes) -> Found | None:
        """What was read at most KEPT ago."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        found, at = kept
        if timedelta(0) <= self._clock() - at <= KEPT:
            return found
        del self._kept[key]
        return None

    def keep(self, key: bytes, found: Found, read_at: datetime) -> None:
        """Remember what was read; ``read_at``: the instant before it was asked for."""
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (found, read_at)

    def forget(self, doomed: Callable[[Found], bool]) -> None:
        """Forget at once what was ended in this process."""
        for key in [key for key, (found, _) in self._kept.items() if doomed(found)]:
            del self._kept[key]
