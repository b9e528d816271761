"""What holds of every check on rows: chance, levels of days, shifts, odd data."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from checks import registry
from checks.errors import Unmeasurable
from checks.example import known, rows
from checks.registry import Check
from checks.samples import Known
from checks.statistic import Statistic
from tests.checks.multivariate.conftest import day

CHECKS = [check for check in registry.every() if check.stretches]


@pytest.fixture(params=CHECKS, ids=lambda c: c.name)
def check(request: pytest.FixtureRequest) -> Check:
    found: Check = request.param
    return found


def chances(check: Check, reference: Known, windows: list[pa.Table]) -> Any:
    return np.array([check.measure(reference, window).p_value for window in windows])


def odd(**columns: Any) -> dict[str, Any]:
    table = day(np.random.default_rng(3)).to_pydict() | columns
    return {name: values for name, values in table.items() if values is not None}


def test_there_are_three() -> None:
    names = {check.name for check in CHECKS}
    assert {"domain_classifier", "mmd", "pca_reconstruction"} == names
    assert not any(check.default for check in CHECKS)


def test_its_p_value_is_uniform_without_a_change_and_never_too_small(
    check: Check, steady: Known
) -> None:
    rng = np.random.default_rng(1)
    p = chances(check, steady, [day(rng, n=120) for _ in range(40)])

    assert np.mean(p <= 0.05) <= 0.175  # of 40, binomial 99.8 %
    assert 0.2 <= np.mean(p <= 0.5) <= 0.72
    assert p.min() > 1e-4


def test_levels_of_whole_days_are_no_change(
    check: Check, steady: Known, restless: Known
) -> None:
    rng = np.random.default_rng(2)
    days = [day(rng, n=200, level=0.4) for _ in range(15)]

    p = chances(check, restless, days)
    assert np.mean(p <= 0.01) <= 0.2
    assert p.min() > 5e-4
    if check.name != "pca_reconstruction":  # whose errors levels hardly change
        assert np.mean(chances(check, steady, days) <= 0.01) > 0.5


def test_a_shift_is_found_with_the_column_that_moved(
    check: Check, steady: Known
) -> None:
    shift = 4.0 if check.name == "pca_reconstruction" else 1.0
    found = check.measure(steady, day(np.random.default_rng(4), shift=shift))

    assert (found.p_value or 0.0) < 1e-5
    assert found.low > check.threshold
    assert "x2" == found.explained_by[0][0]
    assert "most in x2 (" in found.detail


def test_it_says_the_same_again(check: Check, steady: Known) -> None:
    window = day(np.random.default_rng(5))

    assert check.measure(steady, window) == check.measure(steady, window)


def test_its_interval_holds_its_value(check: Check, steady: Known) -> None:
    for shift in (0.0, 0.5, 3.0):
        found = check.measure(steady, day(np.random.default_rng(6), shift=shift))
        assert 0.0 <= found.low <= found.value <= found.high


# ── odd data ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("n", [1, 9])
def test_hardly_any_rows_are_unmeasurable(check: Check, steady: Known, n: int) -> None:
    with pytest.raises(Unmeasurable, match="fewer than"):
        check.measure(steady, day(np.random.default_rng(7), n=n))


@pytest.mark.parametrize(
    "columns",
    [
        {"x3": None},
        {"x3": ["text"] * 200},
        {"color": None},
    ],
    ids=["absent", "text for numbers", "no category"],
)
def test_a_column_that_cannot_be_read_is_left_out_and_told(
    check: Check, steady: Known, columns: dict[str, Any]
) -> None:
    found = check.measure(steady, rows(odd(**columns)))

    assert f"without {next(iter(columns))}" in found.detail
    assert (found.p_value or 0.0) > 1e-4


@pytest.mark.parametrize(
    "columns",
    [
        {"x3": [1.0] * 200},
        {"x3": pa.nulls(200, pa.float64())},
        {"x3": [float("nan"), float("inf")] * 100},
        {"x3": [1e300, -1e300] * 100},
        {"color": pa.nulls(200, pa.string())},
        {"color": [f"level {k}" for k in range(200)]},
    ],
    ids=["constant", "null", "nan", "huge", "no levels", "all unseen"],
)
def test_odd_columns_give_a_finite_answer(
    check: Check, steady: Known, columns: dict[str, Any]
) -> None:
    found = check.measure(steady, rows(odd(**columns)))

    assert isinstance(found, Statistic)
    assert found.value >= 0.0


def test_a_reference_that_is_constant_says_so(check: Check) -> None:
    same: dict[str, list[Any]] = {"a": [1.0] * 100, "b": ["x"] * 100}

    try:
        found = check.measure(known(same), rows(same))
    except Unmeasurable as unmeasurable:
        assert "varies" in unmeasurable.cause or "alike" in unmeasurable.cause  # noqa: PT017 - either answer is right
    else:
        assert (0.0, 1.0) == (found.value, found.p_value)


def test_two_hundred_columns_and_ten_thousand_levels_are_bounded(check: Check) -> None:
    rng = np.random.default_rng(8)

    def wide(n: int) -> dict[str, Any]:
        levels = [f"level {k}" for k in rng.integers(0, 10_000, n)]
        return {f"x{k}": rng.normal(size=n).tolist() for k in range(200)} | {
            "levels": levels
        }

    found = check.measure(known(wide(600)), rows(wide(300)))

    assert (found.p_value or 0.0) > 1e-4
    assert len(found.explained_by) <= 10
