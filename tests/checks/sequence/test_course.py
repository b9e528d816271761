"""What a history says of its last point: calm, or changed, and since when."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift
from scipy import stats

from checks.bins import Floats
from checks.errors import OptionError, Unmeasurable
from checks.sequence.course import Course, Rule, follow
from checks.sequence.scores import inflation, scores

WATCHED = ["adwin", "cusum", "kswin", "page_hinkley"]
DAILY = 1 / 90


def moved(seed: int = 3, *, calm: int = 120, away: int = 40, by: float = 3.0) -> Floats:
    """Return a history that leaves its level, and comes back to it."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=calm + away + 80)
    found[calm : calm + away] += by
    return found


def courses(history: Floats, rule: Rule) -> list[Course | None]:
    """Return what was said after every point; None for nothing yet."""
    found: list[Course | None] = []
    for n in range(1, len(history) + 1):
        try:
            found.append(follow(history[:n], rule))
        except Unmeasurable:
            found.append(None)
    return found


@pytest.mark.parametrize("detector", WATCHED)
def test_a_change_stands_until_the_old_level_is_back(detector: str) -> None:
    said = courses(moved()[:200], Rule(detector=detector, rate=DAILY / 10))

    stands = [course is not None and course.change is not None for course in said]
    first = stands.index(True)
    last = len(stands) - 1 - stands[::-1].index(True)
    assert 120 < first < 155
    assert all(stands[first:160])
    assert 160 <= last < 170
    course = said[159]
    assert course is not None
    assert course.change is not None
    assert abs(course.change.since - 120) <= 5
    assert course.statistic.low > 2.0


@pytest.mark.parametrize("detector", ["adwin", "cusum", "page_hinkley"])
def test_others_that_take_the_budget_keep_it_too(detector: str) -> None:
    rng = np.random.default_rng(5)
    found, options = Rule(detector=detector, rate=DAILY).set_up()
    alarms, points = 0, 0
    for _ in range(100):
        history = rng.normal(size=300)
        seen = history if detector == "adwin" else scores(history)
        first = found.detect(seen, **options).first
        alarms += first is not None
        points += 300 if first is None else first.at

    assert alarms <= stats.poisson.ppf(0.999, points * DAILY)


def test_by_rivers_convention_a_change_is_where_river_detects_one() -> None:
    options = {"threshold": 8.0, "delta": 0.2}
    history = moved()
    theirs: Any = drift.PageHinkley(**options)  # type: ignore[arg-type]
    expected = []
    for x in history:
        theirs.update(x)
        expected.append(theirs.drift_detected)

    rule = Rule(detector="page_hinkley", options=options, convention="river")
    said = courses(history, rule)

    assert expected == [c is not None and c.change is not None for c in said]
    assert sum(expected) >= 2


def test_by_rivers_convention_adwin_is_rivers_with_its_defaults() -> None:
    history = moved(by=5.0)
    theirs: Any = drift.ADWIN()  # type: ignore[no-untyped-call]
    expected = []
    for x in history:
        theirs.update(x)
        expected.append(theirs.drift_detected)

    said = courses(history, Rule(detector="adwin", convention="river"))

    assert expected == [c is not None and c.change is not None for c in said]
    assert any(expected)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-9, 0.5, 3.0, 1e12]),
    shift=st.sampled_from([0.0, -4.0, 100.0]),
    by=st.sampled_from([0.0, 1.5, -6.0]),
)
def test_the_unit_of_a_series_does_not_matter(
    seed: int, scale: float, shift: float, by: float
) -> None:
    history = moved(seed, calm=30, away=40, by=by)[:70]
    rule = Rule(rate=DAILY)

    one, other = follow(history, rule), follow(scale * (history + shift), rule)

    assert one.change == other.change
    assert other.statistic.value == pytest.approx(scale * one.statistic.value, rel=1e-3)
    assert other.statistic.p_value == pytest.approx(one.statistic.p_value, rel=1e-3)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, 5e-324, -1e100, 1e150])
        ),
        min_size=11,
        max_size=60,
    ),
    st.sampled_from(["adwin", "cusum", "page_hinkley"]),
)
def test_every_finite_history_has_a_finite_answer(
    history: list[float], detector: str
) -> None:
    try:
        found = follow(np.array(history), Rule(detector=detector, rate=DAILY))
    except Unmeasurable:
        return  # a sum beyond the largest float, or too few points: never a nan
    assert found.statistic.low <= found.statistic.value <= found.statistic.high


def test_a_constant_never_changes_and_another_constant_does() -> None:
    calm = follow(np.full(40, 0.3), Rule(rate=DAILY))
    changed = follow(np.repeat([0.0, 0.25], [30, 8]), Rule(rate=DAILY))

    assert (None, 0.0) == (calm.change, calm.statistic.value)
    assert changed.change is not None
    assert (30, 0.25, 0.25) == (
        changed.change.since,
        changed.statistic.value,
        changed.statistic.low,
    )


def test_one_wild_point_is_no_lasting_change() -> None:
    history = np.random.default_rng(8).normal(size=80)
    history[60] = 1e6

    said = courses(history, Rule(rate=DAILY / 10))

    assert all(c is None or c.change is None for c in said)


def test_a_direction_that_is_not_asked_for_is_no_change() -> None:
    history = moved(by=-3.0)[:150]

    assert follow(history, Rule(rate=DAILY, direction="up")).change is None
    assert follow(history, Rule(rate=DAILY, direction="down")).change is not None


def test_too_few_points_are_told() -> None:
    with pytest.raises(Unmeasurable, match="too short yet: 10 windows"):
        follow(np.arange(10.0), Rule())
    with pytest.raises(OptionError, match="'slack' is -1"):
        follow(np.arange(20.0), Rule(options={"slack": -1.0}))


def test_scores_of_normal_points_are_independent_and_standard() -> None:
    rng = np.random.default_rng(9)
    found = np.array([scores(rng.normal(size=40))[20:] for _ in range(1500)])
    cut = found[np.abs(found) < 2.5]

    # Serial correlation that is not there is now and then allowed for: a little less.
    assert 0.85 < np.std(cut) / np.std(stats.truncnorm.rvs(-2.5, 2.5, size=30_000)) < 1
    assert abs(float(np.mean(found))) < 0.02
    assert abs(float(np.mean(found[:, 1:] * found[:, :-1]))) < 0.02


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.8])
def test_inflation_is_that_of_the_variance_of_a_mean(alike: float) -> None:
    rng = np.random.default_rng(10)
    x = np.zeros(20_000)
    for at in range(1, len(x)):
        x[at] = alike * x[at - 1] + rng.normal()

    assert inflation(x) == pytest.approx((1 + alike) / (1 - alike), rel=0.1)


def test_a_level_that_is_to_be_forgotten_becomes_the_usual_one() -> None:
    rng = np.random.default_rng(11)
    history = rng.normal(size=120) + np.where(np.arange(120) >= 60, 4.0, 0.0)

    for_ever = courses(history, Rule(rate=DAILY / 10))
    for_a_while = courses(history, Rule(rate=DAILY / 10, forget=20))

    def stands(said: list[Course | None]) -> list[bool]:
        return [course is not None and course.change is not None for course in said]

    assert all(stands(for_ever)[70:])
    assert all(stands(for_a_while)[70:80])
    assert not any(stands(for_a_while)[85:])
