"""False alarms on clean windows, detection and delay of named shifts, beside peers.

    python benchmarks/detection.py [--quick] [--write] [--nannyml VENV_PYTHON]

driftd, evidently and NannyML are asked about the same seeded windows. Prints the page
docs/detection.md, or writes it and its picture with `--write`. With `--folder` every
measurement is kept there, and what is kept is not measured again. `--sides driftd`
measures driftd alone, beside what the peers came to when they were measured last
(benchmarks/peers.json, which `--write` writes anew where they are).
"""

import argparse
import functools
import itertools
import json
import multiprocessing
import os
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from detection_page import PAGE, PATIENCE, page
from detection_picture import PICTURE, picture
from results import Measured, Tally, keep_peers, kept_peers, level_of
from sides import Driftd, Evidently, NannyML, Side
from streams import (
    AUTOCORRELATED,
    CLEAN,
    FLIGHT_COLUMNS,
    FLIGHT_DAYS,
    FLIGHT_ROWS,
    FLIGHTS_A_DAY,
    IID,
    KINDS,
    SHIFTS,
    SYNTHETIC,
    Cell,
    Day,
    Stream,
    stream_of,
)

ROWS = (50, 200, 1_000, 10_000, 100_000)
AT_ONCE = 5
"""Windows of a run that are looked at before asking whether it was noticed."""
DELAYED = SHIFTS[:4]
"""The shifts whose delay is measured."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
DRIFTD, EVIDENTLY, NANNYML = "driftd", "evidently", "NannyML"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How many references; windows of each kind for each; runs for the delay."""

    trials: int
    clean: int
    shifted: int
    runs: int = 0


def cells() -> list[Cell]:
    """List the cells: not the full product, for its time's sake."""
    found = [
        Cell(stream=stream, rows=rows, columns=columns)
        for stream, rows, columns in itertools.product(SYNTHETIC, ROWS, (10, 50, 200))
        if rows * columns <= 1_000_000 and (columns < 200 or rows in (50, 1_000))
    ]
    found.append(Cell(stream=IID, rows=100_000, columns=200, days=14))
    found += [
        Cell(stream=FLIGHT_ROWS, rows=rows, columns=FLIGHT_COLUMNS)
        for rows in ROWS[:-1]
    ]
    found.append(Cell(stream=FLIGHT_DAYS, rows=FLIGHTS_A_DAY, columns=FLIGHT_COLUMNS))
    return found


