"""What production leaves behind each day: predictions, late labels, features again.

log/date=2013-04-01/part.parquet         what the model was served, and what it said
recomputed/date=2013-04-01/part.parquet  the features as the training computes them
labels/date=2013-04-01/part.parquet      what became known that day
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from monitor.demo.flights import FEATURES, ID, LABEL, LABELLED_AT, TIMESTAMP, between
from monitor.demo.model import PREDICTION, SCORE, Model
from monitor.demo.registry import write_parquet

PREDICTIONS = "log/date=*/*.parquet"
RECOMPUTED = "recomputed/date=*/*.parquet"
LABELS = "labels/date=*/*.parquet"
VERSION = "model_version"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingBug:
    """A feature that reaches the model in another unit for a while.

    >>> celsius = ServingBug(
    ...     column="temp", factor=5 / 9, offset=-160 / 9,
    ...     start=datetime.fromisoformat("2013-07-01T00:00:00Z"),
    ...     end=datetime.fromisoformat("2013-07-11T00:00:00Z"),
    ... )
    >>> due = pd.to_datetime(["2013-06-30T23:59Z", "2013-07-01T00:00Z"])
    >>> celsius.apply(pd.DataFrame({"scheduled": due, "temp": [77.0, 77.0]}))["temp"]
    0    77.0
    1    25.0
    Name: temp, dtype: float64
    """

    column: str
    start: datetime
    end: datetime
    factor: float = 1.0
    offset: float = 0.0

    def apply(self, flights: pd.DataFrame) -> pd.DataFrame:
        """Return the flights as the model is served them."""
        due = flights[TIMESTAMP]
        served = flights[self.column] * self.factor + self.offset
        hit = (due >= self.start) & (due < self.end)
        return flights.assign(**{self.column: flights[self.column].mask(hit, served)})


def write_day(  # noqa: PLR0913 - a day's whole story, in the open
    folder: Path,
    flights: pd.DataFrame,
    day: datetime,
    *,
    model: Model,
    version: str,
    bug: ServingBug | None = None,
) -> int:
    """Write the three logs of one UTC day and return how many predictions were made.

    The labels are those of flights that landed on the day, whenever they were due.
    A day written again replaces itself.
    """
    end = day + timedelta(days=1)
    due = between(flights, day, end)
    served = model.predict(bug.apply(due) if bug else due).assign(**{VERSION: version})
    logged = served[[ID, TIMESTAMP, *FEATURES, SCORE, PREDICTION, VERSION]]
    landed = between(flights, day, end, by=LABELLED_AT)
    partition = f"date={day:%Y-%m-%d}"
    _write(logged, folder / "log" / partition)
    _write(due[[ID, TIMESTAMP, *FEATURES]], folder / "recomputed" / partition)
    _write(landed[[ID, LABEL, LABELLED_AT]], folder / "labels" / partition)
    return len(logged)


def _write(frame: pd.DataFrame, partition: Path) -> None:
    """Write one day's partition of a log."""
    partition.mkdir(parents=True, exist_ok=True)
    write_parquet(frame, partition / "part.parquet")
