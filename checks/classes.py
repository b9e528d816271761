"""Labels, predictions and scores as they arrive, read into plain arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.errors import ProfileError
from checks.exact import Floats
from checks.values import family_of

Bools = npt.NDArray[np.bool_]
Values = Any
"""A NumPy array, a sequence, or an Arrow array, chunked or not."""


def arrow(values: Values) -> pa.Array:
    """Return the values as one Arrow array; NaN among NumPy's objects becomes null."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if not isinstance(values, pa.Array):
        values = pa.array(values, from_pandas=True)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values


def floats(values: Values) -> Floats:
    """Return the values as float64, with NaN where nothing is.

    Raises ProfileError when they are not numbers.
    """
    array = arrow(values)
    if family_of(array.type) not in ("number", "boolean", "empty"):
        msg = f"the values are {array.type}, which is no number"
        raise ProfileError(msg)
    if pa.types.is_boolean(array.type):
        array = pc.cast(array, pa.int8())
    array = pc.cast(array, pa.float64(), safe=False)
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Which rows are of the positive class, and which are of either class at all."""

    positive: Bools
    known: Bools
    missing: Bools

    @property
    def refused(self) -> int:
        """Rows whose value is neither class."""
        return int(np.count_nonzero(~self.known & ~self.missing))


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """The names of the two classes.

    Booleans and the numbers 0 and 1 need none. Where only `positive` is named, and is
    neither true, 0 nor 1, every other value is of the negative class; name both, and
    a value that is neither is refused and counted.
    """

    positive: str | float | bool = 1
    negative: str | float | bool | None = None

    def read(self, values: Values) -> Membership:
        """Sort values into the classes.

        Raises ProfileError for text while the positive class has no name in text.
        """
        array = arrow(values)
        missing = np.asarray(pc.is_null(array, nan_is_null=True))
        if family_of(array.type) in ("text", "other"):
            return self._texts(pc.cast(array, pa.string()), missing)
        return self._numbers(floats(array), missing)

    def _texts(self, array: pa.Array, missing: Bools) -> Membership:
        if not isinstance(self.positive, str):
            msg = "the labels are text: name the positive class"
            raise ProfileError(msg)
        positive = _equal(array, self.positive)
        if self.negative is None:
            return Membership(positive=positive, known=~missing, missing=missing)
        known = positive | _equal(array, str(self.negative))
        return Membership(positive=positive, known=known, missing=missing)

    def _numbers(self, values: Floats, missing: Bools) -> Membership:
        one = _number(self.positive)
        positive = values == one
        if self.negative is not None:
            known = positive | (values == _number(self.negative))
        elif one in (0.0, 1.0):
            known = positive | (values == 1.0 - one)
        else:
            known = ~missing
        return Membership(positive=positive, known=known, missing=missing)


def _equal(array: pa.Array, name: str) -> Bools:
    return np.asarray(pc.fill_null(pc.equal(array, name), fill_value=False))


def _number(name: str | float) -> float:
    try:
        return float({"true": 1, "false": 0}.get(str(name).lower(), name))
    except ValueError:
        msg = f"the labels are numbers, and the class {name!r} is none"
        raise ProfileError(msg) from None
