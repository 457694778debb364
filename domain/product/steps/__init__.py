"""One file a step of the cycle: its commands and their decisions, in the trade's words."""
