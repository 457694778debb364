"""The log's signing key, in a file or a setting, never in the database that it vouches for."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.seals import secret_of
from application.settings import Settings
from domain.proof.note import BadNote, Checkpoint, Key, sign, verify


@dataclass(frozen=True)
class LogKey:
    """Signs checkpoints under the log's name, ``origin``."""

    private: Ed25519PrivateKey = field(repr=False)
    origin: str

    @classmethod
    def of(cls, settings: Settings) -> "LogKey":
        """The key of these settings, made at first use; without a name given the log is called after its key."""
        private = Ed25519PrivateKey.from_private_bytes(secret_of(settings.log_key, settings.log_key_file))
        named_after = hashlib.sha256(private.public_key().public_bytes_raw()).hexdigest()[:16]
        return cls(private, settings.log_origin or f"ocop/{named_after}")

    @cached_property
    def key(self) -> Key:
        """Its public part."""
        return Key.of(self.origin, self.private)

    @cached_property
    def vkey(self) -> str:
        """The key as those who verify are given it."""
        return self.key.vkey

    def signed(self, note: str) -> bool:
        """Whether a note bears this key's valid signature."""
        try:
            return bool(verify(note, [self.key])[1])
        except BadNote:
            return False

    def sign(self, checkpoint: Checkpoint) -> str:
        """The checkpoint as a signed note."""
        return sign(checkpoint, self.origin, self.private)
