"""An OpenID provider that lies as it is told to: ``python -m tests.openid_hostile PORT``, on loopback.

It lets anybody in without a form. ``POST /lie`` with a JSON object says how it misbehaves until the next one;
``GET /seen`` shows what it was asked.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
from typing import Any
from urllib.parse import parse_qsl, urlencode

import uvicorn
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

CLIENT, SECRET, SUBJECT = "ocop-service", "a-secret+that/nobody=logs", "officer-7"
KEYS: dict[str, Any] = {
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}
KEYS["Ed25519"] = KEYS["EdDSA"]
FOREIGN = RSAKey.generate_key(2048, {"kid": "rsa"})


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def half_hash(access_token: str) -> str:
    return b64(hashlib.sha256(access_token.encode()).digest()[:16])


class Hostile:
    """What it was told, what it was asked, and the codes it gave."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.lie: dict[str, Any] = {}
        self.seen: dict[str, Any] = {"keys": 0, "discovery": 0, "elsewhere": 0, "tokens": [], "secrets": []}
        self.codes: dict[str, dict[str, str]] = {}
        self.kept_token = ""
        self.kid = "rsa"

    async def told(self, request: Request) -> Response:
        self.lie = await request.json()
        self.kid = self.lie.get("kid", "rsa")
        self.seen |= {"keys": 0, "discovery": 0, "elsewhere": 0}
        return JSONResponse({})

    async def asked(self, _: Request) -> Response:
        return JSONResponse(self.seen)

    async def discovery(self, _: Request) -> Response:
        self.seen["discovery"] += 1
        match self.lie.get("discovery"):
            case "huge":
                return StreamingResponse(iter([b" " * 65536] * 64), media_type="application/json")
            case "hanging":
                return StreamingResponse(self._drip(), media_type="application/json")
            case "redirect":
                return RedirectResponse("/elsewhere")
            case "page":
                return Response("<html>", media_type="text/html")
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
        }
        return JSONResponse(document | self.lie.get("metadata", {}))

    async def _drip(self) -> Any:
        while True:
            yield b" "
            await asyncio.sleep(0.5)

    async def keys(self, _: Request) -> Response:
        self.seen["keys"] += 1
        if self.lie.get("keys") == "redirect":
            return RedirectResponse("/elsewhere")
        if self.lie.get("keys") == "page":
            return Response("<html>", media_type="text/html")
        public = [KEYS[alg].as_dict(private=False) for alg in ("RS256", "ES256", "EdDSA")]
        public[0]["kid"] = self.kid
        return JSONResponse({"keys": public})

    async def elsewhere(self, _: Request) -> Response:
        self.seen["elsewhere"] += 1
        return JSONResponse({"keys": [FOREIGN.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.seen["asked"] = asked
        back: dict[str, str] = {"state": asked["state"]}
        if "error" in self.lie:
            back |= {"error": self.lie["error"], "error_description": "<script>words of the provider</script>"}
        else:
            back["code"] = secrets.token_urlsafe(24)
            self.codes[back["code"]] = asked
            self.seen["secrets"] += [back["code"], asked["state"], asked["nonce"]]
        if "iss" in self.lie:
            back["iss"] = self.lie["iss"]
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}", 302)

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        self.seen["tokens"].append({"form": sorted(form), "authorization": request.headers.get("authorization", "")})
        if "token" in self.lie:
            return JSONResponse({"error": self.lie["token"]}, 400)
        asked = self.codes.get(form["code"], {})
        verifier = form["code_verifier"]
        if b64(hashlib.sha256(verifier.encode()).digest()) != asked.get("code_challenge"):
            return JSONResponse({"error": "invalid_grant"}, 400)
        access = secrets.token_urlsafe(24)
        id_token = self.kept_token if self.lie.get("replay") else self._id_token(asked, access)
        self.kept_token = id_token
        self.seen["secrets"] += [verifier, access, id_token]
        return JSONResponse({"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": id_token})

    def _id_token(self, asked: dict[str, str], access: str) -> str:
        now, algorithm = int(time.time()), self.lie.get("alg", "RS256")
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": SUBJECT,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "auth_time": now,
            "at_hash": half_hash(access) if algorithm in ("RS256", "ES256") else None,
            "acr": "urn:level:2",
            "amr": ["pwd", "otp"],
        }
        for name, shift in self.lie.get("shift", {}).items():
            claims[name] = now + shift
        claims |= self.lie.get("claims", {})
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": algorithm, "typ": "JWT"} | self.lie.get("header", {})
        key = FOREIGN if self.lie.get("key") == "foreign" else KEYS.get(algorithm, KEYS["RS256"])
        header["kid"] = self.kid if key is KEYS["RS256"] else key.kid
        signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
        # By hand: the library makes no token as wrong as these.
        match algorithm:
            case "none":
                signature = b""
            case "HS256":
                signature = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")
            case _:
                signature = JWSRegistry.algorithms[algorithm].sign(signed.encode(), key)
        return f"{signed}.{b64(secrets.token_bytes(256) if self.lie.get('forged') else signature)}"


def main(port: int) -> None:
    hostile = Hostile(port)
    routes = [
        Route("/.well-known/openid-configuration", hostile.discovery),
        Route("/keys", hostile.keys),
        Route("/elsewhere", hostile.elsewhere),
        Route("/authorize", hostile.authorize),
        Route("/token", hostile.token, methods=["POST"]),
        Route("/lie", hostile.told, methods=["POST"]),
        Route("/seen", hostile.asked),
    ]
    uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
