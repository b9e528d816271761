"""Statistics of drift, skew, quality and performance over mergeable profiles: pure."""
