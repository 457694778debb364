"""The OCOP programme itself: facts, decisions and the law. No clock, no I/O, no HTTP."""
