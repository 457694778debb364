"""Structured logs: one canonical line a request, JSON unless on a terminal. Never a secret."""

import atexit
import json
import logging
import queue
import sys
import threading
import time
from contextlib import suppress
from typing import Any, TextIO

import structlog

PAUSE = 0.02
"""Seconds in which lines come together before they are written."""
MOST_WAITING = 100_000
"""Lines that wait at most."""


def configure_logs(log_format: str | None = None) -> None:
    """Set up structlog for this process; ``log_format``: "json", "text" or None to choose by terminal."""
    text = log_format == "text" or (log_format is None and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if text else structlog.processors.JSONRenderer(_as_json)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(Lines(sys.stderr)),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )


_JSON = json.JSONEncoder(default=repr)


def _as_json(event: dict[str, Any], **_: Any) -> str:
    return _JSON.encode(event)


class Lines:
    """A file for log lines that nobody waits for: a thread of its own writes what has come together meanwhile.

    A process that is killed loses the lines of its last moment; one that ends writes them all.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def write(self, text: str) -> None:
        """Take a text; it is written soon. Lost where the file has taken nothing for very long."""
        if self._waiting.qsize() < MOST_WAITING:
            self._waiting.put(text)

    def flush(self) -> None:
        """Nothing to do: the thread writes as soon as it can."""

    def _end(self) -> None:
        self._waiting.put(None)
        self._thread.join(5)

    def _work(self) -> None:
        ended = False
        while not ended:
            taken = [self._waiting.get()]
            time.sleep(PAUSE)
            while not self._waiting.empty() and len(taken) < MOST_WAITING:
                taken.append(self._waiting.get())
            ended = None in taken
            with suppress(OSError, ValueError):  # a full disk, a closed pipe: the next lines may find it better
                self._file.write("".join(text for text in taken if text is not None))
                self._file.flush()
