"""Rows as they came, laid out as a matrix of numbers."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Floats
from checks.errors import Unmeasurable
from checks.schema import Column, Kind
from checks.values import family_of, numbers


def matrix(
    table: pa.Table, columns: Sequence[Column]
) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return the columns that hold numbers, rows × columns; NaN where one is missing.

    A boolean counts as 0 and 1. Columns that the table lacks, that are categorical, or
    whose values cannot be read are left out: the names say which are there.
    """
    names: list[str] = []
    found: list[Floats] = []
    for column in columns:
        values = measured(table, column)
        if values is not None:
            names.append(column.name)
            found.append(values)
    if not found:
        return [], np.empty((table.num_rows, 0))
    laid = np.empty((table.num_rows, len(found)))
    for k in range(len(found)):
        laid[:, k] = found.pop(0)
    return names, laid


def measured(table: pa.Table, column: Column) -> Floats | None:
    """Return a column's numbers, NaN where one is missing; None where it has none.

    A point in time is none here: it is always another one than in training, and would
    be all that rows differ by.
    """
    timeless = column.kind not in (Kind.CATEGORICAL, Kind.DATETIME)
    if not timeless or column.name not in table.column_names:
        return None
    array = table.column(column.name)
    kind = column.kind
    if kind is Kind.BOOLEAN:
        if family_of(array.type) not in ("boolean", "number"):
            return None
        kind, array = Kind.NUMERIC, pc.cast(array, pa.float64(), safe=False)
    values = np.full(len(array), np.nan)
    try:
        told, _ = numbers(array, kind)
    except Unmeasurable:
        return None
    values[np.asarray(pc.is_valid(array))] = told
    values[~np.isfinite(values)] = np.nan
    return values
