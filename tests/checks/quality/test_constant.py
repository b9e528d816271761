"""Columns that varied and stand still: certain by an exact count, quiet otherwise."""

import datetime as dt
import itertools
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.bins import MAX_LEVELS
from checks.column import NumericProfile
from checks.errors import Unmeasurable
from checks.example import column, levels
from checks.profile import Bins
from checks.quality.constant import constant
from checks.reference import Reference
from checks.schema import Column, Kind, Schema

ALPHA = 1 / 90 / 200
"""About what one check of a daily window of 60 columns may be wrong with."""


@given(
    known=st.lists(st.sampled_from("abc"), min_size=2, max_size=6),
    rows=st.integers(1, 4),
    value=st.sampled_from("abcz"),
)
def test_the_p_value_is_the_share_of_all_choices_that_are_constant(
    known: list[str], rows: int, value: str
) -> None:
    reference = levels({level: known.count(level) for level in set(known)})
    found = constant(reference, levels({value: rows}, like=reference))

    pool = known + [value] * rows
    chosen = [len(set(some)) == 1 for some in itertools.combinations(pool, rows)]
    expected = 1.0 if len(set(known)) == 1 else np.mean(chosen)
    assert found.p_value == pytest.approx(expected, rel=1e-9)


def test_a_stuck_sensor_is_certain_and_named() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(20, 5, 5_000)

    found = constant(column(x, like=x), column([21.5] * 300, like=x))

    assert found.p_value is not None
    assert found.p_value < ALPHA
    assert found.low > 0.9
    assert found.detail == "always 21.5"


@pytest.mark.parametrize(
    ("kind", "was", "now", "said"),
    [
        (Kind.CATEGORICAL, ["a", "b"] * 50, ["b"] * 50, "always b"),
        (Kind.CATEGORICAL, ["a", "b"] * 50, ["unknown"] * 50, "always unknown"),
        (Kind.BOOLEAN, [True, False] * 50, [False] * 50, "always false"),
        (Kind.NUMERIC, [0, 1, 2, 3] * 25, [-1] * 50, "always -1"),
        (
            Kind.DATETIME,
            [dt.date(1970, 1, 1) + dt.timedelta(i) for i in range(100)],
            [dt.date(1970, 1, 2)] * 50,
            "always 1970-01-02T00:00:00.000000",
        ),
    ],
)
def test_every_kind_of_column_can_be_stuck(
    kind: Kind, was: list[object], now: list[object], said: str
) -> None:
    table = pa.table({"x": was})
    bins = Bins.fit(Schema.of([Column(name="x", kind=kind)]), table)
    window = bins.profile(pa.table({"x": pa.array(now, table.schema.field(0).type)}))

    found = constant(bins.profile(table).columns["x"], window.columns["x"])

    assert found.detail == said
    assert found.p_value is not None
    assert found.p_value < 1e-9


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        (column([5.0] * 90, like=[5.0]), column([5.0] * 90, like=[5.0])),
        (column([5.0] * 90, like=[5.0]), column([7.0] * 90, like=[5.0])),
        (column(range(100)), column([1.0] * 99 + [2.0])),
        (column([0.0, 1.0] * 50), column([None, 0.0, 1.0])),
    ],
    ids=["constant before", "another constant", "two values", "two and a null"],
)
def test_what_is_no_loss_of_variety_is_no_finding(
    reference: NumericProfile, current: NumericProfile
) -> None:
    found = constant(reference, current)

    assert (found.value, found.high, found.p_value) == (0.0, 0.0, 1.0)


def test_an_event_too_rare_to_be_missed_is_no_finding() -> None:
    rare = levels({"no": 9_900, "yes": 100})

    few = constant(rare, levels({"no": 100}, like=rare))
    many = constant(rare, levels({"no": 10_000}, like=rare))

    assert few.p_value is not None
    assert few.p_value > 0.3
    assert many.p_value is not None
    assert many.p_value < 1e-9
    assert many.value == pytest.approx(0.01)  # certain, and below the threshold


def test_one_row_and_a_column_that_stands_still_for_whole_days_prove_nothing() -> None:
    x = np.repeat(np.arange(60.0), 100)
    daily = replace(column(x, like=x), design_effect=100.0)
    day = replace(column([7.0] * 100, like=x), design_effect=100.0)

    assert constant(column(range(100)), column([3.0])).p_value == 1.0
    assert constant(daily, day).p_value == 1.0


def test_a_weekday_is_constant_every_day_and_no_finding() -> None:
    names = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]
    days = [pa.table({"c": [names[i % 7]] * 300}) for i in range(70)]
    schema = Schema.of([Column(name="c", kind=Kind.CATEGORICAL)])
    bins = Bins.fit(schema, pa.concat_tables(days))
    known = Reference.of(bins, [bins.profile(day) for day in days], timed=True)

    reference = known.column("c")
    assert reference is not None
    for day in days[:7]:
        window = known.corrected(bins.profile(day).columns["c"])
        assert (constant(reference, window).p_value or 0.0) > 0.1


def test_values_that_share_a_cell_are_taken_for_one() -> None:
    x = np.random.default_rng(2).normal(size=100_000)
    between = float(np.median(x)) + 1e-9

    found = constant(column(x, like=x), column([between] * 100, like=x))

    assert found.value + found.hidden == pytest.approx(1.0, abs=1e-12)
    assert 0 < found.hidden < 0.01


def test_rare_categories_without_names_are_told_apart_all_the_same() -> None:
    names = [f"level {i}" for i in range(MAX_LEVELS + 1)]
    reference = levels(dict.fromkeys(names, 2) | {"common": 10})
    one = levels({"new": 5}, like=reference)

    assert constant(reference, one).detail == "always one rare category"
    for several in ({"new": 5, "newer": 1}, {"new": 5, "common": 1}):
        assert constant(reference, levels(several, like=reference)).value == 0.0
    with pytest.raises(Unmeasurable, match="which nobody counted"):
        constant(reference, replace(one, rest=None))


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("rows", [5, 50, 500])
def test_clean_windows_alarm_no_oftener_than_the_level_says(
    share: float, rows: int
) -> None:
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(400):
        reference = levels({"no": (k := rng.binomial(2_000, share)), "yes": 2_000 - k})
        no = int(rng.binomial(rows, share))
        found = constant(
            reference, levels({"no": no, "yes": rows - no}, like=reference)
        )
        alarms += (found.p_value or 0.0) <= 0.05

    assert alarms <= 36  # 99.9 % of Binomial(400, 0.05)
