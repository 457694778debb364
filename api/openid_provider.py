"""The OpenID provider as we see it: its discovery document, its keys, and the exchange of a code for an ID token.

Everything it sends is bounded in size and time, redirects are not followed, and addresses are https; http only
where the provider is on this machine.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, Literal, TypeVar
from urllib.parse import quote_plus

import httpx
import structlog
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from application.access.addresses import is_loopback, is_secure
from application.access.id_token import Claims, IDTokenRefused, NoKeySet, PublicKey, public_keys, verified
from application.settings import OpenIDSettings

log = structlog.get_logger(__name__)

PATIENCE = 5.0
"""Seconds for one answer of the provider, from connecting to its last byte."""
LARGEST_ANSWER = 262_144
KEPT = timedelta(hours=1)
"""How long the discovery document and the keys are used before they are read again."""
FLOOR = timedelta(seconds=30)
"""Least time between two readings of the keys because a token names an unknown one."""
PAUSE = timedelta(seconds=5)
"""How long a failed reading stands before the provider is asked again."""
CALLBACK = "/login/openid/callback"
STEP_UP_AGE = 300
"""Seconds since the person authenticated, at most, when a step-up was asked for."""

Unusable = Literal["away", "redirect", "too-large", "status", "malformed", "issuer", "insecure", "no-basic-auth"]


class ProviderUnusable(Exception):
    """The provider does not answer, or not as it must; ``reason`` says how."""

    def __init__(self, reason: Unusable) -> None:
        super().__init__(reason)
        self.reason: Unusable = reason


class CodeRefused(Exception):
    """The token endpoint does not take the code, or not from us; ``error`` is its code (RFC 6749, 5.2)."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Metadata(_Answer):
    """What we use of a discovery document (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]
    authorization_response_iss_parameter_supported: bool = False


class TokenAnswer(_Answer):
    """What a code was exchanged for; never logged."""

    id_token: str = Field(repr=False)
    access_token: str | None = Field(default=None, repr=False)


class _TokenError(_Answer):
    error: Annotated[str, Field(pattern=r"^[a-z_]{1,60}$")]


T = TypeVar("T")


class _Kept(Generic[T]):
    """A value read from the provider, kept for an hour; a failure is kept for some seconds."""

    def __init__(self, read: Callable[[], Awaitable[T]], clock: Callable[[], datetime]) -> None:
        self._read, self._clock, self._lock = read, clock, asyncio.Lock()
        self._value: T | None = None
        self._failure: ProviderUnusable | None = None
        self._read_at: datetime | None = None

    async def get(self, *, younger_than: timedelta = KEPT) -> T:
        """The value, read again when it is older; raises ProviderUnusable."""
        async with self._lock:
            age = None if self._read_at is None else self._clock() - self._read_at
            if age is not None and self._failure is not None and age < PAUSE:
                raise ProviderUnusable(self._failure.reason)
            if age is not None and self._value is not None and age < younger_than:
                return self._value
            self._value = self._failure = None
            try:
                self._value = await self._read()
            except ProviderUnusable as failure:
                self._failure = failure
                raise
            finally:
                self._read_at = self._clock()  # afterwards: a slow failure stands for its seconds too
            return self._value


class Provider:
    """One provider; shared by all logins of a process."""

    def __init__(self, settings: OpenIDSettings, clock: Callable[[], datetime]) -> None:
        self._settings, self._clock = settings, clock
        self._on_this_machine = is_loopback(settings.issuer)
        self._tls: ssl.SSLContext = httpx.create_ssl_context()
        self._metadata = _Kept(self._read_metadata, clock)
        self._keys = _Kept(self._read_keys, clock)

    async def ready(self) -> None:
        """Return when the discovery document is at hand; raises ProviderUnusable."""
        await self._metadata.get()

    async def authorization_url(self, *, state: str, nonce: str, verifier: str, max_age: int | None = None) -> str:
        """Where to send the browser (authorization code, PKCE S256); ``max_age`` asks for a fresh authentication."""
        metadata = await self._metadata.get()
        ours = self._settings
        client = OAuth2Client(
            None,
            client_id=ours.client_id,
            scope="openid",
            redirect_uri=ours.public_url + CALLBACK,
            code_challenge_method="S256",
        )
        fresh = {} if max_age is None else {"prompt": "login", "max_age": str(max_age)}
        url, _ = client.create_authorization_url(
            metadata.authorization_endpoint, state=state, code_verifier=verifier, nonce=nonce, **fresh
        )
        return str(url)

    async def is_issuer(self, iss: str | None) -> bool:
        """Whether an authorization response's ``iss`` is this provider's (RFC 9207); it may lack where none is sent."""
        if iss is not None:
            return iss == self._settings.issuer
        return not (await self._metadata.get()).authorization_response_iss_parameter_supported

    async def redeem(self, code: str, verifier: str) -> TokenAnswer:
        """Exchange the code, with client_secret_basic; raises CodeRefused, ProviderUnusable."""
        metadata = await self._metadata.get()
        ours = self._settings
        body = prepare_token_request(
            "authorization_code", redirect_uri=ours.public_url + CALLBACK, code=code, code_verifier=verifier
        )
        # RFC 6749, 2.3.1: both are form-encoded before they are put together.
        client = ClientAuth(quote_plus(ours.client_id), quote_plus(ours.client_secret), "client_secret_basic")
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        url, headers, body = client.prepare("POST", metadata.token_endpoint, form, body)
        status, content = await self._ask("POST", url, headers, body.encode())
        if status not in (200, 400, 401):
            raise _unusable("status", url)
        try:
            if status == 200:
                return TokenAnswer.model_validate_json(content)
            error = _TokenError.model_validate_json(content).error
        except ValidationError:
            raise _unusable("malformed", url) from None
        raise CodeRefused(error)

    async def claims(self, answer: TokenAnswer, *, nonce: str, max_age: int | None) -> Claims:
        """What the ID token proves; raises IDTokenRefused, ProviderUnusable. Keys are read anew for an unknown one."""
        try:
            return self._verified(answer, await self._keys.get(), nonce, max_age)
        except IDTokenRefused as refused:
            if refused.reason != "unknown-key":
                raise
        return self._verified(answer, await self._keys.get(younger_than=FLOOR), nonce, max_age)

    def _verified(self, answer: TokenAnswer, keys: tuple[PublicKey, ...], nonce: str, max_age: int | None) -> Claims:
        return verified(
            answer.id_token,
            keys,
            issuer=self._settings.issuer,
            client_id=self._settings.client_id,
            nonce=nonce,
            now=self._clock(),
            max_age=max_age,
            access_token=answer.access_token,
        )

    async def _read_metadata(self) -> Metadata:
        url = self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            metadata = Metadata.model_validate(await self._document(url))
        except ValidationError:
            raise _unusable("malformed", url) from None
        if metadata.issuer != self._settings.issuer:
            raise _unusable("issuer", url)
        for endpoint in (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri):
            if not is_secure(endpoint) or (is_loopback(endpoint) and not self._on_this_machine):
                raise _unusable("insecure", url)
        if "client_secret_basic" not in metadata.token_endpoint_auth_methods_supported:
            raise _unusable("no-basic-auth", url)
        return metadata

    async def _read_keys(self) -> tuple[PublicKey, ...]:
        url = (await self._metadata.get()).jwks_uri
        try:
            return public_keys(await self._document(url))
        except NoKeySet:
            raise _unusable("malformed", url) from None

    async def _document(self, url: str) -> Any:
        status, content = await self._ask("GET", url, {})
        if status != 200:
            raise _unusable("status", url)
        try:
            return from_json(content, allow_inf_nan=False)
        except ValueError:
            raise _unusable("malformed", url) from None

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> tuple[int, bytes]:
        """Status and body of one answer; raises ProviderUnusable where it is late, too large, or elsewhere."""
        plain = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        read = bytearray()
        try:
            async with (
                asyncio.timeout(PATIENCE),
                # On this machine no proxy stands between; elsewhere the operator's proxy and roots count.
                httpx.AsyncClient(verify=self._tls, timeout=PATIENCE, trust_env=not self._on_this_machine) as client,
                client.stream(method, url, headers=plain, content=content) as answer,
            ):
                if 300 <= answer.status_code < 400:
                    raise _unusable("redirect", url)
                if answer.headers.get("content-encoding", "identity") != "identity":
                    raise _unusable("malformed", url)  # what unpacks itself has no known size
                async for chunk in answer.aiter_raw():
                    read += chunk
                    if len(read) > LARGEST_ANSWER:
                        raise _unusable("too-large", url)
                return answer.status_code, bytes(read)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            raise _unusable("away", url, error) from None


def _unusable(reason: Unusable, url: str, error: Exception | None = None) -> ProviderUnusable:
    """The failure, logged with the provider's address (which is no secret) and never with what was sent."""
    log.warning("openid-provider-unusable", reason=reason, url=url[:200], error=type(error).__name__ if error else None)
    return ProviderUnusable(reason)
