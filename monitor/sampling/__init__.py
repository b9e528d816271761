"""Which rows of the full traffic are looked at, and how many rows each stands for."""

from monitor.sampling.decider import Decider
from monitor.sampling.sampled import Sampled, sampled

__all__ = ["Decider", "Sampled", "sampled"]
