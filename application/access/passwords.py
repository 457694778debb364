"""Passwords (mật khẩu): argon2id off the event loop, rules in the manner of NIST SP 800-63B, one-time passwords."""

import secrets
import unicodedata
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from prometheus_client import Counter

from application.access.refusals import PasswordTooWeak
from domain.refusals import Busy

Result = TypeVar("Result")
Texts = TypeVarTuple("Texts")

MEMORY_KIB = 65_536
"""Memory of one hash: 64 MiB make guessing on graphics cards dear; RFC 9106 recommends as much for small machines."""
PASSES = 3
"""Passes over that memory, as RFC 9106 recommends with it."""
LANES = 1
"""One lane: a login takes one core, the other ones stay with the commands."""
AT_ONCE = 2
"""Hashes computed at the same time in a process: bounds its memory to twice MEMORY_KIB."""
MOST_WAITING = 64
"""Logins that wait for their hash; further ones are told to come back, so that a flood ends at the door."""
SHORTEST = 12
"""Characters of the shortest password: length is what counts, kinds of characters are not asked for."""
LONGEST = 200
"""Characters of the longest password: room for any phrase, none for a megabyte."""
FEWEST_DIFFERENT = 5
"""Different characters that a password has at least: below that it is one key held down."""

_FIRST_TRIED = """
123456789012 1234567890123 12345678901234 123456123456 123123123123 123412341234 012345678910 0123456789012
012345678901 121212121212 112233445566 987654321012 987654321098 098765432109 147258369147 123456789abc
123456789abcd 1234567890abc abcdefghijkl abcdefghijklm abcd12345678 abc123456789 abcdef123456 a123456789012
aa1234567890 qwertyuiop123 qwertyuiop12 qwertyuiop[] qwerty123456 qwerty1234567 qwerty12345678 1qaz2wsx3edc
1q2w3e4r5t6y 1q2w3e4r5t6y7u asdfghjkl123 zxcvbnm12345 passwordpassword password1234 password12345
password123456 passw0rd1234 p@ssw0rd1234 p@ssword1234 welcome12345 welcome123456 administrator administrator1
admin1234567 admin12345678 admin123456789 adminadmin123 letmein12345 changeme1234 changemenow1 iloveyou1234
iloveyou12345 matkhau12345 matkhau123456 matkhau1234567 matkhaumatkhau matkhaucuatoi matkhaumoi123 matkhau@1234
anhyeuem1234 anhyeuem12345 emyeuanh1234 vietnam12345 vietnam123456 vietnamvodich vietnam@1234 khongcomatkhau
xinchaovietnam hanoivietnam moixamotsanpham ocop12345678 ocop20252026 ocopvietnam1 ocop@123456789 motxamotsanpham
"""
COMMON = frozenset(_FIRST_TRIED.split())
"""Passwords of twelve characters or more that are tried first, lower case and without spaces."""

VERIFICATIONS = Counter("ocop_password_verifications", "Passwords compared with a hash, of an account or not")
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that look alike


class Passwords:
    """Hashes and compares. One object a process; each hash runs in a worker thread of its own limiter."""

    def __init__(self, memory_kib: int = MEMORY_KIB, passes: int = PASSES, lanes: int = LANES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes)
        # A hash nobody knows the password of: an unknown login costs as much as a known one.
        self._nobody = self._hasher.hash(secrets.token_urlsafe(32))
        self._limiter, self._asked = CapacityLimiter(AT_ONCE), 0

    async def hash(self, password: str) -> str:
        """The argon2id hash of a password."""
        return await self._aside(self._hasher.hash, normal(password))

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Whether the password belongs to the hash; None (there is no such account) takes as long and never does."""
        plain = normal(password)
        plain = plain if len(plain) <= LONGEST else ""  # nobody's, and no work of its own
        return await self._aside(self._compare, hashed or self._nobody, plain) and hashed is not None

    def outdated(self, hashed: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)

    def _compare(self, hashed: str, password: str) -> bool:
        VERIFICATIONS.inc()
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _aside(self, work: Callable[[*Texts], Result], *texts: *Texts) -> Result:
        if self._asked >= AT_ONCE + MOST_WAITING:
            raise Busy(
                "Quá nhiều người đăng nhập cùng lúc.",
                "Too many people are logging in at once.",
                hint_vi="Thử lại sau giây lát.",
                hint_en="Try again in a moment.",
            )
        self._asked += 1
        try:
            return await to_thread.run_sync(work, *texts, limiter=self._limiter)
        finally:
            self._asked -= 1


def normal(password: str) -> str:
    """One spelling of what was typed: keyboards send Vietnamese letters whole or in parts."""
    return unicodedata.normalize("NFKC", password)


def check(password: str, login: str) -> None:
    """Refuse a new password that is too short, too long, too common or the login; raises PasswordTooWeak."""
    plain = normal(password)
    if len(plain) < SHORTEST:
        raise PasswordTooWeak(
            f"Mật khẩu cần ít nhất {SHORTEST} ký tự.", f"A password has at least {SHORTEST} characters."
        )
    if len(plain) > LONGEST:
        raise PasswordTooWeak(f"Mật khẩu không quá {LONGEST} ký tự.", f"A password has at most {LONGEST} characters.")
    bare = "".join(plain.casefold().split())
    if bare == login.casefold():
        raise PasswordTooWeak("Mật khẩu trùng với tên đăng nhập.", "The password is the login.")
    if bare in COMMON or len(set(bare)) < FEWEST_DIFFERENT:
        raise PasswordTooWeak(
            "Mật khẩu này quá phổ biến, dễ bị đoán.", "This password is among the first that are guessed."
        )


def one_time_password() -> str:
    """A random password to be changed at first use: 79 bits in four groups that can be read out on the telephone."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
