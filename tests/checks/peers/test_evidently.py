"""The evidently-0.7 preset against the real evidently, method by method and as a whole.

evidently is given the rows as pandas columns, driftd the same as Arrow arrays.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from checks.errors import OptionError, Unmeasurable
from checks.example import gathered
from checks.peers.evidently import evidently_dataset_drift, evidently_drift
from checks.rows import Values
from checks.schema import Kind
from checks.statistic import Ruling, Statistic

RNG = np.random.default_rng(7)


def theirs(
    reference: Sequence[Any], current: Sequence[Any], kind: Kind, method: str = "auto"
) -> tuple[str, float, bool]:
    """Ask evidently: which method it chose, its score, and whether it alarms."""
    from evidently.legacy.calculations.stattests import get_stattest  # noqa: PLC0415 - slow to import
    from evidently.legacy.core import ColumnType  # noqa: PLC0415 - as above

    numeric = kind is Kind.NUMERIC
    sides = [
        pd.Series(side, dtype=float if numeric else object)
        .replace([-np.inf, np.inf], np.nan)
        .dropna()
        for side in (reference, current)
    ]
    if numeric:
        sides = [side.astype(float) for side in sides]
    # Which tests suit a kind, evidently asks only of those that a user names.
    as_kind = ColumnType.Numerical if numeric else ColumnType.Categorical
    test = get_stattest(
        sides[0], sides[1], as_kind, None if method == "auto" else method
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = test(sides[0], sides[1], as_kind, None)
    return test.name, float(found.drift_score), bool(found.drifted)


def figure(found: Statistic, method: str) -> float:
    """Return the figure as evidently writes it: a p-value is 1 - value."""
    p_values = ("ks", "chisquare", "z", "t_test", "mannw", "cramer_von_mises")
    return 1 - found.value if method in p_values else found.value


def assert_agree(
    reference: Sequence[Any], current: Sequence[Any], kind: Kind, method: str = "auto"
) -> None:
    name, score, drifted = theirs(reference, current, kind, method)
    sides = gathered(reference, kind), gathered(current, kind)
    if math.isnan(score):
        with pytest.raises(Unmeasurable, match="is nan here"):
            evidently_drift(*sides, method=method)
        return

    found = evidently_drift(*sides, method=method)

    assert score == pytest.approx(figure(found, name), rel=1e-9, abs=1e-12)
    assert found.ruling is not None
    near = found.ruling.threshold is not None and (
        abs(found.value - found.ruling.threshold) < 1e-12
    )
    assert near or found.ruling.crossed is drifted


def normal(n: int, shift: float = 0.0) -> list[float]:
    return list(RNG.normal(size=n) + shift)


def letters(n: int, k: int) -> list[str]:
    return [f"level {i}" for i in RNG.integers(0, k, size=n)]


@pytest.mark.parametrize("n", [30, 999, 1_000, 1_001, 4_000])
@pytest.mark.parametrize("m", [5, 200, 3_000])
@pytest.mark.parametrize("shift", [0.0, 0.1, 1.0])
def test_numbers_are_compared_as_evidently_compares_them(
    n: int, m: int, shift: float
) -> None:
    assert_agree(normal(n), normal(m, shift), Kind.NUMERIC)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 6, 40])
@pytest.mark.parametrize("n", [900, 1_500])
@pytest.mark.parametrize("kind", [Kind.NUMERIC, Kind.CATEGORICAL])
def test_few_values_are_compared_as_evidently_compares_them(
    k: int, n: int, kind: Kind
) -> None:
    before, after = (list(RNG.integers(0, k, size=size)) for size in (n, 700))
    if kind is Kind.CATEGORICAL:
        before, after = ([f"level {i}" for i in side] for side in (before, after))

    assert_agree(before, after, kind)
    assert_agree(before, after[:8], kind)


NUMBER_METHODS = ("ks", "wasserstein", "ed", "t_test", "mannw", "cramer_von_mises")
BOTH_METHODS = ("jensenshannon", "psi", "kl_div", "hellinger")


@pytest.mark.parametrize("method", [*NUMBER_METHODS, *BOTH_METHODS])
@pytest.mark.parametrize("shift", [0.0, 0.3, 4.0])
def test_every_named_method_is_evidentlys_on_numbers(method: str, shift: float) -> None:
    assert_agree(normal(800), normal(500, shift), Kind.NUMERIC, method)
    assert_agree(normal(1_500), [*normal(300, shift), 1e6], Kind.NUMERIC, method)


@pytest.mark.parametrize("method", [*BOTH_METHODS, "chisquare", "z"])
def test_every_named_method_is_evidentlys_on_categories(method: str) -> None:
    k = 2 if method == "z" else 7

    assert_agree(letters(800, k), letters(500, k), Kind.CATEGORICAL, method)
    assert_agree(letters(800, k), letters(30, 2), Kind.CATEGORICAL, method)


LISTS = st.lists(
    st.one_of(
        st.integers(-3, 3).map(float),
        st.floats(-1e6, 1e6),
        st.sampled_from([None, math.nan, math.inf]),
    ),
    min_size=1,
    max_size=40,
)


def values(side: Sequence[float | None]) -> set[float]:
    return {x for x in side if x is not None and math.isfinite(x)}


@given(LISTS, LISTS)
@example([0.0, 0.0, 0.0, 1.0, -2.0], [0.0, 0.0, -1.0, -3.0, 2.0])
@settings(max_examples=60)
def test_odd_numbers_are_compared_as_evidently_compares_them(
    before: list[float | None], after: list[float | None]
) -> None:
    assume(values(before) and values(after))

    assert_agree(before, after, Kind.NUMERIC)
    # And beyond a thousand rows, where distances decide.
    assert_agree(before * 1_001, after, Kind.NUMERIC)


@given(
    st.lists(st.sampled_from([*"abcdef", None]), min_size=1, max_size=40),
    st.lists(st.sampled_from([*"abcdefgh", None]), min_size=1, max_size=40),
)
@settings(max_examples=60)
def test_odd_categories_are_compared_as_evidently_compares_them(
    before: list[str | None], after: list[str | None]
) -> None:
    assume(any(before) and any(after))

    assert_agree(before, after, Kind.CATEGORICAL)
    assert_agree(before * 1_001, after, Kind.CATEGORICAL)


def test_a_whole_report_says_the_same_of_every_column_and_of_the_dataset() -> None:
    from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415 - slow to import
    from evidently.presets import DataDriftPreset  # noqa: PLC0415 - as above

    for n in (600, 2_000):
        sides: list[dict[str, list[Any]]] = []
        for size, shift in ((n, 0.0), (400, 0.4)):
            sides.append(
                {
                    "moved": normal(size, shift),
                    "still": normal(size),
                    "few": [float(i) for i in RNG.integers(0, 4, size=size)],
                    "kind": letters(size, 4),
                    "flag": letters(size, 2),
                    "new": [*letters(size - 1, 3), "odd" if shift else "level 0"],
                }
            )
        kinds = {
            name: Kind.NUMERIC
            if name in ("moved", "still", "few")
            else Kind.CATEGORICAL
            for name in sides[0]
        }
        definition = DataDefinition(
            numerical_columns=[c for c, k in kinds.items() if k is Kind.NUMERIC],
            categorical_columns=[c for c, k in kinds.items() if k is Kind.CATEGORICAL],
        )
        before, after = (
            Dataset.from_pandas(pd.DataFrame(side), data_definition=definition)
            for side in sides
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = Report([DataDriftPreset()]).run(after, before).dict()["metrics"]

        ours = {
            name: evidently_drift(
                gathered(sides[0][name], kind), gathered(sides[1][name], kind)
            )
            for name, kind in kinds.items()
        }

        count = told[0]["value"]
        scores = {
            metric["config"]["column"]: (
                float(metric["value"]),
                metric["config"]["threshold"],
                metric["config"]["method"],
            )
            for metric in told[1:]
        }
        assert set(ours) == set(scores)
        for name, (score, threshold, method) in scores.items():
            found = ours[name]
            p = method.endswith("p_value")
            limit = found.ruling.threshold if found.ruling else None
            assert score == pytest.approx(1 - found.value if p else found.value)
            assert threshold == pytest.approx(1 - (limit or 0) if p else limit)
            assert method in found.detail
        dataset = evidently_dataset_drift(ours)
        assert count["share"] == pytest.approx(dataset.value)
        drifted = sum(f.ruling is not None and f.ruling.crossed for f in ours.values())
        assert count["count"] == drifted


def ruling(*, crossed: bool) -> Statistic:
    return Statistic(
        value=0.2,
        low=0.2,
        high=0.2,
        p_value=None,
        n_reference=9,
        n_current=8,
        ruling=Ruling(crossed=crossed, threshold=0.1),
    )


def test_half_of_the_columns_is_a_dataset_that_drifts_and_less_is_none() -> None:
    drifted, still = ruling(crossed=True), ruling(crossed=False)

    half = evidently_dataset_drift({"a": drifted, "b": still})
    third = evidently_dataset_drift({"a": drifted, "b": still, "c": still})
    strict = evidently_dataset_drift({"a": drifted, "b": still}, threshold=0.6)

    told = [one.ruling and one.ruling.crossed for one in (half, third, strict)]
    assert [True, False, False] == told
    assert "1 of 3 columns" in third.detail


def test_a_column_that_cannot_be_compared_leaves_the_dataset_unknown() -> None:
    with pytest.raises(Unmeasurable, match=r"column fails: 'b', it is empty"):
        evidently_dataset_drift({"a": ruling(crossed=True), "b": "it is empty"})


def test_a_method_for_numbers_is_refused_on_categories() -> None:
    a = gathered(["x", "y"], Kind.CATEGORICAL)

    with pytest.raises(OptionError, match="evidently's ks compares numbers"):
        evidently_drift(a, a, method="ks")


@pytest.mark.parametrize("empty", ["reference", "window"])
def test_an_empty_side_is_unknown(empty: str) -> None:
    nothing, some = gathered([None, math.nan]), gathered([1.0, 2.0])
    sides = (nothing, some) if empty == "reference" else (some, nothing)

    with pytest.raises(Unmeasurable, match=f"the {empty} has no values"):
        evidently_drift(*sides)


def test_the_threshold_is_held_against_what_evidently_holds_it_against() -> None:
    sides: tuple[Values, Values] = (gathered(range(40)), gathered(range(20, 60)))

    found = evidently_drift(*sides, threshold=1e-9)

    assert found.ruling == Ruling(crossed=False, threshold=1 - 1e-9)
    assert "alarms at ≤ 1e-09" in found.detail


class TestKnownDefects:
    """Each is evidently's own, and stands nowhere else."""

    def test_chisquare_takes_the_reference_for_exact(self) -> None:
        rng = np.random.default_rng(1)
        alarms = 0
        for _ in range(200):
            sides = [
                gathered(
                    [str(i) for i in rng.integers(0, 10, size=900)], Kind.CATEGORICAL
                )
                for _ in range(2)
            ]
            ruled = evidently_drift(*sides).ruling
            alarms += ruled is not None and ruled.crossed
        assert 60 < alarms < 140  # 47 % of clean windows, not 5 %

    def test_one_unseen_category_is_certain_drift(self) -> None:
        before = gathered(["a", "b", "c"] * 300, Kind.CATEGORICAL)
        after = gathered([*["a", "b", "c"] * 300, "d"], Kind.CATEGORICAL)

        assert 1.0 == evidently_drift(before, after).value

    def test_one_far_value_hides_a_shift(self) -> None:
        rng = np.random.default_rng(2)
        before = gathered(rng.normal(size=2_000).tolist())
        after = (rng.normal(size=2_000) + 1).tolist()

        plain = evidently_drift(before, gathered(after), method="psi")
        hidden = evidently_drift(before, gathered([*after, 1e6]), method="psi")

        assert plain.value > 0.5
        assert hidden.value < 0.01

    def test_a_fall_is_not_seen_by_mannw(self) -> None:
        before = gathered(range(100))

        falls = evidently_drift(before, gathered(range(-50, 50)), method="mannw")
        rises = evidently_drift(before, gathered(range(50, 150)), method="mannw")

        assert falls.value < 0.01
        assert rises.value > 0.99

    def test_a_constant_that_moves_a_little_is_far_away(self) -> None:
        before = gathered([1.0] * 2_000)
        after = gathered([1.01] * 50)

        found = evidently_drift(before, after, method="wasserstein")

        assert 10.0 == pytest.approx(found.value)
