"""Small profiles for doctests and tests, made the way the daemon makes them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from checks.bins import LevelBins, NumericBins
from checks.column import LevelProfile, NumericProfile, level_counts
from checks.dependence import Dependence
from checks.profile import Bins, Profile
from checks.reference import Reference
from checks.rows import Values
from checks.samples import Known
from checks.schema import Column, Kind, Role, Schema
from checks.values import numbers

REFERENCE = tuple(float(i) for i in range(100))
"""What `column` fits its bins on unless told."""


def column(
    values: Iterable[float | None], like: Iterable[float | None] = REFERENCE
) -> NumericProfile:
    """Profile numbers in bins that are fitted on `like`."""
    named = Column(name="x", kind=Kind.NUMERIC)
    fitted = pa.chunked_array([pa.array(list(like), pa.float64())])
    array = pa.chunked_array([pa.array(list(values), pa.float64())])
    bins = NumericBins.fit(numbers(fitted, Kind.NUMERIC)[0])
    return NumericProfile.of(named, bins, array)


def levels(counts: Mapping[str, int], like: LevelProfile | None = None) -> LevelProfile:
    """Profile a categorical column, in the bins of another one (its own if none)."""
    named = Column(name="x", kind=Kind.CATEGORICAL)
    rows = [level for level, count in counts.items() for _ in range(count)]
    array = pa.chunked_array([pa.array(rows, pa.string())])
    bins = LevelBins.fit(level_counts(array)) if like is None else like.bins
    return LevelProfile.of(named, bins, array)


def gathered(rows: Iterable[Any], kind: Kind = Kind.NUMERIC) -> Values:
    """Gather the raw values of one column."""
    array = pa.chunked_array([pa.array(list(rows))])
    return Values.of(Column(name="x", kind=kind), array)


def reference(
    table: Mapping[str, Sequence[Any]],
    block_rows: tuple[int, ...] = (),
    quiet: tuple[float, ...] = (),
    roles: Mapping[str, Role] | None = None,
) -> Reference:
    """Make a reference of a small table: text is categorical, all else numeric.

    `roles` says what columns are that are no features; the table may lack them.
    """
    arrow = pa.table(dict(table))
    roles = roles or {}
    absent = [
        Column(name=name, kind=Kind.CATEGORICAL, role=role)
        for name, role in roles.items()
        if name not in table
    ]
    bins = Bins.fit(Schema.of([*_columns(arrow, roles), *absent]), arrow)
    whole = Reference.of(bins, [bins.profile(arrow)], timed=False)
    return replace(whole, block_rows=block_rows, quiet=quiet)


def _columns(
    table: pa.Table, roles: Mapping[str, Role] | None = None
) -> Iterator[Column]:
    for field in table.schema:
        text = pa.types.is_string(field.type)
        kind = Kind.CATEGORICAL if text else Kind.NUMERIC
        if pa.types.is_boolean(field.type):
            kind = Kind.BOOLEAN
        role = (roles or {}).get(field.name, Role.FEATURE)
        yield Column(name=field.name, kind=kind, role=role)


def window(reference: Reference, table: Mapping[str, Sequence[Any]]) -> Profile:
    """Profile a small table in the bins of a reference."""
    return reference.bins.profile(pa.table(dict(table)))


def rows(table: Mapping[str, Sequence[Any]]) -> pa.Table:
    """Return a small table of rows as a window keeps them."""
    return pa.table(dict(table))


def known(
    table: Mapping[str, Sequence[Any]], stretches: Sequence[pa.Table] = ()
) -> Known:
    """Keep rows of a small table, as a reference does; text is categorical."""
    arrow = pa.table(dict(table))
    features = tuple(_columns(arrow))
    return Known(
        features=features,
        rows=arrow,
        stretches=tuple(stretches),
        dependence=Dependence.of(stretches or [arrow], features, None),
    )
