"""Loads the demonstration through the public API."""
from pathlib import Path
from rich.console import Console
def load_demonstration(address: str, tokens: Path, console: Console) -> None:
    return None
