"""Replay: a story of what windows said and people did, told to the real decisions."""
