"""driftd: the daemon that watches models in production."""
