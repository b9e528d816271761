"""Recomputed features beside served ones: by id, or by entity and time."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.cause import Nature
from checks.equality import Tolerance
from checks.pairs import PairingCounts, Pairs
from checks.schema import Column, Kind
from monitor.errors import SourceError
from monitor.pairing import Joining, join_pairs
from monitor.spill import Side, parted

FEATURES = (
    Column(name="distance", kind=Kind.NUMERIC),
    Column(name="origin", kind=Kind.CATEGORICAL),
)


BY_ID = Joining(id="id")


def joined(
    served: pa.Table,
    recomputed: pa.Table,
    features: Sequence[Column] = FEATURES,
    joining: Joining = BY_ID,
) -> tuple[PairingCounts, Mapping[str, Pairs]]:
    found = join_pairs([(served, recomputed)], joining=joining, features=features)
    return found.counts, found.features


def test_features_are_compared_row_by_row() -> None:
    served = pa.table(
        {"id": [3, 1, 2], "distance": [3.0, 1.0, 2.0], "origin": ["c", "a", "b"]}
    )
    recomputed = pa.table(
        {"id": [1, 2, 3], "distance": [1.0, 2.5, 3.0], "origin": ["a", "b", "c"]}
    )

    counts, pairs = joined(served, recomputed)

    assert counts.joined == 3
    assert (2, 1) == (pairs["distance"].match, pairs["distance"].mismatch)
    assert pairs["origin"].match == 3


def test_every_id_is_counted_where_it_belongs() -> None:
    served = pa.table({"id": ["a", "b", "b", "c", None], "distance": [1.0] * 5})
    recomputed = pa.table({"id": ["a", "b", "d", "d"], "distance": [1.0] * 4})

    counts, pairs = joined(served, recomputed, FEATURES[:1])

    assert (4, 1) == (counts.served_with_id, counts.served_without_id)
    assert (4, 0) == (counts.recomputed_with_id, counts.recomputed_without_id)
    assert (1, 1, 2) == (counts.only_served, counts.only_recomputed, counts.duplicated)
    assert (4, 1) == (counts.ids, counts.joined)
    assert pairs["distance"].n_both == 1


def test_one_column_that_cannot_be_compared_takes_no_other_along() -> None:
    served = pa.table({"id": [1], "distance": [[1.0]], "origin": ["a"]})
    recomputed = pa.table({"id": [1], "distance": [[2.0]], "origin": ["a"]})

    _, pairs = joined(served, recomputed)

    assert "list" in pairs["distance"].unjoined
    assert pairs["origin"].match == 1


def test_a_column_that_one_side_lacks_says_so() -> None:
    served = pa.table({"id": [1], "distance": [1.0], "origin": ["a"]})

    _, pairs = joined(served, served.drop_columns(["origin"]))

    assert pairs["origin"].n_both == 0
    assert pairs["origin"].unjoined.startswith(
        "the recomputed features have no column 'origin'"
    )


def test_rows_that_never_meet_are_no_pairs() -> None:
    served = pa.table({"id": [1], "distance": [1.0], "origin": ["a"]})
    other = pa.table({"id": [2], "distance": [1.0], "origin": ["a"]})

    counts, pairs = joined(served, other)

    assert (0, 1, 1) == (counts.joined, counts.only_served, counts.only_recomputed)
    assert pairs["distance"].n_both == 0


def test_a_day_of_traffic_is_joined_in_a_moment() -> None:
    rng = np.random.default_rng(0)
    n = 300_000
    names = [f"f{i}" for i in range(20)]
    served = pa.table(
        {"id": np.arange(n)} | {name: rng.normal(size=n) for name in names}
    )
    recomputed = served.take(pa.array(rng.permutation(n)))
    features = [Column(name=name, kind=Kind.NUMERIC) for name in names]

    started = time.process_time()
    counts, _ = joined(served, recomputed, features)

    assert counts.joined == n
    assert time.process_time() - started < 3.0, "measured 0.2 s"


def batches(table: pa.Table) -> list[pa.RecordBatch]:
    """Return a table in batches as a source gives it: at least one."""
    none = pa.RecordBatch.from_pylist([], schema=table.schema)
    return table.to_batches(max_chunksize=7) or [none]


def in_parts(
    served: pa.Table, recomputed: pa.Table, joining: Joining, parts: int
) -> tuple[PairingCounts, Mapping[str, Pairs]]:
    """Join the same from the disk, in so many parts."""
    sides = [Side(batches=batches(t), key=joining.key) for t in (served, recomputed)]
    found = join_pairs(
        parted(*sides, held=0, parts=parts), joining=joining, features=FEATURES
    )
    return found.counts, found.features


names = st.sampled_from(["a", "b", "c", "d", "e", None])
rows_of = st.lists(
    st.tuples(names, st.sampled_from([1.0, 2.0, None]), st.sampled_from(["x", "y"])),
    max_size=30,
)


def features_of(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([row[0] for row in rows], pa.string()),
            "distance": pa.array([row[1] for row in rows], pa.float64()),
            "origin": pa.array([row[2] for row in rows], pa.string()),
        }
    )


@settings(max_examples=25)
@given(rows_of, rows_of.flatmap(lambda r: st.tuples(st.just(r), st.permutations(r))))
def test_neither_order_nor_parts_change_what_is_counted(
    served: list[Any], recomputed: tuple[list[Any], list[Any]]
) -> None:
    ours = features_of(served)

    whole = joined(ours, features_of(recomputed[0]))

    assert whole == joined(ours, features_of(recomputed[1]))
    assert whole == in_parts(ours, features_of(recomputed[1]), BY_ID, 3)


START = datetime(2026, 3, 1, tzinfo=UTC)
AS_OF = Joining(entity="shop", time="at", reach=timedelta(minutes=5))


def events(*rows: tuple[str, int, float]) -> pa.Table:
    """Make a table of (shop, seconds after the start, distance)."""
    at = [START + timedelta(seconds=row[1]) for row in rows]
    return pa.table(
        {
            "shop": [row[0] for row in rows],
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "distance": [row[2] for row in rows],
            "origin": ["x"] * len(rows),
        }
    )


def test_by_entity_and_time_the_last_row_that_is_not_after_is_taken() -> None:
    served = events(("a", 100, 2.0), ("a", 99, 1.0), ("b", 100, 7.0), ("a", 50, 0.0))
    recomputed = events(
        ("a", 60, 1.0), ("a", 100, 2.0), ("a", 101, 3.0), ("b", 101, 7.0)
    )

    counts, pairs = joined(served, recomputed, joining=AS_OF)

    assert (2, 0) == (pairs["distance"].match, pairs["distance"].mismatch)
    assert (2, 2, 2) == (counts.joined, counts.only_served, counts.only_recomputed)


def test_a_row_that_is_too_old_is_none() -> None:
    served = events(("a", 400, 1.0), ("b", 300, 1.0))

    counts, _ = joined(served, events(("a", 99, 1.0), ("b", 0, 1.0)), joining=AS_OF)

    assert (1, 1) == (counts.joined, counts.only_served)


def test_two_rows_of_one_entity_and_time_are_left_out() -> None:
    recomputed = events(("a", 1, 1.0), ("a", 1, 2.0), ("a", 0, 3.0))

    counts, _ = joined(events(("a", 2, 1.0)), recomputed, joining=AS_OF)

    assert (0, 1) == (counts.joined, counts.duplicated)


shops = st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.just(0.0))


@given(st.lists(shops, max_size=12), st.lists(shops, max_size=12, unique=True))
def test_no_feature_computed_after_the_prediction_is_ever_used(
    served: list[Any], recomputed: list[Any]
) -> None:
    # A feature's value is when it was computed: what is joined tells on itself.
    stamped = [(shop, at, float(at)) for shop, at, _ in recomputed]
    reach = Joining(entity="shop", time="at", reach=timedelta(seconds=6))
    expected, missing = [], 0
    for shop, at, _ in served:
        known = [t for s, t, _ in stamped if s == shop and at - 6 <= t <= at]
        expected += [float(max(known))] if known else []
        missing += not known
    wanted = [
        (shop, at, best)
        for shop, at, _ in served
        for best in [max([t for s, t, _ in stamped if s == shop and t <= at] or [-1.0])]
    ]

    counts, pairs = joined(events(*wanted), events(*stamped), joining=reach)

    assert (len(expected), missing) == (counts.joined, counts.only_served)
    assert pairs.get("distance", Pairs(column="")).mismatch == 0


def test_a_join_in_parts_by_entity_is_the_same() -> None:
    rng = np.random.default_rng(0)
    recomputed = events(*[(str(i % 9), i, float(i)) for i in range(300)])
    served = events(
        *[(str(rng.integers(9)), int(t), 5.0) for t in rng.integers(0, 400, 200)]
    )

    whole = joined(served, recomputed, joining=AS_OF)

    assert whole == in_parts(served, recomputed, AS_OF, 4)


def test_a_join_by_what_is_not_there_says_so() -> None:
    with pytest.raises(SourceError, match="recomputed features have no column 'at'"):
        joined(
            events(("a", 1, 1.0)),
            events(("a", 1, 1.0)).drop_columns(["at"]),
            joining=AS_OF,
        )


NUMBERS = (
    Column(name="distance", kind=Kind.NUMERIC),
    Column(name="delay", kind=Kind.NUMERIC),
    Column(name="height", kind=Kind.NUMERIC),
)


def numbers_of(n: int, seed: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    start = np.datetime64("2026-03-01", "us")
    return {
        "id": np.arange(n),
        "shop": np.arange(n) % 50,
        "at": start + (np.arange(n) // 50) * np.timedelta64(3_600, "s"),
        "distance": rng.lognormal(5, 1, n),
        "delay": rng.normal(size=n) * 60,
        "height": rng.normal(size=n),
    }


def test_swapped_columns_are_named_amid_noise() -> None:
    n = 2_000
    rng = np.random.default_rng(0)
    known = numbers_of(n)
    there = rng.random(n) < 0.6
    noise = numbers_of(n, seed=9)
    served = known | {
        "distance": np.where(there, known["delay"], noise["distance"]),
        "delay": np.where(there, known["distance"], noise["delay"]),
    }

    _, pairs = joined(pa.table(served), pa.table(known), NUMBERS)

    for name, other in (("distance", "delay"), ("delay", "distance")):
        found = pairs[name].cause
        assert found is not None
        assert Nature.SWAPPED == found.law.nature
        assert f"served is what {other!r} should be (columns swapped)" == (
            found.law.sentence
        )
        assert found.share == pytest.approx(0.6, abs=0.05)
    assert pairs["height"].differing == 0


@pytest.mark.parametrize("parts", [1, 4])
def test_a_stale_value_is_named_amid_noise(parts: int) -> None:
    n = 5_000
    rng = np.random.default_rng(0)
    known = numbers_of(n)
    before = np.concatenate([known["distance"][:50], known["distance"][:-50]])
    noise = numbers_of(n, seed=9)["distance"]
    served = known | {"distance": np.where(rng.random(n) < 0.6, before, noise)}
    joining = Joining(entity="shop", time="at")
    sides = [
        Side(batches=pa.table(t).to_batches(), key=joining.key) for t in (served, known)
    ]

    found = join_pairs(
        parted(*sides, held=1 << 30 if parts == 1 else 0, parts=parts),
        joining=joining,
        features=NUMBERS,
    )

    cause = found.features["distance"].cause
    assert cause is not None
    told = "served is a value from before (stale by 60 min, in the median)"
    assert told == cause.law.sentence
    assert cause.share == pytest.approx(0.6, abs=0.05)


def test_noise_is_neither_swapped_nor_stale() -> None:
    known, noise = numbers_of(3_000), numbers_of(3_000, seed=9)
    served = known | {name: noise[name] for name in ("distance", "delay", "height")}

    _, pairs = joined(
        pa.table(served),
        pa.table(known),
        NUMBERS,
        Joining(id="id", entity="shop", time="at"),
    )

    assert [None] * 3 == [pairs[column.name].cause for column in NUMBERS]


def test_an_absolute_tolerance_is_enough_by_itself() -> None:
    known = numbers_of(100)
    served = known | {"height": known["height"] + 0.01}

    strict = joined(pa.table(served), pa.table(known), NUMBERS)[1]
    lax = joined(
        pa.table(served),
        pa.table(known),
        NUMBERS,
        Joining(id="id", tolerance=Tolerance(absolute=0.02)),
    )[1]

    assert (100, 0) == (strict["height"].differing, lax["height"].differing)


def test_tfdvs_counters_are_told_of_every_feature() -> None:
    served = pa.table({"id": [1, 2, 3, 4], "distance": [1.0, None, 3.0, None]})
    recomputed = pa.table({"id": [1, 2, 3, 4], "distance": [1.0, 2.0, None, None]})

    told = joined(served, recomputed, NUMBERS[:1])[1]["distance"].to_dict()

    assert (2, 2, 1) == (told["base_count"], told["test_count"], told["match_count"])
    assert (1, 1, 2) == (told["base_only"], told["test_only"], told["diff_count"])
