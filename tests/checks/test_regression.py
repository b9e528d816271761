"""A curve bends as often as the points do, and says how unsure it is."""

import numpy as np
import pytest

from checks.bins import Floats
from checks.regression import Curve, by_chance


def bent(rows: float, seed: int = 1) -> tuple[Floats, Floats]:
    """Return levels, and what they make of two coordinates with so many rows' noise."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=60)
    truth = np.stack([np.exp(0.4 * level), np.tanh(level)], axis=1)
    return level, truth + rng.normal(size=truth.shape) / np.sqrt(rows)


def test_more_rows_show_more_powers() -> None:
    powers = [Curve.of(*bent(rows)).powers for rows in (4, 1_000, 1_000_000)]

    assert powers == sorted(powers)
    assert powers[0] == 2
    assert powers[-1] == 6


@pytest.mark.parametrize("rows", [4, 1_000_000])
def test_a_curve_is_the_polynomial_of_least_squares(rows: int) -> None:
    level, points = bent(rows)
    curve = Curve.of(level, points)

    found = np.polynomial.Polynomial.fit(level, points[:, 1], curve.powers)
    design = np.vander(level, curve.powers + 1)
    hat = np.diag(design @ np.linalg.solve(design.T @ design, design.T))

    assert curve.left(level, points)[:, 1] == pytest.approx(points[:, 1] - found(level))
    assert curve.leverage(level) == pytest.approx(hat)


def test_eight_stretches_bend_twice_at_most() -> None:
    level, points = bent(1_000_000)

    assert Curve.of(level[:8], points[:8]).powers == 2


def test_terms_that_explain_nothing_are_chance_as_often_as_the_test_says() -> None:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(500):
        points, term = rng.normal(size=(40, 5)), rng.normal(size=(40, 1))
        left = points - term @ np.linalg.lstsq(term, points, rcond=None)[0]
        found.append(by_chance(points, left, 1, 39))

    assert np.mean(np.array(found) < 0.1) == pytest.approx(0.1, abs=0.04)
