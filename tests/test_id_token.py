"""ID tokens: what is accepted, and that nothing near it is."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from application.access.id_token import Claims, IDTokenRefused, NoKeySet, PublicKey, public_keys, verified

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
ISSUER, CLIENT, NONCE = "https://login.example", "ocop", "nonce-of-this-login"
PRIVATE: dict[str, Any] = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}


def jwk(key: Any, **more: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), **more}


KEYS = public_keys({"keys": [jwk(key, use="sig") for key in PRIVATE.values()]})


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def token(claims: dict[str, Any] | None = None, header: dict[str, Any] | None = None, algorithm: str = "RS256") -> str:
    now = int(NOW.timestamp())
    all_claims = {"iss": ISSUER, "sub": "officer-7", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": NONCE}
    all_claims = {k: v for k, v in (all_claims | (claims or {})).items() if v is not None}
    all_header = {"alg": algorithm, "kid": PRIVATE[algorithm].kid} | (header or {})
    all_header = {k: v for k, v in all_header.items() if v is not None}
    signed = f"{b64(json.dumps(all_header).encode())}.{b64(json.dumps(all_claims).encode())}"
    return f"{signed}.{b64(JWSRegistry.algorithms[algorithm].sign(signed.encode(), PRIVATE[algorithm]))}"


def check(id_token: str, keys: tuple[PublicKey, ...] = KEYS, **more: Any) -> Claims:
    return verified(
        id_token, keys, **{"issuer": ISSUER, "client_id": CLIENT, "nonce": NONCE, "now": NOW, "max_age": None} | more
    )


def reason(id_token: str, keys: tuple[PublicKey, ...] = KEYS, **more: Any) -> str:
    with pytest.raises(IDTokenRefused) as refused:
        check(id_token, keys, **more)
    return refused.value.reason


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_a_right_token_says_who_and_how(algorithm: str) -> None:
    now = int(NOW.timestamp())
    found = check(token({"auth_time": now - 20.5, "acr": "2", "amr": ["pwd", "otp"]}, algorithm=algorithm))

    assert found == Claims(
        issuer=ISSUER,
        subject="officer-7",
        issued_at=NOW,
        expires_at=NOW + timedelta(seconds=300),
        auth_time=NOW - timedelta(seconds=20.5),
        acr="2",
        amr=("pwd", "otp"),
    )


@pytest.mark.parametrize(
    ("claims", "more"),
    [
        ({"aud": [CLIENT]}, {}),
        ({"aud": [CLIENT, "other"], "azp": CLIENT}, {}),
        ({"exp": int(NOW.timestamp()) - 59}, {}),
        ({"nbf": int(NOW.timestamp()) + 60, "iat": int(NOW.timestamp()) + 60}, {}),
        ({"auth_time": int(NOW.timestamp()) - 300}, {"max_age": 300}),
        ({"at_hash": "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"[:22]}, {"access_token": None}),
    ],
)
def test_what_is_on_the_edge_but_right(claims: dict[str, Any], more: dict[str, Any]) -> None:
    if "at_hash" in claims:  # the example of RFC 6749's appendix is hashed by hand: SHA-256 of "abc", left half
        claims, more = {"at_hash": "ungWv48Bz-pBQUDeXa4iIw"}, {"access_token": "abc"}

    assert check(token(claims), **more).subject == "officer-7"


@pytest.mark.parametrize(
    ("claims", "more", "why"),
    [
        ({"exp": int(NOW.timestamp()) - 60}, {}, "expired"),
        ({"exp": True}, {}, "malformed"),
        ({"exp": "2027"}, {}, "malformed"),
        ({"exp": 1e300}, {}, "malformed"),
        ({"exp": float("inf")}, {}, "malformed"),
        ({"exp": float("nan")}, {}, "malformed"),
        ({"iat": None}, {}, "malformed"),
        ({"iat": int(NOW.timestamp()) + 61}, {}, "issued-ahead"),
        ({"nbf": int(NOW.timestamp()) + 61}, {}, "not-yet-valid"),
        ({"aud": []}, {}, "malformed"),
        ({"aud": None}, {}, "malformed"),
        ({"aud": ["other"]}, {}, "audience"),
        ({"aud": CLIENT + " "}, {}, "audience"),
        ({"aud": [CLIENT, CLIENT]}, {}, "authorized-party"),
        ({"azp": "other"}, {}, "authorized-party"),
        ({"iss": ISSUER + "/"}, {}, "issuer"),
        ({"nonce": None}, {}, "nonce"),
        ({"nonce": NONCE.upper()}, {}, "nonce"),
        ({"sub": ""}, {}, "malformed"),
        ({"sub": "x" * 256}, {}, "malformed"),
        ({"sub": "a\x00b"}, {}, "malformed"),
        ({"sub": 7}, {}, "malformed"),
        ({"amr": "pwd"}, {}, "malformed"),
        ({"at_hash": "ungWv48Bz-pBQUDeXa4iIw"}, {}, "at-hash"),
        ({"at_hash": "ungWv48Bz-pBQUDeXa4iIw"}, {"access_token": "abd"}, "at-hash"),
        ({}, {"max_age": 300}, "auth-time"),
        ({"auth_time": int(NOW.timestamp()) - 301}, {"max_age": 300}, "auth-time"),
        ({"auth_time": int(NOW.timestamp()) + 61}, {"max_age": 300}, "auth-time"),
    ],
)
def test_a_wrong_claim_is_refused(claims: dict[str, Any], more: dict[str, Any], why: str) -> None:
    assert reason(token(claims), **more) == why


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"typ": "at+jwt"}, "type"),
        ({"typ": "logout+jwt"}, "type"),
        ({"typ": 1}, "malformed"),
        ({"crit": ["b64"], "b64": False}, "critical"),
        ({"crit": []}, "critical"),
        ({"b64": True}, "critical"),
        ({"alg": "none"}, "algorithm"),
        ({"alg": "HS256"}, "algorithm"),
        ({"alg": "RS512"}, "algorithm"),
        ({"alg": "rs256"}, "algorithm"),
        ({"alg": "ES256"}, "unknown-key"),
        ({"alg": None}, "malformed"),
        ({"kid": "other"}, "unknown-key"),
        ({"kid": "ec"}, "unknown-key"),
        ({"kid": 1}, "malformed"),
    ],
)
def test_a_wrong_header_is_refused(header: dict[str, Any], why: str) -> None:
    assert reason(token(header=header)) == why


def test_the_type_may_be_spelt_as_usual_and_other_parameters_are_ignored() -> None:
    for header in ({"typ": "JWT"}, {"typ": "jwt"}, {"x-provider": "anything"}, {"jwk": jwk(PRIVATE["ES256"])}):
        assert check(token(header=header)).subject == "officer-7"


def test_a_key_that_comes_in_the_token_is_not_used() -> None:
    foreign = RSAKey.generate_key(2048, {"kid": "rsa"})
    head, payload, _ = token(header={"jwk": jwk(foreign)}).split(".")
    forged = JWSRegistry.algorithms["RS256"].sign(f"{head}.{payload}".encode(), foreign)

    assert reason(f"{head}.{payload}.{b64(forged)}") == "signature"


def test_without_a_name_only_one_key_may_fit() -> None:
    twin = RSAKey.generate_key(2048, {"kid": "twin"})
    nameless = token(header={"kid": None})

    assert check(nameless).subject == "officer-7"
    assert reason(nameless, public_keys({"keys": [jwk(PRIVATE["RS256"]), jwk(twin)]})) == "unknown-key"
    assert reason(token(), public_keys({"keys": [jwk(PRIVATE["RS256"]), jwk(twin, kid="rsa")]})) == "unknown-key"


@pytest.mark.parametrize(
    "entry",
    [
        jwk(PRIVATE["RS256"], use="enc"),
        jwk(PRIVATE["RS256"], alg="RS512"),
        jwk(PRIVATE["RS256"], alg="HS256"),
        jwk(PRIVATE["RS256"], key_ops=["encrypt"]),
        jwk(PRIVATE["RS256"], key_ops="verify"),
        jwk(PRIVATE["RS256"], kid=7),
        jwk(PRIVATE["RS256"], n="AQAB"),
        jwk(PRIVATE["RS256"], n=5),
        jwk(PRIVATE["RS256"], e="=="),
        {k: v for k, v in jwk(PRIVATE["RS256"]).items() if k != "n"},
        PRIVATE["RS256"].as_dict(private=True),
        jwk(PRIVATE["RS256"], n=jwk(PRIVATE["RS256"])["n"][:170] + "A"),  # 1024 bits
        jwk(PRIVATE["RS256"], n="A" * 172 + jwk(PRIVATE["RS256"])["n"][:168] + "AA"),
        jwk(PRIVATE["RS256"], n=jwk(PRIVATE["RS256"])["n"][:340] * 20),  # 40800 bits
        OctKey.generate_key(256).as_dict(private=True),
        ECKey.generate_key("P-384").as_dict(private=False),
        jwk(PRIVATE["ES256"], kty=["EC"]),
        "rsa",
        None,
    ],
)
def test_a_key_that_is_unfit_is_left_out(entry: Any) -> None:
    keys = public_keys({"keys": [entry, jwk(PRIVATE["EdDSA"])]})

    assert [key.kid for key in keys] == ["ed"]


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_an_rsa_key_of_any_usual_length_is_taken(bits: int) -> None:
    assert len(public_keys({"keys": [jwk(RSAKey.generate_key(bits))]})) == 1


def test_a_point_that_is_on_no_curve_verifies_nothing() -> None:
    keys = public_keys({"keys": [jwk(PRIVATE["ES256"], y=jwk(PRIVATE["ES256"])["x"])]})

    assert reason(token(algorithm="ES256"), keys) in ("unknown-key", "signature")


WORDS = ["RSA", "EC", "OKP", "AQAB", "P-256", "Ed25519", "sig"]
MEMBERS = ["n", "e", "x", "y", "kty", "crv", "kid", "use"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=8),
    max_leaves=12,
)


@given(JSON | st.fixed_dictionaries({"keys": JSON | st.lists(JSON, max_size=4)}))
def test_any_document_is_a_key_set_or_is_told_to_be_none(document: Any) -> None:
    try:
        keys = public_keys(document)
    except NoKeySet:
        assert not (isinstance(document, dict) and isinstance(document.get("keys"), list))
    else:
        assert reason(token(), keys) in ("unknown-key", "signature")


TOKENS = {algorithm: token({"auth_time": 1}, {"typ": "JWT"}, algorithm) for algorithm in PRIVATE}


@settings(max_examples=1000)
@given(st.sampled_from(sorted(TOKENS)), st.data())
def test_no_token_with_a_bit_changed_is_accepted(algorithm: str, data: st.DataObject) -> None:
    """Any bit of the three parts as they are sent: also those that decode to the same bytes."""
    right = TOKENS[algorithm]
    assert check(right)
    place = data.draw(st.integers(0, len(right) - 1))
    bit = data.draw(st.integers(0, 7))
    wrong = bytearray(right.encode())
    wrong[place] ^= 1 << bit

    reason(wrong.decode("latin-1"))


@given(st.sampled_from(sorted(TOKENS)), st.integers(0, 2), st.data())
def test_no_token_with_a_decoded_bit_changed_is_accepted(algorithm: str, part: int, data: st.DataObject) -> None:
    parts = TOKENS[algorithm].split(".")
    content = bytearray(base64.urlsafe_b64decode(parts[part] + "=="))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    parts[part] = b64(bytes(content))

    reason(".".join(parts))


@given(st.sampled_from(sorted(TOKENS)), st.binary(max_size=80), st.data())
def test_no_token_cut_longer_or_mixed_is_accepted(algorithm: str, more: bytes, data: st.DataObject) -> None:
    right = TOKENS[algorithm]
    start = data.draw(st.integers(0, len(right)))
    end = data.draw(st.integers(start, len(right)))
    wrong = right[:start] + more.decode("latin-1") + right[end:]
    assume(wrong != right)

    reason(wrong)


def test_parts_of_two_right_tokens_make_no_right_one() -> None:
    mine, other = token().split("."), token({"sub": "officer-8"}).split(".")

    assert reason(".".join([mine[0], other[1], mine[2]])) == "signature"


def test_a_token_that_is_too_large_is_not_looked_at() -> None:
    assert reason(token({"more": "x" * 40_000})) == "malformed"
