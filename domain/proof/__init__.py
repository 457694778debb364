"""What makes the journal provable to others: the Merkle tree over its facts, and signed checkpoints of it."""
