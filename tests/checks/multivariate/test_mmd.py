"""The discrepancy beside its definition, and its null distribution."""

import itertools

import numpy as np
import pytest

from checks.interval import quadratic_tail
from checks.multivariate.mmd import Gap, Kernel

RNG = np.random.default_rng(60)


def test_the_square_is_the_unbiased_one_of_the_definition() -> None:
    a, b = RNG.normal(size=(30, 2)), RNG.normal(size=(20, 2)) + 0.5
    kernel = Kernel.of(a)

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.exp(-((x - y) ** 2).sum() / kernel.wide))

    inside = [
        np.mean([k(x, y) for x, y in itertools.permutations(side, 2)])
        for side in (a, b)
    ]
    across = np.mean([k(x, y) for x in a for y in b])

    found = Gap.of(kernel, a, b).square
    assert found == pytest.approx(inside[0] + inside[1] - 2 * across)


def test_the_kernel_is_as_wide_as_the_median_distance() -> None:
    rows = np.array([[0.0], [1.0], [3.0]])

    assert Kernel.of(rows).wide == pytest.approx(2 * 2.0**2)


def test_the_fitted_tail_is_that_of_the_permutations() -> None:
    """Where both can be had: the tail serves where there are too few draws."""
    a, b = RNG.normal(size=(150, 3)), RNG.normal(size=(100, 3))
    gap = Gap.of(Kernel.of(a), a, b)
    first = np.zeros((250, 4_000))
    first[:150] = 1.0
    drawn = gap.squares(RNG.permuted(first, axis=0))
    for share in (0.1, 0.01):
        point = float(np.quantile(drawn, 1 - share))
        form = point / (1 / gap.n + 1 / gap.m) + gap.powers[0]
        assert quadratic_tail(form, gap.powers) == pytest.approx(share, rel=0.35)
