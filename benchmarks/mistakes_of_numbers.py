"""Mistakes in numbers: units, roundings, defaults, codes."""

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.mistakes import Mistake, Rng, Table, number
from benchmarks.mistakes_of_rows import previous
from checks.cause import Nature
from checks.exact import Floats


def _by_carrier(values: Any, table: Table, rng: Rng) -> Floats:  # noqa: ANN401
    del rng
    frame = pd.DataFrame({"c": table["carrier"], "v": values})
    return frame.groupby("c")["v"].transform("mean").to_numpy()


def _half_up(table: Table, rng: Rng) -> Floats:
    table["raw"] = np.round(rng.lognormal(3, 1, len(table["at"])) * 2) / 2
    return np.asarray(np.floor(table["raw"] + 0.5))


N = Nature
FACTORS: tuple[tuple[str, float, str], ...] = (
    ("× 10", 10.0, "× 10"),
    ("× 100", 100.0, "× 100"),
    ("× 1000", 1_000.0, "× 1000"),
    ("÷ 10", 0.1, "× 0.1"),
    ("÷ 100", 0.01, "× 0.01"),
    ("÷ 1000", 0.001, "× 0.001"),
    ("miles as km", 1.609344, "miles → kilometres"),
    ("km as miles", 1 / 1.609344, "kilometres → miles"),
    ("lb as kg", 0.45359237, "pounds → kilograms"),
    ("kg as lb", 2.20462, "kilograms → pounds"),
    ("feet as metres", 0.3048, "feet → metres"),
    ("minutes as seconds", 60.0, "minutes → seconds"),
    ("hours as minutes", 1 / 60, "seconds → minutes"),
    ("the sign", -1.0, "sign"),
)


def _scaled(x: Floats) -> Floats:
    return (x - 62.0) / 14.2


