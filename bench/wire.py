"""A lean HTTP client for the load generators: one socket, one request at a time, no parsing to spare."""

import asyncio
from collections.abc import Callable
from typing import cast

Answered = Callable[["Wire", int, bytes, bytes], None]


class Wire(asyncio.Protocol):
    """A keep-alive connection. ``answered`` is called with (wire, status, head, body)."""

    def __init__(self, answered: Answered) -> None:
        self._answered = answered
        self._buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self.transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes) -> None:
        """Send one whole request."""
        assert self.transport is not None
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Gather an answer; it must carry its length."""
        buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = buffer
            return
        length = header(buffer[:end], b"content-length")
        whole = end + 4 + int(length or 0)
        if len(buffer) < whole:
            self._buffer = buffer
            return
        self._buffer = buffer[whole:]
        self._answered(self, int(buffer[9:12]), buffer[:end], buffer[end + 4 : whole])

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer without a status when the other side goes away in the middle."""
        self.transport = None
        self._answered(self, 0, b"", repr(exc).encode())

    def close(self) -> None:
        """Hang up without a further call."""
        self._answered = lambda *_: None
        if self.transport is not None:
            self.transport.abort()


def header(head: bytes, name: bytes) -> bytes | None:
    """Value of a header whose name is written in lower case, as our servers do."""
    begin = head.find(b"\r\n" + name + b": ")
    if begin < 0:
        return None
    begin += len(name) + 4
    end = head.find(b"\r\n", begin)
    return head[begin : end if end >= 0 else len(head)]


async def connect(port: int, answered: Answered) -> Wire:
    """A connection to a server on this machine."""
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(lambda: Wire(answered), "127.0.0.1", port)
    return wire


def post(path: str, token: str, body: bytes, key: str) -> bytes:
    """A POST with a bearer token and an idempotency key; any part may hold ``%(…)s`` places of fixed width."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: "
    ).encode() + b"%d\r\n\r\n%b" % (len(body), body)


def get(path: str, token: str, **headers: str) -> bytes:
    """A GET with a bearer token."""
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{more}\r\n".encode()
