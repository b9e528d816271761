"""When two values are the same: numbers within a tolerance, all else exactly."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks.classes import Bools
from checks.exact import Floats
from checks.values import FLOAT_BITS, held

TOLERANCE = 1e-6
"""The relative difference up to which two numbers count as equal."""
CANCELLED = 1e-6
"""The absolute one, as a share of the relative: 1e-12, for sums that cancel to zero."""
FINEST = 2.0**-52
"""A relative difference below this one may be lost where integers become floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far apart two numbers are that count as equal: either bound is enough."""

    relative: float = TOLERANCE
    absolute: float = 0.0


def instants(array: pa.Array) -> pa.Array:
    """Return times in UTC to the microsecond, null where there is none."""
    zone = getattr(array.type, "tz", None)
    times = pc.cast(array, pa.timestamp("us", zone), safe=False)
    return pc.cast(times, pa.timestamp("us"), safe=False) if zone else times


def whole(served: pa.Array, recomputed: pa.Array) -> Bools | None:
    """Return where two columns of integers are equal, to the last digit.

    None where float64 tells as much.
    """
    sides = served, recomputed
    if not all(pa.types.is_integer(side.type) for side in sides):
        return None
    if all(
        side.type.bit_width <= FLOAT_BITS or held(side.drop_null()) for side in sides
    ):
        return None
    exact = (pc.cast(side, pa.decimal128(20, 0)) for side in sides)
    return np.asarray(pc.fill_null(pc.equal(*exact), fill_value=False))


def near(
    served: Floats, recomputed: Floats, tolerance: Tolerance, exact: Bools | None
) -> Bools:
    """Tell which numbers are within the tolerance; `exact` where floats hide digits."""
    larger = np.maximum(np.abs(served), np.abs(recomputed))
    far = tolerance.relative * (larger + CANCELLED)
    with np.errstate(invalid="ignore"):
        close = np.abs(served - recomputed) <= np.maximum(far, tolerance.absolute)
    # Infinities are equal to themselves, though their difference is no number.
    same = (close & np.isfinite(larger)) | (served == recomputed)
    return np.asarray(same if exact is None else same & exact)


def equal(served: pa.Array, recomputed: pa.Array) -> Bools:
    """Tell which values are equal; null is equal to nothing."""
    return np.asarray(pc.fill_null(pc.equal(served, recomputed), fill_value=False))
