"""Settings from the environment, each with a sentence; no other module reads an OCOP_* variable."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


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
    ``host``, ``port``: where to listen (OCOP_HOST, OCOP_PORT; default 127.0.0.1:8000).
    ``public_url``: address that browsers use (OCOP_PUBLIC_URL; default http://host:port). With https, cookies are
    bound to the host and to https.
    ``log_format``: "json" or "text" (OCOP_LOG; default: text on a terminal).
    """

    var: Path
    master_key_file: Path
    master_key: str | None = field(default=None, repr=False)
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

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read OCOP_* variables; an empty one counts as absent."""
        host, port = env.get("OCOP_HOST") or "127.0.0.1", int(env.get("OCOP_PORT") or 8000)
        var = Path(env.get("OCOP_VAR") or "var").absolute()
        return cls(
            var=var,
            master_key_file=Path(env.get("OCOP_MASTER_KEY_FILE") or var / "master.key").absolute(),
            master_key=env.get("OCOP_MASTER_KEY") or None,
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
        )
