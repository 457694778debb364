"""Pages for people: templates, one style sheet, and the headers that keep a page to itself.

Vietnamese first, English beside it. No script, nothing inline, nothing from elsewhere; works on old phones.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from domain.law.calendar import LEGAL_ZONE

SAFE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""What every page bears: kept by nobody, framed by nobody, loading from here only."""


@cache
def _templates() -> Environment:
    env = Environment(
        loader=PackageLoader("api.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["moment"] = lambda at: at.astimezone(LEGAL_ZONE).strftime("%H:%M %d/%m/%Y") if at else "–"
    return env


def page(name: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any) -> HTMLResponse:
    """A template as an answer. ``values``: what it shows; all of it is escaped."""
    return HTMLResponse(rendered(name, **values), status, {**SAFE_HEADERS, **(headers or {})})


def rendered(template: str, /, **values: Any) -> str:
    """A template as text. ``values``: what it shows; all of it is escaped."""
    return _templates().get_template(template).render(values)


@cache
def static(name: str) -> bytes:
    """A file that pages load: the one style sheet, the icon."""
    return files("api.web").joinpath("static", name).read_bytes()
