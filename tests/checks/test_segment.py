"""Segments: which rows lie in them, and that their profiles are as exact as any."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.correction import Correction
from checks.evidence import Evidence
from checks.profile import Bins, Profile, merge_all
from checks.reference import Reference
from checks.registry import Task
from checks.schema import Column, Kind, Role, Schema
from checks.segment import Condition, Declared, Segment, members
from checks.suite import evaluate, in_segments, plan
from checks.verdict import Family, Status

SCHEMA = Schema.of(
    [
        Column(name="region", kind=Kind.CATEGORICAL, role=Role.SEGMENT),
        Column(name="age", kind=Kind.NUMERIC),
        Column(name="paid", kind=Kind.BOOLEAN),
        Column(name="joined", kind=Kind.DATETIME),
    ]
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def places(condition: Condition, values: pa.Array) -> list[int]:
    """Return the rows of one column that meet a condition."""
    array = pa.chunked_array([values])
    ((_, found),) = members([Segment.where(condition)], lambda _: array, len(array))
    return [int(place) for place in found]


def is_any_of(kind: Kind, *levels: str | None) -> Condition:
    return Condition(column="x", kind=kind, levels=levels)


def lies(low: float | None, high: float | None, kind: Kind = Kind.NUMERIC) -> Condition:
    return Condition(column="x", kind=kind, low=low, high=high)


@pytest.mark.parametrize(
    ("condition", "values", "inside"),
    [
        (is_any_of(Kind.CATEGORICAL, "a"), pa.array(["a", "b", None, "a"]), [0, 3]),
        (is_any_of(Kind.CATEGORICAL, "a", None), pa.array(["a", "b", None]), [0, 2]),
        (is_any_of(Kind.CATEGORICAL, "7"), pa.array([7, 8, None]), [0]),
        (is_any_of(Kind.CATEGORICAL, "1"), pa.array([1.0, np.nan, 1.5]), [0]),
        (is_any_of(Kind.CATEGORICAL, None), pa.array([1.0, np.nan, None]), [1, 2]),
        (is_any_of(Kind.BOOLEAN, "true"), pa.array([True, None, False]), [0]),
        (is_any_of(Kind.CATEGORICAL, "a"), pa.nulls(3), []),
        (is_any_of(Kind.CATEGORICAL, None), pa.nulls(2), [0, 1]),
        (is_any_of(Kind.CATEGORICAL, "a"), pa.array([[1], [2]]), []),
        (is_any_of(Kind.NUMERIC, "2", "0.1"), pa.array([2, 0.1, None, 3]), [0, 1]),
        (is_any_of(Kind.NUMERIC, None), pa.array([2, np.nan, None, np.inf]), [1, 2, 3]),
        (lies(1, 3), pa.array([0.9, 1, None, 2.9, 3, np.nan, np.inf]), [1, 3]),
        (lies(None, 1), pa.array([-np.inf, -5, 1]), [1]),
        (lies(1, None), pa.array([np.inf, 5, None, 0]), [1]),
        (lies(0, 1), pa.array(["0", "1"]), []),
        (
            lies(86_400e6, None, Kind.DATETIME),
            pa.array([EPOCH, EPOCH + timedelta(days=1), None]),
            [1],
        ),
    ],
)
def test_rows_lie_where_their_conditions_say(
    condition: Condition, values: pa.Array, inside: list[int]
) -> None:
    assert inside == places(condition, values)
    if pa.types.is_string(values.type):
        assert inside == places(condition, values.dictionary_encode())


def test_a_column_that_is_not_there_has_no_rows() -> None:
    segment = Segment.where(is_any_of(Kind.CATEGORICAL, None), lies(0, None))

    ((_, found),) = members([segment], lambda _: None, 5)

    assert [] == found.tolist()


def test_times_are_named_as_times() -> None:
    day = 86_400e6
    condition = Condition(
        column="joined", kind=Kind.DATETIME, low=day, high=day * 1.5 + 5
    )

    assert "joined in [1970-01-02, 1970-01-02T12:00:00.000005)" == condition.said


def test_a_column_of_ten_thousand_levels_has_the_commonest_as_segments() -> None:
    levels = [f"level {i}" for i in range(10_000)] + ["level 9", "level 8"] * 5
    table = pa.table({"region": levels})

    bins = Bins.fit(SCHEMA, table).divided(Declared(columns={"region": 3}))
    counted = bins.profile(table)

    assert ["region = level 8", "region = level 9", "region = level 0"] == [
        segment.name for segment in bins.segments
    ]
    assert [6, 6, 1] == [counted.segments[s.name].rows for s in bins.segments]


def test_long_levels_that_are_shown_alike_keep_names_apart() -> None:
    table = pa.table({"region": ["x" * 70 + end for end in "aab"]})

    bins = Bins.fit(SCHEMA, table).divided(Declared(columns={"region": 9}))

    shown = "region = " + "x" * 59 + "…"
    assert [shown, f"{shown} (2)"] == [segment.name for segment in bins.segments]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["EU", "US", None, "new"]),
        st.one_of(st.none(), st.floats(-5, 5), st.just(float("nan"))),
        st.sampled_from([True, False, None]),
    ),
    max_size=40,
)


def table(rows: list[tuple[Any, ...]]) -> pa.Table:
    region, age, paid = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "region": pa.array(region, pa.string()),
            "age": pa.array(age, pa.float64()),
            "paid": pa.array(paid, pa.bool_()),
        }
    )


USUAL = table([("EU", 1.0, True), ("US", -2.5, False), ("EU", 3.0, True)] * 9)
DIVIDED = Bins.fit(SCHEMA, USUAL).divided(
    Declared(
        columns={"region": 5, "paid": 2},
        named=(
            Segment(
                name="young_eu",
                conditions=(
                    Condition(column="age", kind=Kind.NUMERIC, high=1.5),
                    Condition(column="region", kind=Kind.CATEGORICAL, levels=("EU",)),
                ),
            ),
            Segment.where(
                Condition(column="region", kind=Kind.CATEGORICAL, levels=(None,))
            ),
        ),
    )
)


@given(rows=ROWS, seed=st.integers(0, 10_000))
def test_any_split_of_the_rows_gives_the_same_segments(
    rows: list[tuple[Any, ...]], seed: int
) -> None:
    whole = table(rows)
    cuts = sorted(random.Random(seed).choices(range(len(rows) + 1), k=3))
    ends = [0, *cuts, len(rows)]
    parts = [
        DIVIDED.profile(whole.slice(start, end - start))
        for start, end in itertools.pairwise(ends)
    ]
    random.Random(seed).shuffle(parts)

    merged = merge_all(parts)

    assert DIVIDED.profile(whole).to_bytes() == merged.to_bytes()
    assert merged.to_bytes() == DIVIDED.read(merged.to_bytes()).to_bytes()
    young = [r for r in rows if r[0] == "EU" and r[1] is not None and r[1] < 1.5]
    assert len(young) == merged.segments["young_eu"].rows


def test_bins_and_references_keep_their_segments_when_they_are_stored() -> None:
    days = [USUAL.slice(start, 9) for start in (0, 9, 18)]
    parts = {
        segment.name: Reference.of(
            DIVIDED,
            [
                DIVIDED.counts(day.take(pa.array(rows)))
                for day in days
                for _, rows in DIVIDED.members(day, [segment])
            ],
            timed=True,
        )
        for segment in DIVIDED.segments
    }
    whole = Reference.of(DIVIDED, [DIVIDED.counts(day) for day in days], timed=True)
    reference = Reference(bins=DIVIDED, profile=whole.profile, segments=parts)

    again = Reference.from_bytes(reference.to_bytes())

    assert reference.id == again.id
    assert DIVIDED.segments == again.bins.segments
    assert (3, 3, 3) == again.segments["young_eu"].block_rows
    assert Bins.fit(SCHEMA, USUAL).id != again.bins.id


def test_without_segments_the_bytes_are_those_of_before() -> None:
    bins = Bins.fit(SCHEMA, USUAL)

    assert bins.id == bins.divided(Declared(columns={})).id
    assert b"segments" not in bins.profile(USUAL).to_bytes()


# ── twenty segments without a change ─────────────────────────────────────────────


def world(n: int, rng: np.random.Generator) -> pa.Table:
    return pa.table(
        {
            "region": [f"r{i}" for i in rng.integers(0, 20, n)],
            "age": pa.array(rng.normal(40, 10, n).tolist()),
            "paid": pa.array((rng.random(n) < 0.3).tolist()),
        }
    )


def failed(
    reference: Reference, window: Profile, alpha: float
) -> list[tuple[str | None, str | None]]:
    """Make the standard checks of all rows and of each segment; list what failed."""
    entries = plan(SCHEMA, Task.NONE)
    inside = in_segments(entries, reference.bins.segments, checks=None, min_rows=50)
    evidence = Evidence(
        profile=window,
        segments={n: Evidence(profile=p) for n, p in window.segments.items()},
    )
    verdicts = evaluate(
        (*entries, *inside),
        reference,
        evidence,
        alpha=alpha,
        correction=Correction.HOLM,
    )
    assert Family.QUALITY not in {v.family for v in verdicts if v.segment is not None}
    return [
        (v.column, v.segment)
        for v in verdicts
        if v.status is Status.FAIL and v.check not in ("schema_change", "volume")
    ]


def baseline(rng: np.random.Generator) -> Reference:
    rows = world(20_000, rng)
    bins = Bins.fit(SCHEMA, rows).divided(Declared(columns={"region": 20}))
    profile = bins.profile(rows)
    return Reference(
        bins=bins,
        profile=profile,
        segments={
            name: Reference(bins=bins, profile=part)
            for name, part in profile.segments.items()
        },
    )


def test_twenty_segments_without_a_change_stay_within_the_budget() -> None:
    rng = np.random.default_rng(3)
    reference = baseline(rng)

    wrong = sum(
        bool(failed(reference, reference.bins.profile(world(4_000, rng)), 0.05))
        for _ in range(60)
    )

    # Of 60 windows 3 may fail on average; more than 8 would be one chance in 250.
    assert wrong <= 8


def test_a_shift_in_one_of_twenty_segments_is_found_where_the_whole_misses_it() -> None:
    rng = np.random.default_rng(4)
    reference = baseline(rng)
    rows = world(8_000, rng)
    there = np.array(rows["region"].to_pylist()) == "r7"
    age = np.asarray(rows["age"]) + 8.0 * there
    window = rows.set_column(1, "age", pa.array(age.tolist()))

    found = failed(reference, reference.bins.profile(window), 1 / 90)

    assert [("age", "region = r7")] == found
