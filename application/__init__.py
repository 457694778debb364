"""The way a command goes: authorise, decide, append; the store, its database and settings. No HTTP."""
