"""Who is asked about a window: driftd, evidently and NannyML, by their own code.

Each is given the days of a reference and then scores windows. A score of 1 is where
its defaults begin to alarm, and a larger one is more alarming, so that a rule can be
moved to any rate of false alarms by another level than 1.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from streams import Day

from checks.correction import Correction
from checks.evidence import Evidence
from checks.registry import Task
from checks.schema import Column, Kind, Role, Schema
from checks.suite import evaluate, plan
from checks.verdict import Verdict
from monitor.baseline import KEPT_ROWS, build
from monitor.engines.base import Held

OURS = "driftd"
HALF, ANY = "evidently, half of the columns", "evidently, any column"
NANNYML, PCA = "NannyML, any column", "NannyML, reconstruction"
BUDGET = 1 / 90
"""False alarms a window: `false_alarm_budget: 1 per 90d` with windows of a day."""
MOST = 10_000
"""Rows of a reference that evidently is given at most, for its time's sake."""
AT = "at"
"""The column that holds the time of a row."""
DAY = 24 * 60 * 60 * 1_000_000
"""In microseconds."""
SURE = 1e9
"""The score of what is beyond any measure."""
Scores = npt.NDArray[np.float64]


class Side(Protocol):
    """Somebody who watches a stream, by one rule or more.

    `compared` is the rule that is set beside the other sides' at equal false alarms.
    """

    rules: tuple[str, ...]
    compared: str

    def scores(self, windows: Iterable[Day]) -> Scores:
        """Return windows × rules; NaN where nothing can be said."""
        ...


class Driftd:
    """The standard suite against a reference that knows its days; an alarm is a FAIL.

    The score is the level over the smallest adjusted p-value among the checks that
    found a material difference: 1 or more is a FAIL.
    """

    rules = (OURS,)
    compared = OURS

    def __init__(self, days: Sequence[Day]) -> None:
        """Freeze the reference, as the daemon does."""
        tables = [arrow(day) for day in days]
        schema = Schema.of(_column(field) for field in tables[0].schema)
        self.features = schema.with_role(Role.FEATURE)
        rows = Held(pa.concat_tables(tables))
        self.baseline = build(rows, schema, Task.NONE, length=timedelta(days=1))
        self.entries = plan(schema, Task.NONE, sample=True)

    def scores(self, windows: Iterable[Day]) -> Scores:
        """Score by the surest of the material differences."""
        return np.array(
            [
                [max(map(_score, self.verdicts(window)), default=0.0)]
                for window in windows
            ]
        )

    def verdicts(self, window: Day) -> list[Verdict]:
        """Judge one window."""
        rows = arrow(window)
        evidence = Evidence(
            profile=self.baseline.reference.bins.profile(rows),
            centre=window.number * DAY + DAY // 2,
            known=self.baseline.known(self.features),
            sample=rows.slice(0, KEPT_ROWS),
        )
        return evaluate(
            self.entries,
            self.baseline.reference,
            evidence,
            alpha=BUDGET,
            correction=Correction.HOLM,
        )


def _column(field: pa.Field) -> Column:
    if field.name == AT:
        return Column(name=AT, kind=Kind.DATETIME, role=Role.TIMESTAMP)
    number = pa.types.is_floating(field.type)
    return Column(name=field.name, kind=Kind.NUMERIC if number else Kind.CATEGORICAL)


def _score(verdict: Verdict) -> float:
    found, threshold = verdict.statistic, verdict.threshold
    if found is None or threshold is None or found.low <= threshold:
        return 0.0
    if verdict.p_adjusted is None:
        return SURE
    return min(SURE, BUDGET / max(verdict.p_adjusted, 1e-300))


class Evidently:
    """The default rule of evidently's DataDriftPreset, by its own statistics.

    Each column's default test; an alarm where half of the columns drift, and beside
    it where any does.
    """

    rules = (HALF, ANY)
    compared = ANY

    def __init__(self, days: Sequence[Day]) -> None:
        """Keep the reference, or as much of it as there is time for."""
        from evidently.legacy.calculations.stattests import get_stattest  # noqa: PLC0415 - slow to import
        from evidently.legacy.core import ColumnType  # noqa: PLC0415 - as above

        self.get, self.kinds = get_stattest, ColumnType
        reference = pd.concat([pd.DataFrame(day.table) for day in days])
        if len(reference) > MOST:
            reference = reference.sample(MOST, random_state=1)
        self.reference = {name: reference[name].dropna() for name in reference}

    def scores(self, windows: Iterable[Day]) -> Scores:
        """Score by the column in the middle, and by the one that drifts most."""
        told = []
        for window in windows:
            drifts = sorted(
                (self._drift(name, values) for name, values in window.table.items()),
                reverse=True,
            )
            told.append([drifts[(len(drifts) + 1) // 2 - 1], drifts[0]])
        return np.array(told)

    def _drift(self, name: str, values: npt.NDArray[np.generic]) -> float:
        before, now = self.reference[name], pd.Series(values).dropna()
        if now.empty:
            return 0.0  # its tests take no empty column
        number = values.dtype.kind == "f"
        kind = self.kinds.Numerical if number else self.kinds.Categorical
        test = self.get(before, now, kind, None)
        found = test(before, now, kind, None)
        if test.name in {"wasserstein", "jensenshannon"}:
            return float(found.drift_score / found.actual_threshold)
        return float(found.actual_threshold / max(found.drift_score, 1 / SURE))


class NannyML:
    """NannyML's defaults, in an environment and a process of its own.

    Univariate drift (Jensen-Shannon) and missing values, an alarm where any column is
    beyond its threshold; and beside it the reconstruction error of its PCA. Chunks
    are the days, thresholds are what it learns from the reference's.
    """

    rules = (NANNYML, PCA)
    compared = NANNYML

    def __init__(self, days: Sequence[Day], python: Path) -> None:
        """Start the process and let it fit."""
        worker = Path(__file__).with_name("nannyml_worker.py")
        self.process = subprocess.Popen(
            [python, "-W", "ignore", worker],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "NML_DISABLE_USAGE_LOGGING": "1"},
        )
        self._ask(days)

    def scores(self, windows: Iterable[Day]) -> Scores:
        """Score by value over threshold, of the column that is farthest beyond."""
        windows = list(windows)
        return np.array(self._ask(windows)) if windows else np.zeros((0, 2))

    def _ask(self, windows: Sequence[Day]) -> list[list[float]]:
        frames = [pd.DataFrame(window.table) for window in windows]
        dates = pd.date_range("2000-01-01", periods=len(frames))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "windows.parquet"
            pd.concat(
                [frame.assign(at=day) for frame, day in zip(frames, dates, strict=True)]
            ).to_parquet(path, index=False)
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.write(f"{path}\n")
            self.process.stdin.flush()
            told = self.process.stdout.readline()
        if not told:
            msg = f"NannyML's process ended with {self.process.wait()}"
            raise RuntimeError(msg)
        scores: list[list[float]] = json.loads(told)
        return scores

    def __del__(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


def arrow(day: Day) -> pa.Table:
    """Return the rows as Arrow, with their times, and null where one is missing."""
    columns = {name: pa.array(x, from_pandas=True) for name, x in day.table.items()}
    rows = len(next(iter(columns.values())))
    at = day.number * DAY + np.arange(rows) * DAY // rows
    return pa.table({AT: pa.array(at).cast(pa.timestamp("us", "UTC")), **columns})
