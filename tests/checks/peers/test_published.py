"""TFDV, Azure ML and SageMaker by what they publish: golden values, and SciPy.

None of them can be installed beside this project. The golden values are those of
TFDV's own `metrics_test.cc`, or were computed by hand from the formulas cited.
"""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from checks.errors import OptionError, Unmeasurable
from checks.example import gathered
from checks.peers.azure import azure_categorical_drift, azure_numeric_drift
from checks.peers.sagemaker import (
    sagemaker_categorical_values,
    sagemaker_completeness,
    sagemaker_drift,
)
from checks.peers.tfdv import tfdv_jensen_shannon, tfdv_l_infinity
from checks.rows import Values
from checks.schema import Kind
from checks.statistic import Statistic

RNG = np.random.default_rng(5)


def words(**counts: int) -> Values:
    rows = [level for level, count in counts.items() for _ in range(count)]
    return gathered(rows, Kind.CATEGORICAL)


def crossed(found: Statistic) -> bool:
    assert found.ruling is not None
    return found.ruling.crossed


class TestTfdv:
    @pytest.mark.parametrize(
        ("training", "serving", "expected"),
        [
            ({"hello": 1, "world": 9}, {"hello": 3, "world": 7}, 0.2),
            ({"b": 9, "c": 1}, {"a": 3, "b": 7}, 0.3),
            ({"a": 3, "b": 7}, {"b": 9, "c": 1}, 0.3),
        ],
    )
    def test_l_infinity_is_that_of_its_own_tests(
        self, training: dict[str, int], serving: dict[str, int], expected: float
    ) -> None:
        found = tfdv_l_infinity(words(**training), words(**serving))
        assert expected == pytest.approx(found.value)

    def test_l_infinity_alarms_above_its_threshold_and_not_at_it(self) -> None:
        sides = words(a=1, b=1), words(a=3, b=1)  # 0.5 and 0.75, exactly

        assert not crossed(tfdv_l_infinity(*sides, threshold=0.25))
        assert crossed(tfdv_l_infinity(*sides, threshold=0.2499))

    def test_without_a_threshold_nothing_alarms_and_the_figure_is_told(self) -> None:
        found = tfdv_l_infinity(words(a=1), words(b=1))

        assert 1.0 == found.value
        assert not crossed(found)
        assert "no threshold is set" in found.detail

    @pytest.mark.parametrize(
        ("before", "after", "buckets", "expected"),
        [
            # metrics_test.cc, DifferentBucketBoundaries: [1,2) [2,3] and [2,4) [4,6].
            ([1.0, 1.0, 2.5, 3.0], [2.0, 3.0, 5.0, 6.0], 2, 0.65563906222),
            # NoOverlap: [0,1) [1,2] and [3,4.5) [4.5,6].
            ([0.0, 0.5, 1.5, 2.0], [3.0, 4.0, 5.0, 6.0], 2, 1.0),
            # AllValuesInOneBucket: a point at 1 and [2,4) [4,6].
            ([1.0] * 4, [2.0, 3.0, 5.0, 6.0], 2, 1.0),
            ([1.0] * 4, [1.0] * 9, 10, 0.0),
            ([1.0] * 4, [2.0] * 9, 10, 1.0),
            # WithNaNs: three quarters in one bucket, a quarter NaN, and all in it.
            ([1.0, 1.5, 2.0, math.nan], [1.0, 1.2, 1.8, 2.0], 1, 0.13792538096),
        ],
    )
    def test_jensen_shannon_is_that_of_its_own_tests(
        self, before: list[Any], after: list[Any], buckets: int, expected: float
    ) -> None:
        sides = gathered(before), gathered(after)

        found = tfdv_jensen_shannon(*sides, buckets=buckets)
        back = tfdv_jensen_shannon(*sides[::-1], buckets=buckets)

        assert expected == pytest.approx(found.value, abs=1e-10)
        assert expected == pytest.approx(back.value, abs=1e-10)

    def test_nan_on_both_sides_still_matches_nothing(self) -> None:
        # Half of either side is NaN: half of the mass is in two disjoint buckets.
        one = gathered([1.0, 2.0, math.nan, math.nan])

        assert 0.5 == pytest.approx(tfdv_jensen_shannon(one, one).value)

    def test_infinite_values_match_nothing_and_nulls_are_not_looked_at(self) -> None:
        infinite = gathered([1.0, 2.0, math.inf, -math.inf])
        nulls = gathered([1.0, 2.0, None, None])
        plain = gathered([1.0, 2.0])

        assert 0.5 == pytest.approx(tfdv_jensen_shannon(infinite, infinite).value)
        assert 0.0 == pytest.approx(tfdv_jensen_shannon(nulls, plain).value)

    def test_equal_ranges_are_compared_bucket_by_bucket(self) -> None:
        before = [0.0, *RNG.random(size=500), 1.0]
        after = [0.0, *RNG.random(size=300) ** 2, 1.0]
        p, q = (np.histogram(x, 10, (0, 1))[0] for x in (before, after))

        found = tfdv_jensen_shannon(gathered(before), gathered(after))

        expected = distance.jensenshannon(p, q, base=2) ** 2
        assert expected == pytest.approx(found.value, abs=1e-12)

    def test_no_bucket_at_all_is_refused(self) -> None:
        with pytest.raises(OptionError, match="'buckets' is 0"):
            tfdv_jensen_shannon(gathered([1.0]), gathered([1.0]), buckets=0)


