"""Which installation a command works on: one that only reads or prints must not begin a new one by mistake."""

import typer
from rich.console import Console

from application.settings import Settings

console = Console(stderr=True)


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
