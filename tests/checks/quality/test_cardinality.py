"""Numbers of different values: expected by rarefaction, learned from the stretches."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from checks.bins import MAX_LEVELS
from checks.column import LevelProfile
from checks.errors import Unmeasurable
from checks.example import column, levels
from checks.profile import Bins
from checks.quality.cardinality import cardinality
from checks.reference import Reference
from checks.schema import Column, Kind, Schema

SCHEMA = Schema.of([Column(name="c", kind=Kind.CATEGORICAL)])
ALPHA = 1 / 90 / 200


def of(values: object, like: LevelProfile | None = None) -> LevelProfile:
    return levels(Counter(map(str, values)), like=like)  # type: ignore[call-overload]


def zipf(rng: np.random.Generator, rows: int, kinds: int) -> object:
    share = 1 / np.arange(1, kinds + 1)
    return rng.choice(kinds, rows, p=share / share.sum())


@pytest.mark.parametrize("rows", [10, 100, 1_000])
def test_what_is_usual_is_what_as_many_rows_of_the_reference_have(rows: int) -> None:
    rng = np.random.default_rng(1)
    values = np.asarray(zipf(rng, 5_000, 300))
    reference = of(values)

    found = cardinality(reference, of(values[:rows], like=reference))

    drawn = [len(set(rng.choice(values, rows, replace=False))) for _ in range(400)]
    assert found.at_reference == pytest.approx(np.mean(drawn), rel=0.02)


def test_values_that_vanish_and_values_that_break_out_are_found() -> None:
    rng = np.random.default_rng(2)
    values = rng.choice(200, 10_000)
    reference = of(values)
    few = of(values[values < 60][:1_000], like=reference)
    many = of(rng.choice(900, 1_000), like=reference)

    for window in (few, many):
        found = cardinality(reference, window)
        assert found.low > 1.0
        assert (found.p_value or 0.0) < ALPHA
    found = cardinality(reference, few)
    assert found.at_reference == pytest.approx(199, abs=1)
    assert found.at_current == 60


@pytest.mark.parametrize(
    ("rows", "kinds"), [(50, 5), (500, 50), (500, 800), (60, 5_000)]
)
def test_clean_windows_are_no_finding(rows: int, kinds: int) -> None:
    rng = np.random.default_rng(3)
    reference = of(zipf(rng, 4_000, kinds))
    certain = material = 0
    for _ in range(200):
        found = cardinality(reference, of(zipf(rng, rows, kinds), like=reference))
        certain += (found.p_value or 0.0) <= 0.05
        material += found.low > 0.5

    assert certain <= 21  # 99.9 % of Binomial(200, 0.05)
    assert material == 0


def day(rng: np.random.Generator, sessions: int = 100) -> pa.Table:
    """Return the rows of sessions that each belong to one day."""
    ids = rng.integers(0, 10**9, sessions)
    return pa.table({"c": [f"s{i}" for i in ids.repeat(rng.integers(1, 12, sessions))]})


def test_rows_of_one_day_resemble_each_other_as_the_references_do() -> None:
    rng = np.random.default_rng(4)
    days = [day(rng) for _ in range(40)]
    bins = Bins.fit(SCHEMA, pa.concat_tables(days))
    reference = Reference.of(bins, [bins.profile(d) for d in days], timed=True)
    stored = Reference.from_bytes(reference.to_bytes())
    assert stored.id == reference.id
    assert stored.varieties == reference.varieties

    def asked(table: pa.Table, known: Reference) -> tuple[float, float]:
        was = known.column("c")
        assert was is not None
        found = cardinality(was, bins.profile(table).columns["c"])
        return found.value, found.p_value or 0.0

    clean = [asked(day(rng), stored) for _ in range(50)]
    assert max(value for value, _ in clean) < 0.7
    assert sum(p <= 0.05 for _, p in clean) <= 9
    # One session for all rows, as when a default takes the place of the id.
    value, p_value = asked(pa.table({"c": ["s0"] * 600}), stored)
    assert value > 5
    assert p_value < ALPHA


def test_rare_categories_without_names_are_counted_whichever_way_they_come() -> None:
    rng = np.random.default_rng(5)
    table = pa.table({"c": [f"v{i}" for i in rng.integers(0, 30_000, 60_000)]})
    bins = Bins.fit(SCHEMA, table)
    whole = bins.profile(table)
    column = whole.columns["c"]
    assert isinstance(column, LevelProfile)
    true = len(set(table["c"].to_pylist()))

    merged = bins.profile(table.slice(0, 100))
    for start in range(100, 60_000, 11_111):
        merged = merged.merge(bins.profile(table.slice(start, 11_111)))
    again = bins.read(whole.to_bytes()).columns["c"]

    assert not column.bins.complete
    assert column.different == pytest.approx(true, rel=0.02)
    assert merged.to_bytes() == whole.to_bytes()
    assert isinstance(again, LevelProfile)
    assert again.different == column.different


def test_what_cannot_be_known_is_unmeasurable_with_its_cause() -> None:
    reference = levels(dict.fromkeys((f"level {i}" for i in range(MAX_LEVELS + 5)), 2))
    window = levels({"new": 5}, like=reference)

    with pytest.raises(Unmeasurable, match="an older profile"):
        cardinality(reference, replace(window, rest=None))
    with pytest.raises(Unmeasurable, match="an older profile"):
        cardinality(replace(reference, rest=None), window)
    with pytest.raises(Unmeasurable, match="more than twice"):
        cardinality(window, reference)
    with pytest.raises(Unmeasurable, match="not categorical"):
        cardinality(column([1.0]), column([1.0]))
    with pytest.raises(Unmeasurable, match="the window has no values"):
        cardinality(reference, levels({}, like=reference))
