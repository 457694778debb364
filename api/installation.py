"""Which installation a command works on: one that only reads or prints must not begin a new one by mistake."""

from collections.abc import Sequence

import typer
from rich.console import Console

from application.proof.memory import Forgotten, Memory, missing
from application.settings import Settings
from domain.proof.note import Checkpoint

console = Console(stderr=True)


def lost_checkpoint(settings: Settings, url: str, witnessed: Sequence[str] = ()) -> Checkpoint | None:
    """A signed checkpoint that the database does not hold; ends the command where nobody can say if there is one."""
    try:
        return missing(url, Memory(settings.log_memory), witnessed)
    except Forgotten as forgotten:
        console.print(
            f"Không đọc được điểm kiểm tra đã ghi nhớ: {forgotten}.\n"
            f"The checkpoint remembered cannot be read: {forgotten}.",
            style="red",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(1) from None


def installed_settings() -> Settings:
    """Settings of an installation that exists; ends the command with a sentence when there is none."""
    settings = Settings.from_environment()
    if settings.database_url is None and not settings.var.is_dir():
        console.print(
            f"Không có cài đặt nào ở {settings.var}: chạy lệnh trong thư mục của dịch vụ, hoặc đặt OCOP_VAR.\n"
            f"There is no installation at {settings.var}: run this in the service's folder, or set OCOP_VAR.",
            style="red",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(2)
    return settings
