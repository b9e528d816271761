"""How long labels take, learned from those that have come so far."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.delays import CELLS, Delays, cells, upper
from checks.errors import Unmeasurable
from checks.exact import Floats

DAY = 86_400_000_000
HOUR = 3_600_000_000


def looked_at(
    days: float, *, n: int = 40_000, ever: float = 1.0, mean: float = 3.0, seed: int = 0
) -> tuple[Delays, Floats]:
    """Look at predictions of so many days whose labels take `mean` days (gamma)."""
    rng = np.random.default_rng(seed)
    made = np.sort(rng.integers(0, int(days * DAY), n))
    took = rng.gamma(2.0, mean / 2, n) * DAY
    known = made + took.astype(np.int64)
    as_of = int(days * DAY)
    labelled = (known <= as_of) & (rng.random(n) < ever)
    return Delays.of(made, known, labelled, as_of), took / DAY


@pytest.mark.parametrize("days", [10, 20, 60])
@pytest.mark.parametrize("ever", [1.0, 0.6])
def test_the_curve_is_that_of_all_labels_though_late_ones_have_not_come(
    days: int, ever: float
) -> None:
    found, took = looked_at(days, ever=ever)

    curve = found.curve()

    within = took[took <= days]
    for q in (0.25, 0.5, 0.9):
        assert curve.quantile(q) / 86_400 == pytest.approx(
            np.quantile(within, q), rel=0.12
        )
    naive = np.quantile(took[took <= days / 2], 0.9)
    assert curve.quantile(0.9) / 86_400 > naive or days == 60


def test_the_curve_is_the_product_limit_of_data_cut_off_on_the_right() -> None:
    """Lynden-Bell's estimator, worked out label by label."""
    rng = np.random.default_rng(9)
    age = rng.choice([20, 50, 90, 200, 400], 500) * 3_600
    took = rng.choice([5, 25, 60, 130, 300], 500, p=[0.3, 0.3, 0.2, 0.1, 0.1]) * 3_600
    come = took <= age
    micros = 10**6
    found = Delays.of(-age * micros, (took - age) * micros, come, 0).curve()

    taken, waited = took[come], age[come]
    for moment in (5, 25, 60, 130):
        share = 1.0
        for later in sorted({*taken.tolist()}):
            if later > moment * 3_600:
                could = np.count_nonzero((taken <= later) & (waited >= later))
                share *= 1 - np.count_nonzero(taken == later) / could
        cell = int(cells(np.array([moment * 3_600 * micros]))[0])
        assert found.share[cell] == pytest.approx(share, rel=1e-12)


def test_labels_that_never_come_are_not_waited_for() -> None:
    found, _ = looked_at(40, ever=0.6)

    curve = found.curve()

    assert curve.ever == pytest.approx(0.6, abs=0.02)
    old = Delays.of(
        np.zeros(100, np.int64), np.zeros(100, np.int64), np.zeros(100, bool), 30 * DAY
    )
    assert curve.maturity(old.made) == pytest.approx(1.0, abs=0.01)
    assert curve.expected(old.made) == pytest.approx(0.6, abs=0.02)


def test_maturity_is_the_share_of_the_labels_that_have_come() -> None:
    learned, _ = looked_at(60)
    window, _ = looked_at(4, ever=0.5, seed=1)

    expected = learned.curve().maturity(window.made)

    assert window.labels / (0.5 * window.predictions) == pytest.approx(
        expected, abs=0.02
    )


def test_a_curve_whose_labels_still_come_at_its_end_is_not_settled() -> None:
    assert looked_at(60)[0].curve().settled
    assert not looked_at(4)[0].curve().settled


def test_too_few_labels_teach_nothing() -> None:
    with pytest.raises(Unmeasurable, match="too few to learn how long they take"):
        looked_at(10, n=90)[0].curve()
    with pytest.raises(Unmeasurable, match="0 labels are too few"):
        Delays().curve()


def test_labels_that_come_at_once_are_mature_at_once() -> None:
    made = np.arange(1_000) * HOUR
    found = Delays.of(made, made, np.ones(1_000, bool), 1_000 * HOUR)

    curve = found.curve()

    assert curve.maturity(found.made) == pytest.approx(1.0)
    assert curve.quantile(0.5) <= 1.0


def test_a_label_before_its_prediction_is_counted() -> None:
    found = Delays.of(np.array([5]), np.array([3]), np.array([True]), 9)

    assert (1, 1) == (found.early, found.labels)


rows_of = st.lists(
    st.tuples(st.integers(0, 30 * DAY), st.integers(-HOUR, 30 * DAY), st.booleans()),
    max_size=40,
)


def delays(rows: list[tuple[int, int, bool]], as_of: int = 61 * DAY) -> Delays:
    made = np.array([row[0] for row in rows], np.int64)
    known = made + np.array([row[1] for row in rows], np.int64)
    there = np.array([row[2] for row in rows], np.bool_)
    return Delays.of(made, known, there & (known <= as_of), as_of)


@given(rows_of.flatmap(lambda r: st.tuples(st.just(r), st.permutations(r))), rows_of)
def test_delays_add_up_to_the_byte(
    both: tuple[list[tuple[int, int, bool]], list[tuple[int, int, bool]]],
    more: list[tuple[int, int, bool]],
) -> None:
    rows, shuffled = both

    whole = delays([*rows, *more])

    assert whole.to_bytes() == delays(more).merge(delays(shuffled)).to_bytes()
    assert whole.hash == Delays.from_bytes(whole.to_bytes()).hash


def test_cells_grow_with_the_delay_and_end_where_they_say() -> None:
    micros = np.array([0, 10**6, 3 * 10**6, HOUR, DAY, 400 * DAY, 10**18])

    found = cells(micros)

    assert (np.diff(found) > 0).all()
    assert found.max() < CELLS
    for cell, micro in zip(found[1:-1], micros[1:-1], strict=True):
        assert upper(int(cell) - 1) <= micro / 1e6 <= upper(int(cell))
