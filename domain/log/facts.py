"""Facts of the log itself. Names and rules as for a product's facts. One stream: ``LOG``."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator

from domain.proof.note import BadNote, Key
from domain.stream import Fact
from domain.values import Line

LOG = UUID("6f636f70-0000-4000-8000-6c6f67000000")
"""The stream's id. Never change it: changes of the key would no longer be found."""


def _vkey(value: str) -> str:
    try:
        Key.parse(value)
    except BadNote as bad:
        raise ValueError(f"not a verifier key: {bad}") from bad
    return value


VerifierKey = Annotated[Line, AfterValidator(_vkey)]


class KeyChanged(Fact):
    """The log's signing key was changed (thay khóa ký của nhật ký). ``before`` and ``now``: verifier keys.

    The first checkpoint over this fact is the last that ``before`` signs: so it is the old key that names the new one.
    """

    stored_name = "log.key-changed"
    step = None
    before: VerifierKey
    now: VerifierKey


LogFact = KeyChanged
CATALOGUE: dict[str, type[LogFact]] = {KeyChanged.stored_name: KeyChanged}
