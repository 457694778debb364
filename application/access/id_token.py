"""An ID token checked: by whom, for whom, for which login, until when. Pure: no clock, no net, no store.

Which algorithms count is decided here, never by the token: one for each kind of public key.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import CompactSignature, JWSRegistry, extract_compact, validate_compact
from pydantic import BaseModel, ConfigDict, Field, ValidationError

LEEWAY = timedelta(seconds=60)
"""How far the provider's clock may differ from ours."""
LARGEST_TOKEN = 32_768
LARGEST_KEY_SET = 50
RSA_BITS = range(2048, 8193)

_HASHES = {
    "RS256": hashlib.sha256,
    "ES256": hashlib.sha256,
    "EdDSA": hashlib.sha512,
    "Ed25519": hashlib.sha512,
}
"""The algorithms we accept, with the hash that at_hash is made by; Ed25519 is EdDSA's newer name (RFC 9864)."""
_RS256, _ES256 = frozenset({"RS256"}), frozenset({"ES256"})
_ED25519 = frozenset({"EdDSA", "Ed25519"})

Reason = Literal[
    "malformed", "type", "critical", "algorithm", "unknown-key", "signature", "issuer", "audience",
    "authorized-party", "expired", "not-yet-valid", "issued-ahead", "nonce", "at-hash", "auth-time",
]  # fmt: skip


class NoKeySet(Exception):
    """What should be a JWK set is none."""


class IDTokenRefused(Exception):
    """The ID token proves nothing to us; ``reason`` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A provider's key and the names of the one algorithm it verifies by; ``kid`` is its own name, if it has one."""

    kid: str | None
    algorithms: frozenset[str]
    key: Key


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified ID token says; instants in UTC.

    ``auth_time``: when the person authenticated; ``acr``, ``amr``: how strongly and by which means.
    """

    issuer: str
    subject: str
    issued_at: datetime
    expires_at: datetime
    auth_time: datetime | None
    acr: str | None
    amr: tuple[str, ...]


_Instant = Annotated[int, Field(ge=0, le=250_000_000_000)] | Annotated[float, Field(ge=0, le=250_000_000_000)]
"""Seconds since 1970 (RFC 7519), as far as a date goes."""
_Printable = Annotated[str, Field(pattern=r"^[ -~]+$", min_length=1, max_length=255)]


class _Header(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")

    alg: str
    typ: str | None = None
    kid: str | None = None


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)

    iss: str
    sub: _Printable
    aud: str | Annotated[tuple[str, ...], Field(min_length=1, max_length=50)]
    exp: _Instant
    iat: _Instant
    nbf: _Instant | None = None
    nonce: str | None = None
    azp: str | None = None
    at_hash: str | None = None
    auth_time: _Instant | None = None
    acr: _Printable | None = None
    amr: Annotated[tuple[_Printable, ...], Field(max_length=20)] = ()


class _Algorithms(JWSRegistry):
    """The library's algorithms, cut down to ours; a header may be as long as one with a key in it (not used)."""

    max_header_length = 4096

    def get_alg(self, name: str) -> JWSAlgModel:
        """The algorithm of that name, if it is one of ours; raises UnsupportedAlgorithmError."""
        if name not in _HASHES:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


_REGISTRY = _Algorithms(strict_check_header=False)  # RFC 7515: header parameters that mean nothing to us are ignored


