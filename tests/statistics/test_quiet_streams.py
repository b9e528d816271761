"""The whole suite keeps its budget where days differ, and still sees a real shift.

A quick, seeded form of some cells of docs/detection.md.
"""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from checks.bins import Floats
from checks.correction import Correction
from checks.evidence import Evidence
from checks.registry import Task
from checks.schema import Column, Kind, Role, Schema
from checks.suite import evaluate, plan
from checks.verdict import Status
from monitor.baseline import Baseline, build
from monitor.engines.base import Held

BUDGET = 1 / 90
DAY = 86_400_000_000
DAYS = 60
REFERENCES = 2
WINDOWS = 60
LEVELS = np.array([f"level {i}" for i in range(6)])
NAMES = ("normal", "lognormal", "count", "heavy", "level")
SCHEMA = Schema.of(
    [
        Column(name="at", kind=Kind.DATETIME, role=Role.TIMESTAMP),
        *(Column(name=name, kind=Kind.NUMERIC) for name in NAMES[:-1]),
        Column(name="level", kind=Kind.CATEGORICAL),
    ]
)
PLAN = plan(SCHEMA, Task.NONE, sample=True)

Levels = Callable[[np.random.Generator, int], Floats]


def independent(_: np.random.Generator, days: int) -> Floats:
    return np.zeros((days, len(NAMES)))


def autocorrelated(rng: np.random.Generator, days: int) -> Floats:
    return 0.2 * rng.normal(size=(days, len(NAMES)))


def following(rng: np.random.Generator, days: int) -> Floats:
    levels = autocorrelated(rng, days)
    for number in range(1, days):
        levels[number] = 0.5 * levels[number - 1] + np.sqrt(0.75) * levels[number]
    return levels


def seasonal(_: np.random.Generator, days: int) -> Floats:
    week = 2 * np.pi * np.arange(days)[:, None] / 7
    return np.asarray(0.3 * np.sin(week + np.arange(len(NAMES))))


def far_apart(rng: np.random.Generator, days: int) -> Floats:
    """Days so unlike that a level bends what it moves, at so many rows."""
    return 0.5 * rng.normal(size=(days, len(NAMES)))


def stormy(rng: np.random.Generator, days: int) -> Floats:
    """Many calm days, and a few that are far from calm."""
    return 0.4 * (rng.exponential(size=(days, len(NAMES))) - 1)


def day(
    rng: np.random.Generator, number: int, level: Floats, shift: float, rows: int
) -> pa.Table:
    z = rng.normal(size=(4, rows)) + level[:4, None]
    share = np.exp(np.linspace(0, -2, 6) + level[4] * np.linspace(-1, 1, 6))
    at = number * DAY + np.arange(rows) * DAY // rows
    return pa.table(
        {
            "at": pa.array(at).cast(pa.timestamp("us", "UTC")),
            "normal": z[0] + shift,
            "lognormal": np.exp(z[1]),
            "count": np.floor(np.exp(1 + z[2] / 2)),
            "heavy": z[3] / np.sqrt(rng.chisquare(4, rows) / 4),
            "level": LEVELS[rng.choice(6, rows, p=share / share.sum())],
        }
    )


def alarms(baseline: Baseline, window: pa.Table, number: int) -> bool:
    evidence = Evidence(
        profile=baseline.reference.bins.profile(window),
        centre=number * DAY + DAY // 2,
        known=baseline.known(SCHEMA.with_role(Role.FEATURE)),
        sample=window,
    )
    verdicts = evaluate(
        PLAN,
        baseline.reference,
        evidence,
        alpha=BUDGET,
        correction=Correction.HOLM,
    )
    return Status.worst(v.status for v in verdicts) is Status.FAIL


@pytest.mark.parametrize(
    ("levels", "rows", "shift"),
    [
        (independent, 200, 1.5),
        (autocorrelated, 200, 1.5),
        (following, 200, 1.5),
        (seasonal, 200, 1.5),
        (far_apart, 4_000, 3.5),
        (stormy, 200, 5.0),
    ],
)
def test_clean_days_keep_the_budget_and_a_shift_beyond_them_is_seen(
    levels: Levels, rows: int, shift: float
) -> None:
    rng = np.random.default_rng(31)
    false, seen = 0, 0
    for _ in range(REFERENCES):
        level = levels(rng, DAYS + WINDOWS)
        days = [day(rng, n, level[n], 0.0, rows) for n in range(DAYS)]
        held = Held(pa.concat_tables(days))
        baseline = build(held, SCHEMA, Task.NONE, length=timedelta(days=1))
        for n in range(DAYS, DAYS + WINDOWS):
            false += alarms(baseline, day(rng, n, level[n], 0.0, rows), n)
        for n in range(DAYS, DAYS + 10):
            seen += alarms(baseline, day(rng, n, level[n], shift, rows), n)

    assert false <= stats.binom.ppf(0.999, REFERENCES * WINDOWS, BUDGET)
    assert seen >= 9 * REFERENCES
