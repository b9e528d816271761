"""When two values are the same: numbers within a tolerance, all else exactly."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks.classes import Bools
from checks.exact import Floats
from checks.schema import Kind
from checks.values import FLOAT_BITS, family_of, held

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


def alike(
    served: pa.Array, recomputed: pa.Array, kind: Kind
) -> tuple[pa.Array, pa.Array]:
    """Return both sides as one type, where one was logged as text or as a number.

    That is a matter of the schema; what is compared here is what the values mean. A
    side one of whose values means nothing of the kind stays as it is.
    """
    sides = (served, recomputed)
    families = [family_of(side.type) for side in sides]
    read = {Kind.NUMERIC: ("number", _numbers), Kind.DATETIME: ("time", _moments)}
    if kind not in read or families[0] == families[1]:
        return sides
    wanted, reading = read[kind]
    if wanted not in families:
        return sides
    ours, theirs = (
        side if family == wanted else reading(side, family)
        for side, family in zip(sides, families, strict=True)
    )
    return ours, theirs


def _numbers(values: pa.Array, family: str) -> pa.Array:
    if family != "text":
        return values
    try:
        return pc.cast(values, pa.float64())
    except pa.ArrowInvalid:
        return values


ZONED, NAIVE = pa.timestamp("us", "UTC"), pa.timestamp("us")
SCALES = ((1e11, 1_000_000.0), (1e14, 1_000.0), (1e17, 1.0), (np.inf, 1e-3))
"""Numbers up to which times are in seconds, milli-, micro- and nanoseconds."""


def _moments(values: pa.Array, family: str) -> pa.Array:
    if family == "number" and len(values.drop_null()):
        numbers = pc.cast(values, pa.float64(), safe=False)
        middle = abs(pc.quantile(numbers, 0.5)[0].as_py())
        scale = next(scale for most, scale in SCALES if middle < most)
        micros = pc.cast(pc.round(pc.multiply(numbers, scale)), pa.int64(), safe=False)
        return pc.cast(micros, NAIVE)
    for kind in (ZONED, NAIVE) if family == "text" else ():
        with suppress(pa.ArrowInvalid):
            return pc.cast(values, kind)
    return values


def instants(array: pa.Array) -> pa.Array:
    """Return times in UTC to the microsecond, null where there is none."""
    kind = array.type
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        same = pa.time64("us") if pa.types.is_time(kind) else pa.duration("us")
        array = pc.cast(pc.cast(array, same, safe=False), pa.int64())
    zone = getattr(kind, "tz", None)
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
