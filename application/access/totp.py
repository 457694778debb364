"""Codes of an authenticator app (mã xác thực một lần): TOTP of RFC 6238, six digits, steps of 30 seconds."""

import hmac
from datetime import datetime

import pyotp

STEP = 30
"""Seconds of one step."""
DRIFT = 1
"""Steps that a phone's clock may be off to either side."""
ISSUER = "OCOP"
"""What the app shows above the code."""


def fresh_secret() -> str:
    """A new secret: 160 random bits in base 32."""
    return pyotp.random_base32()


def uri(secret: str, login: str) -> str:
    """The otpauth:// address that an app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)


def code_at(secret: str, moment: datetime) -> str:
    """The code that an app shows at a moment."""
    return pyotp.TOTP(secret).generate_otp(int(moment.timestamp()) // STEP)


def step_of(secret: str, code: str, moment: datetime) -> int | None:
    """The step that a code belongs to, at most DRIFT steps from the moment; None when it belongs to none."""
    given = "".join(code.split())
    if not (given.isascii() and given.isdigit()):
        return None
    now, found = int(moment.timestamp()) // STEP, None
    for step in range(now - DRIFT, now + DRIFT + 1):  # all of them, found or not: the same work for every code
        if hmac.compare_digest(pyotp.TOTP(secret).generate_otp(step), given):
            found = step
    return found
