"""Whether the rows that are looked at are a fair sample of the full traffic."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from scipy import special

from checks.errors import Unmeasurable
from checks.interval import Z
from checks.registry import Subject, check
from checks.statistic import Statistic
from checks.traffic import ROWS, Captured, Traffic
from checks.verdict import Family
from checks.weight import Weight

FEWEST = 10.0
"""Sampled rows of a kind, and of the others, below which its share is not compared."""


@check(
    "sampling_bias",
    family=Family.QUALITY,
    subject=Subject.CAPTURE,
    threshold=0.05,
    default=True,
    any_rows=True,
)
def sampling_bias(captured: Captured) -> Statistic:
    """Measure by how much the sample tells another share than the full traffic has.

    Of every kind of rows that is counted where all of them pass (those without a value,
    of one segment, of one part of the score) the share that the sample's weights say is
    compared with the true one: 0.2 says that a fifth of such rows is missing, or too
    many. The value is that of the kind whose share is surely off by most; the p-value
    allows for looking at all of them.

    Blind to rows that are lost alike everywhere (use `completeness`), and to what no
    counter tells apart.

    Source: the ratio estimator under independent inclusion, e.g. Särndal, Swensson and
    Wretman, "Model Assisted Survey Sampling" (1992), section 5.6; the binomial
    distribution of the effective rows; Bonferroni.

    >>> full = Traffic.named({"rows": 9000, "level/plan/pro": 3000})
    >>> sample = Traffic.named({"rows": 8400, "level/plan/pro": 2400})
    >>> found = sampling_bias(Captured(full=full, sample=sample))
    >>> round(found.value, 3), found.p_value < 1e-9, found.detail
    (0.143, True, 'level/plan/pro: 28.57 % of the sample, 33.33 % of the full traffic')
    """
    full, sample = captured.full, captured.sample
    if full is None or sample is None:
        raise Unmeasurable(captured.cause)
    whole, seen = full.counts.get(ROWS), sample.counts.get(ROWS)
    if whole is None or not whole.rows:
        cause = "the counters of the full traffic have no rows in this window"
        raise Unmeasurable(cause)
    if seen is None or not seen.rows:
        cause = "the window has no rows"
        raise Unmeasurable(cause)
    found = list(_gaps(full, sample))
    if not found:
        cause = "no kind of rows that is counted has enough of them in the sample"
        raise Unmeasurable(cause)
    worst = min(found, key=lambda gap: (-gap.low, gap.p_value))
    return Statistic(
        value=worst.value,
        low=worst.low,
        high=worst.value + Z * worst.error / worst.true,
        p_value=min(1.0, len(found) * worst.p_value),
        n_reference=whole.rows,
        n_current=seen.rows,
        at_reference=worst.true,
        at_current=worst.share,
        detail=f"{worst.name}: {100 * worst.share:.2f} % of the sample, "
        f"{100 * worst.true:.2f} % of the full traffic",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gap:
    """The share of one kind of rows, as the sample and as the full traffic tell it."""

    name: str
    share: float
    true: float
    error: float

    @property
    def value(self) -> float:
        """By which part of the true share the sample's is off."""
        return abs(self.share / self.true - 1)

    @property
    def low(self) -> float:
        """The least that it surely is off by."""
        return max(0.0, self.value - Z * self.error / self.true)

    @property
    def p_value(self) -> float:
        """The two-sided p-value that the sample is a fair one.

        That of the binomial distribution of as many rows as are as unsure: few rows
        of a kind lie farther from their number than the normal distribution says.
        """
        if not self.error:
            return 0.0 if self.share != self.true else 1.0
        rows = self.true * (1 - self.true) / self.error**2
        kind, others = self.share * rows, (1 - self.share) * rows
        more = special.betainc(kind, others + 1, self.true) if kind else 1.0
        fewer = special.betainc(others, kind + 1, 1 - self.true) if others else 1.0
        return float(min(1.0, 2 * min(more, fewer)))


def _gaps(full: Traffic, sample: Traffic) -> Iterator[_Gap]:
    whole, seen = full.counts[ROWS].rows, sample.counts[ROWS]
    kinds = (name for name in sorted(full.counts) if "/" in name)
    for name in kinds:
        true = full.count(name) / whole
        expected = true * seen.rows
        if min(expected, seen.rows - expected) < FEWEST:
            continue
        held = sample.counts.get(name, Weight())
        # Were the sample fair, so many of its rows would be of the kind.
        mine, others = _spread(held, seen), _spread(_less(seen, held), seen)
        spread = true * (1 - true) ** 2 * mine + (1 - true) * true**2 * others
        # Rows that were lost by chance are a sample as well.
        lost = max(0.0, 1 - seen.traffic / whole)
        spread += true * (1 - true) * lost
        yield _Gap(
            name=name,
            share=held.traffic / seen.traffic,
            true=true,
            error=math.sqrt(spread / seen.traffic),
        )


def _spread(held: Weight, seen: Weight) -> float:
    """Return the variance that each row of some of the traffic adds to their number.

    Where none of them are looked at, it is that of all rows.
    """
    some = held if held.total else seen
    return some.variance / some.traffic


def _less(seen: Weight, held: Weight) -> Weight:
    """Return the rows that are not of a kind."""
    return replace(
        seen,
        rows=seen.rows - held.rows,
        total=seen.total - held.total,
        squares=seen.squares - held.squares,
    )
