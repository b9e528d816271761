"""Drift of one column between two profiles: one statistic a file."""
