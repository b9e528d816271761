"""NannyML's defaults as a process, run by its own interpreter.

A line on its input is the path of a Parquet file whose column `at` tells the windows
apart. The first file is the reference; for each further one the answer is a line of
JSON, for every window its two scores: of the univariate and missing-value
calculators' worst column, and of the reconstruction error.
"""

import json
import sys

import numpy as np
import pandas as pd
from nannyml import (
    DataReconstructionDriftCalculator,
    MissingValuesCalculator,
    UnivariateDriftCalculator,
)

SURE = 1e9


def scores(calculator: object, windows: pd.DataFrame) -> np.ndarray:
    """Return, for each window, how far the worst column is on its way to an alarm.

    The way begins at the mean of the reference's chunks and ends, at 1, where the
    threshold is: three of their standard deviations further. Both ends of a band count.
    """
    found = calculator.calculate(windows)
    before, now = (
        found.filter(period=period).to_df() for period in ("reference", "analysis")
    )
    ways = []
    for name in [name[:-1] for name in now.columns if name[-1] == "upper_threshold"]:
        value, upper, lower = (
            now[(*name, part)].to_numpy(float)
            for part in ("value", "upper_threshold", "lower_threshold")
        )
        middle = float(before[(*name, "value")].mean())
        lower = np.nan_to_num(lower, nan=-np.inf)
        for way, end in (
            (value - middle, upper - middle),
            (middle - value, middle - lower),
        ):
            some = np.divide(way, end, out=np.where(way > 0, SURE, 0.0), where=end > 0)
            # On the threshold is not yet beyond it.
            ways.append(np.minimum(some, SURE) * (1 - 1e-12))
    return np.nan_to_num(np.max(ways, axis=0))


def main() -> None:
    """Fit on the first file, score the others."""
    calculators = []
    for line in sys.stdin:
        frame = pd.read_parquet(line.strip())
        if not calculators:
            names = [name for name in frame.columns if name != "at"]
            how = {"column_names": names, "timestamp_column_name": "at"}
            calculators = [
                UnivariateDriftCalculator(chunk_period="D", **how),
                MissingValuesCalculator(chunk_period="D", **how),
                DataReconstructionDriftCalculator(chunk_period="D", **how),
            ]
            for calculator in calculators:
                calculator.fit(frame)
            print("[]", flush=True)
            continue
        drift, missing, error = (scores(one, frame) for one in calculators)
        told = np.stack([np.maximum(drift, missing), error], axis=1)
        print(json.dumps(told.tolist()), flush=True)


if __name__ == "__main__":
    main()
