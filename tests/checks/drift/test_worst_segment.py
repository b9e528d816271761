"""The worst segment: found on one half of the rows, measured on the other."""

import functools
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from checks import registry
from checks.correction import Correction
from checks.drift.worst_segment import worst_segment
from checks.errors import OptionError, Unmeasurable
from checks.evidence import Evidence
from checks.profile import Bins
from checks.reference import Reference
from checks.registry import Task
from checks.samples import Known
from checks.schema import Column, Kind, Role, Schema
from checks.suite import evaluate, plan
from checks.verdict import Reason, Status
from checks.wish import Wish, Wishes

SCHEMA = Schema.of(
    [
        Column(name="region", kind=Kind.CATEGORICAL, role=Role.SEGMENT),
        Column(name="device", kind=Kind.CATEGORICAL),
        Column(name="age", kind=Kind.NUMERIC),
        Column(name="spent", kind=Kind.NUMERIC),
    ]
)


def rows(n: int, seed: int, by: float = 0.0) -> pa.Table:
    """Return rows, of which `spent` has moved in one segment of an eighth of them."""
    rng = np.random.default_rng(seed)
    region = rng.choice(["EU", "US", "AS", "AF"], n)
    device = rng.choice(["mobile", "web"], n)
    spent = rng.normal(100, 20, n)
    spent += by * ((region == "EU") & (device == "mobile"))
    return pa.table(
        {
            "region": region.tolist(),
            "device": device.tolist(),
            "age": rng.uniform(18, 78, n).tolist(),
            "spent": spent.tolist(),
        }
    )


def known(table: pa.Table) -> Known:
    return Known(features=SCHEMA.columns, rows=table)


def test_a_shift_of_one_segment_is_found_named_and_measured() -> None:
    found = worst_segment(known(rows(5_000, 1)), rows(5_000, 2, by=30.0))

    assert "region = EU and device = mobile" == found.segment
    assert "spent has changed most where region = EU and device = mobile" == (
        found.detail
    )
    assert found.p_value is not None
    assert found.p_value < 1e-6
    assert 0.1 < found.low < found.value < found.high
    assert (("spent", 1.0),) == found.explained_by
    # An eighth of the half that was not searched, on either side.
    assert 200 < found.n_current < 430


def test_the_same_rows_give_the_same_answer() -> None:
    first = worst_segment(known(rows(2_000, 1)), rows(2_000, 2))
    again = worst_segment(known(rows(2_000, 1)), rows(2_000, 2))

    assert (first, first.segment) == (again, again.segment)


def test_without_a_change_p_is_uniform_though_hundreds_of_segments_are_searched() -> (
    None
):
    p_values = [
        found.p_value
        for seed in range(150)
        if (
            found := worst_segment(
                known(rows(1_500, 2 * seed)), rows(1_500, 2 * seed + 1)
            )
        ).p_value
        is not None
    ]

    assert 150 == len(p_values)
    # Seeded; a search measured on its own rows has nearly all p-values below 0.01.
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    assert sum(p <= 0.05 for p in p_values) <= 15


def test_rows_that_vary_together_are_less_certain() -> None:
    usual, now = known(rows(5_000, 1)), rows(5_000, 2, by=12.0)

    alone = worst_segment(usual, now)
    together = worst_segment(replace(usual, clustering={"spent": 0.05}), now)

    assert alone.value == together.value
    assert alone.p_value is not None
    assert together.p_value is not None
    assert alone.p_value < together.p_value
    assert together.low < alone.low


@pytest.mark.parametrize("smallest", [0, 19])
def test_a_segment_of_hardly_any_rows_is_refused(smallest: int) -> None:
    with pytest.raises(OptionError, match="at least 20"):
        registry.get("worst_segment").validate({"smallest": smallest})


def test_what_the_stream_does_by_itself_is_not_certain() -> None:
    usual, now = known(rows(5_000, 1)), rows(5_000, 2, by=30.0)
    asked: list[tuple[str, int, int]] = []

    def rarity(name: str, before: pa.Table, after: pa.Table) -> float:
        asked.append((name, before.num_rows, after.num_rows))
        return 0.4

    alone = worst_segment(usual, now)
    found = worst_segment(replace(usual, rarity=rarity), now)

    assert [("spent", alone.n_reference, alone.n_current)] == asked
    assert (0.4, True) == (found.p_value, found.usual)
    assert (alone.value, alone.low) == (found.value, found.low)


def test_a_level_of_whole_days_is_known_from_the_reference() -> None:
    rng = np.random.default_rng(8)
    days = [moved(rows(400, day), rng.normal(0, 12)) for day in range(60)]
    bins = Bins.fit(SCHEMA, pa.concat_tables(days))
    reference = Reference.of(bins, [bins.profile(day) for day in days], timed=True)
    rarity = functools.partial(reference.rarity, at=None)

    usual = rarity("spent", rows(400, 98), moved(rows(400, 99), 8.0))
    far = rarity("spent", rows(400, 98), moved(rows(400, 99), 120.0))

    assert far < 1e-6
    assert usual > 0.05
    assert rarity("nothing", rows(9, 1), rows(9, 2)) == 0.0


def moved(table: pa.Table, by: float) -> pa.Table:
    """Move all the rows' `spent`."""
    spent = np.asarray(table["spent"]) + by
    return table.set_column(3, "spent", pa.array(spent.tolist()))


@pytest.mark.parametrize("n", [0, 1, 60])
def test_too_few_rows_are_told(n: int) -> None:
    with pytest.raises(Unmeasurable):
        worst_segment(known(rows(500, 1)), rows(n, 2))


def test_the_verdict_carries_the_segment_and_the_policy_of_rows() -> None:
    table, now = rows(5_000, 1), rows(5_000, 2, by=30.0)
    bins = Bins.fit(SCHEMA, table)
    entries = plan(
        SCHEMA, Task.NONE, Wishes(standard=False, named={"worst_segment": Wish()})
    )

    (verdict,) = evaluate(
        entries,
        Reference(bins=bins, profile=bins.profile(table)),
        Evidence(profile=bins.profile(now), known=known(table), sample=now),
        alpha=0.05,
        correction=Correction.HOLM,
    )

    assert (Status.FAIL, Reason.CERTAIN_AND_MATERIAL) == (
        verdict.status,
        verdict.reason,
    )
    assert "region = EU and device = mobile" == verdict.segment
    assert verdict.column is None
