"""docs/detection.md: tables of what was measured, and what is to be said of them."""

import textwrap
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from results import Rate, Tally
from sides import ANY, BUDGET, HALF, MOST, NANNYML, OURS, PCA
from streams import CLEAN, FLIGHT_COLUMNS, FLIGHT_DAYS, SHIFTS, Cell

PAGE = Path(__file__).parents[1] / "docs" / "detection.md"
PATIENCE = 30
"""Windows after which a shift that nobody noticed is given up."""
RULES = (OURS, HALF, ANY, NANNYML)
COMPARED = (OURS, ANY, NANNYML)
"""The rules that are set beside each other, in the order of a cell of a table."""
Asked = dict[tuple[Cell, str], Tally]


def page(found: Sequence[Tally], anew: Collection[str]) -> str:
    """Write the page; `anew` are the sides that were measured for it."""
    asked = {(one.cell, rule): one for one in found for rule in one.default}
    budget = 1000 * BUDGET
    kept = dict.fromkeys(one.side for one in found if one.side not in anew)
    told = [
        HEAD.format(budget=budget),
        *_summary(asked),
        ALARMS.format(budget=budget, cause=_beyond(asked)),
        *_alarms(asked),
        EQUAL.format(told=_compared(asked)),
        *_detection(asked),
        DEFAULTS,
        *_detection(asked, default=True),
        DELAYS.format(patience=PATIENCE),
        *_delays(asked),
        HOW.format(
            most=MOST,
            counts=_counts(found),
            anew=", ".join(sorted(anew)),
            kept=", ".join(kept) or "nothing",
        ),
    ]
    return "\n".join(told) + "\n"


HEAD = """# False alarms and detection

Written by `python benchmarks/detection.py --write`. A window is one day, and the
reference is the days before it. driftd is its standard suite at
`false_alarm_budget: 1 per 90d`, so that {budget:.1f} of 1,000 clean windows may
alarm; an alarm is any FAIL. Evidently's and NannyML's own code was run, with its
defaults, on the same windows. [How it was done](#how-it-was-done) says the rest.

## In short

False alarms in each stream's worst cell, per 1,000 clean windows. A cell is one number
of rows and of columns; driftd is within the budget in a cell whose binomial 99 %
interval (Clopper and Pearson, in brackets) reaches down to it."""

ALARMS = """
![False alarms by rows of a window](detection.svg)

## Alarms per 1,000 clean windows

The budget is {budget:.1f}. {cause} In brackets:
the 99 % interval. Peers were given 10 columns; the flights have 13."""

EQUAL = """
## Windows of 100 in which a shift is noticed, at equal false alarms

One column of all moves, or one pair; nothing happens in the others. *mean*: by 0.5
standard deviations. *variance*: half as wide again. *tail*: one row in ten is 5
standard deviations further out. *category*: a quarter of the rows go over to the rarest
level. *missingness*: one row in five has no value. *correlation*: one column of a
correlated pair is shuffled, so that every column by itself is as it was.

Each cell has three numbers: **driftd**, evidently, NannyML. driftd is as it comes. The
peers' thresholds were moved, in each cell by itself, to where just so many of the very
clean windows alarm as the budget allows: what no user could do, and the only way to
compare. An alarm is in any column; under *correlation* NannyML's number is the error of
its PCA reconstruction.

{told}"""

DEFAULTS = """
## The same with defaults

As it comes, evidently and NannyML alarm on clean windows as well, and notice a shift by
that alone: read a number beside the one under *clean*. Evidently's is where any column
drifts, as its preset's rule for the whole table, half of the columns, does not notice
one of them."""

DELAYS = """
## Windows until a shift that stays is noticed

The median of the runs, and the 90th percentile in brackets; a run is given up after
{patience} windows. driftd with its default policy (a single FAIL opens an incident),
the peers at equal false alarms."""

