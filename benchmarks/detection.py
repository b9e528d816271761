"""False alarms on clean windows and detection of named shifts, ours beside peers.

Each stream has a reference of 60 days and windows of one day each. Ours is the whole
standard suite at the level of one false alarm in 90 days, Holm over all checks; an
alarm is a FAIL. Evidently's is the default rule of its DataDriftPreset: the default
test of each column, and an alarm where at least half of the columns drift; beside it,
where any column does. Prints docs/detection.md, or writes it with `--write`.
"""

import argparse
import itertools
import json
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy import stats

from checks.correction import Correction
from checks.profile import Bins
from checks.reference import Reference
from checks.registry import Task
from checks.schema import Column, Kind, Schema
from checks.suite import Evidence, evaluate, plan
from checks.verdict import Status

PAGE = Path(__file__).parents[1] / "docs" / "detection.md"
DAYS = 60
ALPHA = 1 / 90
STREAMS = ("i.i.d.", "autocorrelated", "seasonal")
ROWS = (50, 200, 1_000, 10_000)
COLUMNS = (10, 50)
SHIFTS = ("mean", "variance", "tail", "category", "missingness")
LEVELS = np.array([f"level {i}" for i in range(8)])
SHARE = np.array([0.3, 0.2, 0.15, 0.12, 0.1, 0.06, 0.04, 0.03])
CLEAN = "clean"
Table = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One kind of stream, rows of a window, and columns."""

    stream: str
    rows: int
    columns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Alarms of one side among windows of one kind."""

    cell: Cell
    side: str
    kind: str
    alarms: int
    windows: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 99 % interval of Clopper and Pearson."""
        found = stats.binomtest(self.alarms, self.windows).proportion_ci(0.99)
        return float(found.low), float(found.high)


def day(cell: Cell, number: int, rng: np.random.Generator, shift: str = CLEAN) -> Table:
    """Return the rows of one day: four columns of five numeric, one categorical.

    Autocorrelated: each column has a level of its own every day, with a standard
    deviation of 0.2 of its rows'. Seasonal: its level follows the week, by ±0.3. A
    shift is in the first column of its kind.
    """
    table: Table = {}
    for k in range(cell.columns):
        level = 0.0
        if cell.stream == "autocorrelated":
            level = 0.2 * rng.normal()
        elif cell.stream == "seasonal":
            level = 0.3 * np.sin(2 * np.pi * (number + k) / 7)
        if k % 5 == 4:  # noqa: PLR2004 - the last of five
            table[f"c{k}"] = _categories(cell, level, rng, shift if k == 4 else CLEAN)  # noqa: PLR2004 - the first of its kind
        else:
            table[f"x{k}"] = _numbers(cell, k, level, rng, shift if k == 0 else CLEAN)
    return table


def _categories(
    cell: Cell, level: float, rng: np.random.Generator, shift: str
) -> npt.NDArray[np.generic]:
    share = SHARE * np.exp(level * np.linspace(-1, 1, len(SHARE)))
    share /= share.sum()
    if shift == "category":  # a quarter of the rows go over to the rarest level
        share = 0.75 * share + 0.25 * (np.arange(len(SHARE)) == len(SHARE) - 1)
    return LEVELS[rng.choice(len(SHARE), cell.rows, p=share)]


def _numbers(
    cell: Cell, k: int, level: float, rng: np.random.Generator, shift: str
) -> npt.NDArray[np.generic]:
    z = rng.normal(size=cell.rows)
    if shift == "variance":
        z *= 1.5
    if shift == "mean":
        level += 0.5
    x = z + level
    if k % 5 == 1:
        x = np.exp(x)
    if k % 5 == 2:  # noqa: PLR2004 - counts
        x = np.floor(np.exp(1 + x / 2))
    if k % 5 == 3:  # noqa: PLR2004 - heavy tails
        x = x / np.sqrt(rng.chisquare(4, cell.rows) / 4)
    if shift == "tail":
        x = np.where(rng.random(cell.rows) < 0.1, x + 5.0, x)  # noqa: PLR2004 - one in ten
    if shift == "missingness":
        x = np.where(rng.random(cell.rows) < 0.2, np.nan, x)  # noqa: PLR2004 - one in five
    return x


def stretches(cell: Cell, rng: np.random.Generator) -> list[Table]:
    """Return the days of the reference."""
    return [day(cell, number, rng) for number in range(DAYS)]


class Ours:
    """The standard suite against a reference that knows its days."""

    sides = ("driftd",)

    def __init__(self, days: Sequence[Table]) -> None:
        """Freeze the reference."""
        tables = [pa.table(one) for one in days]
        whole = pa.concat_tables(tables)
        text = {f.name for f in whole.schema if pa.types.is_string(f.type)}
        schema = Schema.of(
            Column(name=name, kind=Kind.CATEGORICAL if name in text else Kind.NUMERIC)
            for name in whole.column_names
        )
        self.bins = Bins.fit(schema, whole)
        blocks = [self.bins.profile(one) for one in tables]
        self.reference = Reference.of(self.bins, blocks, timed=True)
        self.entries = plan(schema, Task.NONE)

    def alarms(self, window: Table) -> tuple[bool, ...]:
        """Tell whether any check fails."""
        profile = self.bins.profile(pa.table(window))
        verdicts = evaluate(
            self.entries,
            self.reference,
            Evidence(profile=profile),
            alpha=ALPHA,
            correction=Correction.HOLM,
        )
        return (Status.worst(v.status for v in verdicts) is Status.FAIL,)


class Evidently:
    """The default rule of evidently's DataDriftPreset, by its own statistics."""

    sides = ("evidently, half of the columns", "evidently, any column")

    def __init__(self, days: Sequence[Table]) -> None:
        """Keep the reference, or as much of it as evidently can take in the time."""
        from evidently.legacy.calculations.stattests import get_stattest  # noqa: PLC0415 - slow to import
        from evidently.legacy.core import ColumnType  # noqa: PLC0415 - as above

        self.get, self.kinds = get_stattest, ColumnType
        self.reference = pd.concat([pd.DataFrame(one) for one in days])
        if len(self.reference) > MOST:
            self.reference = self.reference.sample(MOST, random_state=1)

    def alarms(self, window: Table) -> tuple[bool, ...]:
        """Tell whether half of the columns drift, and whether any does."""
        drifted = []
        for name, values in window.items():
            number = values.dtype.kind == "f"
            kind = self.kinds.Numerical if number else self.kinds.Categorical
            before = self.reference[name].dropna()
            now = pd.Series(values).dropna()
            test = self.get(before, now, kind, None)
            drifted.append(bool(test(before, now, kind, None).drifted))
        return sum(drifted) >= len(drifted) / 2, any(drifted)


