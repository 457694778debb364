"""Small files that must be there, whole, also after a power cut."""

import os
from pathlib import Path


def put(path: Path, text: str) -> None:
    """Write a file as a whole: after a power cut it is the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    keep_folder(path.parent)


def keep_folder(folder: Path) -> None:
    """Have the system keep what a folder's files are called."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
