"""The segment of the rows in which a column has drifted most."""

from dataclasses import replace
from typing import Annotated

import pyarrow as pa

from checks.drift.jensen_shannon import jensen_shannon
from checks.errors import Unmeasurable
from checks.option import Range
from checks.profile import Bins
from checks.registry import Subject, check
from checks.sample import arrow
from checks.samples import Known
from checks.schema import Kind, Role, Schema
from checks.search import halves, worst
from checks.segment import Segment, members
from checks.statistic import Statistic
from checks.verdict import Family

FEWEST = 10
"""Rows of a segment below which its columns are not compared."""
Smallest = Annotated[int, Range(least=2 * FEWEST)]
"""Rows of a segment: half of them are searched, the other half measured."""


@check(
    "worst_segment",
    family=Family.DRIFT,
    subject=Subject.SAMPLE,
    threshold=0.1,
    most=1.0,
    kinds=(Kind.NUMERIC, Kind.CATEGORICAL, Kind.BOOLEAN),
    roles=(Role.FEATURE, Role.SEGMENT),
)
def worst_segment(
    reference: Known, current: pa.Table, *, smallest: Smallest = 100
) -> Statistic:
    """Find the segment in which a column has drifted most, and measure that drift.

    A segment is one quarter of a numeric column, or one of the commonest levels of a
    categorical one, or two of these together, such as `region = EU and age < 30`; both
    samples have at least `smallest` rows in it. Times are neither compared nor divided
    by, since those of a window always differ. One half of the kept samples is
    searched, and what is found there is measured on the other, which the search has not
    seen: so that its p-value needs no correction for all the segments that were looked
    at, and its interval is that of any one column (a split sample; Cox, Biometrika 62,
    1975). The value is the `jensen_shannon` distance of the column
    that differs most, in the segment, from its distribution there in the reference.

    Blind to a segment that keeps its columns and only grows or shrinks (use
    `jensen_shannon` on the column that divides it), to three conditions at once, and
    to rare segments: it looks at kept samples, at most 5,000 rows, where declared
    `segments` are counted in full. When all rows have drifted, a segment that has
    drifted no more than others is named.

    Source: the search is that of Chung, Kraska, Polyzotis, Tae and Whang, "Slice
    Finder", ICDE 2019, over at most two literals, with drift in the place of loss.

    >>> from checks.example import known, rows
    >>> region, x = ["EU", "US"] * 1000, [float(i % 97) for i in range(2000)]
    >>> usual = known({"region": region, "x": x})
    >>> moved = [v / 2 if r == "EU" else v for v, r in zip(x, region, strict=True)]
    >>> found = worst_segment(usual, rows({"region": region, "x": moved}))
    >>> found.segment, found.detail, found.p_value < 1e-6
    ('region = EU', 'x has changed most where region = EU', True)
    """
    (was, before), (seen, unseen) = halves(reference.rows), halves(current)
    found = worst(was, seen, reference.features, smallest=smallest // 2)
    column = next(c for c in reference.features if c.name == found.column)
    known, now = (_inside(rows, found.segment) for rows in (before, unseen))
    if min(known.num_rows, now.num_rows) < FEWEST:
        cause = f"too few rows of the segment {found.segment.name} are left to measure"
        raise Unmeasurable(cause)
    bins = Bins.fit(Schema.of([column]), before)
    effect = reference.effect(column.name, now.num_rows)
    measured = jensen_shannon(
        *(
            replace(bins.counts(rows).columns[column.name], design_effect=effect)
            for rows in (known, now)
        )
    )
    rarity = reference.rarity(column.name, known, now)
    name = found.segment.name
    told = f"{column.name} has changed most where {name}"
    return replace(
        measured,
        p_value=max(measured.p_value or 0.0, rarity),
        usual=rarity > (measured.p_value or 0.0),
        segment=name,
        detail=told,
        explained_by=((column.name, 1.0),),
    )


def _inside(rows: pa.Table, segment: Segment) -> pa.Table:
    """Return the rows that lie in a segment."""
    ((_, places),) = members([segment], rows.column, rows.num_rows)
    return rows.take(arrow(places))