NUMBERS: tuple[Mistake, ...] = (
    *(
        number(name, "amount", lambda x, f=factor: x * f, N.FACTOR, says)
        for name, factor, says in FACTORS
    ),
    number("°F as °C", "temperature", lambda x: (x - 32) / 1.8, N.AFFINE, "°F → °C"),
    number("°C as °F", "temperature", lambda x: x * 1.8 + 32, N.AFFINE, "°C → °F"),
    number("°C as K", "temperature", lambda x: x + 273.15, N.OFFSET, "°C → K"),
    number("standardised", "temperature", _scaled, N.AFFINE),
    number("scaled to 0…1", "temperature", lambda x: (x + 10) / 140, N.AFFINE),
    number("fraction as per cent", "share", lambda x: x * 100, N.FACTOR, "per cent"),
    number("log1p", "amount", np.log1p, N.TRANSFORM, "log1p"),
    number("log", "amount", np.log, N.TRANSFORM, "log("),
    number("log10", "amount", np.log10, N.TRANSFORM, "log10"),
    number("exp", "signed", np.exp, N.TRANSFORM, "exp("),
    number("sqrt", "amount", np.sqrt, N.TRANSFORM, "sqrt"),
    number("logit", "score", lambda x: np.log(x / (1 - x)), N.TRANSFORM, "logit"),
    number("complement", "score", lambda x: 1 - x, N.AFFINE, "other class"),
    number("absolute", "signed", np.abs, N.TRANSFORM, "absolute"),
    number(
        "mpg as l/100 km",
        "parcels",
        lambda x: 235.214583 / np.maximum(x, 1),
        N.TRANSFORM,
        "/ recomputed",
    ),
    number("off by one", "parcels", lambda x: x + 1, N.OFFSET, "+ 1"),
    number("rounded to 1", "price", np.round, N.ROUNDING, "rounded to 1"),
    number(
        "rounded to 0.1",
        "amount",
        lambda x: np.round(x, 1),
        N.ROUNDING,
        "to 0.1",
        fine=True,
    ),
    number(
        "rounded to 0.01",
        "amount",
        lambda x: np.round(x, 2),
        N.ROUNDING,
        "to 0.01",
        fine=True,
    ),
    number("cut off", "price", np.trunc, N.ROUNDING, "cut off to 1"),
    number("rounded down", "signed", np.floor, N.ROUNDING, "down to 1"),
    number("rounded up", "signed", np.ceil, N.ROUNDING, "up to 1"),
    number(
        "rounded to 5",
        "amount",
        lambda x: 5 * np.round(x / 5),
        N.ROUNDING,
        "rounded to 5",
    ),
    number(
        "3 digits",
        "amount",
        lambda x: np.array([float(f"{v:.3g}") for v in x]),
        N.ROUNDING,
        "3 significant",
        fine=True,
    ),
    Mistake(
        name="half to even, not up",
        column="parcels",
        prepare=_half_up,
        serve=lambda _v, t, _r: np.round(t["raw"]),
        natures=(N.ROUNDING,),
        says="halves",
        fine=True,
    ),
    number(
        "float32",
        "amount",
        lambda x: x.astype(np.float32).astype(float),
        N.PRECISION,
        "float32",
        fine=True,
        tolerance=0.0,
    ),
    number(
        "float16",
        "amount",
        lambda x: x.astype(np.float16).astype(float),
        N.PRECISION,
        "float16",
        fine=True,
    ),
    number(
        "an int8 that ran over",
        "parcels",
        lambda x: (x + 128) % 256 - 128,
        N.WRAPPED,
        "8 bits",
        prepare=lambda t, r: r.poisson(140, len(t["at"])).astype(float),
    ),
    number(
        "an int32 that ran over",
        "amount",
        lambda x: (x + 2**31) % 2**32 - 2**31,
        N.WRAPPED,
        "32 bits",
        prepare=lambda t, r: r.integers(2**31, 2**33, len(t["at"])).astype(float),
    ),
    number(
        "capped at the 95th",
        "amount",
        lambda x: np.minimum(x, np.quantile(x, 0.95)),
        N.CLIPPED,
        "at most",
    ),
    number(
        "winsorised",
        "amount",
        lambda x: np.clip(x, *np.quantile(x, [0.05, 0.95])),
        N.CLIPPED,
        "between",
    ),
    number(
        "no less than nought",
        "signed",
        lambda x: np.maximum(x, 0),
        N.CLIPPED,
        "at least 0",
    ),
    number("always nought", "amount", np.zeros_like, N.CONSTANT, "0"),
    number("null is 0", "amount", np.zeros_like, N.DEFAULT, "served is 0", null=True),
    number(
        "null is -1",
        "amount",
        lambda x: x * 0 - 1,
        N.DEFAULT,
        "served is -1",
        null=True,
    ),
    number(
        "null is the mean",
        "amount",
        lambda x: x * 0 + np.mean(x),
        N.DEFAULT,
        "served is",
        null=True,
    ),
    number(
        "null is the median",
        "price",
        lambda x: x * 0 + np.median(x),
        N.DEFAULT,
        "served is",
        null=True,
    ),
    Mistake(
        name="null is the carrier's mean",
        column="amount",
        serve=_by_carrier,
        natures=(N.DEFAULT,),
        says="served is ",
        null=True,
    ),
    Mistake(
        name="null is the last known",
        column="walk",
        serve=previous(1),
        natures=(N.DEFAULT, N.STALE),
        says="before",
        null=True,
    ),
    number("lost", "amount", lambda x: x * np.nan, N.MISSING, "served is null"),
    number("Sunday is 0, not 6", "weekday", lambda x: (x + 1) % 7, N.CYCLIC, "7"),
    number("an hour of another zone", "hour", lambda x: (x + 19) % 24, N.CYCLIC, "24"),
    number("half an hour's zone", "hour", lambda x: (x + 5) % 24, N.CYCLIC, "24"),
    number(
        "other codes",
        "level",
        lambda x: np.array([3, 5, 0, 4, 1, 2])[x.astype(int)].astype(float),
        N.REMAP,
        "where recomputed",
    ),
    number("codes from 1", "level", lambda x: x + 1, N.OFFSET, "+ 1"),
    number(
        "seconds as ms",
        "amount",
        lambda x: x * 1_000,
        N.FACTOR,
        "seconds → milliseconds",
        prepare=lambda t, _r: np.asarray(t["when"], float),
    ),
    number(
        "ms as seconds",
        "amount",
        lambda x: x / 1_000,
        N.FACTOR,
        "milliseconds → seconds",
        prepare=lambda t, _r: np.asarray(t["when"], float) * 1_000,
    ),
    number(
        "epoch of another zone",
        "amount",
        lambda x: x - 18_000,
        N.TIME_SHIFT,
        "5 h behind",
        prepare=lambda t, _r: np.asarray(t["when"], float),
    ),
)
"""Those in numbers."""
