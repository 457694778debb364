"""The bytes a fact's leaf is the hash of: where the fact stands, and its stored bytes as they are stored.

Nothing is written anew: JSON serialised twice need not be the same bytes. Lengths stand before what varies, so
that no two facts have the same leaf data.
"""

import struct
from uuid import UUID

MAGIC = b"ocop/leaf/1\n"
_HEAD = struct.Struct(">QQ16sQI")
_LENGTH = struct.Struct(">I")


def leaf_data(index: int, position: int, stream: UUID, version: int, name: str, state: bytes) -> bytes:
    """Leaf data of a stored fact; its leaf is ``merkle.leaf_hash`` of it.

    ``index``: place in the log, without gaps from 0. ``position``: place in the order of all facts, with gaps.
    ``name``: the stored name. Integers are big-endian, 64 bits; lengths 32. Raises struct.error if one is outside.
    """
    named = name.encode()
    head = _HEAD.pack(index, position, stream.bytes, version, len(named))
    return b"".join((MAGIC, head, named, _LENGTH.pack(len(state)), state))
