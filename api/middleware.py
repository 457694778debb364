"""One canonical log line a request: what was asked, the answer, how long it took."""

import time
from itertools import count
from secrets import token_hex

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import crashed

log = structlog.get_logger("request")
PROCESS = token_hex(8)
"""What the ids of this process's requests begin with."""
NUMBERS = count(1)


class CanonicalLog:
    """Outermost layer of ours: gives each request an id, answers it in X-Request-Id, logs one line.

    An error that nobody foresaw ends here too, so that its answer bears the id and the connection lives on.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log it when it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, began, status, begun = f"{PROCESS}{next(NUMBERS):016x}", time.perf_counter(), 500, False

        async def note(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                rule = scope.get("state", {}).get("rule")
                by_rule = [(b"x-rule", rule.encode())] if rule else []
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), *by_rule]
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception as error:
            if begun:
                raise
            await crashed(error, request_id)(scope, receive, note)
        finally:
            log.info(
                "request",
                id=request_id,
                method=scope["method"],
                path=scope["path"][:200],
                status=status,
                ms=round((time.perf_counter() - began) * 1000, 2),
                **scope.get("state", {}).get("ruling", {}),
            )
