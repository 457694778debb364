"""Schema of the key store, in the order of the files' names."""
