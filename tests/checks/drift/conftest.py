"""Data of every temper, for checks that must hold on all of them."""

from collections.abc import Callable

import numpy as np

from checks.bins import Floats

Draw = Callable[[np.random.Generator, int], Floats]

TEMPERS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "lognormal": lambda rng, n: rng.lognormal(sigma=2.0, size=n),
    "cauchy": lambda rng, n: rng.standard_cauchy(size=n),
    "tied": lambda rng, n: np.round(rng.normal(size=n), 1),
    "discrete": lambda rng, n: rng.poisson(4, size=n).astype(float),
    "mostly zero": lambda rng, n: np.where(
        rng.random(n) < 0.8, 0.0, rng.normal(size=n)
    ),
}
