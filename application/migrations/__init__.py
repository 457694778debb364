"""Numbered SQL files, applied once each and in order; forward only."""
