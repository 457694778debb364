"""The command line's ``ocop keys``, and the key store made ready for the commands that need it."""

import json
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console

from api.installation import installed_settings
from application.burying import bury_recorded
from application.database import KEY_SCHEMA, CannotMigrate, EmbeddedPostgres, ensure_login, is_current
from application.keys import DatabaseKeys, Key, as_lines, from_lines, key_pool, prepare_key_store, same_database
from application.logs import configure_logs
from application.settings import Settings
from application.store import Journal

keys = typer.Typer(no_args_is_help=True, help="The key store of sealed content.")
console = Console(stderr=True)


@keys.callback()
def about() -> None:
    """The key store of sealed content: a database apart from the journal's, with backups of 30 days at most."""


def prepared_keys(settings: Settings) -> tuple[str, EmbeddedPostgres | None]:
    """URL of a running, migrated key store, and the embedded server if it is ours to keep up."""
    if settings.database_url and not settings.keys_url:
        raise _stop(
            "Thiếu OCOP_KEYS_URL: kho khóa dữ liệu cá nhân là cơ sở dữ liệu PostgreSQL riêng, có bản sao lưu riêng.",
            "OCOP_KEYS_URL is missing: keys of personal data lie in a PostgreSQL database of their own, with backups "
            "of their own.",
        )
    if settings.database_url and same_database(settings.database_url, settings.keys_url or ""):
        raise _stop(
            "OCOP_KEYS_URL trùng OCOP_DATABASE_URL: mỗi bản sao lưu sẽ mang theo khóa đã hủy.",
            "OCOP_KEYS_URL names the same database as OCOP_DATABASE_URL: its backups would bring destroyed keys back.",
        )
    embedded = None if settings.keys_url else EmbeddedPostgres(settings.var / "keys")
    url = settings.keys_url or (embedded.start() if embedded else "")
    owner = settings.owner_keys_url or url
    try:
        if not is_current(url, KEY_SCHEMA):
            prepare_key_store(owner)
        if settings.service_login and settings.service_password:
            ensure_login(owner, settings.service_login, settings.service_password)
    except (CannotMigrate, psycopg.Error) as error:
        raise _stop(
            f"Không chuẩn bị được kho khóa: {type(error).__name__}.",
            f"Cannot prepare the key store: {type(error).__name__}: {error}",
        ) from None
    return url, embedded


def bury_again(url: str, keys_url: str) -> None:
    """Destroy in the key store what the journal says was destroyed: a restored one brings nobody back."""
    journal = Journal(url, pool_size=1)
    try:
        with key_pool(keys_url) as pool:
            changed = bury_recorded(journal, DatabaseKeys(pool))
    finally:
        journal.close()
    if changed:
        console.print(f"{changed} khóa được hủy lại / keys destroyed again, by the journal", soft_wrap=True)


@keys.command("destroyed")
def destroyed(
    export: Annotated[Path | None, typer.Option(help="Write the list of destroyed keys to this file.")] = None,
    apply: Annotated[
        Path | None, typer.Option(help="Destroy the keys of this list again.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """After a restore of journal and key store: keys destroyed since are destroyed again, before the service starts.

    What the journal says was destroyed, every start destroys again by itself; the list is for a journal that was
    restored too. Export it after every erasure, or daily, to where no backup of the key store lies. It holds no key
    and nobody's name.
    """
    if (export is None) == (apply is None):
        raise _stop("Chọn --export hoặc --apply.", "Choose --export or --apply.")
    settings = installed_settings()
    configure_logs(settings.log_format)
    url, embedded = prepared_keys(settings)
    try:
        with key_pool(url) as pool:
            store = DatabaseKeys(pool)
            if export is not None:
                lines = as_lines(store.destroyed())
                written = "".join(json.dumps(line, default=str) + "\n" for line in lines)
                export.write_text(written, encoding="utf-8")
                console.print(f"{len(lines)} khóa đã hủy / destroyed keys: {export}", soft_wrap=True)
            elif apply is not None:
                changed = store.bury(_read(apply))
                console.print(f"{changed} khóa được hủy lại / keys destroyed again", soft_wrap=True)
    finally:
        if embedded is not None:
            embedded.leave()


def _read(file: Path) -> list[Key]:
    try:
        return from_lines(json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line)
    except (ValueError, KeyError, TypeError):
        raise _stop(f"{file}: không phải danh sách khóa đã hủy.", f"{file}: not a list of destroyed keys.") from None


def _stop(vi: str, en: str) -> typer.Exit:
    console.print(f"{vi}\n{en}", style="red", markup=False, soft_wrap=True)
    return typer.Exit(1)
