"""The segment where the model errs more: found on one half, measured on the other."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from checks.errors import OptionError, Unmeasurable
from checks.performance.worst_segment_error import worst_segment_error
from checks.samples import LOSS, Known
from checks.schema import Column, Kind, Role

COLUMNS = (
    Column(name="region", kind=Kind.CATEGORICAL, role=Role.SEGMENT),
    Column(name="device", kind=Kind.CATEGORICAL),
    Column(name="age", kind=Kind.NUMERIC),
)


def rows(n: int, seed: int, more: float = 0.0, *, numeric: bool = False) -> pa.Table:
    """Return rows of which one in five is wrong, more of them in one segment."""
    rng = np.random.default_rng(seed)
    region = rng.choice(["EU", "US", "AS"], n)
    device = rng.choice(["mobile", "web"], n)
    inside = (region == "EU") & (device == "mobile")
    loss = (rng.random(n) < 0.2 + more * inside).astype(float)
    if numeric:
        loss = rng.exponential(1.0 + 5 * more * inside)
    loss[rng.random(n) < 0.1] = np.nan
    return pa.table(
        {
            "region": region.tolist(),
            "device": device.tolist(),
            "age": rng.uniform(18, 78, n).tolist(),
            LOSS: loss.tolist(),
        }
    )


def known(table: pa.Table, clustering: float = 0.0) -> Known:
    return Known(features=COLUMNS, rows=table, clustering={LOSS: clustering})


@pytest.mark.parametrize("numeric", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_segment_that_got_worse_is_found_and_measured(
    seed: int, *, numeric: bool
) -> None:
    found = worst_segment_error(
        known(rows(5_000, 9, numeric=numeric)),
        rows(5_000, seed, more=0.4, numeric=numeric),
    )

    assert "region = EU and device = mobile" == found.segment
    assert 1.0 < found.low < 2.3 < found.high + 0.8, "0.2 → 0.6, and 1 → 3"
    assert found.p_value is not None
    assert found.p_value < 1e-6


def test_without_a_change_p_is_uniform() -> None:
    p_values = [
        worst_segment_error(
            known(rows(1_500, 2 * seed)), rows(1_500, 2 * seed + 1)
        ).p_value
        for seed in range(150)
    ]

    told = [p for p in p_values if p is not None]
    assert 150 == len(told)
    assert stats.kstest(told, "uniform").pvalue > 0.01
    assert sum(p <= 0.05 for p in told) <= 15


def test_an_improvement_is_no_rise() -> None:
    found = worst_segment_error(known(rows(5_000, 9, more=0.4)), rows(5_000, 1))

    assert found.low < 0.25


def test_errors_that_come_together_are_less_certain() -> None:
    usual, now = rows(5_000, 9), rows(5_000, 1, more=0.2)

    alone = worst_segment_error(known(usual), now)
    together = worst_segment_error(known(usual, 0.05), now)

    assert alone.value == together.value
    assert together.low < alone.low


def test_what_cannot_be_searched_is_told() -> None:
    table = rows(1_000, 1)
    unlabelled = table.drop_columns([LOSS])
    none_yet = unlabelled.append_column(LOSS, pa.array([float("nan")] * 1_000))

    with pytest.raises(Unmeasurable, match="no labels"):
        worst_segment_error(known(table), unlabelled)
    with pytest.raises(Unmeasurable, match="no labels"):
        worst_segment_error(known(table), none_yet)
    with pytest.raises(OptionError, match="at least 20"):
        worst_segment_error(known(table), table, smallest=5)
