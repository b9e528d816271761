"""A column's raw values: cleaned as profiles clean them, in whatever order."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import registry
from checks.correction import Correction
from checks.evidence import Evidence
from checks.example import gathered
from checks.profile import Bins
from checks.reference import Reference
from checks.registry import Subject
from checks.rows import Values
from checks.schema import Column, Kind, Schema
from checks.suite import Entry, evaluate
from checks.threshold import Threshold
from checks.verdict import Status, Verdict
from tests.checks.test_odd_data import (
    LEVELS,
    NUMBERS,
    answers_or_says_why_not,
    made,
)

NUMBER = st.none() | st.floats(width=32) | st.integers(-3, 3).map(float)
LEVEL = st.none() | st.sampled_from(["a", "b", "ç", ""])


def chunked(rows: Sequence[Any], kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(rows, kind)])


@given(rows=st.lists(NUMBER, max_size=40), data=st.data())
def test_numbers_are_the_same_however_they_were_split_and_ordered(
    rows: list[float | None], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(rows))
    cut = data.draw(st.integers(0, len(rows)))
    x = Column(name="x", kind=Kind.NUMERIC)
    one = Values.of(x, chunked(rows, pa.float64()))
    two = Values.of(
        x,
        chunked(shuffled[:cut], pa.float64()),
        chunked(shuffled[cut:], pa.float64()),
    )

    assert one.numbers.tobytes() == two.numbers.tobytes()
    assert (
        (one.rows, one.missing) == (two.rows, two.missing) == (len(rows), one.missing)
    )
    there = [r for r in rows if r is not None and math.isfinite(r)]
    assert sorted(there) == one.numbers.tolist()
    assert one.n == len(there)


@given(rows=st.lists(LEVEL, max_size=40), data=st.data())
def test_levels_are_the_same_however_they_were_split_and_ordered(
    rows: list[str | None], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(rows))
    x = Column(name="x", kind=Kind.CATEGORICAL)
    one = Values.of(x, chunked(rows, pa.string()))
    two = Values.of(
        x,
        chunked(shuffled[:7], pa.string()),
        chunked(shuffled[7:], pa.string()).dictionary_encode(),
    )

    assert list(one.levels.items()) == list(two.levels.items())
    assert one.missing == two.missing == rows.count(None)


@pytest.mark.parametrize("name", NUMBERS)
def test_values_know_the_profile_that_was_counted_from_them(name: str) -> None:
    reference, profile = made(Kind.NUMERIC, NUMBERS["normal"], NUMBERS[name])
    counted = profile.columns.get("x")
    if counted is None:
        assert name in {"integers beyond 2**53", "decimals of many digits"}
        return
    x = Column(name="x", kind=Kind.NUMERIC)
    values = Values.of(x, pa.chunked_array([NUMBERS[name]]))

    assert values.are_those_of(counted)
    assert not values.are_those_of(reference.profile.columns["x"]) or name == "normal"
    if values.n:
        others = Values.of(x, chunked([*values.numbers[:-1], 0.123], pa.float64()))
        assert not others.are_those_of(counted)


def test_levels_know_the_profile_that_was_counted_from_them() -> None:
    rows = pa.chunked_array([LEVELS["colours"]])
    x = Column(name="x", kind=Kind.CATEGORICAL)
    reference, _ = made(Kind.CATEGORICAL, LEVELS["colours"], LEVELS["colours"])
    profile = reference.profile.columns["x"]

    assert Values.of(x, rows).are_those_of(profile)
    swapped = [*rows.to_pylist()[1:], "green"]
    assert not Values.of(x, chunked(swapped, pa.string())).are_those_of(profile)


def judged(kind: Kind, first: pa.Array, second: pa.Array) -> list[Verdict]:
    """Judge every check of raw rows that a column of this kind can have."""
    reference, window = made(kind, first, second)
    x = Column(name="x", kind=kind)

    def read(_: str) -> tuple[Values, Values]:
        return tuple(Values.of(x, pa.chunked_array([a])) for a in (first, second))  # type: ignore[return-value]

    return evaluate(
        [
            Entry(check=c, threshold=Threshold(fail=c.threshold, warn=0.0), column="x")
            for c in registry.every()
            if c.subject is Subject.VALUES and kind in c.kinds
        ],
        reference,
        Evidence(profile=window, values=read),
        alpha=0.01,
        correction=Correction.HOLM,
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("second", NUMBERS)
@pytest.mark.parametrize("first", NUMBERS)
def test_every_check_of_raw_numbers_answers_or_says_why_not(
    first: str, second: str
) -> None:
    for verdict in judged(Kind.NUMERIC, NUMBERS[first], NUMBERS[second]):
        answers_or_says_why_not(verdict)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("second", LEVELS)
@pytest.mark.parametrize("first", LEVELS)
def test_every_check_of_raw_levels_answers_or_says_why_not(
    first: str, second: str
) -> None:
    for verdict in judged(Kind.CATEGORICAL, LEVELS[first], LEVELS[second]):
        answers_or_says_why_not(verdict)


def test_a_column_is_read_once_for_all_its_checks_and_verdicts_keep_their_order() -> (
    None
):
    table = pa.table({"x": [1.0, 2.0, 4.0], "y": [1.0, 3.0, 5.0]})
    columns = [Column(name=n, kind=Kind.NUMERIC) for n in "xy"]
    bins = Bins.fit(Schema.of(columns), table)
    reference = Reference(bins=bins, profile=bins.profile(table))
    asked: list[str] = []

    def read(name: str) -> tuple[Values, Values]:
        asked.append(name)
        values = gathered(table.column(name).to_pylist())
        return values, values

    names = ("exact_wasserstein", "missing", "exact_kolmogorov_smirnov")
    entries = [
        Entry(
            check=registry.get(name), threshold=Threshold(fail=1.0, warn=1.0), column=c
        )
        for name in names
        for c in "xy"
    ]
    found = evaluate(
        entries,
        reference,
        Evidence(profile=bins.profile(table), values=read),
        alpha=0.05,
        correction=Correction.HOLM,
    )

    assert sorted(asked) == ["x", "y"]
    assert [(v.check, v.column) for v in found] == [(n, c) for n in names for c in "xy"]
    assert {v.status for v in found} == {Status.PASS}


def test_without_rows_at_hand_it_is_unknown() -> None:
    reference, window = made(Kind.NUMERIC, NUMBERS["normal"], NUMBERS["normal"])
    check = registry.get("exact_wasserstein")
    entry = Entry(check=check, threshold=Threshold(fail=1.0, warn=1.0), column="x")

    (found,) = evaluate(
        [entry],
        reference,
        Evidence(profile=window),
        alpha=0.05,
        correction=Correction.HOLM,
    )

    assert Status.UNKNOWN is found.status
    assert "the rows themselves are not at hand" == found.cause


def test_the_design_effect_is_the_references() -> None:
    reference, window = made(Kind.NUMERIC, NUMBERS["normal"], NUMBERS["normal"])
    values = gathered(NUMBERS["normal"].to_pylist())
    shifted = gathered((np.asarray(NUMBERS["normal"]) + 0.3).tolist())
    check = registry.get("exact_kolmogorov_smirnov")
    entry = Entry(check=check, threshold=Threshold(fail=1.0, warn=1.0), column="x")
    p_values = []
    for effect in (1.0, 100.0):
        stream = Reference(
            bins=reference.bins,
            profile=reference.profile,
            design_effects={"x": effect},
        )
        (found,) = evaluate(
            [entry],
            stream,
            Evidence(profile=window, values=lambda _: (values, shifted)),
            alpha=0.05,
            correction=Correction.NONE,
        )
        assert found.statistic is not None
        p_values.append(found.statistic.p_value or 0.0)

    assert p_values[0] < 1e-6
    assert p_values[1] > 0.1
