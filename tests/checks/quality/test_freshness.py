"""Streams that go quiet: found where it is unusual, and usual nights are no finding."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from checks.bins import Floats
from checks.errors import Unmeasurable
from checks.profile import Bins, Profile
from checks.quality.freshness import freshness
from checks.reference import Reference
from checks.schema import Column, Kind, Role, Schema

DAY = 86_400_000_000
SCHEMA = Schema.of(
    [
        Column(name="t", kind=Kind.DATETIME, role=Role.TIMESTAMP),
        Column(name="x", kind=Kind.NUMERIC),
    ]
)
BINS = Bins.fit(SCHEMA, pa.table({"x": [0.0, 1.0]}))
ALPHA = 1 / 90 / 200


def profile(day: int, shares: Floats) -> Profile:
    """Profile rows that came when these shares of a day had passed."""
    moments = day * DAY + np.floor(np.asarray(shares) * DAY).astype(np.int64)
    times = pa.array(moments, pa.timestamp("us", "UTC"))
    return BINS.profile(pa.table({"t": times, "x": np.zeros(len(moments))}))


def built(days: list[Floats]) -> Reference:
    blocks = [profile(i, shares) for i, shares in enumerate(days)]
    return Reference.of(BINS, blocks, timed=True, length=DAY)


def office(rng: np.random.Generator, n: int) -> Floats:
    return rng.uniform(9 / 24, 17 / 24, n)


def always(rng: np.random.Generator, n: int) -> Floats:
    return rng.uniform(0, 1, n)


def test_a_stream_that_stops_at_noon_is_found() -> None:
    rng = np.random.default_rng(1)
    usual = built([always(rng, 500) for _ in range(60)])
    today = profile(200, always(rng, 500) / 2)

    found = freshness(usual, today, (200 * DAY, 201 * DAY))

    assert found.value == pytest.approx(0.5, abs=0.02)
    assert found.low > 0.4
    assert found.p_value is not None
    assert found.p_value < ALPHA
    assert found.detail.startswith("the newest row came 12 h")


def test_nights_are_usual_and_an_office_that_closes_at_ten_is_not() -> None:
    rng = np.random.default_rng(2)
    usual = built([office(rng, 500) for _ in range(60)])
    span = (200 * DAY, 201 * DAY)

    whole = freshness(usual, profile(200, office(rng, 500)), span)
    early = freshness(usual, profile(200, rng.uniform(9 / 24, 10 / 24, 90)), span)

    assert whole.value < 0.01
    assert (whole.p_value or 0.0) > 0.001
    assert early.at_reference == pytest.approx(7 / 24, abs=0.01)
    assert early.value == pytest.approx(7 / 24, abs=0.02)
    assert early.low > 0.25
    assert (early.p_value or 1.0) < ALPHA


@pytest.mark.parametrize("rate", [2, 8, 40, 400])
@pytest.mark.parametrize("weekend", [1.0, 0.05])
def test_clean_streams_of_every_rate_are_no_finding(rate: int, weekend: float) -> None:
    rng = np.random.default_rng(3)

    def day(i: int) -> Floats:
        rows = int(rng.poisson(rate * (weekend if i % 7 > 4 else 1.0)))
        return always(rng, rows)

    usual = built([day(i) for i in range(90)])
    fails = early = measured = 0
    for i in range(400):
        shares = day(i)
        if len(shares):
            found = freshness(usual, profile(i, shares), (i * DAY, (i + 1) * DAY))
            fails += found.low > 0.25 and (found.p_value or 0.0) <= ALPHA
            early += (found.p_value or 0.0) <= 0.01
            measured += 1

    assert fails == 0
    assert early <= 2 * 0.01 * measured + 4


def test_the_newest_row_is_the_same_whichever_way_rows_come() -> None:
    rng = np.random.default_rng(4)
    shares = always(rng, 100)

    merged = profile(3, shares[:50]).merge(profile(3, shares[50:]))

    whole = profile(3, shares)
    assert merged.to_bytes() == whole.to_bytes()
    assert merged.newest == 3 * DAY + int(shares.max() * DAY)
    assert BINS.read(whole.to_bytes()).newest == whole.newest


def test_what_cannot_be_known_is_unmeasurable_with_its_cause() -> None:
    rng = np.random.default_rng(5)
    usual = built([always(rng, 50) for _ in range(10)])
    span = (0, DAY)
    today = profile(0, always(rng, 50))

    with pytest.raises(Unmeasurable, match="no row of the window says when it came"):
        freshness(usual, profile(0, np.empty(0)), span)
    with pytest.raises(Unmeasurable, match="too few stretches"):
        freshness(replace(usual, quiet=()), today, span)
    with pytest.raises(Unmeasurable, match="too few stretches"):
        freshness(built([always(rng, 50) for _ in range(3)]), today, span)


def test_the_stretch_where_the_reference_was_cut_off_teaches_nothing() -> None:
    rng = np.random.default_rng(6)
    days = [always(rng, 300) for _ in range(10)]

    usual = built([*days, always(rng, 300) / 4])

    assert len(usual.quiet) == 10
    assert max(usual.quiet) < 0.05


def test_dates_alone_are_midnights_and_so_are_usual() -> None:
    days = [np.zeros(100) for _ in range(20)]

    found = freshness(built(days), profile(30, np.zeros(80)), (30 * DAY, 31 * DAY))

    assert found.value == 0.0
    assert found.at_current == pytest.approx(1.0)
