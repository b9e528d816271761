"""What is known of one window, for every check to look at its part of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from checks.delays import Arrived
from checks.errors import Unmeasurable
from checks.outcomes import Outcomes
from checks.pairs import Pairs
from checks.profile import Profile
from checks.registry import Subject
from checks.rows import Values
from checks.samples import Known
from checks.statistic import Statistic
from checks.traffic import Captured

Walk = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""How independent work is walked over: `map`, or that of an executor with threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one window.

    `pairs` is None where no recomputed features are configured; an empty mapping
    means that nothing could be joined. `known` and `sample` are rows of the reference
    and of the window, None where no check looks at rows. The outcomes are None where
    no labels are configured. Each `*_cause` says in that case, or where reading
    failed, why.

    `outcome_effects` are the design effects of the metrics, by check, and
    `outcome_weights` is that of the labelled rows' weights. `segments` holds
    the same of each declared segment's rows. `centre` is the middle of the window in
    microseconds since 1970; None where its rows carry no time. `span` is when it began
    and ended, likewise; None where nobody cut it.

    `arrived` is how many labels have come, None where that is not known.

    `values` reads one column's rows of the reference and of the window, and raises
    Unmeasurable where they cannot be had; `walk` may do so side by side.
    """

    profile: Profile
    centre: int | None = None
    known: Known | None = None
    sample: pa.Table | None = None
    sample_cause: str = "no rows were kept"
    span: tuple[int, int] | None = None
    pairs: Mapping[str, Pairs] | None = None
    pairs_cause: str = "no recomputed features are configured"
    reference_outcomes: Outcomes | None = None
    outcomes: Outcomes | None = None
    outcome_effects: Mapping[str, float] = field(default_factory=dict)
    outcome_weights: float = 1.0
    outcomes_cause: str = "no labels have come yet"
    arrived: Arrived | None = None
    values: Callable[[str], tuple[Values, Values]] | None = None
    values_cause: str = "the rows themselves are not at hand"
    walk: Walk = map
    segments: Mapping[str, "Evidence"] = field(default_factory=dict)
    found: Mapping[str, Statistic | str] = field(default_factory=dict)
    captured: Captured = field(default_factory=Captured)

    def labelled(self, subject: Subject) -> tuple[Any, ...]:
        """Return what labels say, or how many of them have come.

        Raises Unmeasurable where nothing is known of them.
        """
        if subject is Subject.LABELS and self.arrived is not None:
            return (self.arrived,)
        known = self.reference_outcomes, self.outcomes
        if subject is Subject.LABELS or None in known:
            raise Unmeasurable(self.outcomes_cause)
        return known
