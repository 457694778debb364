"""The command line's part of keeping the log: ``ocop verify``, ``change-log-key``, ``backup``, ``restore``."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import psycopg
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli_keys import prepared_keys
from api.installation import installed_settings, lost_checkpoint
from application.backup import JOURNAL, KEYS, BadBackup, backup, restore
from application.database import EmbeddedPostgres, migrate
from application.files import keep_folder, put
from application.keys import DatabaseKeys, key_pool
from application.logs import configure_logs
from application.proof.audit import Point
from application.proof.keys import LogKey
from application.proof.memory import Memory
from application.proof.signer import BrokenLog
from application.proof.stored import audited
from application.proof.succession import SignerRuns, change_key, known_keys
from application.proof.timestamps import roots_of, stamps_audited
from application.seals import Keeper, secret_of
from application.settings import BadSettings, Settings, origin_file
from application.store import Journal as EventJournal
from application.writer import Writer
from domain.law.book import law_book
from domain.proof.note import BadNote, Key, verify
from domain.refusals import Refusal

console = Console(stderr=True)
NoteFiles = Annotated[
    list[Path] | None, typer.Option("--checkpoint", help="Signed notes kept elsewhere.", exists=True, dir_okay=False)
]
Keys = Annotated[list[str] | None, typer.Option("--key", help="Verifier keys of the log; default: this service's.")]
Journal = Annotated[Path | None, typer.Option(help="File of the journal.", dir_okay=False)]
KeyStore = Annotated[Path | None, typer.Option(help="File of the key store: keep it apart.", dir_okay=False)]


def verify_command(
    every: Annotated[bool, typer.Option("--all", help="Every fact, not only what is remembered.")] = False,
    checkpoints: NoteFiles = None,
    keys: Keys = None,
) -> None:
    """Hold the facts against what was signed: signed checkpoints, the one remembered, and those given as files."""
    settings = installed_settings()
    configure_logs(settings.log_format)
    with _journal(settings) as url:
        if not every:
            lost = lost_checkpoint(settings, url)
            if lost is not None:
                _say(f"thiếu điểm kiểm tra gồm {lost.size} sự kiện / the checkpoint over {lost.size} facts is missing")
                raise typer.Exit(1)
            _say("Khớp với điểm kiểm tra đã ghi nhớ. Dùng --all để kiểm tra mọi sự kiện.")
            _say("It holds the checkpoint remembered. Use --all to verify every fact.")
            return
        if not _verified(settings, url, checkpoints or [], keys or []):
            raise typer.Exit(1)


def backup_command(journal: Journal = None, keys: KeyStore = None) -> None:
    """Write a backup of the journal, of the key store, or of both, each into a file of its own."""
    settings = installed_settings()
    configure_logs(settings.log_format)
    if journal is None and keys is None:
        raise typer.BadParameter("nêu ít nhất một / give at least one: --journal, --keys")
    with _journal(settings) as url:
        if journal is not None:
            _told("sao lưu / backed up", backup(settings.owner_database_url or url, JOURNAL, journal).rows, journal)
    if keys is not None:
        keys_url, embedded = prepared_keys(settings)
        _told("sao lưu / backed up", backup(settings.owner_keys_url or keys_url, KEYS, keys).rows, keys)
        if embedded is not None:
            embedded.leave()


def restore_command(
    journal: Journal = None, keys: KeyStore = None, checkpoints: NoteFiles = None, vkeys: Keys = None
) -> None:
    """Restore into new databases and verify every fact; the next start destroys again the keys that were destroyed."""
    settings = Settings.from_environment()
    configure_logs(settings.log_format)
    if journal is None and keys is None:
        raise typer.BadParameter("nêu ít nhất một / give at least one: --journal, --keys")
    if keys is not None:
        keys_url, embedded = prepared_keys(settings)
        _restored(settings.owner_keys_url or keys_url, KEYS, keys)
        if embedded is not None:
            embedded.leave()
    if journal is not None:
        with _journal(settings) as url:
            owner = settings.owner_database_url or url
            migrate(owner)
            _restored(owner, JOURNAL, journal)
            if not _verified(settings, url, checkpoints or [], vkeys or []):
                raise typer.Exit(1)


def change_key_command() -> None:
    """Change the log's signing key; the service must be stopped. Given again, it goes on where it broke off."""
    settings = installed_settings()
    configure_logs(settings.log_format)
    file = settings.log_key_file.with_name(f"{settings.log_key_file.name}.next")
    old = LogKey.of(settings)
    new = LogKey(Ed25519PrivateKey.from_private_bytes(secret_of(None, file)), old.origin)
    if new.key == old.key:
        _stopped(f"{file} chứa khóa đang ký: xóa tệp này trước.", f"{file} holds the key that signs: remove it first.")
    # Before the change, for after it nothing must be left that can fail: the log keeps its name, and its key's owner.
    put(origin_file(settings.log_key_file), f"{old.origin}\n")
    if settings.log_key_file.exists():
        owner = settings.log_key_file.stat()
        for one in (file, origin_file(settings.log_key_file)):
            os.chown(one, owner.st_uid, owner.st_gid)
    size = _changed(settings, old, new)
    if settings.log_key is not None:
        _say("Đặt các biến sau, rồi xóa tệp / set these, then remove the file:")
        _say(f"OCOP_LOG_ORIGIN={old.origin}, OCOP_LOG_KEY=<{file}>")
    else:
        try:
            file.replace(settings.log_key_file)
            keep_folder(file.parent)
        except OSError as error:
            told = f"{type(error).__name__}: {file} → {settings.log_key_file}"
            _stopped(f"Khóa đã thay; tự chuyển tệp: {told}.", f"The key was changed; move the file yourself: {told}.")
    _say(f"Khóa cũ ký lần cuối ở điểm kiểm tra gồm {size} sự kiện. Báo khóa mới cho bên chứng kiến và người đọc:")
    _say(f"The old key signed last over {size} facts. Tell witnesses and readers the new key:")
    print(new.vkey)


