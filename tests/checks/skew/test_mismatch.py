"""The share of rows that were served something else."""

import numpy as np
import pytest
from scipy import stats

from checks.errors import Unmeasurable
from checks.pairs import Pairs
from checks.schema import Kind
from checks.skew.mismatch import mismatch
from checks.tally import compare


def test_the_p_value_is_the_exact_binomial_tail() -> None:
    found = mismatch(Pairs(column="x", match=995, mismatch=5), tolerated=0.001)

    expected = stats.binomtest(5, 1_000, 0.001, alternative="greater").pvalue
    assert found.p_value == pytest.approx(expected, rel=1e-10)


def test_the_interval_is_wilsons() -> None:
    found = mismatch(Pairs(column="x", match=95, mismatch=3, served_missing=2))

    expected = stats.binomtest(5, 100).proportion_ci(method="wilson")
    assert found.value == 0.05
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_agreement_is_no_finding() -> None:
    found = mismatch(Pairs(column="x", match=50, both_missing=50))

    assert (found.value, found.low, found.p_value) == (0.0, 0.0, 1.0)
    assert found.n_current == 100
    assert found.detail == ""


def test_rows_that_all_differ_are_certain_and_named() -> None:
    feet = np.linspace(1, 100, 300)

    found = mismatch(compare(feet * 0.3048, feet, column="x", kind=Kind.NUMERIC))

    assert found.value == found.high == 1.0
    assert found.p_value == 0.0
    assert "(feet → metres)" in found.detail


def test_nothing_joined_is_unmeasurable() -> None:
    with pytest.raises(Unmeasurable, match="no row could be joined by its id"):
        mismatch(Pairs(column="x"))
    with pytest.raises(Unmeasurable, match="no column 'x'"):
        mismatch(Pairs(column="x", unjoined="the predictions have no column 'x'"))
