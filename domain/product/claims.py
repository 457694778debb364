"""The open registration a product holds, and the id of the journey a command opens."""

import hashlib
import json
from functools import lru_cache

from domain.product.phases import CLOSED
from domain.product.state import Product
from domain.values import one_spelling


def open_claim(product: Product) -> bytes | None:
    """Key of the open registration this product holds: producer, product name and cycle.

    Hashed here and keyed before it is stored (``application/handle.py``), because a household's registration number is
    personal. None while no producer has
    registered, and once the cycle is closed without a star: the name is free again.
    """
    if product.producer is None or product.phase in CLOSED:
        return None
    return _claim(product.producer.registration, product.name, product.cycle)


@lru_cache(10_000)  # asked before and after every fact
def _claim(registration: str, name: str, cycle: int) -> bytes:
    key = [one_spelling(registration), one_spelling(name), cycle]
    return hashlib.sha256(json.dumps(key).encode()).digest()
