"""``python -m bench [part …] [--quick]``: measure and print a table."""

import argparse
import logging
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from rich.table import Table

from bench import authority, batch_day, commands, log, million, past, projector, recheck, visible
from bench.ground import Ground, Line, console, ground

PARTS: dict[str, Callable[[Ground], list[Line]]] = {
    "commands": commands.measure,
    "authority": authority.measure,
    "batch-day": batch_day.measure,
    "projector": projector.measure,
    "visible": visible.measure,
    "million": million.measure,
    "recheck": recheck.measure,
    "log": log.measure,
    "past": past.measure,
}


def main() -> int:
    """Run the parts that were asked for; 1 when a full run misses a target."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the service beside its peers.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all of them")
    parser.add_argument("--quick", action="store_true", help="short rounds and small numbers")
    parser.add_argument("--markdown", action="store_true", help="print the table for docs/performance.md")
    wanted = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    lines: list[Line] = []
    with ground(quick=wanted.quick) as made:
        for part in wanted.parts or PARTS:
            lines += PARTS[part](made)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {memory:.0f} GB,"
        f" Python {platform.python_version()}{', quick' if wanted.quick else ''}"
    )
    if wanted.markdown:
        print(f"Measured on {machine}.\n\n| what | measured | value | target |\n|---|---|---|---|")
        for line in lines:
            print("| " + " | ".join(line.cells) + " |")
    table = Table("what", "measured", "value", "target", "", title=machine, show_lines=True)
    for line in lines:
        table.add_row(*line.cells, "" if line.target is None else "met" if line.met else "[red]missed[/red]")
    console.print(table)
    return 0 if wanted.quick or all(line.met for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
