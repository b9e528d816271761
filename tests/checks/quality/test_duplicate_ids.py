"""Ids that come again: the exact share, the sketch beyond, and no alarm where none."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from checks.distinct import ERROR, EXACT
from checks.errors import Unmeasurable
from checks.example import reference, window
from checks.profile import Bins, Profile
from checks.quality.duplicate_ids import duplicate_ids
from checks.reference import Reference
from checks.schema import Column, Kind, Role, Schema

SCHEMA = Schema.of(
    [
        Column(name="id", kind=Kind.CATEGORICAL, role=Role.ID),
        Column(name="x", kind=Kind.NUMERIC),
    ]
)
BINS = Bins.fit(SCHEMA, pa.table({"x": [0.0, 1.0]}))
ALPHA = 1 / 90 / 200


def profile(ids: object) -> Profile:
    column = pa.array(ids)
    return BINS.profile(pa.table({"id": column, "x": np.zeros(len(column))}))


def known(*stretches: object, timed: bool = True) -> Reference:
    return Reference.of(BINS, [profile(ids) for ids in stretches], timed=timed)


CLEAN = known(*(np.arange(1_000) + 1_000 * day for day in range(30)))


def test_a_small_window_is_counted_exactly_as_fisher_has_it() -> None:
    ids = [*range(900), *range(100)]

    found = duplicate_ids(CLEAN, profile(ids))

    table = np.array([[0, 30_000], [100, 900]])
    expected = stats.fisher_exact(table, alternative="less").pvalue
    assert found.value == 0.1
    assert found.p_value == pytest.approx(expected, rel=1e-6)
    assert found.low > 0.08
    assert found.detail == ""


def test_ids_that_come_again_on_another_day_are_usual() -> None:
    people = known(*(np.arange(1_000) % 800 for _ in range(30)))

    found = duplicate_ids(people, profile(np.arange(1_000) % 800))

    assert (found.value, found.at_reference, found.at_current) == (0.0, 0.2, 0.2)
    assert (found.p_value or 0.0) > 0.3


def test_days_on_which_batches_are_sent_again_make_it_less_sure() -> None:
    rng = np.random.default_rng(4)
    days = [
        np.arange(1_000) % (1_000 - int(rng.integers(0, 2)) * 100) for _ in range(30)
    ]
    bursts = known(*days)
    assert bursts.repeats is not None
    assert bursts.repeats.effect > 20

    found = duplicate_ids(bursts, profile(np.arange(1_000) % 900))

    assert (found.p_value or 0.0) > ALPHA


@pytest.mark.parametrize(
    "again",
    [
        lambda ids: np.where(np.arange(len(ids)) % 20 == 0, ids - 1, ids),
        lambda ids: np.where(np.arange(len(ids)) % 20 == 0, 0, ids),
    ],
    ids=["each twice", "one for all"],
)
def test_many_ids_are_sketched_whichever_way_they_come_again(again: object) -> None:
    assert callable(again)
    ids = again(np.arange(200_000))

    found = duplicate_ids(CLEAN, profile(ids))

    assert found.low < 0.05 < found.high
    assert found.value == pytest.approx(0.05, abs=4 * ERROR)
    assert found.low > 0.03
    assert found.p_value is not None
    assert found.p_value < ALPHA
    assert "0.4 %" in found.detail


def test_clean_windows_of_every_size_are_no_finding() -> None:
    certain = material = 0
    for run in range(300):
        rows = (200, 3_000, EXACT + 1, 20_000)[run % 4]
        ids = np.random.default_rng(run).integers(0, 2**62, rows)
        found = duplicate_ids(CLEAN, profile(ids))
        certain += (found.p_value or 0.0) <= 0.01
        material += found.low > 0.01
    assert certain <= 10  # 99.9 % of Binomial(300, 0.01)
    assert material == 0


def test_a_reference_without_ids_is_replaced_by_what_is_tolerated() -> None:
    bare = reference({"x": [0.0] * 100}, roles={"id": Role.ID})
    few = {"x": [0.0] * 2_000, "id": [*range(1_998), 0, 1]}
    many = {"x": [0.0] * 2_000, "id": [*range(1_900), *range(100)]}

    quiet = duplicate_ids(bare, window(bare, few))
    loud = duplicate_ids(bare, window(bare, many))
    none = duplicate_ids(bare, window(bare, {"x": [0.0], "id": [1]}))

    exact = stats.binomtest(2, 2_000, 0.001, alternative="greater").pvalue
    assert quiet.p_value == pytest.approx(exact)
    assert loud.value == 0.05
    assert loud.low > 0.01
    assert (loud.p_value or 1.0) < ALPHA
    assert (none.value, none.low, none.p_value) == (0.0, 0.0, 1.0)


def test_rows_without_an_id_are_left_out_and_nothing_else_is_unknown() -> None:
    found = duplicate_ids(CLEAN, profile([1, 2, None, None, None, 2]))

    assert (found.n_current, found.value) == (3, 1 / 3)
    with pytest.raises(Unmeasurable, match="no row of the window has an id"):
        duplicate_ids(CLEAN, profile(pa.nulls(5, pa.string())))
    with pytest.raises(Unmeasurable, match="no ids that can be told apart"):
        duplicate_ids(CLEAN, profile([[1], [2]]))
    with pytest.raises(Unmeasurable, match="no ids that can be told apart"):
        duplicate_ids(CLEAN, BINS.profile(pa.table({"x": [0.0]})))


def test_a_reference_frozen_before_ids_were_counted_is_one_without() -> None:
    older = replace(CLEAN, repeats=None)

    assert duplicate_ids(older, profile([1, 2, 3])).p_value == 1.0


def test_stored_profiles_and_references_keep_their_ids() -> None:
    for rows in (100, 20_000):
        found = profile(np.arange(rows))
        again = BINS.read(found.to_bytes())
        assert again.hash == found.hash
        assert again.ids is not None
        assert again.ids.rows == rows

    stored = Reference.from_bytes(CLEAN.to_bytes())
    assert (stored.id, stored.repeats) == (CLEAN.id, CLEAN.repeats)
