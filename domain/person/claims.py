"""The handle a person holds: nobody else's, in whatever spelling."""

import hashlib
import json

from domain.person.state import Person
from domain.values import one_spelling


def handle_claim(person: Person) -> bytes | None:
    """Key of the handle; None before the person is entered."""
    if not person.handle:
        return None
    return hashlib.sha256(json.dumps(["handle", one_spelling(person.handle)]).encode()).digest()
