"""Files to verdicts: `driftd check` beside a plain scan, warm, and beside evidently.

    python benchmarks/speed.py --rows 100000 1000000 10000000 --memory 100 [--peers]
        [--folder DIR]

Each line is a process of its own on the same files, the median of three runs that take
turns: by the clock, of all processors, and the peak of memory, beside its goal.
Absolute times belong to the machine: read the ratios.
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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from links import linked

from monitor import processor

RUNS = 3
DRIFTD = [sys.executable, "-m", "monitor.cli"]
MOST_EXACT = 1_000_000
GOALS = {
    1_000_000: {
        "check": "≤ 1.2 s, ≤ 2 × scan",
        "warm": "≤ 1.3 × scan",
        "raw": "≤ 5 s",
    },
    10_000_000: {"check": "≤ 1.3 × scan"},
}
VERDICTS = "≤ 20 ms"
BUILDING = "the scan's speed"
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


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process took: by the clock and of all processors in s, at most in MB."""

    wall: float
    cpu: float
    peak: float


def measured(command: list[str], env: dict[str, str]) -> Taken:
    """Run a process to its end."""
    start = time.perf_counter()
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        msg = f"{command[:4]} ended with {process.returncode}"
        raise RuntimeError(msg)
    wall = time.perf_counter() - start
    return Taken(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def side_by_side(
    commands: Mapping[str, list[str]], env: dict[str, str], runs: int
) -> dict[str, Taken]:
    """Run some processes in turn; return the median times and the largest peak."""
    found: dict[str, list[Taken]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            found[name].append(measured(command, env))
    return {
        name: Taken(
            statistics.median(one.wall for one in taken),
            statistics.median(one.cpu for one in taken),
            max(one.peak for one in taken),
        )
        for name, taken in found.items()
    }


def as_installed(folder: Path) -> dict[str, str]:
    """Return an environment in which all modules are compiled, as pip leaves them."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    compiled = {"PYTHONPYCACHEPREFIX": str(folder.absolute() / "compiled")}
    return {**env, **compiled, "XDG_CACHE_HOME": str(folder), "DO_NOT_TRACK": "1"}


def told(rows: int, what: str, taken: Taken, scan: Taken, goal: str = "") -> None:
    """Print a line of the table."""
    cells = [
        f"{rows:,}",
        what,
        f"{taken.wall:.2f}",
        f"{taken.wall / scan.wall:.1f}",
        f"{taken.cpu / scan.cpu:.1f}" if taken.cpu else "",
        f"{taken.peak:.0f}" if taken.peak else "",
        goal,
    ]
    print("| " + " | ".join(cells) + " |", flush=True)


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


def files(folder: Path, rows: int) -> tuple[Path, Path]:
    """Write both files, elsewhere: processes begin with the memory of this one."""
    script = str(Path(__file__).with_name("data.py"))
    made = [sys.executable, script, str(folder), str(rows)]
    lines = subprocess.run(made, check=True, capture_output=True, text=True)
    reference, current = (Path(line) for line in lines.stdout.split("\n")[:2])
    return reference, current


def proposed(folder: Path, rows: int, reference: Path, env: dict[str, str]) -> Path:
    """Write the config that `driftd init` proposes for a reference."""
    config = folder / f"driftd_{rows}.yaml"
    init = [*DRIFTD, "init", "--reference", str(reference), "--score", "score"]
    command = [*init, "--force", "-o", str(config)]
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL)
    return config


def compare(folder: Path, rows: int, *, peers: bool) -> None:
    """Measure everything on files of that many rows, and print a line each."""
    reference, current = files(folder, rows)
    env = as_installed(folder)
    config = proposed(folder, rows, reference, env)
    here = Path(__file__)
    exact = config.with_name(f"exact_{rows}.yaml")
    exact.write_text(config.read_text().replace("checks: default", EXACT))
    check = [*DRIFTD, "check", str(config), "--data", str(current)]
    raw = [*DRIFTD, "check", str(exact), "--data", str(current)]
    scan = [sys.executable, "-c", SCAN, str(current)]
    build = [sys.executable, str(here.with_name("freeze.py")), str(config)]
    commands = {"scan": scan, "check": check, "build": [*build, str(current)]}
    if rows <= MOST_EXACT:
        commands["exact"] = raw
    # Builds the reference's profile, which is then kept, and compiles all modules.
    side_by_side(commands, env, 1)
    taken = side_by_side(commands, env, RUNS)
    base = taken["scan"]
    goals = GOALS.get(rows, {})
    told(rows, "DuckDB min, max, mean", base, base)
    told(rows, "driftd check", taken["check"], base, goals.get("check", ""))
    warm = [sys.executable, str(here.with_name("warm.py")), str(config), str(current)]
    ready = dict(env)
    processor.prepare(ready)  # as `driftd serve` does
    said = subprocess.run(warm, check=True, env=ready, capture_output=True, text=True)
    walls = [Taken(float(word), 0.0, 0.0) for word in said.stdout.split()]
    told(rows, "a window while it runs", walls[0], base, goals.get("warm", ""))
    seconds = f"{walls[1].wall * 1000:.0f} ms"
    print(f"| {rows:,} | two profiles to verdicts | {seconds} | | | | {VERDICTS} |")
    told(rows, "building a reference", taken["build"], base, BUILDING)
    if "exact" in taken:
        told(rows, "check, exact KS and W1", taken["exact"], base, goals.get("raw", ""))
    if peers:
        for name, code in (("SciPy", SCIPY), ("evidently", EVIDENTLY)):
            command = [sys.executable, "-c", code, str(reference), str(current)]
            told(rows, name, measured(command, env), base)
            if code is SCIPY:
                same(raw, command, env)


def flat(folder: Path, millions: int) -> None:
    """Tell the memory of a window and of a reference of so many million rows."""
    reference, current = files(folder, 1_000_000)
    env = as_installed(folder)
    config = proposed(folder, 1_000_000, reference, env)
    names = linked(current, millions)
    freeze = str(Path(__file__).with_name("freeze.py"))
    check = [*DRIFTD, "check", str(config), "--data", str(current)]
    measured(check, env)
    commands = {
        "scan": [sys.executable, "-c", SCAN, names],
        "driftd check": [*check[:-1], names],
        "building a reference": [sys.executable, freeze, str(config), names],
    }
    taken = side_by_side(commands, env, 1)
    for name, one in taken.items():
        told(millions * 1_000_000, name, one, taken["scan"], "≤ 250 MB, flat")


def main() -> None:
    """Read the command line, measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--memory", type=int, help="so many million rows, for memory")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    print("| rows × 61 columns | process | wall, s | × scan | × its CPU | MB | goal |")
    print("|---:|---|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.folder or Path(temporary)).absolute()
        for rows in asked.rows:
            compare(folder, rows, peers=asked.peers)
        if asked.memory:
            flat(folder, asked.memory)


if __name__ == "__main__":
    main()
