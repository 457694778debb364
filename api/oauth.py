"""For service accounts: tokens for a client id and secret (RFC 6749, client credentials), revoked by RFC 7009.

Failures here are the RFCs' own small documents, since their libraries expect those.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import unquote_plus

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic_core import to_json

from api.forms import address_of, form_of
from api.problems import PROBLEMS, Problem
from application.access.clients import Clients
from application.access.refusals import ClientRefused, Locked, ScopeRefused

router = APIRouter()

Handler = Callable[[Request], Awaitable[Response]]

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthError(Exception):
    """A failure with the code of RFC 6749, section 5.2."""

    def __init__(self, code: str, why: str, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(why)
        self.code, self.why, self.status, self.headers = code, why, status, headers or {}

    def response(self) -> Response:
        """The RFC's document."""
        told = {"error": self.code, "error_description": self.why}
        return Response(to_json(told), self.status, {**NO_STORE, **self.headers}, "application/json")


async def _form(request: Request) -> dict[str, str]:
    try:
        return await form_of(request)
    except Problem as problem:
        raise OAuthError("invalid_request", problem.en, PROBLEMS[problem.code][0]) from None


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """Client id and secret, from HTTP Basic or from the form, not from both."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        if "client_id" in form and "client_secret" in form:
            return form["client_id"], form["client_secret"]
        raise _unknown_client()
    if "client_secret" in form:
        raise OAuthError("invalid_request", "The client authenticates in two ways at once.")
    try:
        client, colon, secret = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise OAuthError("invalid_request", "The Authorization header cannot be read.") from None
    if not colon:
        raise OAuthError("invalid_request", "The Authorization header cannot be read.")
    return unquote_plus(client), unquote_plus(secret)


def _unknown_client() -> OAuthError:
    return OAuthError(
        "invalid_client",
        "The client id or secret is not right.",
        401,
        {"WWW-Authenticate": 'Basic realm="ocop"'},
    )


def told_by_the_rfc(handler: Handler) -> Handler:
    """A route whose refusals are documents of RFC 6749."""

    @wraps(handler)
    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except OAuthError as error:
            return error.response()
        except ClientRefused:
            return _unknown_client().response()
        except ScopeRefused:
            return OAuthError("invalid_scope", "The client was not given this scope.").response()
        except Locked as locked:
            why, headers = "Too many failures; wait as Retry-After says.", {"Retry-After": str(locked.seconds)}
            return OAuthError("temporarily_unavailable", why, 429, headers).response()

    return answered


async def token(request: Request) -> Response:
    """A bearer token of ten minutes for a service account."""
    clients: Clients = request.app.state.clients
    form = await _form(request)
    client, secret = _credentials(request, form)
    if "grant_type" not in form:
        raise OAuthError("invalid_request", "grant_type is missing.")
    if form["grant_type"] != "client_credentials":
        raise OAuthError("unsupported_grant_type", "Only client_credentials is supported.")
    scopes = form["scope"].split() if form.get("scope", "").strip() else None
    issued = await clients.token(client, secret, scopes, address_of(request))
    told = {
        "access_token": issued.token,
        "token_type": "Bearer",
        "expires_in": issued.seconds,
        "scope": " ".join(issued.scopes),
    }
    return Response(to_json(told), 200, NO_STORE, "application/json")


async def revoke(request: Request) -> Response:
    """End a token of the client's own; 200 also for one that is unknown or has ended."""
    clients: Clients = request.app.state.clients
    form = await _form(request)
    client, secret = _credentials(request, form)
    if "token" not in form:
        raise OAuthError("invalid_request", "token is missing.")
    await clients.revoke(form["token"], client, secret, address_of(request))
    return Response(status_code=200, headers=NO_STORE)


for _path, _handler in (("/oauth/token", token), ("/oauth/revoke", revoke)):
    router.add_route(_path, told_by_the_rfc(_handler), methods=["POST"], include_in_schema=False)
