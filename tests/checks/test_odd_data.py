"""Odd data through every column check: the right answer, or UNKNOWN with a cause."""

import datetime as dt
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from checks import registry
from checks.column import LevelProfile, NumericProfile
from checks.correction import Correction
from checks.drift.jensen_shannon import jensen_shannon
from checks.drift.kolmogorov_smirnov import kolmogorov_smirnov
from checks.drift.l_infinity import l_infinity
from checks.drift.mean_shift import mean_shift
from checks.drift.total_variation import total_variation
from checks.drift.unseen_category import unseen_category
from checks.drift.wasserstein import wasserstein
from checks.errors import Unmeasurable
from checks.evidence import Evidence
from checks.profile import Bins, Profile
from checks.reference import Reference
from checks.registry import Check, Subject
from checks.schema import Column, Kind, Schema
from checks.statistic import Statistic
from checks.suite import Entry, evaluate
from checks.threshold import Threshold
from checks.verdict import Status, Verdict

COLUMN_CHECKS = [c for c in registry.every() if c.subject is Subject.COLUMN]
UTC = dt.UTC


def made(kind: Kind, first: pa.Array, second: pa.Array) -> tuple[Reference, Profile]:
    """Profile one column of a reference and of a window, as the daemon does."""
    was, now = pa.table({"x": first}), pa.table({"x": second})
    bins = Bins.fit(Schema.of([Column(name="x", kind=kind)]), was)
    return Reference(bins=bins, profile=bins.profile(was)), bins.profile(now)


def measured(kind: Kind, first: pa.Array, second: pa.Array, check: Any) -> Statistic:
    """Measure one check between two columns."""
    reference, window = made(kind, first, second)
    found: Statistic = check(reference.profile.columns["x"], window.columns["x"])
    return found


def judged(kind: Kind, first: pa.Array, second: pa.Array) -> tuple[Verdict, ...]:
    """Judge every check that a column of this kind can have."""
    reference, window = made(kind, first, second)
    entries = tuple(
        Entry(
            check=check,
            threshold=Threshold(fail=check.threshold, warn=check.threshold / 2),
            column="x",
        )
        for check in COLUMN_CHECKS
        if kind in check.kinds
    )
    return tuple(verdicts(entries, reference, window))


def verdicts(
    entries: Iterable[Entry], reference: Reference, window: Profile
) -> list[Verdict]:
    return evaluate(
        entries,
        reference,
        Evidence(profile=window),
        alpha=0.01,
        correction=Correction.HOLM,
    )


