"""Sealed content (nội dung niêm phong): written by the journal, readable by nobody until its seal is broken.

A fact that must stay secret for a while carries a ``Sealed`` in place of the content. The key belongs to a
subject (a scoring round, a person), lives outside the journal, and is given to nobody before the rules say so.
"""

from typing import Annotated, Protocol
from uuid import UUID

from pydantic import StringConstraints

from domain.values import Sha256, Value


class Sealed(Value):
    """Encrypted content. ``subject``: whose key; ``box``: nonce and ciphertext in base64.

    ``sha256`` is over the box, so that what is opened later can be shown to be what was sealed.
    """

    subject: UUID
    box: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/=]+$", max_length=60_000)]
    sha256: Sha256


class Seals(Protocol):
    """The keeper of the keys, handed in from outside as the clock is."""

    def seal(self, subject: UUID, about: str, content: bytes) -> Sealed:
        """Encrypt; ``about`` says what it belongs to and must be named again to open it."""

    def unseal(self, sealed: Sealed, about: str) -> bytes:
        """Decrypt; raises BrokenSeal when it was altered, moved to another place, or its key is gone."""

    def reveal(self, subject: UUID) -> str:
        """The subject's key in hex, to be published once its content is open to all."""
