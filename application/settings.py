"""Settings from the environment, each with a sentence; no other module reads an OCOP_* variable."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from application.access.addresses import is_secure


class BadSettings(Exception):
    """A setting is missing or wrong; the message names it, in both languages."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How one process of the service runs.

    ``database_url``: PostgreSQL 15 or later (OCOP_DATABASE_URL); None means the embedded one.
    ``owner_database_url``: login that may migrate (OCOP_OWNER_DATABASE_URL; default: the same).
    ``keys_url``: the key store, a PostgreSQL database apart from the journal's (OCOP_KEYS_URL; needed together with
    OCOP_DATABASE_URL; None: a second embedded server under <var>/keys).
    ``owner_keys_url``: login that may migrate it (OCOP_OWNER_KEYS_URL; default: the same).
    ``service_login``, ``service_password``: login that ``ocop migrate`` makes for the service
    (OCOP_SERVICE_LOGIN, OCOP_SERVICE_PASSWORD; default: none).
    ``var``: folder of the embedded databases and the master key (OCOP_VAR, default ./var).
    ``master_key``: key that sealed content's keys are wrapped with, 64 hex digits (OCOP_MASTER_KEY; default: the
    file ``master_key_file``, OCOP_MASTER_KEY_FILE, default <var>/master.key, made at first use).
    ``log_key``: key that checkpoints of the log are signed with, 64 hex digits (OCOP_LOG_KEY; default: the file
    ``log_key_file``, OCOP_LOG_KEY_FILE, default <var>/log.key, made at first use).
    ``log_origin``: the log's name in its checkpoints (OCOP_LOG_ORIGIN; default: what the file ``log.key.origin``
    beside the key holds since the key was changed, else made from the key).
    ``witnesses``: witnesses of the log at other bodies, each ``<verifier key>@<address>``, with spaces between them
    (OCOP_WITNESSES; default: none).
    ``tsa``: time-stamping authorities, addresses with spaces between them (OCOP_TSA; default: none); ``tsa_roots``:
    PEM file of the root certificates that their time stamps are verified with (OCOP_TSA_ROOTS; default: not verified).
    ``host``, ``port``: where to listen (OCOP_HOST, OCOP_PORT; default 127.0.0.1:8000).
    ``public_url``: address that browsers use, without a path (OCOP_PUBLIC_URL; default http://host:port). With https,
    cookies are bound to the host and to https.
    ``log_format``: "json" or "text" (OCOP_LOG; default: text on a terminal).
    ``openid_*``: login with an OpenID provider, see ``OpenIDSettings`` (OCOP_OPENID_ISSUER, OCOP_OPENID_CLIENT_ID,
    OCOP_OPENID_CLIENT_SECRET or OCOP_OPENID_CLIENT_SECRET_FILE, OCOP_OPENID_NAME; default: no such login).
    """

    var: Path
    master_key_file: Path
    log_key_file: Path
    master_key: str | None = field(default=None, repr=False)
    log_key: str | None = field(default=None, repr=False)
    log_origin: str | None = None
    witnesses: str = ""
    tsa: str = ""
    tsa_roots: Path | None = None
    database_url: str | None = None
    owner_database_url: str | None = None
    keys_url: str | None = None
    owner_keys_url: str | None = None
    service_login: str | None = None
    service_password: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = "http://127.0.0.1:8000"
    log_format: str | None = None
    openid_issuer: str | None = None
    openid_client_id: str | None = None
    openid_client_secret: str | None = field(default=None, repr=False)
    openid_client_secret_file: Path | None = None
    openid_name: str | None = None

    @property
    def log_memory(self) -> Path:
        """Where the newest checkpoint is remembered, outside the database."""
        return self.var / "log.checkpoint"

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read OCOP_* variables; an empty one counts as absent."""
        host, port = env.get("OCOP_HOST") or "127.0.0.1", int(env.get("OCOP_PORT") or 8000)
        var = Path(env.get("OCOP_VAR") or "var").absolute()
        log_key_file = Path(env.get("OCOP_LOG_KEY_FILE") or var / "log.key").absolute()
        return cls(
            var=var,
            master_key_file=Path(env.get("OCOP_MASTER_KEY_FILE") or var / "master.key").absolute(),
            master_key=env.get("OCOP_MASTER_KEY") or None,
            log_key_file=log_key_file,
            log_key=env.get("OCOP_LOG_KEY") or None,
            log_origin=env.get("OCOP_LOG_ORIGIN") or _written(origin_file(log_key_file)),
            witnesses=env.get("OCOP_WITNESSES") or "",
            tsa=env.get("OCOP_TSA") or "",
            tsa_roots=_path(env.get("OCOP_TSA_ROOTS")),
            database_url=env.get("OCOP_DATABASE_URL") or None,
            owner_database_url=env.get("OCOP_OWNER_DATABASE_URL") or None,
            keys_url=env.get("OCOP_KEYS_URL") or None,
            owner_keys_url=env.get("OCOP_OWNER_KEYS_URL") or None,
            service_login=env.get("OCOP_SERVICE_LOGIN") or None,
            service_password=env.get("OCOP_SERVICE_PASSWORD") or None,
            host=host,
            port=port,
            public_url=(env.get("OCOP_PUBLIC_URL") or f"http://{host}:{port}").rstrip("/"),
            log_format=env.get("OCOP_LOG") or None,
            openid_issuer=env.get("OCOP_OPENID_ISSUER") or None,
            openid_client_id=env.get("OCOP_OPENID_CLIENT_ID") or None,
            openid_client_secret=env.get("OCOP_OPENID_CLIENT_SECRET") or None,
            openid_client_secret_file=_path(env.get("OCOP_OPENID_CLIENT_SECRET_FILE")),
            openid_name=env.get("OCOP_OPENID_NAME") or None,
        )


def origin_file(log_key_file: Path) -> Path:
    """Where the log's name stands once its key is no longer the one that it was named after."""
    return log_key_file.with_name(f"{log_key_file.name}.origin")


def _written(path: Path) -> str | None:
    return path.read_text(encoding="ascii").strip() if path.is_file() else None


def _path(text: str | None) -> Path | None:
    return Path(text).absolute() if text else None


@dataclass(frozen=True, slots=True)
class OpenIDSettings:
    """Login with one OpenID provider.

    ``issuer``: the provider's address, spelt as in its own documents; ``client_id``, ``client_secret``: ours there;
    ``name``: text of the login button; ``public_url``: where the provider sends browsers back to.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    public_url: str

    @classmethod
    def of(cls, settings: Settings) -> "OpenIDSettings | None":
        """The provider's settings, None without an issuer; raises BadSettings when they are incomplete or unsafe."""
        if settings.openid_issuer is None:
            return None
        return cls(
            issuer=_address("OCOP_OPENID_ISSUER", settings.openid_issuer, "issuer"),
            client_id=_given("OCOP_OPENID_CLIENT_ID", settings.openid_client_id),
            client_secret=_given("OCOP_OPENID_CLIENT_SECRET", settings.openid_client_secret or _secret_in(settings)),
            name=settings.openid_name or "OpenID",
            public_url=_address("OCOP_PUBLIC_URL", settings.public_url, "origin"),
        )


def _given(name: str, value: str | None) -> str:
    if value is None:
        raise BadSettings(f"Thiếu {name}, cần khi có OCOP_OPENID_ISSUER. {name} is needed with OCOP_OPENID_ISSUER.")
    return value


def _address(name: str, value: str | None, kind: Literal["issuer", "origin"]) -> str:
    url = _given(name, value)
    if not is_secure(url) or "?" in url or (kind == "origin" and url.count("/") != 2):
        raise BadSettings(
            f"{name} phải là địa chỉ https (http chỉ trên chính máy này), không có tham số."
            f" {name} must be an https address (http on this machine only) without a query"
            f"{' and without a path' if kind == 'origin' else ''}."
        )
    return url


def _secret_in(settings: Settings) -> str | None:
    path = settings.openid_client_secret_file
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError):
        raise BadSettings(
            "Không đọc được tệp OCOP_OPENID_CLIENT_SECRET_FILE. OCOP_OPENID_CLIENT_SECRET_FILE cannot be read."
        ) from None
