"""Two row samples as the frames that evidently takes, and what it cannot take.

evidently guesses what a column is from its values; here it is told. One column that it
cannot take would cost the whole report, so such a column is left out and named.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from checks.schema import Column, Kind, Role, Schema

_MARKUP = re.compile(r"<(?=[/!?A-Za-z])")
MOST = 100
"""Columns of one report: what is drawn of more takes minutes and nobody scrolls it."""
_UNDRAWN = (Role.ID, Role.TIMESTAMP, Role.IGNORED)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frames:
    """Both sides with the same columns, by kind, and why other columns are not here."""

    reference: pd.DataFrame
    current: pd.DataFrame
    kinds: Mapping[str, Kind]
    left_out: Mapping[str, str]

    def of_kind(self, *kinds: Kind) -> list[str]:
        """Return the names of the columns of some kinds, in order."""
        return [name for name, kind in self.kinds.items() if kind in kinds]

    def without(self, causes: Mapping[str, str]) -> "Frames":
        """Return them with some columns left out, for the causes given."""
        return Frames(
            reference=self.reference.drop(columns=list(causes)),
            current=self.current.drop(columns=list(causes)),
            kinds={n: kind for n, kind in self.kinds.items() if n not in causes},
            left_out={**self.left_out, **causes},
        )


def frames(
    schema: Schema, reference: pa.Table, current: pa.Table, *, most: int = MOST
) -> Frames:
    """Turn two samples into frames, column by column, the first ones of the schema."""
    kept: dict[str, tuple[pd.Series, pd.Series]] = {}
    left_out: dict[str, str] = {}
    kinds: dict[str, Kind] = {}
    for column in schema:
        if column.role in _UNDRAWN:
            continue
        name = inert(column.name)
        if len(kept) == most:
            left_out[name] = f"more than {most} columns"
            continue
        try:
            kept[name] = (
                _series(reference, column, "the reference"),
                _series(current, column, "the window"),
            )
        except (ValueError, pa.ArrowException) as error:
            left_out[name] = str(error)
        else:
            kinds[name] = column.kind
    return Frames(
        reference=pd.DataFrame({name: both[0] for name, both in kept.items()}),
        current=pd.DataFrame({name: both[1] for name, both in kept.items()}),
        kinds=kinds,
        left_out=left_out,
    )


def inert(text: str) -> str:
    """Rewrite what a browser would take for markup; evidently writes it as it is.

    >>> inert("</script><script>alert(1)</script>, 1 < 2")
    '< /script>< script>alert(1)< /script>, 1 < 2'
    """
    return _MARKUP.sub("< ", text)


def _series(table: pa.Table, column: Column, side: str) -> pd.Series:
    """Return one column as evidently takes it; raises ValueError with the reason."""
    if column.name not in table.column_names:
        msg = f"not in {side}"
        raise ValueError(msg)
    values = table.column(column.name)
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    if pa.types.is_nested(values.type):
        msg = f"holds nested values in {side}"
        raise ValueError(msg)
    found = _MAKERS[column.kind](values)
    if not found.notna().any():
        msg = f"no values in {side}"
        raise ValueError(msg)
    return found


def _numeric(values: pa.ChunkedArray) -> pd.Series:
    """Return numbers; what is not finite is missing, as a histogram needs ends."""
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        values = pc.cast(values, pa.float64())
    found = np.asarray(pc.cast(values, pa.float64(), safe=False), dtype=np.float64)
    return pd.Series(np.where(np.isfinite(found), found, np.nan))


def _datetime(values: pa.ChunkedArray) -> pd.Series:
    """Return times in UTC without a zone, which no plot can take."""
    moments = pc.cast(values, pa.timestamp("us"), safe=False)
    return pd.Series(np.asarray(moments, dtype="datetime64[us]"))


def _text(values: pa.ChunkedArray) -> pd.Series:
    """Return categories as texts of Python's, missing ones as None."""
    texts = pc.cast(values, pa.string()).to_pylist()
    return pd.Series(
        [None if text is None else inert(text) for text in texts], dtype=object
    )


_MAKERS: Mapping[Kind, Callable[[pa.ChunkedArray], pd.Series]] = {
    Kind.NUMERIC: _numeric,
    Kind.DATETIME: _datetime,
    Kind.CATEGORICAL: _text,
    Kind.BOOLEAN: _text,
}