MOST = 20_000
"""Rows of a reference that evidently is given at most."""
MANY = 400_000
"""Values of a window from which fewer windows are looked at."""


def runs(side: type[Ours] | type[Evidently], cell: Cell) -> tuple[int, int]:
    """Return how many clean windows, and windows of each shift, are evaluated."""
    if side is Evidently:
        return (30, 10) if cell.columns == COLUMNS[0] else (20, 0)
    return (300, 30) if cell.rows * cell.columns < MANY else (90, 18)


def measured(task: tuple[type[Ours] | type[Evidently], Cell]) -> list[Count]:
    """Evaluate all windows of a cell, the same ones for every side."""
    warnings.simplefilter("ignore")
    side, cell = task
    seed = [STREAMS.index(cell.stream), cell.rows, cell.columns]
    found: list[Count] = []
    clean, moved = runs(side, cell)
    totals: dict[str, list[int]] = {}
    # Several references: one alone may be an unusual one.
    references = 3 if side is Ours else 1
    for number in range(references):
        watch = side(stretches(cell, np.random.default_rng([*seed, number])))
        rng = np.random.default_rng([*seed, number, 1])
        for kind in (CLEAN, *SHIFTS):
            windows = (clean if kind == CLEAN else moved) // references
            if not windows:
                continue
            sums = totals.setdefault(kind, [0] * (len(side.sides) + 1))
            for _ in range(windows):
                alarms = watch.alarms(day(cell, int(rng.integers(7)), rng, kind))
                sums[0] += 1
                for i, alarm in enumerate(alarms):
                    sums[i + 1] += alarm
    for kind, sums in totals.items():
        found += [
            Count(cell=cell, side=name, kind=kind, alarms=alarms, windows=sums[0])
            for name, alarms in zip(side.sides, sums[1:], strict=True)
        ]
    return found


