"""What a silence may name of an incident, and what people say of one."""

from enum import StrEnum

MATCHED = ("model", "monitor", "family", "check", "column", "segment")
"""What a silence may name of an incident."""


class Judgement(StrEnum):
    """What a person says of an incident, having looked at it."""

    REAL = "real"
    NOISE = "noise"
    EXPECTED = "expected"
