"""Which checks a user wants, and what is said of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a user asked of one check; None leaves the check's default."""

    threshold: float | None = None
    warn: float | None = None
    columns: tuple[str, ...] | None = None
    min_rows: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Which checks a user wants: the standard suite or not, and what is said of each.

    `named` checks are added to the standard suite and to the `preset` of another
    system's rules, or replace what these say of them; `off` are taken out.
    """

    standard: bool = True
    preset: str | None = None
    named: Mapping[str, Wish] = field(default_factory=dict)
    off: frozenset[str] = frozenset()


STANDARD = Wishes()
"""The standard suite, as it is."""