def nannyml(python: Path, cells: Sequence[Cell]) -> list[Count]:
    """Run NannyML's default univariate drift in its own environment."""
    found = []
    for cell in cells:
        seed = [STREAMS.index(cell.stream), cell.rows, cell.columns]
        days = stretches(cell, np.random.default_rng([*seed, 0]))
        rng = np.random.default_rng([*seed, 0, 1])
        windows = [day(cell, int(rng.integers(7)), rng) for _ in range(30)]
        with tempfile.TemporaryDirectory() as folder:
            for name, parts in (("reference", days), ("current", windows)):
                frame = pd.concat([pd.DataFrame(part) for part in parts])
                frame.to_parquet(Path(folder) / f"{name}.parquet")
            told = subprocess.run(
                [python, "-W", "ignore", "-c", NANNYML, folder, str(cell.rows)],
                check=True,
                capture_output=True,
                text=True,
            )
        alarms = json.loads(told.stdout.splitlines()[-1])
        found.append(
            Count(
                cell=cell,
                side="NannyML, any column",
                kind=CLEAN,
                alarms=sum(alarms),
                windows=len(alarms),
            )
        )
    return found


NANNYML = """
import json, sys
import pandas as pd
import nannyml
folder, rows = sys.argv[1], int(sys.argv[2])
reference = pd.read_parquet(folder + "/reference.parquet")
current = pd.read_parquet(folder + "/current.parquet")
names = list(reference.columns)
calculator = nannyml.UnivariateDriftCalculator(column_names=names, chunk_size=rows)
found = calculator.fit(reference).calculate(current).to_df()
alarms = found.loc[:, [c for c in found.columns if c[-1] == "alert"]]
print(json.dumps(alarms.any(axis=1).astype(int).tolist()))
"""


def page(counts: Sequence[Count], *, with_nannyml: bool) -> str:
    """Write the page."""
    clean = [count for count in counts if count.kind == CLEAN]
    beyond = [c for c in clean if c.side == "driftd" and c.interval[0] > ALPHA]
    cells = sum(c.side == "driftd" for c in clean)
    told = (
        f"In none of the {cells} cells is the lower end of driftd's interval above it."
        if not beyond
        else f"**In {len(beyond)} of {cells} cells driftd is above it**, marked †."
    )
    nanny = (
        "NannyML:\nits default univariate calculator, in an environment of its own."
        if with_nannyml
        else "NannyML needs an "
        "environment of its own, and was not run (`--nannyml PYTHON` runs it)."
    )
    return HEAD.format(budget=1000 * ALPHA, told=told, nanny=nanny, days=DAYS) + (
        "\n".join(
            [
                *_alarms(clean),
                *(CAUSE.split("\n") if beyond else [""]),
                DETECTION,
                *_detection(counts),
                "",
            ]
        )
    )


HEAD = """# False alarms and detection

Written by `python benchmarks/detection.py --write`; every number is from seeded
synthetic streams. A window is one day; the reference is the {days} days before. In
every five columns there are a normal, a lognormal, a count, a heavy-tailed (Student's
t, 4 degrees) and a categorical one (8 levels). *Autocorrelated*: each column has a
level of its own every day, 0.2 standard deviations of its rows wide. *Seasonal*:
levels follow the week, by ±0.3.

driftd: the whole standard suite at `false_alarm_budget: 1 per 90d`, corrected by
Holm; an alarm is any FAIL; `min_rows` is 1, so that small windows are judged at all.
evidently: the default test of each column by its own code, and an alarm where half of
the columns drift (its preset's default) or where any does; its reference is at most
20,000 rows.

{nanny}

In brackets: binomial 99 % intervals (Clopper and Pearson). They are wide where
windows are few: evidently was given 30 clean windows a cell, 20 with 50 columns.

## Alarms per 1,000 clean windows

The budget is {budget:.1f}. {told}

| stream | rows | columns | driftd | evidently, half | evidently, any |
|---|---:|---:|---:|---:|---:|
"""