def effort(side: str, cell: Cell, *, quick: bool) -> Effort | None:
    """Tell how much a side is asked about a cell; None for nothing."""
    narrow = cell.columns <= FLIGHT_COLUMNS
    runs = 10 if cell.stream in SYNTHETIC and narrow and cell.rows <= 200 else 0
    if quick:
        small = narrow and cell.rows <= 1_000
        return Effort(trials=2, clean=30, shifted=5, runs=runs // 5) if small else None
    if side == DRIFTD:
        return _ours(cell, runs)
    if narrow and cell.rows <= 1_000:
        return Effort(trials=2, clean=100, shifted=20, runs=runs)
    if narrow and cell.rows == 10_000:
        return Effort(trials=2, clean=50, shifted=10)
    if (cell.columns, cell.rows) == (50, 1_000) and cell.stream in {
        IID,
        AUTOCORRELATED,
    }:
        return Effort(trials=2, clean=50, shifted=10)
    return None


def _ours(cell: Cell, runs: int) -> Effort:
    """Tell how much driftd is asked about a cell."""
    if cell.columns <= FLIGHT_COLUMNS and cell.rows <= 1_000:
        return Effort(trials=6, clean=60, shifted=10, runs=runs)
    if cell.columns <= 50 and cell.rows <= 1_000:
        return Effort(trials=3, clean=40, shifted=5)
    if cell.rows <= 1_000:
        return Effort(trials=2, clean=50, shifted=1)
    if cell.rows * cell.columns <= 1_000_000:
        return Effort(trials=2, clean=30, shifted=5)
    return Effort(trials=1, clean=20, shifted=2)


def side_of(name: str, days: Sequence[Day], nannyml: Path | None) -> Side:
    """Let a side learn a reference."""
    match name:
        case "driftd":
            return Driftd(days)
        case "evidently":
            return Evidently(days)
        case _:
            assert nannyml is not None
            return NannyML(days, nannyml)


def measured(side: str, cell: Cell, *, asked: Effort, nannyml: Path | None) -> Measured:
    """Ask a side about all windows of a cell."""
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    scores: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    watched: list[tuple[Side, Stream]] = []
    for trial in range(asked.trials):
        stream = stream_of(cell, trial)
        watch = side_of(side, stream.reference(), nannyml)
        for number, kind in enumerate(KINDS):
            count = asked.clean if kind == CLEAN else asked.shifted
            branch = stream.branch(number)
            windows = (branch.day(kind) for _ in range(count))
            scores[kind] += watch.scores(windows).tolist()
        if asked.runs:
            watched.append((watch, stream))
    by_rule = {
        rule: {kind: [row[i] for row in rows] for kind, rows in scores.items()}
        for i, rule in enumerate(watch.rules)
    }
    level = level_of(watch.compared, by_rule[watch.compared][CLEAN])
    return Measured(
        side=side,
        cell=cell,
        scores=by_rule,
        delays={watch.compared: delays(watched, asked.runs, level)} if watched else {},
        seconds=time.perf_counter() - start,
    )


def delays(
    watched: Sequence[tuple[Side, Stream]], runs: int, level: float
) -> dict[str, list[int]]:
    """Return for each shift the delays of some runs, each after one of the references.

    A delay is the windows until a shift that stays is noticed, at most PATIENCE + 1.
    """

    def delay(number: int, shift: str) -> int:
        watch, stream = watched[number % len(watched)]
        branch, at = (
            stream.branch(len(KINDS) + number),
            watch.rules.index(watch.compared),
        )
        for seen in range(0, PATIENCE, AT_ONCE):
            windows = [branch.day(shift) for _ in range(AT_ONCE)]
            noticed = watch.scores(windows)[:, at] >= level
            if noticed.any():
                return seen + int(noticed.argmax()) + 1
        return PATIENCE + 1

    return {shift: [delay(n, shift) for n in range(runs)] for shift in DELAYED}


def kept(
    folder: Path, side: str, cell: Cell, asked: Effort, nannyml: Path | None
) -> Measured:
    """Measure, unless the folder has it already."""
    text = "-".join(str(part) for part in asdict(cell).values())
    path = folder / f"{side}-{text.replace(' ', '')}-{asked.trials}x{asked.clean}.json"
    if path.exists():
        return Measured.read(json.loads(path.read_text(encoding="utf-8")))
    found = measured(side, cell, asked=asked, nannyml=nannyml)
    path.write_text(json.dumps(asdict(found)), encoding="utf-8")
    return found


def tasks(options: argparse.Namespace) -> Iterator[tuple[str, Cell, Effort]]:
    """Name all that is to be measured, the small first."""
    named = [side for side in options.sides if side != NANNYML or options.nannyml]
    for cell in sorted(cells(), key=lambda c: c.rows * c.columns):
        for side in named:
            asked = effort(side, cell, quick=options.quick)
            if asked is not None:
                yield side, cell, asked


def _beside(measured: Sequence[Tally]) -> list[Tally]:
    """Set what was measured beside what is kept of peers who were not asked."""
    asked = {one.side for one in measured}
    known = [one for one in kept_peers() if one.side not in asked]
    order = cells()
    return sorted([*measured, *known], key=lambda one: order.index(one.cell))


def main() -> None:
    """Read the command line, measure, and print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/detection.md")
    parser.add_argument("--quick", action="store_true", help="small cells only")
    parser.add_argument("--sides", nargs="+", default=[DRIFTD, EVIDENTLY, NANNYML])
    parser.add_argument("--nannyml", type=Path, metavar="VENV_PYTHON")
    parser.add_argument("--folder", type=Path, help="keep measurements here")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    # Each process is one of a pool: its libraries shall not start threads of their own.
    os.environ.update(dict.fromkeys(THREADS, "1"))
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        one = functools.partial(kept, folder, nannyml=options.nannyml)
        with ProcessPoolExecutor(options.jobs, mp_context=spawn) as pool:
            waiting = [pool.submit(one, *task) for task in tasks(options)]
            fresh = [each.result().tally() for each in waiting]
    found, anew = _beside(fresh), {one.side for one in fresh}
    if options.write:
        keep_peers(one for one in found if one.side != DRIFTD)
        PAGE.write_text(page(found, anew), encoding="utf-8")
        PICTURE.write_text(picture(found), encoding="utf-8")
    else:
        print(page(found, anew))


if __name__ == "__main__":
    main()
