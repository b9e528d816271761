"""What a check measured, with how sure it is."""

import math
from dataclasses import dataclass, field, replace

from checks.interval import Z, student_point, student_tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What another system's own rule says of a statistic.

    `crossed` is the rule's answer, to the letter of its inequality; `threshold` is
    where it lies on the scale of the statistic's value, None where no rule is set.
    """

    crossed: bool
    threshold: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """A measured difference between a reference and a current profile.

    A larger `value` is always farther from the reference. `low` and `high` bound the
    true effect with 95 % confidence; `p_value` is the two-sample probability of a
    difference this large if nothing had changed (None where the check is an exact
    comparison with no chance in it). `n_reference` and `n_current` are rows.
    `hidden` bounds what binning may hide: the value on the raw rows lies within
    `value ± hidden`. `at_reference` and `at_current` are the plain measure on either
    side (a missing share of 0.02 and 0.10), and `detail` is a phrase for people.
    `explained_by` names the columns, or pairs `a ~ b`, that make the value what it is,
    each with its share of it, the largest first: at most ten; empty for a check of one
    column.
    `segment` names the rows that a check has searched out by itself; the verdict
    carries it. `usual` says that the p-value is that of the stream's own stretches,
    which differ as much, and not that of the rows, which alone would be smaller.
    `attainable` are the p-values up to 0.05 that the test could have given at all,
    given what it conditions on; None where any could come.
    `ruling` is set where another system's rule decides instead of the two keys.

    Raises ValueError when a number is not finite: a check that cannot give a finite
    answer raises Unmeasurable instead.
    """

    value: float
    low: float
    high: float
    p_value: float | None
    n_reference: int
    n_current: int
    hidden: float = 0.0
    at_reference: float | None = None
    at_current: float | None = None
    detail: str = ""
    explained_by: tuple[tuple[str, float], ...] = ()
    segment: str | None = field(default=None, compare=False)
    usual: bool = False
    attainable: tuple[float, ...] | None = None
    ruling: Ruling | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that are not finite, and probabilities that are none."""
        for name in ("value", "low", "high", "hidden", "at_reference", "at_current"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                msg = f"{name} is {number}: a statistic is finite"
                raise ValueError(msg)
        if self.p_value is not None and not 0.0 <= self.p_value <= 1.0:
            msg = f"p_value is {self.p_value}: a probability lies in [0, 1]"
            raise ValueError(msg)

    def widened(self, effect: float, stretches: int = 0) -> "Statistic":
        """Return the statistic as it is when rows are not independent.

        `effect` is the design effect, the factor on the variance: both arms of the
        interval grow by its root, and the p-value becomes the tail of the distance
        from zero in units of the widened arm. The effect is known from so many
        `stretches` of the reference: the fewer they are, the heavier is the tail
        (Student's t; normal where they are not said).

        >>> found = Statistic(
        ...     value=0.3, low=0.1, high=0.5, p_value=0.002, n_reference=9, n_current=9
        ... )
        >>> wide = found.widened(4.0)
        >>> round(wide.low, 3), round(wide.high, 3), round(wide.p_value, 3)
        (-0.1, 0.7, 0.071)
        >>> few = found.widened(4.0, stretches=5)
        >>> round(few.low, 3), round(few.p_value, 3)
        (-0.267, 0.108)
        """
        below, above = self.value - self.low, self.high - self.value
        if effect <= 1.0 or below <= 0.0:
            return self
        degrees = stretches - 1 if stretches > 1 else math.inf
        root = math.sqrt(effect)
        wide = root * student_point(degrees) / Z
        return replace(
            self,
            low=self.value - below * wide,
            high=self.value + above * wide,
            p_value=student_tail(Z * self.value / (below * root), degrees),
        )
