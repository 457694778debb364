"""Structured logs: one canonical line a request, JSON unless on a terminal. Never a secret."""

import logging
import sys

import structlog


def configure_logs(log_format: str | None = None) -> None:
    """Set up structlog for this process; ``log_format``: "json", "text" or None to choose by terminal."""
    text = log_format == "text" or (log_format is None and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if text else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
