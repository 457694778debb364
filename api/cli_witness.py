"""The command line of a witness: ``ocop witness serve``, ``key``, ``trust`` and ``evidence``."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
import uvicorn
from rich.console import Console

from api.witness import create_witness
from application.logs import configure_logs
from application.witness import Unfit, Witness
from domain.proof.note import BadNote

witness = typer.Typer(no_args_is_help=True, help="A witness of other bodies' logs, with a folder of its own.")
console = Console(stderr=True)

T = TypeVar("T")
Folder = Annotated[Path, typer.Option(help="Its folder: key, database, what it cosigned last.")]
Name = Annotated[str | None, typer.Option(help="Its name, given at first use, for ever; default: made from its key.")]
FOLDER = Path("witness")


@witness.callback()
def about() -> None:
    """A witness (bên chứng kiến) cosigns checkpoints of logs that only grew; run it at another body than the log's."""


@witness.command()
def serve(
    folder: Folder = FOLDER,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8700,
    name: Name = None,
) -> None:
    """Serve the witness protocol until stopped."""
    configure_logs()

    def run(opened: Witness) -> None:
        with opened.serving():
            console.print(f"{opened.key.vkey}\nhttp://{host}:{port}", markup=False, highlight=False, soft_wrap=True)
            uvicorn.run(
                create_witness(opened),
                host=host,
                port=port,
                log_level="warning",
                access_log=False,
                server_header=False,
                limit_concurrency=100,
            )

    _with_witness(folder, name, run)


@witness.command()
def key(folder: Folder = FOLDER, name: Name = None) -> None:
    """Print its verifier key, which logs and their readers are given."""
    print(_with_witness(folder, name, lambda opened: opened.key.vkey))


@witness.command()
def trust(
    vkey: Annotated[str, typer.Argument(help="The log's verifier key: GET /v1/log/key there.")], folder: Folder = FOLDER
) -> None:
    """Take checkpoints of this log from now on."""
    trusted = _with_witness(folder, None, lambda opened: opened.trust(vkey))
    console.print(f"Chứng kiến nhật ký {trusted.name}. Witnessing the log {trusted.name}.", markup=False)


@witness.command()
def distrust(
    vkey: Annotated[str, typer.Argument(help="A verifier key that the log has changed.")], folder: Folder = FOLDER
) -> None:
    """Take no checkpoint of this key any more: its log signs with another one now."""
    if not _with_witness(folder, None, lambda opened: opened.distrust(vkey)):
        console.print("Khóa này không được tin. This key was not trusted.", style="red")
        raise typer.Exit(1)
    console.print("Không nhận khóa này nữa. This key is taken no more.")


@witness.command()
def evidence(folder: Folder = FOLDER) -> None:
    """Print what was refused though its log signed it: both notes, the proof offered, when and from where."""

    def tell(opened: Witness) -> None:
        after = 0
        while page := opened.evidence(after):
            for one in page:
                at = datetime.fromtimestamp(one.received_at, UTC).isoformat()
                print(f"== {one.number}  {one.verdict}  {at}  {one.sender}")
                print(f"-- refused\n{one.note}-- against\n{one.against}-- proof from {one.old_size}")
                print("".join(f"{hash_}\n" for hash_ in one.proof))
                after = one.number

    _with_witness(folder, None, tell)


def _with_witness(folder: Path, name: str | None, use: Callable[[Witness], T]) -> T:
    try:
        with closing(Witness(folder, name)) as opened:
            return use(opened)
    except Unfit as unfit:
        message = str(unfit)
    except BadNote as bad:
        message = f"Khóa hoặc tên không đúng dạng. Key or name not in its form: {bad}."
    except sqlite3.Error as error:
        message = f"Không đọc được cơ sở dữ liệu. The database cannot be read: {error}."
    console.print(message, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(1)
