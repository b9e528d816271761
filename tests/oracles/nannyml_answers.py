"""What a real NannyML answers; run by its own interpreter, never by ours.

Reads cases as JSON from standard input and writes the answers to standard output.
"""

import json
import sys
import warnings
from typing import Any


def method(case: dict[str, Any]) -> dict[str, Any]:
    """Fit a method on a reference; tell what it says of one chunk."""
    import pandas as pd  # noqa: PLC0415 - NannyML's own, not ours
    from nannyml import chunk  # noqa: PLC0415 - as above
    from nannyml.drift.univariate import calculator, methods  # noqa: PLC0415 - as above

    size, period = case["chunk_size"], case.get("chunk_period")
    if period:
        chunker = chunk.PeriodBasedChunker(offset=period, timestamp_column_name="t")
    elif size:
        chunker = chunk.SizeBasedChunker(chunk_size=size)
    else:
        chunker = chunk.DefaultChunker()
    times = pd.to_datetime(pd.Series(case["times"], name="t")) if period else None
    numeric = case["kind"] == "numeric"
    kind = "continuous" if numeric else "categorical"
    fitted = methods.MethodFactory.create(
        key=case["method"],
        feature_type=methods.FeatureType(kind),
        chunker=chunker,
        threshold=calculator.DEFAULT_THRESHOLDS[case["method"]],
        **({"computation_params": {}} if numeric else {}),
    )
    dtype = "float64" if numeric else "object"
    fitted.fit(pd.Series(case["reference"], dtype=dtype, name="x"), timestamps=times)
    value = fitted.calculate(pd.Series(case["chunk"], dtype=dtype, name="x"))
    return {
        "value": float(value),
        "threshold": fitted.upper_threshold_value,
        "alert": bool(fitted.alert(value)),
    }


def frame(case: dict[str, Any]) -> dict[str, Any]:
    """Run the calculator on whole tables; tell what it says, chunk by chunk."""
    import nannyml  # noqa: PLC0415 - it is in the environment of this script alone
    import pandas as pd  # noqa: PLC0415 - as above

    calculator = nannyml.UnivariateDriftCalculator(
        column_names=case["columns"], chunk_size=case["chunk_size"]
    )
    calculator.fit(pd.DataFrame(case["reference"]))
    found = calculator.calculate(pd.DataFrame(case["analysis"]))
    table = found.filter(period="analysis").to_df()
    figures = {"value": "value", "threshold": "upper_threshold", "alert": "alert"}
    return {
        name: [
            {
                told: float(table[name, "jensen_shannon", figure].iloc[i])
                for told, figure in figures.items()
            }
            for i in range(len(table))
        ]
        for name in case["columns"]
    }


def main() -> None:
    """Answer every case."""
    import nannyml  # noqa: PLC0415 - it is in the environment of this script alone

    warnings.simplefilter("ignore")
    cases = json.load(sys.stdin)
    answers = [frame(c) if "columns" in c else method(c) for c in cases]
    json.dump({"version": nannyml.__version__, "answers": answers}, sys.stdout)


if __name__ == "__main__":
    main()
