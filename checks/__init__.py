"""Drift, skew, quality and performance statistics over mergeable profiles: pure, no I/O, no clock."""
