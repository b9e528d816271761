"""What detectors say of histories small enough to reckon by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from checks.errors import OptionError
from checks.sequence.adwin import adwin
from checks.sequence.cusum import cusum
from checks.sequence.ddm import ddm
from checks.sequence.detection import Change, Detection
from checks.sequence.eddm import eddm
from checks.sequence.kswin import critical, kswin
from checks.sequence.page_hinkley import page_hinkley

CALM = np.tile([-1.0, 1.0], 15)
DEVIATION = math.sqrt(30 / 29)


def test_cusum_adds_what_lies_beyond_the_slack() -> None:
    found = cusum(np.concatenate([CALM, [2.0, 0.0, 3.0]]))

    by_hand = max(0.0, 2 / DEVIATION - 0.5 - 0.5) + 3 / DEVIATION - 0.5
    assert found.statistic == pytest.approx(by_hand, abs=1e-12)
    assert (found.changes, found.threshold) == ((), 8.0)


def test_cusum_looks_only_where_it_is_told_to() -> None:
    falling = np.concatenate([CALM, np.full(20, -3.0)])

    assert cusum(falling, direction="up").changes == ()
    assert cusum(falling, direction="down").first == Change(at=33, since=30)
    assert cusum(-falling, direction="up").first == Change(at=33, since=30)


def test_cusum_does_not_depend_on_the_unit() -> None:
    history = np.random.default_rng(8).normal(size=500).cumsum()

    assert cusum(history).changes == cusum(1024 * history).changes != ()


def test_after_a_constant_warm_up_any_other_value_is_a_change() -> None:
    found = cusum(np.concatenate([np.full(40, 0.1), [0.2], np.full(5, 0.1)]))

    assert found.first == Change(at=40, since=40)


def test_page_hinkley_looks_only_where_it_is_told_to() -> None:
    falling = np.repeat([1.0, 0.0], 100)

    assert page_hinkley(falling, threshold=5.0, direction="up").changes == ()
    assert page_hinkley(falling, threshold=5.0, direction="down").first == Change(
        at=105, since=100
    )


def test_the_critical_step_of_kswin_is_that_of_the_exact_test() -> None:
    for size in (8, 10, 30, 77):
        for alpha in (0.05, 0.005):
            step, x = critical(size, alpha), np.arange(size)
            p = [stats.ks_2samp(x, x + h - 0.5).pvalue for h in (step, step - 1)]
            assert p[0] <= alpha < p[1]


def test_kswin_finds_a_change_of_spread_that_keeps_the_mean() -> None:
    rng = np.random.default_rng(3)
    history = rng.normal(size=600) * np.repeat([1.0, 6.0], 300)

    found = kswin(history).first

    assert found is not None
    assert 300 <= found.at < 360


def test_a_stat_size_too_small_for_its_alpha_is_refused() -> None:
    with pytest.raises(OptionError, match="no difference is as rare"):
        kswin(np.zeros(200), stat_size=3)


def test_adwin_keeps_what_came_after_the_change() -> None:
    rng = np.random.default_rng(5)
    history = (rng.random(1_500) < np.repeat([0.1, 0.5, 0.1], 500)).astype(np.float64)

    found = adwin(history)

    assert [c.since for c in found.changes] == pytest.approx([500, 1_000], abs=100)


def test_the_limit_of_adwin_is_the_papers() -> None:
    history = np.tile([0.0, 1.0], 4)  # eight points: five buckets of one, or of two

    found = adwin(history, grace_period=0, min_window_length=4)

    recip, term = 1 / 4 + 1 / 4, math.log(2 * math.log(8) / 0.002)
    limit = math.sqrt(2 * recip * 0.25 * term) + 2 / 3 * recip * term
    assert found.statistic == pytest.approx(0.0, abs=1e-12)
    assert found.threshold == pytest.approx(limit, rel=1e-12)


def test_the_warning_zone_is_told_while_it_lasts() -> None:
    good = np.tile([0.0, 0.0, 0.0, 1.0], 50)
    warned = np.concatenate([good, np.tile([0.0, 1.0, 1.0], 6)])

    found = ddm(warned)

    assert found.changes == ()
    assert found.warning is not None
    assert found.warning >= 200
    assert "a warning since" in found.reason
    assert ddm(good).warning is None


def test_without_an_error_in_the_warm_up_the_first_one_is_a_change() -> None:
    history = np.zeros(60)
    history[45] = 1.0

    assert ddm(history).first == Change(at=45, since=45)
    assert eddm(history).changes == ()


def test_a_detection_refuses_what_is_not_finite() -> None:
    with pytest.raises(ValueError, match="nan is no statistic"):
        Detection(n=1, statistic=math.nan)


def test_the_reason_counts_the_changes_before_the_last() -> None:
    changes = (Change(at=5, since=4), Change(at=9, since=8))

    assert Detection(n=10, changes=changes).reason.endswith("; before it, 1 more.")
