"""What a suite is said to catch is caught, and what is said to be mute is."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from checks import registry
from checks.ability import able, mute
from checks.bins import Floats
from checks.column import LevelProfile, NumericProfile
from checks.correction import Correction
from checks.displacement import gathered, moved
from checks.evidence import Evidence
from checks.example import reference, window
from checks.family import family_of, level_of
from checks.power import Reach, reach, waiting
from checks.profile import Bins
from checks.reference import Reference
from checks.registry import Task
from checks.schema import Column, Kind, Schema
from checks.suite import Entry, evaluate, plan
from checks.verdict import Status
from checks.wish import STANDARD

RUNS = 200
LEVEL = 1 / 90 / 20
N = 10_000
COLUMNS: dict[str, Floats] = {
    "normal": np.random.default_rng(1).normal(size=N),
    "heavy": np.random.default_rng(2).standard_t(4, size=N),
    "counts": np.random.default_rng(3).poisson(3, N).astype(float),
}
NAMES = [f"level {i:02}" for i in range(30)]
SHARE: Floats = 1 / np.arange(1, 31)
SHARE /= SHARE.sum()
CITIES = np.random.default_rng(4).choice(NAMES, N, p=SHARE)
KNOWN = reference({**{k: v.tolist() for k, v in COLUMNS.items()}, "city": list(CITIES)})


def entry(check: str, column: str, known: Reference = KNOWN) -> Entry:
    planned = plan(known.bins.schema, Task.NONE, STANDARD)
    return next(e for e in planned if (e.check.name, e.column) == (check, column))


def smallest(check: str, column: str, rows: int) -> Reach:
    found = reach(entry(check, column), KNOWN, rows, LEVEL)
    assert found is not None
    return found


def shift_of(found: Reach) -> float:
    assert found.shift is not None
    return found.shift


def caught(check: str, column: str, windows: list[list[object]]) -> float:
    """Return the share of windows on which both keys turn."""
    fails = 0
    for values in windows:
        (verdict,) = evaluate(
            [entry(check, column)],
            KNOWN,
            Evidence(profile=window(KNOWN, {column: values})),
            alpha=LEVEL,
            correction=Correction.NONE,
        )
        fails += verdict.status is Status.FAIL
    return fails / len(windows)


@pytest.mark.parametrize("rows", [60, 300, 2_000])
@pytest.mark.parametrize("column", sorted(COLUMNS))
def test_the_smallest_movement_is_caught_as_often_as_is_said(
    column: str, rows: int
) -> None:
    rng = np.random.default_rng(rows)
    by = shift_of(smallest("wasserstein", column, rows)) * float(COLUMNS[column].std())
    windows: list[list[object]] = []
    for run in range(RUNS):
        values = rng.choice(COLUMNS[column], rows)
        step = np.full(rows, by)
        if column == "counts":  # rows go over to the next whole number
            step = np.floor(by) + (rng.random(rows) < by % 1)
        windows.append((values + step * (1 if run % 2 else -1)).tolist())

    assert 0.7 <= caught("wasserstein", column, windows) <= 0.97


@pytest.mark.parametrize("rows", [60, 300, 2_000])
def test_the_smallest_distance_is_caught_as_often_as_is_said(rows: int) -> None:
    rng = np.random.default_rng(rows)
    wanted = entry("jensen_shannon", "city")
    target = shift_of(smallest("jensen_shannon", "city", rows))
    known = KNOWN.column("city")
    assert isinstance(known, LevelProfile)
    shares = np.linspace(0, 1, 500)
    values = [
        wanted.check.measure(known, gathered(known, s, 9.0)).value for s in shares
    ]
    share = shares[int(np.searchsorted(values, target))]
    rarest = KNOWN.bins.columns["city"].levels[-1]  # type: ignore[union-attr]
    windows: list[list[object]] = [
        np.where(rng.random(rows) < share, rarest, rng.choice(CITIES, rows)).tolist()
        for _ in range(RUNS)
    ]

    assert 0.7 <= caught("jensen_shannon", "city", windows) <= 0.95


@pytest.mark.parametrize("rows", [60, 300])
@pytest.mark.parametrize(
    ("check", "column", "odd"),
    [
        ("missing", "normal", None),
        ("out_of_range", "normal", 1e3),
        ("unseen_category", "city", "elsewhere"),
    ],
)
def test_the_smallest_share_is_caught_as_often_as_is_said(
    check: str, column: str, odd: object, rows: int
) -> None:
    rng = np.random.default_rng(rows)
    share = shift_of(smallest(check, column, rows))
    usual = CITIES if column == "city" else COLUMNS[column]
    windows: list[list[object]] = []
    for _ in range(RUNS):
        values = rng.choice(usual, rows).tolist()
        windows.append([odd if rng.random() < share else v for v in values])

    assert 0.7 <= caught(check, column, windows) <= 0.95


def test_clean_windows_fail_no_oftener_than_the_level() -> None:
    rng = np.random.default_rng(9)
    entries = plan(KNOWN.bins.schema, Task.NONE)
    fails = 0
    for _ in range(RUNS):
        at = rng.integers(0, N, 200)
        rows = {name: values[at].tolist() for name, values in COLUMNS.items()}
        verdicts = evaluate(
            entries,
            KNOWN,
            Evidence(profile=window(KNOWN, {**rows, "city": CITIES[at].tolist()})),
            alpha=1 / 90,
            correction=Correction.HOLM,
        )
        fails += Status.worst(v.status for v in verdicts) is Status.FAIL

    assert fails <= 8  # the 99.9 % point of 200 windows at 1/90


def test_a_larger_window_catches_a_smaller_shift() -> None:
    found = [shift_of(smallest("wasserstein", "normal", n)) for n in (50, 500, 5_000)]

    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(
    ("column", "same"), [("normal", "wasserstein"), ("city", "jensen_shannon")]
)
def test_drift_of_predictions_is_seen_as_by_the_check_that_measures_it(
    column: str, same: str
) -> None:
    planned = replace(entry(same, column), check=registry.get("prediction_drift"))

    found = reach(planned, KNOWN, 1_000, LEVEL)

    assert found == replace(smallest(same, column, 1_000), check="prediction_drift")


def test_a_window_too_small_to_fire_says_how_many_rows_would_do() -> None:
    found = smallest("wasserstein", "normal", 2)

    assert found.shift is None
    assert found.cause is not None
    assert found.needed is not None
    assert smallest("wasserstein", "normal", found.needed).shift is not None
    assert smallest("wasserstein", "normal", found.needed - 1).shift is None


def test_a_threshold_that_no_distance_reaches_needs_a_window_that_is_not() -> None:
    wanted = entry("jensen_shannon", "city")
    unreachable = replace(
        wanted, threshold=replace(wanted.threshold, fail=1.0, warn=1.0)
    )
    found = reach(unreachable, KNOWN, 1_000, LEVEL)

    assert found is not None
    assert (found.shift, found.needed) == (None, None)


def test_below_the_rows_that_a_check_asks_for_it_never_fires() -> None:
    wanted = replace(entry("wasserstein", "normal"), min_rows=200)
    found = reach(wanted, KNOWN, 100, LEVEL)

    assert found is not None
    assert (found.cause, found.needed) == ("below 200 rows it is UNKNOWN", 200)


def test_rows_that_are_not_independent_count_for_less() -> None:
    breathing = replace(KNOWN, design_effects={"normal": 10.0})
    found = reach(entry("wasserstein", "normal"), breathing, 1_000, LEVEL)

    assert found is not None
    assert found.effective == 100.0
    assert shift_of(found) > shift_of(smallest("wasserstein", "normal", 1_000))


def test_a_stream_whose_days_differ_is_told_what_it_really_catches() -> None:
    rng = np.random.default_rng(6)

    def day(by: float = 0.0) -> dict[str, list[float]]:
        return {"x": (rng.normal(0.2 * rng.normal(), 1, 500) + by).tolist()}

    tables = [pa.table(day()) for _ in range(40)]
    schema = Schema.of([Column(name="x", kind=Kind.NUMERIC)])
    bins = Bins.fit(schema, pa.concat_tables(tables))
    known = Reference.of(bins, [bins.profile(one) for one in tables], timed=True)
    wanted = entry("wasserstein", "x", known)
    found = reach(wanted, known, 500, LEVEL)
    assert found is not None
    shift = shift_of(found)

    def caught() -> bool:
        evidence = Evidence(profile=window(known, day(shift)))
        alpha, none = LEVEL, Correction.NONE
        (verdict,) = evaluate([wanted], known, evidence, alpha=alpha, correction=none)
        return verdict.status is Status.FAIL

    assert shift > 0.6  # three deviations of a day's level
    assert 0.65 < np.mean([caught() for _ in range(120)]) < 0.95


def test_only_checks_that_could_not_have_fired_are_mute() -> None:
    entries = plan(KNOWN.bins.schema, Task.NONE)
    small = window(KNOWN, {"normal": [0.0, 1.0], "city": ["level 00"] * 2})
    large = window(KNOWN, {"normal": [0.0, 1.0] * 500, "city": ["level 00"] * 1000})

    found = {(e.check.name, e.column) for e in mute(entries, KNOWN, small, LEVEL)}
    assert ("wasserstein", "normal") in found
    assert ("jensen_shannon", "city") in found
    assert mute(entries, KNOWN, large, LEVEL) == []


def test_the_level_is_shared_by_the_checks_that_have_a_p_value() -> None:
    entries = plan(KNOWN.bins.schema, Task.NONE)
    family = family_of(entries, KNOWN)

    # One a column: nothing is missing, out of range, unseen or constant in the
    # reference, so that chance brings no check of these near a level.
    assert family == 4
    assert level_of(0.016, family, Correction.HOLM) == pytest.approx(0.004)
    assert level_of(0.016, family, Correction.NONE) == 0.016


def test_two_failures_of_three_come_later_than_one() -> None:
    assert waiting(1.0, 2, 3) == pytest.approx(2.0)
    assert waiting(0.8, 1, None) < waiting(0.8, 2, 3) < waiting(0.8, 2, None)


def test_a_moved_profile_keeps_the_mean_that_it_was_given() -> None:
    known = KNOWN.column("counts")
    assert isinstance(known, NumericProfile)
    found = moved(known, 0.5, 1e9)
    edges = found.bins.edges
    inside = found.counts[1::2] @ edges + found.counts[-1] * edges[-1]
    beyond = float(found.sums[-1]) * found.bins.tail_step

    mean = (inside + beyond) / found.n
    assert mean == pytest.approx(float(COLUMNS["counts"].mean()) + 0.5, abs=1e-4)


def test_what_earlier_answers_tell_is_what_would_be_worked_out() -> None:
    rng = np.random.default_rng(8)
    days = [
        {
            "x": rng.normal(0.3 * rng.normal(), 1, 200).tolist(),
            "few": rng.poisson(0.2, 200).astype(float).tolist(),
            "city": rng.choice(NAMES, 200, p=SHARE).tolist(),
        }
        for _ in range(30)
    ]
    tables = [pa.table(day) for day in days]
    bins = Bins.fit(
        Schema.of(
            [
                Column(name="x", kind=Kind.NUMERIC),
                Column(name="few", kind=Kind.NUMERIC),
                Column(name="city", kind=Kind.CATEGORICAL),
            ]
        ),
        pa.concat_tables(tables),
    )
    known = Reference.of(bins, [bins.profile(one) for one in tables], timed=True)
    entries = plan(bins.schema, Task.NONE)
    places = [
        (int(rows), float(level))
        for rows in (1, 2, 3, 5, 7, 10, 14, 20, 30, 45, 70, 100, 400)
        for level in (1e-9, 1e-5, 1e-3, 0.02)
    ]
    answers = []
    for place in rng.permutation(len(places)):
        rows, level = places[place]
        for wanted in entries:
            told = able(wanted, known, rows, level)
            assert told == able(wanted, replace(known), rows, level)  # knows nothing
            answers.append(told)
    assert {True, False, None} == set(answers)
