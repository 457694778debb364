"""Seals of the rule files: one altered digit anywhere is found when they are read.

Each folder of sheets holds a file ``SHA256SUMS`` over its TOML files, and ``domain/law`` one over
``regimes/*.toml`` and ``practice.toml``; ``sha256sum -c`` reads them too.
"""

from collections.abc import Iterator
from hashlib import sha256
from importlib.resources.abc import Traversable
from pathlib import Path

from domain.law.checks import BrokenRules

SUMS = "SHA256SUMS"


def sealed(root: Traversable) -> dict[str, dict[str, bytes]]:
    """The rule files by folder ("" is the root's own) and name; raises BrokenRules unless every seal holds."""
    found: dict[str, dict[str, bytes]] = {}
    for name, folder, files in _folders(root):
        listed = _listed(folder, f"{name}/{SUMS}".lstrip("/"))
        for file in sorted(listed.keys() | files.keys()):
            where = f"{name}/{file}".lstrip("/")
            if file not in files:
                raise BrokenRules(f"{where}: listed in {SUMS} but missing")
            if file not in listed:
                raise BrokenRules(f"{where}: not listed in {SUMS}; check it, then run `ocop law seal`")
            if sha256(files[file]).hexdigest() != listed[file]:
                raise BrokenRules(f"{where}: differs from {SUMS}; check it, then run `ocop law seal`")
        found[name] = files
    return found


def write_sums(root: Path) -> None:
    """Seal the rule files as they stand."""
    for name, _, files in _folders(root):
        lines = [f"{sha256(content).hexdigest()}  {file}\n" for file, content in sorted(files.items())]
        root.joinpath(name, SUMS).write_text("".join(lines), encoding="ascii")


def _folders(root: Traversable) -> Iterator[tuple[str, Traversable, dict[str, bytes]]]:
    regimes = {f"regimes/{name}": content for name, content in _rule_files(root.joinpath("regimes")).items()}
    yield "", root, {**_rule_files(root), **regimes}
    for folder in sorted(root.joinpath("sheets").iterdir(), key=lambda entry: entry.name):
        if folder.is_dir():
            yield f"sheets/{folder.name}", folder, _rule_files(folder)


def _rule_files(folder: Traversable) -> dict[str, bytes]:
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return {entry.name: entry.read_bytes() for entry in entries if entry.name.endswith(".toml")}


def _listed(folder: Traversable, where: str) -> dict[str, str]:
    try:
        lines = folder.joinpath(SUMS).read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        raise BrokenRules(f"{where}: missing; run `ocop law seal`") from None
    listed: dict[str, str] = {}
    for line in lines:
        digest, gap, name = line.partition("  ")
        if not gap or name in listed:
            raise BrokenRules(f"{where}: cannot read {line!r}")
        listed[name] = digest
    return listed