def _changed(settings: Settings, old: LogKey, new: LogKey) -> int:
    keys_url, embedded_keys = prepared_keys(settings)
    try:
        with _journal(settings) as url, key_pool(keys_url) as pool:
            keeper = Keeper(secret_of(settings.master_key, settings.master_key_file), DatabaseKeys(pool))
            with closing(EventJournal(url)) as journal:
                writer = Writer(journal, law_book(), keeper, missing=lost_checkpoint(settings, url))
                return change_key(url, writer, old, new, Memory(settings.log_memory))
    except SignerRuns:
        _stopped("Dịch vụ đang ký nhật ký: dừng nó trước.", "A service signs the log now: stop it first.")
    except (Refusal, BrokenLog) as error:
        _stopped(getattr(error, "vi", "Không thay được khóa."), str(error))
    finally:
        if embedded_keys is not None:
            embedded_keys.leave()


def _stopped(vi: str, en: str) -> NoReturn:
    console.print(f"{vi}\n{en}", style="red", markup=False, soft_wrap=True)
    raise typer.Exit(1) from None


def _restored(owner_url: str, tables: tuple[str, ...], path: Path) -> None:
    try:
        _told("phục hồi / restored", restore(owner_url, tables, path).rows, path)
    except BadBackup as bad:
        told = f"Không phục hồi gì từ tệp này / nothing was restored from this file: {bad}"
        console.print(told, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None


@contextmanager
def _journal(settings: Settings) -> Iterator[str]:
    embedded = None if settings.database_url else EmbeddedPostgres(settings.var)
    try:
        yield settings.database_url or (embedded.start() if embedded else "")
    except psycopg.OperationalError as error:
        console.print(f"[red]Cơ sở dữ liệu không trả lời / the database does not answer: {type(error).__name__}[/red]")
        raise typer.Exit(2) from None
    finally:
        if embedded is not None:
            embedded.leave()


def _verified(settings: Settings, url: str, files: list[Path], vkeys: list[str]) -> bool:
    """Verify everything with progress, say what was found; whether it is all as signed."""
    try:
        given = [Key.parse(vkey) for vkey in vkeys] or [LogKey.of(settings).key]
        keys = known_keys(url, given)
        kept = [_point(file, keys) for file in files]
        roots = roots_of(settings)
    except (BadNote, BadSettings, OSError, UnicodeDecodeError) as bad:
        console.print(f"Không dùng được / cannot be used: {bad}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    remembered = Memory(settings.log_memory).last()
    if remembered is not None:
        kept.append(Point(remembered.size, remembered.root, str(settings.log_memory.name)))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("sự kiện / facts", total=None)
        report = audited(url, keys, kept, lambda done, whole: progress.update(task, completed=done, total=whole))
    stamps, wrong = stamps_audited(url, roots)
    faults = [*report.faults, *wrong]
    for fault in faults:
        console.print(str(fault), style="red", markup=False, soft_wrap=True)
    if stamps and not roots:
        _say("Chữ ký của dấu thời gian không được kiểm: đặt OCOP_TSA_ROOTS.")
        _say("Signatures of time stamps were not verified: set OCOP_TSA_ROOTS.")
    _say(f"{report.size} sự kiện, {report.points} điểm kiểm tra, {stamps} dấu thời gian, {len(faults)} lỗi")
    _say(f"{report.size} facts, {report.points} checkpoints, {stamps} time stamps, {len(faults)} faults")
    return not faults


def _point(file: Path, keys: Sequence[Key]) -> Point:
    checkpoint, by = verify(file.read_text(encoding="utf-8"), keys)
    if not by:
        raise BadNote(f"{file.name} is not signed by a known key")
    return Point(checkpoint.size, checkpoint.root, file.name)


def _told(what: str, rows: dict[str, int], path: Path) -> None:
    _say(f"{what}: {path.name}: " + ", ".join(f"{table} {count}" for table, count in rows.items()))


def _say(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
