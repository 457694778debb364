"""Snapshots: texts that must not change unnoticed. OCOP_UPDATE_SNAPSHOTS=1 writes them anew."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "snapshots"


def matches_snapshot(name: str, text: str) -> None:
    path = FOLDER / name
    if os.environ.get("OCOP_UPDATE_SNAPSHOTS"):
        path.write_text(text + "\n", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text + "\n", f"{name} changed: see tests/snapshot.py"
