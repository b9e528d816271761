"""What reached the log: how much of it, and whether what is looked at is fair."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.errors import Unmeasurable
from checks.quality.completeness import completeness
from checks.quality.sampling_bias import sampling_bias
from checks.schema import Column, Kind, Role, Schema
from checks.statistic import Statistic
from checks.traffic import MOST_LEVELS, Captured, Traffic
from checks.weight import UNIT, Weight

SCHEMA = Schema.of(
    [
        Column(name="plan", kind=Kind.CATEGORICAL, role=Role.SEGMENT),
        Column(name="amount", kind=Kind.NUMERIC),
        Column(name="score", kind=Kind.NUMERIC, role=Role.SCORE),
    ]
)
Floats = npt.NDArray[np.float64]


def rows(rng: np.random.Generator, n: int = 20_000) -> pa.Table:
    amount = rng.normal(size=n)
    amount[rng.random(n) < 0.03] = np.nan
    return pa.table(
        {
            "plan": rng.choice(["basic", "plus", "pro"], n, p=[0.7, 0.2, 0.1]),
            "amount": pa.array(amount, from_pandas=True),
            "score": rng.beta(2, 5, n),
        }
    )


def looked_at(table: pa.Table, rate: Floats, kept: Any) -> Statistic:
    units = np.rint(UNIT / rate[kept]).astype(np.int64)
    sample = Traffic.of(table.filter(pa.array(kept)), SCHEMA, units)
    full = Traffic.of(table, SCHEMA)
    full = Traffic.named({name: full.count(name) for name in full.counts})
    return sampling_bias(Captured(full=full, sample=sample))


@pytest.mark.parametrize("uneven", [False, True])
def test_an_honest_sample_is_quiet_at_the_level_it_is_asked(uneven: bool) -> None:  # noqa: FBT001 - a parameter of the test
    p = []
    for seed in range(300):
        rng = np.random.default_rng([1, seed])
        table = rows(rng, 6000)
        # Of high scores the sample has about ten, which are not spread as a normal is.
        score = pa.array(rng.beta(1, 8, 6000))
        table = table.set_column(2, "score", score)
        rate = np.full(6000, 0.05)
        if uneven:
            rate = np.where(table["score"].to_numpy() > 0.2, 0.5, 0.05)
        found = looked_at(table, rate, rng.random(6000) < rate)
        assert found.p_value is not None
        p.append(found.p_value)
    # 300 samples at 5 %: 15 are expected, and more than 29 have a chance of 0.05 %.
    assert (np.array(p) < 0.05).sum() <= 29
    # At 0.2 % less than one is, and more than 4 have a chance of 0.04 %.
    assert (np.array(p) < 0.002).sum() <= 4


@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_a_sampler_that_drops_a_fifth_of_one_segment_is_found(rate: float) -> None:
    rng = np.random.default_rng(2)
    table = rows(rng, 200_000)
    lost = (np.asarray(table["plan"].to_pylist()) == "plus") & (
        rng.random(200_000) < 0.2
    )
    found = looked_at(
        table, np.full(200_000, rate), (rng.random(200_000) < rate) & ~lost
    )
    assert found.detail.startswith("level/plan/plus: 16")
    assert found.p_value is not None
    assert found.p_value < 1e-6
    assert found.low > 0.05  # the threshold
    assert found.value == pytest.approx(0.17, abs=0.04)


def test_rows_that_are_lost_alike_everywhere_are_no_bias() -> None:
    p = []
    for seed in range(100):
        rng = np.random.default_rng([3, seed])
        table = rows(rng, 6000)
        found = looked_at(table, np.ones(6000), rng.random(6000) > 0.03)
        assert found.p_value is not None
        p.append(found.p_value)
    assert (np.array(p) < 0.05).sum() <= 13


def test_a_kind_that_the_sample_lacks_altogether_is_found() -> None:
    full = Traffic.named({"rows": 10_000, "level/plan/pro": 500})
    sample = Traffic(counts={"rows": Weight.of(np.full(1000, 10 * UNIT))})
    found = sampling_bias(Captured(full=full, sample=sample))
    assert found.value == 1.0
    assert found.p_value is not None
    assert found.p_value < 1e-6


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 5))
def test_counts_of_any_split_merge_to_the_same(a: int, b: int, seed: int) -> None:
    table = rows(np.random.default_rng(seed), 60)
    first, second = sorted((a, b))
    parts = [
        Traffic.of(part, SCHEMA)
        for part in (
            table.slice(0, first),
            table.slice(first, second - first),
            table.slice(second),
        )
    ]
    merged = parts[2].merge(parts[0]).merge(parts[1])
    whole = Traffic.of(table, SCHEMA)
    held = {name: one for name, one in merged.counts.items() if one.rows}
    assert held == {name: one for name, one in whole.counts.items() if one.rows}


def test_of_very_many_levels_the_same_few_are_counted() -> None:
    names = [f"plan {k}" for k in range(500)]
    tables = [
        pa.table({"plan": names[k::2], "amount": [0.0] * 250, "score": [0.5] * 250})
        for k in range(2)
    ]
    parts = [Traffic.of(table, SCHEMA) for table in tables]
    whole = Traffic.of(pa.concat_tables(tables), SCHEMA)
    kept = {n for n in parts[0].merge(parts[1]).counts if n.startswith("level/")}
    assert kept == {n for n in whole.counts if n.startswith("level/")}
    assert len(kept) == MOST_LEVELS


@pytest.mark.parametrize(
    ("captured", "cause"),
    [
        (Captured(), "nothing tells how many rows"),
        (Captured(cause="capture: gone"), "capture: gone"),
    ],
)
def test_what_cannot_be_told_is_unknown(captured: Captured, cause: str) -> None:
    for check in (completeness, sampling_bias):
        with pytest.raises(Unmeasurable, match=cause):
            check(captured)


def test_no_requests_and_no_rows_are_unknown() -> None:
    with pytest.raises(Unmeasurable, match="there were no requests"):
        completeness(Captured(requests=0, captured=Weight()))
    full = Traffic.named({"rows": 10})
    for side, other in ((Traffic(), full), (full, Traffic())):
        with pytest.raises(Unmeasurable, match="no rows"):
            sampling_bias(Captured(full=side, sample=other))


def test_a_log_that_is_whole_is_quiet_and_one_that_loses_is_not() -> None:
    whole = completeness(Captured(requests=50_000, captured=Weight.plain(50_000)))
    assert (whole.value, whole.p_value) == (0.0, 1.0)
    lossy = completeness(Captured(requests=50_000, captured=Weight.plain(48_500)))
    assert lossy.at_current == pytest.approx(0.97)
    assert lossy.low == pytest.approx(0.0285, abs=1e-3)
    assert lossy.p_value is not None
    assert lossy.p_value < 1e-9


def test_a_sampled_log_is_less_sure_of_its_rows() -> None:
    seen = Weight.of(np.full(970, 100 * UNIT))
    found = completeness(Captured(requests=100_000, captured=seen))
    assert found.high - found.low > 0.08
    assert found.p_value is not None
    assert found.p_value > 0.05