CAUSE = """
† The cause is known. Rows of one day share a level, so they count for fewer: driftd
measures by how much, but as an *average* over all directions in which the shares of
ten groups can move. A level moves all groups together, in one direction, and there
days differ several times more than on average: the p-values of checks that look along
it are too small. The budget holds where days are alike; where they have levels or
seasons, it does not hold yet.
"""

DETECTION = """## Windows of 100 in which a shift is noticed

One column of all moves; in the other columns nothing happens. *mean*: by 0.5 standard
deviations. *variance*: half as wide again. *tail*: one row in ten is 5 standard
deviations further out. *category*: a quarter of the rows go over to the rarest level.
*missingness*: one row in five has no value. A rule that alarms on clean windows as
well notices by that alone: read it beside the table above. evidently's is where any
column drifts, with 10 columns; its tests see the rows that have a value.

| stream | rows | columns | side | mean | variance | tail | category | missingness |
|---|---:|---:|---|---:|---:|---:|---:|---:|"""


def _alarms(clean: Sequence[Count]) -> Iterator[str]:
    sides = [*Ours.sides, *Evidently.sides]
    for cell in _cells(clean):
        told = []
        for side in sides:
            here = [c for c in clean if c.cell == cell and c.side == side]
            told.append(_rate(here[0], 1000) if here else "–")
        yield f"| {cell.stream} | {cell.rows:,} | {cell.columns} | {' | '.join(told)} |"
    others = [c for c in clean if c.side not in sides]
    if others:
        yield ""
        yield "| stream | rows | columns | NannyML, any column |"
        yield "|---|---:|---:|---:|"
    for one in others:
        cell = one.cell
        yield (
            f"| {cell.stream} | {cell.rows:,} | {cell.columns} | {_rate(one, 1000)} |"
        )


def _detection(counts: Sequence[Count]) -> Iterator[str]:
    for cell in _cells(counts):
        for side in (Ours.sides[0], Evidently.sides[1]):
            told = []
            for kind in SHIFTS:
                here = [
                    c for c in counts if (c.cell, c.side, c.kind) == (cell, side, kind)
                ]
                told.append(_rate(here[0], 100) if here else "–")
            if set(told) != {"–"}:
                yield (
                    f"| {cell.stream} | {cell.rows:,} | {cell.columns} "
                    f"| {side.partition(',')[0]} | {' | '.join(told)} |"
                )


def _cells(counts: Sequence[Count]) -> list[Cell]:
    return list(dict.fromkeys(count.cell for count in counts))


def _rate(count: Count, per: int) -> str:
    low, high = (per * end for end in count.interval)
    mark = " †" if count.side == "driftd" and _beyond(count) else ""
    return f"{per * count.alarms / count.windows:.0f} [{low:.0f}–{high:.0f}]{mark}"


def _beyond(count: Count) -> bool:
    return count.kind == CLEAN and count.interval[0] > ALPHA


def main() -> None:
    """Read the command line, measure, and print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/detection.md")
    parser.add_argument("--nannyml", type=Path, metavar="VENV_PYTHON")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--columns", type=int, nargs="+", default=list(COLUMNS))
    asked = parser.parse_args()
    cells = [
        Cell(stream=stream, rows=rows, columns=columns)
        for stream, rows, columns in itertools.product(
            STREAMS, asked.rows, asked.columns
        )
    ]
    sides = [Ours] if asked.no_peers else [Ours, Evidently]
    tasks = [(side, cell) for side in sides for cell in cells]
    tasks.sort(key=lambda task: -task[1].rows * task[1].columns)
    with ProcessPoolExecutor(2) as pool:
        found = [one for part in pool.map(measured, tasks) for one in part]
    if asked.nannyml:
        found += nannyml(asked.nannyml, cells)
    found.sort(key=lambda count: cells.index(count.cell))
    text = page(found, with_nannyml=asked.nannyml is not None)
    if asked.write:
        PAGE.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