HOW = """
## How it was done

- **Synthetic streams**: in every five columns there are a normal, a lognormal, a count,
  a heavy-tailed (Student's t, 4 degrees) and a categorical one (8 levels). *i.i.d.*:
  all rows are alike. *Autocorrelated*: each column has a level of its own every day,
  0.2 standard deviations of its rows wide, so that the rows of a day resemble each
  other. *AR(1)*: so too, and a level correlates by 0.5 with that of the day before.
  *Seasonal*: levels follow the week, by ±0.3.
- **Flights**: the 336,776 flights of a year with their weather, 13 columns. *Rows*:
  windows of rows drawn at random, independent with a real joint distribution. *Days*:
  whole days drawn at random for the reference and as windows. Each keeps its weather,
  its weekday and its timetable, and only the lot says which is which: clean by
  construction.
- **References** are 60 days (14 with 100,000 rows × 200 columns). Every cell has
  several, each with windows of its own after it; intervals take these windows to be
  independent. Windows of a cell:
{counts}
- **Not every product of rows and columns** was measured, for its time's sake; a dash
  stands for what was not.
- **driftd**: Holm's correction, `min_rows` 1, so that small windows are judged at all.
- **Evidently**: each column's default test; its reference is at most {most:,} rows.
- **NannyML**: its univariate drift (Jensen-Shannon) and missing-value calculators with
  chunks of a day; what is moved for equal false alarms is the 3 in its "mean ± 3
  standard deviations".
- Everything is drawn from fixed seeds: the same versions give the same page. The peers
  change less often than driftd does: what they came to on these very windows is kept in
  `benchmarks/peers.json`, and `--sides driftd` measures driftd anew beside it. Measured
  for this page: {anew}; as it was kept: {kept}."""


WHY = """What is lost is lost in small windows: to be certain, a window must lie
outside of what the reference's 60 days do by themselves, at a level that all checks of
the window share."""


def _cells(asked: Asked) -> list[Cell]:
    return list(dict.fromkeys(cell for cell, rule in asked if rule == OURS))


def _header(*names: str, texts: int = 1) -> str:
    """Return a table's first lines; but for the first `texts` columns are numbers."""
    rules = ["---"] * texts + ["---:"] * (len(names) - texts)
    return f"\n| {' | '.join(names)} |\n|{'|'.join(rules)}|"


def _summary(asked: Asked) -> Iterator[str]:
    yield _header("stream", "driftd within the budget", *(r for r in RULES))
    for stream in dict.fromkeys(cell.stream for cell in _cells(asked)):
        told = []
        for rule in RULES:
            rates = [
                one.default[rule][CLEAN]
                for (cell, by), one in asked.items()
                if by == rule and cell.stream == stream
            ]
            if rule == OURS:
                within = sum(not rate.beyond for rate in rates)
                told.append(f"{within} of {len(rates)}")
            worst = max(rates, key=lambda rate: rate.share, default=None)
            told.append("–" if worst is None else _told(worst, 1000))
        yield f"| {stream} | {' | '.join(told)} |"


def _alarms(asked: Asked) -> Iterator[str]:
    wide = ("driftd, 10 columns", "50 columns", "200 columns")
    yield _header("stream", "rows", *wide, *RULES[1:])
    cells = _cells(asked)
    for stream, rows in dict.fromkeys((cell.stream, cell.rows) for cell in cells):
        here = [c for c in cells if (c.stream, c.rows) == (stream, rows)]
        told = [
            _alarm(asked, [c for c in here if c.columns in columns], OURS)
            for columns in (range(FLIGHT_COLUMNS + 1), (50,), (200,))
        ]
        narrow = [c for c in here if c.columns <= FLIGHT_COLUMNS]
        told += [_alarm(asked, narrow, rule) for rule in RULES[1:]]
        yield f"| {stream} | {_rows(stream, rows)} | {' | '.join(told)} |"


def _alarm(asked: Asked, cells: Sequence[Cell], rule: str) -> str:
    for cell in cells:
        if (cell, rule) in asked:
            rate = asked[cell, rule].default[rule][CLEAN]
            mark = " †" if rule == OURS and rate.beyond else ""
            return _told(rate, 1000) + mark
    return "–"


