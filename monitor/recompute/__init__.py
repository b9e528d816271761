"""Served rows run again through a function, a model or an endpoint, apart from us."""

from monitor.recompute.process import recompute

__all__ = ["recompute"]