def azure_bins(before: list[float], after: list[float]) -> tuple[Any, Any]:
    """Count as Azure's components do: Sturges for the smaller side, over both."""
    low, high = min(before + after), max(before + after)
    bins = math.ceil(math.log2(min(len(before), len(after))) + 1)
    width = (high - low) / bins
    edges = [low + i * width for i in range(bins + 1)]
    return np.histogram(before, edges)[0], np.histogram(after, edges)[0]


class TestAzure:
    before = RNG.normal(size=700).tolist()
    after = (RNG.normal(size=333) + 0.2).tolist()

    def test_the_wasserstein_distance_is_over_the_sample_deviation(self) -> None:
        found = azure_numeric_drift(gathered(self.before), gathered(self.after))

        area = stats.wasserstein_distance(self.before, self.after)
        expected = area / np.std(self.before, ddof=1)
        assert expected == pytest.approx(found.value, rel=1e-12)
        assert crossed(found) is bool(expected > 0.1)

    def test_jensen_shannon_is_scipys_in_bins_of_both_sides(self) -> None:
        found = azure_numeric_drift(
            gathered(self.before),
            gathered(self.after),
            metric="jensen_shannon_distance",
        )

        counts = azure_bins(self.before, self.after)
        expected = distance.jensenshannon(*counts, base=2)
        assert expected == pytest.approx(found.value, rel=1e-9)

    def test_psi_has_a_row_more_in_each_bin(self) -> None:
        found = azure_numeric_drift(
            gathered(self.before),
            gathered(self.after),
            metric="population_stability_index",
        )

        sides = self.before, self.after
        p, q = (
            (counts + 1) / (len(side) + len(counts))
            for counts, side in zip(azure_bins(*sides), sides, strict=True)
        )
        expected = float(((q - p) * np.log(q / p)).sum())
        assert expected == pytest.approx(found.value, rel=1e-9)
        assert "no threshold is set" in found.detail

    def test_the_two_sample_test_alarms_below_a_threshold_that_is_set(self) -> None:
        sides = gathered(self.before), gathered(self.after)
        metric = "two_sample_kolmogorov_smirnov_test"
        p = float(stats.ks_2samp(self.before, self.after).pvalue)

        assert 1 - p == pytest.approx(azure_numeric_drift(*sides, metric=metric).value)
        for threshold in (p * 0.99, p * 1.01):
            found = azure_numeric_drift(*sides, metric=metric, threshold=threshold)
            assert crossed(found) is bool(p < threshold)

    def test_the_two_sample_test_cannot_be_made_on_ten_thousand_rows(self) -> None:
        large = gathered([float(i) for i in range(10_000)])

        with pytest.raises(Unmeasurable, match="below 10,000 rows"):
            azure_numeric_drift(
                large, large, metric="two_sample_kolmogorov_smirnov_test"
            )

    def test_a_histogram_of_one_value_fails_unless_it_is_positive(self) -> None:
        for value in (0.0, -3.0):
            one = gathered([value, value])
            with pytest.raises(Unmeasurable, match="throughout"):
                azure_numeric_drift(one, one, metric="jensen_shannon_distance")
        two = gathered([2.0, 2.0])
        found = azure_numeric_drift(two, two, metric="jensen_shannon_distance")
        assert 0.0 == found.value

    def test_categories_are_compared_by_scipy_too(self) -> None:
        before, after = words(a=50, b=30, c=20), words(a=10, b=10, d=1)

        js = azure_categorical_drift(before, after)
        psi = azure_categorical_drift(
            before, after, metric="population_stability_index"
        )

        expected = distance.jensenshannon([50, 30, 20, 0], [10, 10, 0, 1], base=2)
        assert expected == pytest.approx(js.value, rel=1e-12)
        p = (np.array([50, 30, 20, 0]) + 1) / 104
        q = (np.array([10, 10, 0, 1]) + 1) / 25
        assert float(((q - p) * np.log(q / p)).sum()) == pytest.approx(psi.value)

    def test_the_chi_squared_test_takes_the_reference_for_exact(self) -> None:
        before, after = words(a=50, b=30, c=20), words(a=10, b=10, c=10)

        found = azure_categorical_drift(
            before, after, metric="pearsons_chi_squared_test", threshold=0.05
        )

        p = stats.chisquare([10, 10, 10], [15, 9, 6]).pvalue
        assert 1 - p == pytest.approx(found.value)
        unseen = azure_categorical_drift(
            before, words(a=99, d=1), metric="pearsons_chi_squared_test"
        )
        assert 1.0 == unseen.value


