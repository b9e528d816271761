"""Wasserstein distance, on raw rows."""

import numpy as np

from checks.bins import NumericBins
from checks.compare import measurable
from checks.drift.wasserstein import Chance
from checks.ecdf import distributions, scale_of
from checks.interval import Z
from checks.overlay import Overlay
from checks.registry import Facet, Subject, check
from checks.rows import Values
from checks.schema import Kind
from checks.statistic import Statistic
from checks.verdict import Family


@check(
    "exact_wasserstein",
    family=Family.DRIFT,
    facet=Facet.VALUES,
    subject=Subject.VALUES,
    threshold=0.1,
    kinds=(Kind.NUMERIC, Kind.DATETIME),
)
def exact_wasserstein(reference: Values, current: Values) -> Statistic:
    """Measure how far the mass has moved, in the reference's deviations, on the rows.

    What `wasserstein` bounds from the profile, without anything hidden: the column is
    read again, on both sides. The area between the two distribution functions, over
    the standard deviation of the reference's rows that it is compared with. The
    interval and the p-value are made as those of `wasserstein`, with the exact area.

    Blind to nothing in one column, but a movement of rare values may be too small to
    matter in the average (use `out_of_range` or `exact_kolmogorov_smirnov`). It costs
    reading the column again: where `hidden` of `wasserstein` is small, that one tells
    the same.

    Source: `scipy.stats.wasserstein_distance` over `numpy.std(reference)`, to 1e-12;
    for chance see `wasserstein`.

    >>> from checks.example import gathered
    >>> found = exact_wasserstein(gathered(range(100)), gathered(range(20, 120)))
    >>> round(found.value, 4), round(found.low, 2), found.hidden
    (0.6929, 0.42, 0.0)
    """
    measurable(reference, current)
    bins = NumericBins.fit_sorted(reference.numbers)
    profiles = reference.profile(bins), current.profile(bins)
    std = scale_of(*profiles)
    chance = Chance.of(*profiles, distributions(*profiles))
    value = Overlay.of(reference.numbers, current.numbers).area
    ends = reference.numbers[[0, -1]]
    below, above = np.searchsorted(current.numbers, ends).tolist()
    beyond = (ends[0] - current.numbers[:below]).sum()
    beyond += (current.numbers[above:] - ends[1]).sum()
    return Statistic(
        value=value / std,
        low=max(0.0, value - chance.bias - Z * chance.spread) / std,
        high=(value + Z * chance.spread) / std,
        p_value=chance.p_value(max(0.0, value - float(beyond) / current.n)),
        n_reference=reference.n,
        n_current=current.n,
        at_reference=float(np.mean(reference.numbers)),
        at_current=float(np.mean(current.numbers)),
    )