NORMAL = np.random.default_rng(30).normal(size=2_000)
NUMBERS: dict[str, pa.Array] = {
    "normal": pa.array(NORMAL),
    "empty": pa.array([], pa.float64()),
    "one row": pa.array([0.5]),
    "one far row": pa.array([1e200]),
    "only null": pa.array([None] * 50, pa.float64()),
    "only NaN": pa.array([math.nan] * 50),
    "only infinite": pa.array([math.inf, -math.inf] * 25),
    "some of each": pa.array([1.0, None, math.nan, math.inf, -math.inf, 2.0] * 50),
    "constant": pa.array([3.0] * 500),
    "another constant": pa.array([4.0] * 500),
    "zeros of both signs": pa.array([0.0, -0.0] * 250),
    "denormal": pa.array([5e-324, 1e-323, 0.0] * 50),
    "largest": pa.array([1.7e308, -1.7e308, 0.0] * 50),
    "integers beyond 2**53": pa.array([2**53 + 1, 2**53 + 2] * 50),
    "decimals": pa.array([Decimal("1.10"), Decimal("2.25")] * 50),
    "decimals of many digits": pa.array([Decimal(f"1.{i:030}") for i in range(50)]),
    "of no type": pa.nulls(50),
}
LEVELS: dict[str, pa.Array] = {
    "colours": pa.array(["red", "green", "blue", "red"] * 200),
    "empty": pa.array([], pa.string()),
    "one row": pa.array(["red"]),
    "only null": pa.array([None] * 50, pa.string()),
    "constant": pa.array(["red"] * 500),
    "all unseen": pa.array([f"new {i % 7}" for i in range(500)]),
    "10,000 categories": pa.array([f"{i % 10_000}" for i in range(20_000)]),
    "empty text": pa.array(["", " ", "\0", "é", "e\u0301"] * 50),
    "NaN among numbers": pa.array([1.0, math.nan, 2.0] * 50),
    "of no type": pa.nulls(50),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("second", NUMBERS)
@pytest.mark.parametrize("first", NUMBERS)
def test_every_check_of_numbers_answers_or_says_why_not(
    first: str, second: str
) -> None:
    for verdict in judged(Kind.NUMERIC, NUMBERS[first], NUMBERS[second]):
        answers_or_says_why_not(verdict)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("second", LEVELS)
@pytest.mark.parametrize("first", LEVELS)
def test_every_check_of_levels_answers_or_says_why_not(first: str, second: str) -> None:
    for verdict in judged(Kind.CATEGORICAL, LEVELS[first], LEVELS[second]):
        answers_or_says_why_not(verdict)


def answers_or_says_why_not(verdict: Verdict) -> None:
    """Check a verdict: Statistic itself refuses numbers that are not finite."""
    if verdict.status is Status.UNKNOWN:
        assert verdict.cause, verdict.check
        assert "check failed" not in verdict.cause, (verdict.check, verdict.cause)
    else:
        assert verdict.statistic is not None
        assert verdict.statistic.low <= verdict.statistic.value + 1e-12, verdict
        assert verdict.statistic.value <= verdict.statistic.high + 1e-12, verdict


# ── what is no value ─────────────────────────────────────────────────────────────


def test_null_nan_and_infinities_are_missing_and_move_no_distance() -> None:
    plain = pa.array([1.0, 2.0, 3.0, 4.0] * 50)
    holes = pa.array([1.0, None, 2.0, math.nan, 3.0, math.inf, 4.0, -math.inf] * 50)

    reference, window = made(Kind.NUMERIC, plain, holes)

    found = window.columns["x"]
    assert isinstance(found, NumericProfile)
    assert (50, 50, 100, 200) == (found.nulls, found.nans, found.infinities, found.n)
    for check in (wasserstein, kolmogorov_smirnov, mean_shift):
        assert 0.0 == check(reference.profile.columns["x"], found).value


def test_nan_in_a_categorical_column_is_missing_and_no_category() -> None:
    _, window = made(
        Kind.CATEGORICAL, pa.array([1.0, 2.0] * 9), pa.array([1.0, math.nan, None])
    )

    found = window.columns["x"]
    assert isinstance(found, LevelProfile)
    assert (2, 0, 1) == (found.nulls, found.others, found.n)


def test_a_constant_that_stays_is_no_drift_and_one_that_moves_is_certain() -> None:
    three, four = NUMBERS["constant"], NUMBERS["another constant"]

    same = {v.check: v for v in judged(Kind.NUMERIC, three, three)}
    moved = {v.check: v for v in judged(Kind.NUMERIC, three, four)}

    assert {Status.PASS, Status.UNKNOWN} == {v.status for v in same.values()}
    for name in ("psi", "kolmogorov_smirnov", "cramer_von_mises", "anderson_darling"):
        assert Status.FAIL is moved[name].status
    assert Status.UNKNOWN is moved["wasserstein"].status
    assert "the reference is constant" in (moved["wasserstein"].cause or "")


# ── categories ───────────────────────────────────────────────────────────────────


def test_categories_all_unseen_are_as_far_as_can_be() -> None:
    first, second = LEVELS["colours"], LEVELS["all unseen"]

    assert 1.0 == measured(Kind.CATEGORICAL, first, second, unseen_category).value
    for check in (jensen_shannon, total_variation):
        found = measured(Kind.CATEGORICAL, first, second, check)
        assert found.value == pytest.approx(1.0)
        assert 0.0 == found.hidden
    assert 0.5 == measured(Kind.CATEGORICAL, first, second, l_infinity).value


def test_what_ten_thousand_categories_hide_is_said() -> None:
    many = LEVELS["10,000 categories"]
    others = pa.array([f"{i % 5_000}" for i in range(20_000)])

    found = measured(Kind.CATEGORICAL, many, others, total_variation)

    assert found.value < 0.5 < found.value + found.hidden
    with pytest.raises(Unmeasurable, match="more than 1000 categories"):
        measured(Kind.CATEGORICAL, many, others, unseen_category)


# ── numbers that float64 cannot hold ─────────────────────────────────────────────


@pytest.mark.parametrize(
    "values",
    [
        pa.array([2**53, 2**53 + 1]),
        pa.array([-(2**53) - 1, 0]),
        pa.array([2**64 - 1, 0], pa.uint64()),
        pa.array([Decimal("1.0000000000000000000001"), Decimal("1.0")]),
        pa.array([Decimal("1.0000000000000000000001")]),
        pa.array([Decimal("12345678901234567.5"), Decimal("0.1")]),
        pa.array([Decimal("-0.0012345678901234567")]),
    ],
)
def test_numbers_that_float64_would_merge_are_unknown_with_the_fix(
    values: pa.Array,
) -> None:
    for verdict in judged(Kind.NUMERIC, values, values):
        assert Status.UNKNOWN is verdict.status
        assert "with more digits than float64 keeps" in (verdict.cause or "")
        assert "declare the column categorical" in (verdict.cause or "")
    apart = measured(Kind.CATEGORICAL, values, values, unseen_category)
    assert 0.0 == apart.value


@pytest.mark.parametrize(
    "values",
    [
        pa.array([2**53, -(2**53), 2**60, 3 * 2**61, -(2**63), 0]),
        pa.array([2**63, 2**64 - 2**11], pa.uint64()),
        pa.array([None, 2**62]),
        pa.array([Decimal("123456789012345.000"), Decimal("0.1")]),
        pa.array([Decimal("1e20"), Decimal("-1.5"), Decimal("0E-7")]),
        pa.array([Decimal("0.00000000123456789012345"), None]),
    ],
)
def test_large_numbers_that_float64_holds_are_counted(values: pa.Array) -> None:
    _, window = made(Kind.NUMERIC, values, values)

    found = window.columns["x"]
    assert isinstance(found, NumericProfile)
    distinct = {float(v) for v in values.to_pylist() if v is not None}
    assert len(distinct) == int((found.counts[1::2] == 1).sum())


@pytest.mark.parametrize(
    "values",
    [
        ["1.00000000000000000001", "1.0"],
        ["1.5", "2.25", "123456789012345678.25"],
        ["0.1", None, "0.2"],
        ["1e-30", "5", "-7.25"],
    ],
)
def test_any_part_of_decimals_is_judged_like_the_whole(
    values: list[str | None],
) -> None:
    decimals = [None if v is None else Decimal(v) for v in values]
    whole = pa.table({"x": pa.array(decimals, pa.decimal256(60, 30))})
    numbers = pa.table({"x": pa.array([0.0, 1.0, 2.0])})
    bins = Bins.fit(Schema.of([Column(name="x", kind=Kind.NUMERIC)]), numbers)

    for cut in range(len(values) + 1):
        merged = bins.profile(whole.slice(0, cut)).merge(bins.profile(whole.slice(cut)))
        assert bins.profile(whole).to_bytes() == merged.to_bytes()


@pytest.mark.parametrize("name", ["largest", "denormal", "one far row"])
def test_a_reference_that_no_float64_can_square_is_unknown_with_a_cause(
    name: str,
) -> None:
    for verdict in judged(Kind.NUMERIC, NUMBERS[name], NUMBERS["normal"]):
        assert Status.UNKNOWN is verdict.status
        assert "beyond what float64 can square" in (verdict.cause or "")


def test_one_row_however_far_is_no_certain_drift_of_many() -> None:
    far = pa.array([*NORMAL, 1e200])

    for verdict in judged(Kind.NUMERIC, NUMBERS["normal"], far):
        assert verdict.status in {Status.PASS, Status.UNKNOWN}
        if verdict.status is Status.UNKNOWN:
            assert "a million reference ranges away" in (verdict.cause or "")


# ── one value, written in many ways ──────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        (
            Kind.NUMERIC,
            pa.array([Decimal("1.10"), Decimal("2.25")]),
            pa.array([1.1, 2.25]),
        ),
        (
            Kind.CATEGORICAL,
            pa.array([Decimal("1.00"), Decimal("2.50"), Decimal("100.00")]),
            pa.array([1.0, 2.5, 100.0]),
        ),
        (Kind.CATEGORICAL, pa.array([0, 1]), pa.array([-0.0, 1.0])),
        (
            Kind.CATEGORICAL,
            pa.array(["a", "b"]).dictionary_encode(),
            pa.array(["a", "b"], pa.string_view()),
        ),
        (Kind.NUMERIC, pa.array([1, 2]).dictionary_encode(), pa.array([1.0, 2.0])),
        (
            Kind.DATETIME,
            pa.array(
                [dt.datetime(2024, 7, 1, 12, tzinfo=UTC)], pa.timestamp("s", "UTC")
            ),
            pa.array(
                [dt.datetime(2024, 7, 1, 12, tzinfo=UTC)],
                pa.timestamp("ns", "Asia/Kolkata"),
            ),
        ),
        (
            Kind.CATEGORICAL,
            pa.array(
                [dt.datetime(2024, 7, 1, 12, tzinfo=UTC)], pa.timestamp("s", "UTC")
            ),
            pa.array(
                [dt.datetime(2024, 7, 1, 12, tzinfo=UTC)],
                pa.timestamp("ns", "America/New_York"),
            ),
        ),
        (
            Kind.DATETIME,
            pa.array([dt.date(2024, 7, 1)]),
            pa.array([dt.datetime(2024, 7, 1, tzinfo=UTC)], pa.timestamp("ms", "UTC")),
        ),
        (
            Kind.DATETIME,
            pa.array([dt.time(1, 2, 3)], pa.time32("s")),
            pa.array([dt.time(1, 2, 3)], pa.time64("ns")),
        ),
    ],
)
def test_what_differs_in_its_type_alone_does_not_drift(
    kind: Kind, first: pa.Array, second: pa.Array
) -> None:
    reference, window = made(kind, first, second)

    assert {} == window.unreadable
    assert (
        reference.profile.columns["x"].counts.tolist()
        == window.columns["x"].counts.tolist()
    )


