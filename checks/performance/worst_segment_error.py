"""The segment of the rows in which the model errs most more than it did."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Floats
from checks.errors import OptionError, Unmeasurable
from checks.metric import rise
from checks.outcomes import RegressionOutcomes
from checks.performance.mae import measure
from checks.registry import Subject, Task, check
from checks.sample import arrow
from checks.samples import LOSS, Known
from checks.schema import Kind, Role
from checks.search import halves, rising
from checks.segment import Segment, members
from checks.statistic import Statistic
from checks.verdict import Family

FEWEST = 10
"""Rows of a segment below which errors are not compared."""


@check(
    "worst_segment_error",
    family=Family.PERFORMANCE,
    subject=Subject.SAMPLE,
    threshold=0.25,
    kinds=(Kind.NUMERIC, Kind.CATEGORICAL, Kind.BOOLEAN),
    roles=(Role.FEATURE, Role.SEGMENT),
    tasks=(Task.BINARY_CLASSIFICATION, Task.REGRESSION),
)
def worst_segment_error(
    reference: Known, current: pa.Table, *, smallest: int = 100
) -> Statistic:
    """Find the segment in which the model's error has risen most, and measure the rise.

    The error is the share of wrong classes (a score of at least 0.5 is the positive
    one, where there is no prediction), or the mean absolute error of a regression. The
    segments are those of `worst_segment`, and as there one half of the labelled rows
    that are kept is searched, and the other, unseen, measured. The value is relative:
    0.25, the default threshold, is a quarter more errors in the segment than it had in
    the reference.

    Blind to a loss that comes without wrong classes (use `log_loss`), to three
    conditions at once, and to rare segments: of a window at most 5,000 rows are kept,
    where declared `segments` are counted in full. It waits for labels.

    Source: the search is that of Chung, Kraska, Polyzotis, Tae and Whang, "Slice
    Finder", ICDE 2019, over at most two literals; the interval of the rise is by the
    delta method on the log scale.

    >>> from checks.example import known, rows
    >>> region = ["EU", "US"] * 1000
    >>> some = [float(i % 10 in (0, 1)) for i in range(2000)]
    >>> more = [float(i % 10 in (0, 1, 2, 4)) for i in range(2000)]
    >>> usual = known({"region": region, LOSS: some}).among(["region"])
    >>> found = worst_segment_error(usual, rows({"region": region, LOSS: more}))
    >>> found.segment, round(found.at_reference, 1), round(found.at_current, 1)
    ('region = EU', 0.2, 0.6)
    """
    if smallest < 2 * FEWEST:
        msg = f"option 'smallest' is {smallest}, and at least {2 * FEWEST} are needed"
        raise OptionError(msg)
    (was, before), (seen, unseen) = map(halves, map(_known, (reference.rows, current)))
    segment = rising(
        was,
        seen,
        reference.features,
        _losses(was),
        _losses(seen),
        smallest=smallest // 2,
    )
    usual, now = (_losses(_inside(rows, segment)) for rows in (before, unseen))
    if min(len(usual), len(now)) < FEWEST:
        cause = f"too few rows of the segment {segment.name} are left to measure"
        raise Unmeasurable(cause)
    found = rise(measure, _outcomes(usual), _outcomes(now))
    told = f"the error has risen most where {segment.name}"
    widened = found.widened(reference.effect(LOSS, len(now)))
    return replace(widened, segment=segment.name, detail=told)


def _known(rows: pa.Table) -> pa.Table:
    """Return the rows whose loss is known; raises Unmeasurable when there are none."""
    if LOSS in rows.column_names:
        found = rows.filter(pc.is_finite(rows.column(LOSS)))
        if found.num_rows:
            return found
    cause = "no labels have come yet"
    raise Unmeasurable(cause)


def _losses(rows: pa.Table) -> Floats:
    return np.asarray(rows.column(LOSS), dtype=np.float64)


def _inside(rows: pa.Table, segment: Segment) -> pa.Table:
    ((_, places),) = members([segment], rows.column, rows.num_rows)
    return rows.take(arrow(places))


def _outcomes(losses: Floats) -> RegressionOutcomes:
    """Return outcomes whose absolute errors are the losses."""
    return RegressionOutcomes.of(np.zeros(len(losses)), losses)
