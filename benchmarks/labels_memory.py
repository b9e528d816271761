"""How much memory and time a month of predictions takes to be joined to its labels.

`python benchmarks/labels_memory.py [ROWS] [--weights]` writes the logs, and joins them
in a process of its own, whose peak is what the operating system says it was. With
weights the predictions are a sample, whose rows stand for unequal numbers of rows.
"""

import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from checks.outcomes import BinaryOutcomes
from checks.weight import WEIGHT
from monitor.config import Model
from monitor.feeds import Feeds, labelled
from monitor.sources.base import open_source
from monitor.window import Window

START = datetime(2026, 3, 1, tzinfo=UTC)
MONTH = Window(START, START + timedelta(days=31))
CHUNK = 500_000


def write(folder: Path, rows: int, *, weights: bool) -> None:
    """Write a month of predictions, and the labels that came for nine of ten."""
    rng = np.random.default_rng(0)
    start = np.datetime64(START.replace(tzinfo=None), "us")
    step = np.timedelta64(31 * 86_400 * 1_000_000 // rows, "us")
    for first in range(0, rows, CHUNK):
        n = min(CHUNK, rows - first)
        number = np.arange(first, first + n)
        ids = np.char.add("prediction-", np.char.zfill(number.astype(str), 12))
        made, score = start + number * step, rng.random(n)
        took = (rng.gamma(2.0, 1.5, n) * 86_400e6).astype("timedelta64[us]")
        order = rng.permutation(n)[: round(0.9 * n)]
        log: dict[str, Any] = {"id": ids, "at": made, "score": score}
        if weights:
            log[WEIGHT] = rng.choice([1.0, 4.0, 16.0], n)
        tables = {
            "log": log,
            "labels": {
                "id": ids[order],
                "late": rng.random(len(order)) < score[order],
                "known_at": (made + took)[order],
            },
        }
        for name, columns in tables.items():
            place = folder / name / f"{first}.parquet"
            place.parent.mkdir(exist_ok=True)
            parquet.write_table(pa.table(columns), place)


def join(folder: Path) -> None:
    """Join the labels, and print what it took."""
    section = Model.model_validate(
        {
            "task": "binary_classification",
            "columns": {
                "id": {"role": "id"},
                "at": {"role": "timestamp"},
                "score": {"role": "score"},
                "late": {"role": "label", "kind": "boolean"},
            },
            "reference": {"type": "parquet", "path": "none"},
            "source": {"type": "parquet", "path": f"{folder}/log/*.parquet"},
            "labels": {
                "source": {"type": "parquet", "path": f"{folder}/labels/*.parquet"},
                "timestamp": "known_at",
            },
            "monitors": {"daily": {"window": "1d"}},
        }
    )
    labels = section.labels
    assert labels is not None
    feeds = Feeds(
        predictions=open_source(section.source, timestamp="at"),
        labels=open_source(labels.source, timestamp="known_at"),
    )
    before = _peak()
    started = time.perf_counter()
    found = labelled(section, MONTH, feeds, MONTH.end + timedelta(days=30))
    seconds = time.perf_counter() - started
    assert found is not None
    assert isinstance(found.outcomes, BinaryOutcomes)
    print(
        f"{found.outcomes.rows:,} predictions, {found.outcomes.labelled:,} labelled: "
        f"{seconds:.1f} s, peak {_peak() / 1024:.0f} MiB ({before / 1024:.0f} before)"
    )


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Write in one child, and join in another: a peak is handed down to children."""
    asked = [word for word in sys.argv[1:] if word != "--weights"]
    if asked[:1] == ["--join"]:
        join(Path(asked[1]))
        return
    if asked[:1] == ["--write"]:
        write(Path(asked[1]), int(asked[2]), weights="--weights" in sys.argv)
        return
    rows = asked[0] if asked else "10_000_000"
    weights = ["--weights"] if "--weights" in sys.argv else []
    with tempfile.TemporaryDirectory() as name:
        for words in (["--write", name, rows, *weights], ["--join", name]):
            subprocess.run([sys.executable, __file__, *words], check=True)


if __name__ == "__main__":
    main()