def _detection(asked: Asked, *, default: bool = False) -> Iterator[str]:
    kinds = (CLEAN, *SHIFTS) if default else SHIFTS
    yield _header("stream", "rows", "columns", *kinds)
    for cell in _cells(asked):
        if (cell, ANY) not in asked:
            continue
        told = []
        for kind in kinds:
            rates = _rates(asked, cell, kind, default=default)
            shares = [f"{100 * r.share:.0f}" if r else "–" for r in rates]
            lost = not default and _loses(rates)
            told.append(
                f"**{shares[0]}**{' ‡' if lost else ''}, {', '.join(shares[1:])}"
            )
        yield (
            f"| {cell.stream} | {_rows(cell.stream, cell.rows)} | {cell.columns} "
            f"| {' | '.join(told)} |"
        )


def _rates(
    asked: Asked, cell: Cell, kind: str, *, default: bool = False
) -> list[Rate | None]:
    """Return driftd's rate, evidently's and NannyML's."""
    rates: list[Rate | None] = []
    for rule in COMPARED:
        by = PCA if rule == NANNYML and kind == "correlation" else rule
        one = asked.get((cell, by))
        told = one and (one.default if default else one.equal)
        rates.append(told[by][kind] if told else None)
    return rates


def _loses(rates: Sequence[Rate | None]) -> bool:
    ours, *others = rates
    return ours is not None and any(ours.below(o) for o in others if o is not None)


def _wins(rates: Sequence[Rate | None]) -> bool:
    ours, *others = rates
    return ours is not None and all(o.below(ours) for o in others if o is not None)


def _delays(asked: Asked) -> Iterator[str]:
    yield _header("stream", "side", "rows", *SHIFTS[:4], texts=2)
    for cell in _cells(asked):
        for rule in COMPARED:
            one = asked.get((cell, rule))
            if one is None or rule not in one.delays:
                continue
            told = [_delay(*ends) for ends in one.delays[rule].values()]
            side, rows = rule.partition(",")[0], _rows(cell.stream, cell.rows)
            yield f"| {cell.stream} | {side} | {rows} | {' | '.join(told)} |"


def _delay(middle: int, late: int) -> str:
    return " ".join(
        form.format(n if n <= PATIENCE else f">{PATIENCE}")
        for form, n in (("{}", middle), ("({})", late))
    )


def _beyond(asked: Asked) -> str:
    cells = _cells(asked)
    beyond = [c for c in cells if asked[c, OURS].default[OURS][CLEAN].beyond]
    if not beyond:
        return f"In all {len(cells)} cells driftd is within it."
    return f"**In {len(beyond)} of {len(cells)} cells driftd is above it**, marked †."


def _compared(asked: Asked) -> str:
    """Say in how many cells the best peer is better, and in how many it is worse."""
    compared = [
        _rates(asked, cell, kind)
        for cell in _cells(asked)
        for kind in SHIFTS
        if (cell, ANY) in asked
    ]
    lost, won = sum(map(_loses, compared)), sum(map(_wins, compared))
    mark = ", marked ‡" if lost else ""
    return textwrap.fill(
        f"Of {len(compared)} comparisons driftd notices certainly more than both peers "
        f"in {won}, and certainly less than one in {lost}{mark} (Fisher's exact test, "
        f"0.5 %). {WHY if lost else ''}",
        88,
    )


def _counts(found: Sequence[Tally]) -> str:
    """Say how many windows there were in a cell."""
    told = []
    for rule in COMPARED:
        asked = [one.default[rule] for one in found if rule in one.default]
        if asked:
            clean, moved = (
                " to ".join(str(n) for n in sorted({min(counts), max(counts)}))
                for counts in zip(
                    *((one[CLEAN].windows, one[SHIFTS[0]].windows) for one in asked),
                    strict=True,
                )
            )
            side = rule.partition(",")[0]
            told.append(f"  - {side}: {clean} clean ones, {moved} of each shift")
    return "\n".join(told)


def _rows(stream: str, rows: int) -> str:
    return f"about {rows:,}" if stream == FLIGHT_DAYS else f"{rows:,}"


def _told(rate: Rate, per: int) -> str:
    low, high = (per * end for end in rate.interval)
    return f"{per * rate.share:.0f} [{low:.0f}–{high:.0f}]"
