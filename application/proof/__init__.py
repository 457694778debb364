"""The log kept: tiles of the Merkle tree over all facts, signed checkpoints, what witnesses and authorities add."""
