"""Which addresses a login may lead to: https, http on this machine alone, and paths of our own."""

import re
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LONGEST = 2000
LONGEST_PATH = 500
_VISIBLE = re.compile(r"[!-~]+")


def is_loopback(url: str) -> bool:
    """Whether the address is plain http on this machine, as in development and tests."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def is_secure(url: str) -> bool:
    """Whether it is an https address of a host, or http on this machine; no user, no fragment."""
    if len(url) > LONGEST or not _VISIBLE.fullmatch(url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        _port = parts.port  # raises on a port that is none
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc or parts.fragment:
        return False
    return parts.scheme == "https" or is_loopback(url)


def is_local_path(path: str) -> bool:
    """Whether a browser that is sent there stays with us: one slash first, nothing that browsers rewrite."""
    if len(path) > LONGEST_PATH or not _VISIBLE.fullmatch(path) or "\\" in path:
        return False
    return path.startswith("/") and not path.startswith("//")
