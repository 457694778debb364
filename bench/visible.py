"""From an acknowledged command to the read model that shows it, at a hundred commands a second."""

from bench.ground import Ground, Line, answer, console, helper

RATE = 100
TARGET_MS = 100.0


def measure(ground: Ground) -> list[Line]:
    """One paced run on a fresh service."""
    warm, seconds = (1.0, 5.0) if ground.quick else (3.0, 20.0)
    service = ground.serve("visible", ground.database())
    settings = {
        "what": "commands",
        "port": service.port,
        "rate": RATE,
        "warm": warm,
        "seconds": seconds,
        "tokens": {
            "officer": service.tokens["commune-officer"],
            "producer": service.tokens["producer"],
            "reader": service.tokens["supervisor"],
        },
    }
    with helper("bench.pace", settings) as process:
        found = answer(process, warm + seconds + 60)
    service.stop()
    if found["failed"]:
        console.print(f"[red]{found['failed']} failed, the first: {found['first_failure']}[/red]")
    figure = (
        f"p50 {found['p50']:.1f} ms, p99 {found['p99']:.1f} ms, max {found['max']:.1f} ms"
        f" of {found['count']:,} commands at {RATE}/s, {found['failed']} failed"
    )
    console.print(f"visible: {figure}")
    return [Line("from a command's answer to the GET that shows it, p99", figure, found["p99"], "ms", TARGET_MS, False)]
