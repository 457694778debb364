"""A set put into the order of DER: many authorities write their certificates in another, and our reader refuses those.

CMS leaves them the choice, and no signature is over that set, so what is verified stays what was signed.
"""

from collections.abc import Sequence


def sorted_at(element: bytes, path: Sequence[int]) -> bytes:
    """The element with the parts of the one at the path in order, and lengths in DER. Raises ValueError, IndexError."""
    parts = _parts(element)
    if path:
        parts[path[0]] = sorted_at(parts[path[0]], path[1:])
    else:
        parts.sort()
    content = b"".join(parts)
    return element[:1] + _length(len(content)) + content


def _parts(element: bytes) -> list[bytes]:
    """The elements that one consists of, and nothing else."""
    at, end = _span(element, 0)
    if end != len(element):
        raise ValueError("there is more than the element")
    parts = []
    while at < end:
        _, after = _span(element, at)
        parts.append(element[at:after])
        at = after
    return parts


def _span(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at a place begins and ends; every tag here is of one byte."""
    start, size = at + 2, der[at + 1]
    if size > 0x80:
        start, size = start + size - 0x80, int.from_bytes(der[start : start + size - 0x80], "big")
    elif size == 0x80:
        raise ValueError("no length is given")
    if start + size > len(der):
        raise ValueError("the element is not whole")
    return start, start + size


def _length(size: int) -> bytes:
    if size < 0x80:
        return bytes([size])
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 + len(digits)]) + digits