def test_an_hour_that_clocks_strike_twice_is_two_hours() -> None:
    zone = pa.timestamp("us", "Europe/Berlin")
    hour = 3_600_000_000
    twice = 1_729_987_200_000_000  # 2024-10-27 00:00 UTC, 02:00 in Berlin, before ...
    first = pa.array([twice, twice + hour], pa.int64()).cast(zone)  # ... 02:00 again

    reference, _ = made(Kind.DATETIME, first, first)

    found = reference.profile.columns["x"]
    assert isinstance(found, NumericProfile)
    assert [float(twice), float(twice + hour)] == found.bins.edges.tolist()


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        (pa.array([2**62], pa.timestamp("s")), "that microseconds cannot count"),
        (pa.array([(1, 2, 3)], pa.month_day_nano_interval()), "cannot count"),
        (pa.array([1.5]), "the column holds double, which is no time"),
    ],
)
def test_times_that_are_none_are_unknown_with_a_cause(
    values: pa.Array, cause: str
) -> None:
    for verdict in judged(Kind.DATETIME, values, values):
        assert Status.UNKNOWN is verdict.status
        assert cause in (verdict.cause or "")


@pytest.mark.parametrize("check", COLUMN_CHECKS, ids=lambda c: c.name)
def test_a_column_of_another_type_than_the_references_is_unknown(check: Check) -> None:
    for kind in sorted(check.kinds & {Kind.NUMERIC, Kind.DATETIME}):
        numbers = pa.array([1, 2, 3] * 9)
        first = numbers if kind is Kind.NUMERIC else numbers.cast(pa.timestamp("s"))
        reference, window = made(kind, first, pa.array(["a", "b"]))

        entry = Entry(check=check, threshold=Threshold(fail=1.0, warn=1.0), column="x")
        (verdict,) = verdicts([entry], reference, window)
        assert Status.UNKNOWN is verdict.status
        assert "the column holds string" in (verdict.cause or "")