class TestSageMaker:
    def test_simple_is_the_gap_of_the_distribution_functions(self) -> None:
        before, after = RNG.normal(size=900), RNG.normal(size=400) + 0.3

        found = sagemaker_drift(
            gathered(before), gathered(after), comparison_method="Simple"
        )

        expected = stats.ks_2samp(before, after).statistic
        assert expected == pytest.approx(found.value, abs=1e-12)

    def test_robust_takes_off_what_chance_may_make_of_it(self) -> None:
        before = gathered([float(i) for i in range(100)])
        after = gathered([float(i) for i in range(50, 150)])

        found = sagemaker_drift(before, after)

        assert 0.5 - 1.8 * math.sqrt(200 / 10_000) == pytest.approx(found.value)
        assert crossed(found)
        few = gathered([60.0, 70.0, 80.0])
        assert 0.0 == sagemaker_drift(before, few).value

    def test_categories_are_compared_by_their_shares(self) -> None:
        found = sagemaker_drift(
            words(a=5, b=5), words(a=2, c=8), comparison_method="Simple"
        )
        assert 0.8 == pytest.approx(found.value)

    def test_the_threshold_itself_does_not_alarm(self) -> None:
        sides = words(a=1, b=1), words(a=3, b=1)

        at = sagemaker_drift(*sides, comparison_method="Simple", threshold=0.25)

        assert not crossed(at)

    def test_any_loss_of_completeness_alarms_and_a_gain_does_not(self) -> None:
        whole, holed = gathered([1.0] * 1_000), gathered([1.0] * 999 + [None])

        assert crossed(sagemaker_completeness(whole, holed))
        assert not crossed(sagemaker_completeness(holed, whole))
        assert not crossed(sagemaker_completeness(whole, holed, threshold=0.01))
        assert "completeness 1 → 0.999" in sagemaker_completeness(whole, holed).detail

    def test_unknown_texts_alarm_above_a_tenth(self) -> None:
        before = words(a=1, b=1)

        assert not crossed(sagemaker_categorical_values(before, words(a=9, z=1)))
        assert crossed(sagemaker_categorical_values(before, words(a=8, z=1)))
