"""Read models: each answers one question, in one file, rebuildable by one command. No commands here."""
