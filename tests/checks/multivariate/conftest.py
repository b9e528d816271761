"""Streams that the checks on rows are tried on."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from checks.example import known
from checks.samples import Known

Day = Callable[..., pa.Table]
COLORS = np.array(["red", "green", "blue"])


def day(
    rng: np.random.Generator,
    *,
    n: int = 200,
    rho: float = 0.8,
    shift: float = 0.0,
    level: float = 0.0,
) -> pa.Table:
    """Return rows of four numeric columns, of which two are correlated, and a color.

    `shift` moves the third column; the levels of a day, all columns.
    """
    x = rng.normal(size=(n, 4))
    x[:, 1] = rho * x[:, 0] + np.sqrt(1 - rho**2) * x[:, 1]
    x[:, 2] += shift
    x += level * rng.normal(size=4)
    columns = {f"x{k}": pa.array(x[:, k]) for k in range(4)}
    colors = pa.array(COLORS[rng.integers(0, 3, n)].tolist())
    return pa.table(columns | {"color": colors})


def reference(days: list[pa.Table], *, timed: bool = True) -> Known:
    """Keep days as a baseline does: rows of all of them, and of each one."""
    rows = pa.concat_tables(days)
    mixed = rows.take(pa.array(np.random.default_rng(0).permutation(len(rows))))
    return known(mixed.slice(0, 2_000).to_pydict(), days if timed else ())


@pytest.fixture(scope="session")
def steady() -> Known:
    rng = np.random.default_rng(100)
    return reference([day(rng) for _ in range(20)], timed=False)


@pytest.fixture(scope="session")
def restless() -> Known:
    rng = np.random.default_rng(101)
    return reference([day(rng, level=0.4) for _ in range(20)])
