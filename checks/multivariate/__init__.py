"""Checks of how columns go together, made on rows that were kept."""
