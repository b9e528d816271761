"""Odd data through every check there is, whatever it compares, and every kind."""

import datetime as dt
import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from checks import registry
from checks.correction import Correction
from checks.dependence import Dependence
from checks.errors import ChecksError, Unmeasurable
from checks.evidence import Evidence
from checks.outcomes import BinaryOutcomes, Outcomes, RegressionOutcomes
from checks.pairs import Pairs
from checks.profile import Bins
from checks.reference import Reference
from checks.registry import Check, Subject
from checks.rows import Values
from checks.samples import Known
from checks.schema import Column, Kind, Role, Schema
from checks.suite import Entry, evaluate
from checks.tally import compare
from checks.threshold import Threshold
from checks.verdict import Status, Verdict
from tests.checks.test_odd_data import LEVELS, NUMBERS

HOUR = dt.datetime(2024, 10, 27, tzinfo=dt.UTC)
DAYS = pa.array([HOUR + dt.timedelta(hours=i) for i in range(400)])
TIMES: dict[str, pa.Array] = {
    "hours": DAYS,
    "one zone": DAYS.cast(pa.timestamp("us", "Asia/Kolkata")),
    "empty": pa.array([], pa.timestamp("us")),
    "one row": DAYS.slice(0, 1),
    "only null": pa.nulls(50, pa.timestamp("us")),
    "constant": pa.array([HOUR] * 50),
    "far away": pa.array([2**62], pa.timestamp("s")),
}
YES_NO: dict[str, pa.Array] = {
    "both": pa.array([True, False, True] * 100),
    "empty": pa.array([], pa.bool_()),
    "one row": pa.array([True]),
    "only null": pa.nulls(50, pa.bool_()),
    "constant": pa.array([False] * 50),
    "with null": pa.array([True, None] * 50),
}
ODD = {
    Kind.NUMERIC: NUMBERS,
    Kind.CATEGORICAL: LEVELS,
    Kind.DATETIME: TIMES,
    Kind.BOOLEAN: YES_NO,
}
USUAL = {
    Kind.NUMERIC: "normal",
    Kind.CATEGORICAL: "colours",
    Kind.DATETIME: "hours",
    Kind.BOOLEAN: "both",
}
CASES = [
    (kind, first, second)
    for kind, odd in ODD.items()
    for name in odd
    for first, second in dict.fromkeys(
        ((USUAL[kind], name), (name, USUAL[kind]), (name, name))
    )
]
SPAN = (0, 86_400_000_000)
CHECKED = [c for c in registry.every() if c.subject is not Subject.VERDICTS]


def schema(kind: Kind) -> Schema:
    columns = [
        Column(name="x", kind=kind),
        Column(name="y", kind=Kind.NUMERIC),
        Column(name="at", kind=Kind.DATETIME, role=Role.TIMESTAMP),
        Column(name="id", kind=Kind.CATEGORICAL, role=Role.ID),
    ]
    return Schema.of(columns)


def table(odd: pa.Array) -> pa.Table:
    """Put an odd column beside usual ones, and two rows of one id."""
    n = len(odd)
    return pa.table(
        {
            "x": odd,
            "y": np.random.default_rng(n).normal(size=n),
            "at": pa.array([HOUR] * n, pa.timestamp("us", "UTC")),
            "id": pa.array([f"{max(1, i)}" for i in range(n)]),
        }
    )


def outcomes(odd: pa.Array, check: Check) -> Outcomes:
    """Take an odd column for the labels; raises ChecksError for what are none."""
    if "regression" in check.tasks:
        return RegressionOutcomes.of(odd, np.zeros(len(odd)))
    return BinaryOutcomes.of(odd, score=np.linspace(0.0, 1.0, len(odd)))


@cache
def sides(kind: Kind, first: str, second: str) -> tuple[Reference, Evidence]:
    """Tell of one odd column all that a daemon would know."""
    was, now = table(ODD[kind][first]), table(ODD[kind][second])
    columns = schema(kind)
    bins = Bins.fit(columns, was)
    features = columns.with_role(Role.FEATURE)

    def values(name: str) -> tuple[Values, Values]:
        column = columns.get(name)
        assert column is not None
        return Values.of(column, was.column(name)), Values.of(column, now.column(name))

    known = Known(
        features=features, rows=was, dependence=Dependence.of([was], features, None)
    )
    evidence = Evidence(
        profile=bins.profile(now),
        known=known,
        sample=now,
        span=SPAN,
        pairs=paired(kind, was, now),
        values=values,
    )
    return Reference.of(bins, [bins.profile(was)], timed=False), evidence


def paired(kind: Kind, was: pa.Table, now: pa.Table) -> dict[str, Pairs] | None:
    n = min(len(was), len(now))
    both = (side.column("x").slice(0, n) for side in (now, was))
    try:
        return {"x": compare(*both, column="x", kind=kind)}
    except ChecksError:
        return None


@pytest.mark.parametrize(
    ("kind", "first", "second"), CASES, ids=lambda part: str(part).replace(" ", "-")
)
def test_every_check_answers_or_says_why_not(
    kind: Kind, first: str, second: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reference, evidence = sides(kind, first, second)
        for check in CHECKED:
            for verdict in judged(check, kind, reference, evidence, (first, second)):
                told(verdict)


def judged(
    check: Check,
    kind: Kind,
    reference: Reference,
    evidence: Evidence,
    names: tuple[str, str],
) -> list[Verdict]:
    on_column = check.subject in (Subject.COLUMN, Subject.VALUES, Subject.PAIRS)
    if on_column and kind not in check.kinds:
        return []
    if check.subject is Subject.OUTCOMES:
        try:
            was, now = (outcomes(ODD[kind][name], check) for name in names)
        except (ChecksError, Unmeasurable):
            return []
        evidence = replace(evidence, reference_outcomes=was, outcomes=now)
    entry = Entry(
        check=check,
        threshold=Threshold(fail=check.threshold, warn=check.threshold),
        column="x" if on_column else None,
    )
    return evaluate(
        [entry], reference, evidence, alpha=0.01, correction=Correction.HOLM
    )


def told(verdict: Verdict) -> None:
    """Check that a verdict has an answer, or a cause that is no accident."""
    if verdict.status is Status.UNKNOWN:
        assert verdict.cause, verdict.check
        assert "check failed" not in verdict.cause, (verdict.check, verdict.cause)
    else:
        found = verdict.statistic
        assert found is not None
        assert found.low <= found.value + 1e-12, verdict
        most = registry.get(verdict.check).most
        assert most is None or found.value <= most + 1e-12, verdict
        assert found.value <= found.high + 1e-12, verdict


def test_no_check_is_left_out() -> None:
    compared = {check.subject for check in CHECKED}

    assert compared == set(Subject) - {Subject.VERDICTS}
    assert set(ODD) == set(Kind)
