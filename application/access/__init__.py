"""Who comes in: how a person proves who they are. What they may do is decided elsewhere."""
