"""What an inspector takes away: the verifiers that need none of our software running."""
