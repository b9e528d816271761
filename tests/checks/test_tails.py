"""Tails are as heavy as the points show, and normal ones are taken for normal."""

import math

import numpy as np
import pytest
from scipy import stats

from checks.tails import Tails


def test_normal_points_are_priced_as_normal_ones_or_nearly() -> None:
    rng = np.random.default_rng(1)
    far = np.array([3.5])
    found = [
        Tails.of(rng.normal(size=(60, 1)), 1.0).beyond(far, 1.0, 59.0)
        for _ in range(300)
    ]

    exact = 2 * stats.t.sf(3.5, 59)
    assert np.median(found) == pytest.approx(exact)
    assert np.mean(np.array(found) > 4 * exact) < 0.1


def test_students_t_is_told_by_its_degrees() -> None:
    rng = np.random.default_rng(2)
    scale = np.sqrt(rng.chisquare(8, 100_000) / 8)
    points = rng.normal(size=(100_000, 3)) / scale[:, None]

    found = Tails.of(points, 3.0)

    assert found.degrees == pytest.approx(8, rel=0.2)
    assert found.skewness == 0.0


def test_a_few_bursts_make_one_more_less_unusual() -> None:
    calm = np.linspace(-1, 1, 58)
    points = np.append(calm, [6.0, 7.0])[:, None]
    variance = float((points**2).mean())
    found, normal = Tails.of(points, 1.0), Tails(1.0)

    up, down = np.array([8.0]), np.array([-8.0])
    assert normal.beyond(up, variance, 59.0) < 1e-5
    assert found.beyond(up, variance, 59.0) > 0.003
    # The bursts were all upwards: as far down is rarer.
    assert found.beyond(down, variance, 59.0) < found.beyond(up, variance, 59.0)


def test_points_that_do_not_differ_have_the_tails_of_normal_ones() -> None:
    assert Tails.of(np.zeros((20, 2)), 2.0) == Tails(2.0, math.inf)
    assert Tails.of(np.zeros((20, 0)), 1.0) == Tails(1.0, math.inf)
