"""How time and memory grow with rows and with columns, for windows and for references.

    python benchmarks/scale.py --folder DIR [--rows 1 10 100] [--columns 10 100 1000]

Rows in millions, of 61 columns: the same file under many names, so that a hundred
million rows take no more disk than one. Columns at 100,000 rows. Each line is a process
of its own; its processor time (all threads) is told beside that of a DuckDB process
that takes the least and the greatest value of every column of the same files, which
other work on the machine disturbs less than the wall clock.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from links import linked
from speed import SCAN

DRIFTD = (sys.executable, "-m", "monitor.cli")


def measured(command: list[str], env: dict[str, str]) -> tuple[float, float, str]:
    """Run a process; return its processor time in s, its peak in MB, its words."""
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as run:
        told = run.stdout.read() if run.stdout else ""
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode not in (0, 1):
        msg = f"{command[:4]} ended with {run.returncode}"
        raise RuntimeError(msg)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, told


def wide(columns: int, seed: int, rows: int = 100_000) -> pa.Table:
    """Return so many columns of numbers."""
    rng = np.random.default_rng([seed, columns])
    return pa.table({f"x_{k:04}": rng.normal(k, 1, rows) for k in range(columns)})


def line(what: str, config: Path, reference: str, current: str, folder: Path) -> None:
    """Measure one size, and print its line."""
    env = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "DO_NOT_TRACK": "1"}
    check = [*DRIFTD, "check", str(config), "--data", current]
    measured(check, env)  # builds the reference's profile, which is then kept
    scan, _, _ = measured([sys.executable, "-c", SCAN, current], env)
    window, peak, _ = measured(check, env)
    script = str(Path(__file__).with_name("freeze.py"))
    freeze = [sys.executable, script, str(config), reference]
    frozen, most, told = measured(freeze, env)
    size = int(told) / len(
        pq.read_schema(next(iter(sorted(folder.glob("r*.parquet")))))
    )
    cells = [
        what,
        f"{scan:.1f}",
        f"{window:.1f}",
        f"{window / scan:.1f}",
        f"{peak:.0f}",
        f"{frozen:.1f}",
        f"{frozen / scan:.1f}",
        f"{most:.0f}",
        f"{size / 1000:.1f}",
    ]
    print("| " + " | ".join(cells) + " |", flush=True)


def config(folder: Path, reference: Path) -> Path:
    """Write the config that `driftd init` proposes."""
    path = folder / f"{reference.stem}.yaml"
    init = [*DRIFTD, "init", "--reference", str(reference), "--force", "-o", str(path)]
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL)
    return path


def main() -> None:
    """Read the command line, measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[1, 10])
    parser.add_argument("--columns", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    print(
        "| size | scan, s | window, s | × scan | peak, MB "
        "| reference, s | × scan | peak, MB | kB a column |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for columns in asked.columns:
        folder = asked.folder / f"{columns}-columns"
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{name}.parquet" for name in ("reference", "current")]
        for seed, path in enumerate(paths):
            if not path.exists():
                pq.write_table(wide(columns, seed), path, row_group_size=1 << 17)
        made = config(folder, paths[0])
        line(f"{columns:,} columns", made, str(paths[0]), str(paths[1]), folder)
    if asked.rows:
        script = Path(__file__).with_name("data.py")
        command = [sys.executable, str(script), str(asked.folder), "1000000"]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        reference, current = (Path(word) for word in told.stdout.split())
        made = config(asked.folder, reference)
        for times in asked.rows:
            files = linked(reference, times), linked(current, times)
            line(f"{times} million rows", made, *files, asked.folder)


if __name__ == "__main__":
    main()