def public_keys(document: Any) -> tuple[PublicKey, ...]:
    """The keys of a JWK set (RFC 7517) that may verify for us; others are left out.

    Raises NoKeySet.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("keys"), list):
        raise NoKeySet
    found = [_public_key(jwk) for jwk in document["keys"][:LARGEST_KEY_SET] if isinstance(jwk, Mapping)]
    return tuple(key for key in found if key is not None)


def _public_key(jwk: Mapping[str, Any]) -> PublicKey | None:
    """The key, unless it is for another purpose, too weak, or shows its private half."""
    kid, operations = jwk.get("kid"), jwk.get("key_ops", ["verify"])
    fit = jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
    if not fit or "d" in jwk or not (kid is None or isinstance(kid, str)):
        return None
    try:
        match (jwk.get("kty"), jwk.get("crv"), jwk.get("alg")):
            case ("RSA", None, None | "RS256") if _bits(jwk["n"]) in RSA_BITS:
                rsa = RSAKey.import_key({"kty": "RSA", "n": jwk["n"], "e": jwk["e"]})
                return PublicKey(kid, _RS256, rsa)
            case ("EC", "P-256", None | "ES256"):
                ec = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": jwk["x"], "y": jwk["y"]})
                return PublicKey(kid, _ES256, ec)
            case ("OKP", "Ed25519", None | "EdDSA" | "Ed25519"):
                return PublicKey(kid, _ED25519, OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": jwk["x"]}))
    except (JoseError, ValueError, TypeError, KeyError):
        pass
    return None


def _bits(modulus: str) -> int:
    """How long the number is; raises ValueError or TypeError where it is none."""
    return int.from_bytes(base64.urlsafe_b64decode(modulus + "==")).bit_length()


def verified(
    id_token: str,
    keys: Sequence[PublicKey],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    now: datetime,
    max_age: int | None = None,
    access_token: str | None = None,
) -> Claims:
    """What the ID token says, once everything about it is right (OpenID Connect Core 3.1.3.7).

    ``now``: an instant in UTC; ``max_age``: seconds since the person authenticated, None where it was not asked;
    ``access_token``: what came beside it, which ``at_hash`` is held against. Raises IDTokenRefused.
    """
    algorithm, payload = _signed_payload(id_token, keys)
    _check_parties(payload, issuer, client_id)
    _check_times(payload, now)
    if payload.nonce is None or not hmac.compare_digest(payload.nonce.encode(), nonce.encode()):
        raise IDTokenRefused("nonce")
    if payload.at_hash is not None and payload.at_hash != _half_hash(algorithm, access_token):
        raise IDTokenRefused("at-hash")
    auth_time = _utc(payload.auth_time) if payload.auth_time is not None else None
    if auth_time is not None and auth_time > now + LEEWAY:
        raise IDTokenRefused("auth-time")
    if max_age is not None and (auth_time is None or now - auth_time > timedelta(seconds=max_age)):
        raise IDTokenRefused("auth-time")
    return Claims(
        issuer=payload.iss,
        subject=payload.sub,
        issued_at=_utc(payload.iat),
        expires_at=_utc(payload.exp),
        auth_time=auth_time,
        acr=payload.acr,
        amr=payload.amr,
    )


def _signed_payload(id_token: str, keys: Sequence[PublicKey]) -> tuple[str, _Payload]:
    """The payload as its issuer signed it, and by which algorithm."""
    if len(id_token) > LARGEST_TOKEN:
        raise IDTokenRefused("malformed")
    try:
        token = extract_compact(id_token.encode("ascii"), registry=_REGISTRY)
        header = _Header.model_validate(token.headers())
    except (JoseError, ValueError, TypeError, RecursionError):
        raise IDTokenRefused("malformed") from None
    if header.typ is not None and header.typ.lower() != "jwt":
        raise IDTokenRefused("type")
    if "crit" in token.headers() or "b64" in token.headers():
        raise IDTokenRefused("critical")
    if header.alg not in _HASHES:
        raise IDTokenRefused("algorithm")
    fitting = [k for k in keys if header.alg in k.algorithms and header.kid in (None, k.kid)]
    if len(fitting) != 1:  # without a name it must be clear which one is meant
        raise IDTokenRefused("unknown-key")
    if not _is_signed(token, fitting[0]):
        raise IDTokenRefused("signature")
    try:
        return header.alg, _Payload.model_validate_json(token.payload or b"")
    except ValidationError:
        raise IDTokenRefused("malformed") from None


def _is_signed(token: CompactSignature, by: PublicKey) -> bool:
    try:
        return validate_compact(token, by.key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError):
        return False


def _check_parties(payload: _Payload, issuer: str, client_id: str) -> None:
    if payload.iss != issuer:
        raise IDTokenRefused("issuer")
    audience = (payload.aud,) if isinstance(payload.aud, str) else payload.aud
    if client_id not in audience:
        raise IDTokenRefused("audience")
    if (len(audience) > 1 and payload.azp is None) or payload.azp not in (None, client_id):
        raise IDTokenRefused("authorized-party")


def _check_times(payload: _Payload, now: datetime) -> None:
    if now >= _utc(payload.exp) + LEEWAY:
        raise IDTokenRefused("expired")
    if payload.nbf is not None and now < _utc(payload.nbf) - LEEWAY:
        raise IDTokenRefused("not-yet-valid")
    if now < _utc(payload.iat) - LEEWAY:
        raise IDTokenRefused("issued-ahead")


def _utc(instant: float) -> datetime:
    return datetime.fromtimestamp(instant, UTC)


def _half_hash(algorithm: str, access_token: str | None) -> str | None:
    """The left half of the access token's hash, as at_hash gives it."""
    if access_token is None:
        return None
    digest = _HASHES[algorithm](access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
