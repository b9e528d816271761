"""Files to verdicts: `driftd check` beside a plain scan, warm, and beside evidently.

    python benchmarks/speed.py [--rows 100000 1000000] [--peers] [--folder DIR]

Each line is a process of its own on the same files, the median of three runs, wall
clock and peak memory. Absolute times belong to the machine: read the ratios.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 3
SCAN = """
import duckdb, sys
path = sys.argv[1]
names = [r[0] for r in duckdb.execute(f"describe select * from '{path}'").fetchall()]
ends = ", ".join(
    f'min("{n}"), max("{n}"), {"max(length" if "text" in n else "avg("}("{n}"))'
    for n in names
)
duckdb.execute(f"select count(*), {ends} from '{path}'").fetchone()
"""
EVIDENTLY = """
import pandas as pd, sys
from evidently import Dataset, Report
from evidently.presets import DataDriftPreset
reference, current = (Dataset.from_pandas(pd.read_parquet(p)) for p in sys.argv[1:3])
Report([DataDriftPreset()]).run(current, reference)
"""
SCIPY = """
import pyarrow.parquet as pq, sys
from scipy.stats import ks_2samp, wasserstein_distance
reference, current = (pq.ParquetFile(path) for path in sys.argv[1:3])
for field in reference.schema_arrow:
    if field.type == "string":
        continue
    x, y = (
        f.read([field.name]).column(0).drop_null().to_numpy()
        for f in (reference, current)
    )
    print(field.name, ks_2samp(x, y).statistic, wasserstein_distance(x, y) / x.std())
"""
EXACT = "checks: {default: false, exact_kolmogorov_smirnov: {}, exact_wasserstein: {}}"


def measured(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Run a process; return its wall time in seconds and its peak memory in MB."""
    start = time.perf_counter()
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        msg = f"{command[:4]} ended with {process.returncode}"
        raise RuntimeError(msg)
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def median(command: list[str], env: dict[str, str], runs: int) -> tuple[float, float]:
    """Return the median wall time and the largest peak of some runs."""
    found = [measured(command, env) for _ in range(runs)]
    return statistics.median(t for t, _ in found), max(m for _, m in found)


def same(driftd: list[str], scipy: list[str], env: dict[str, str]) -> None:
    """Hold the numbers of driftd on raw rows to SciPy's."""
    told = subprocess.run(
        [*driftd, "--format", "json"], env=env, capture_output=True, check=False
    )
    found = {
        (v["check"], v["column"]): v["value"]
        for v in json.loads(told.stdout)["verdicts"]
    }
    lines = subprocess.run(scipy, env=env, capture_output=True, check=True, text=True)
    for line in lines.stdout.splitlines():
        name, gap, far = line.split()
        for check, value in (("kolmogorov_smirnov", gap), ("wasserstein", far)):
            assert math.isclose(
                found[f"exact_{check}", name], float(value), rel_tol=1e-9
            )


def compare(folder: Path, rows: int, *, peers: bool) -> None:
    """Measure everything on files of that many rows, and print a line each."""
    # In a process of its own: what starts from this one begins with its memory.
    script = Path(__file__).parent / "data.py"
    made = [sys.executable, str(script), str(folder), str(rows)]
    told = subprocess.run(made, check=True, capture_output=True, text=True)
    reference, current = (Path(line) for line in told.stdout.split("\n")[:2])
    env = {**os.environ, "XDG_CACHE_HOME": str(folder), "DO_NOT_TRACK": "1"}
    config = folder / f"driftd_{rows}.yaml"
    driftd = [sys.executable, "-m", "monitor.cli"]
    subprocess.run(
        [
            *driftd,
            "init",
            "--reference",
            reference,
            "--score",
            "score",
            "--force",
            "-o",
            config,
        ],
        check=True,
        env=env,
        stdout=subprocess.DEVNULL,
    )
    check = [*driftd, "check", str(config), "--data", str(current)]
    measured(check, env)  # builds the reference's profile, which is then kept
    scan, scan_memory = median([sys.executable, "-c", SCAN, str(current)], env, RUNS)
    wall, memory = median(check, env, RUNS)
    print(
        f"| {rows:,} | DuckDB min, max, mean | {scan:.2f} | 1.0 | {scan_memory:.0f} |"
    )
    ratio = wall / scan
    print(f"| {rows:,} | driftd check | {wall:.2f} | {ratio:.1f} | {memory:.0f} |")
    warm = [sys.executable, str(script.with_name("warm.py")), config, current]
    told = subprocess.run(warm, check=True, env=env, capture_output=True, text=True)
    wall, judging = (float(word) for word in told.stdout.split())
    ratio = wall / scan
    print(f"| {rows:,} | driftd, a window while it runs | {wall:.2f} | {ratio:.1f} | |")
    print(f"| {rows:,} | two profiles to verdicts | {judging:.3f} | | |")
    exact = config.with_name(f"exact_{rows}.yaml")
    exact.write_text(config.read_text().replace("checks: default", EXACT))
    check = [*driftd, "check", str(exact), "--data", str(current)]
    wall, memory = median(check, env, RUNS)
    ratio = wall / scan
    print(f"| {rows:,} | driftd, exact | {wall:.2f} | {ratio:.1f} | {memory:.0f} |")
    if peers:
        command = [sys.executable, "-c", SCIPY, str(reference), str(current)]
        wall, memory = median(command, env, 1)
        ratio = wall / scan
        print(f"| {rows:,} | SciPy | {wall:.2f} | {ratio:.1f} | {memory:.0f} |")
        same(check, command, env)
        command = [sys.executable, "-c", EVIDENTLY, str(reference), str(current)]
        wall, memory = median(command, env, 1)
        ratio = wall / scan
        print(f"| {rows:,} | evidently | {wall:.2f} | {ratio:.1f} | {memory:.0f} |")


def main() -> None:
    """Read the command line, measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    print("| rows × 61 columns | process | wall, s | × scan | peak, MB |")
    print("|---:|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as temporary:
        for rows in asked.rows:
            compare(asked.folder or Path(temporary), rows, peers=asked.peers)


if __name__ == "__main__":
    main()
