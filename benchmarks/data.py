"""Synthetic monitoring data for the benchmarks, the same for the same seed.

60 feature columns (30 float, 15 integer, 15 text) and a score, of which some drift from
the reference to the current file: `MOVED` names them.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 1 << 17
REFERENCE_ROWS = 1_000_000
"""Rows that a reference has at most: it is looked at once, whatever comes after."""
MOVED = ("float_00", "float_01", "int_00", "text_00", "score")


def table(rows: int, *, moved: bool, seed: int = 7) -> pa.Table:
    """Return the reference (`moved` false) or the current rows."""
    rng = np.random.default_rng([seed, moved])
    columns: dict[str, pa.Array] = {}
    for k in range(30):
        values = (
            rng.normal(10 * k, 1 + k, rows)
            if k % 3
            else rng.lognormal(0.1 * k, 0.8, rows)
        )
        if moved and k < 2:  # the first two columns move
            values += 0.3 * values.std()
        gone = rng.random(rows) < 0.05 if k >= 27 else None  # the last three have nulls
        columns[f"float_{k:02}"] = pa.array(values, mask=gone)
    for k in range(15):
        rate = 5.0 * (k + 1) + (1.0 if moved and k == 0 else 0.0)
        columns[f"int_{k:02}"] = pa.array(rng.poisson(rate, rows))
    for k in range(15):
        levels = (5, 10, 20, 50, 100, 200, 500, 1000)[k // 2]
        share = 1 / np.arange(1, levels + 1)
        if moved and k == 0:
            share = share[::-1]
        drawn = rng.choice(levels, rows, p=share / share.sum()).astype(np.int32)
        names = pa.array([f"level_{i:04}" for i in range(levels)])
        columns[f"text_{k:02}"] = pa.DictionaryArray.from_arrays(drawn, names).cast(
            pa.string()
        )
    columns["score"] = pa.array(rng.beta(2.5 if moved else 2.0, 5, rows))
    return pa.table(columns)


def write(folder: Path, rows: int) -> tuple[Path, Path]:
    """Write both files unless they are there, and return their paths."""
    paths = []
    known = min(rows, REFERENCE_ROWS)
    for name, moved, count in (("reference", False, known), ("current", True, rows)):
        path = folder / f"{name}_{count}.parquet"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            writer: pq.ParquetWriter | None = None
            for start in range(0, count, 1_000_000):
                part = table(min(1_000_000, count - start), moved=moved, seed=start)
                writer = writer or pq.ParquetWriter(path, part.schema)
                writer.write_table(part, row_group_size=ROW_GROUP)
            if writer is not None:
                writer.close()
        paths.append(path)
    return paths[0], paths[1]


if __name__ == "__main__":
    print(*write(Path(sys.argv[1]), int(sys.argv[2])), sep="\n")
