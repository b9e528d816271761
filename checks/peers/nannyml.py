"""NannyML 0.13: its univariate drift, with thresholds learnt from reference chunks."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Floats, Ints
from checks.errors import OptionError, Unmeasurable
from checks.interval import chi_square_tail
from checks.overlay import Overlay
from checks.registry import Subject, check
from checks.rows import Values, in_rows
from checks.rule import Alarm, Figure, both, jensen_shannon, ruled
from checks.schema import Kind
from checks.statistic import Statistic
from checks.values import texts
from checks.verdict import Family

PEER = "nannyml 0.13"
PRESET = "nannyml-0.13"

CHUNKS = 10
"""Chunks of near-equal size that the reference is cut into, unless a size is given."""
DEVIATIONS = 3
"""Standard deviations above the mean of the chunks, where the threshold lies."""
EXACT_BELOW = 10_000
"""Rows of the reference from which on two methods count in bins."""
FINE = 10_000
"""Bins of equal width that those two then count in."""
SIGNIFICANT = 0.05

Method = Literal[
    "jensen_shannon",
    "kolmogorov_smirnov",
    "wasserstein",
    "hellinger",
    "l_infinity",
    "chi2",
]
Period = Literal["none", "h", "D", "W", "M", "Q", "Y"]
Coded = npt.NDArray[Any]
"""Rows in their order: numbers, or places in a list of levels; none of them missing."""


@check(
    "nannyml_drift",
    family=Family.DRIFT,
    subject=Subject.VALUES,
    threshold=0.1,
    kinds=(Kind.NUMERIC, Kind.CATEGORICAL, Kind.BOOLEAN),
    peer=PRESET,
    ordered=True,
)
def nannyml_drift(  # noqa: PLR0913 - NannyML's options, one each
    reference: Values,
    current: Values,
    *,
    method: Method = "jensen_shannon",
    chunk_size: int = 0,
    chunk_period: Period = "none",
    threshold: float | None = None,
) -> Statistic:
    """Compare a column as NannyML 0.13's `UnivariateDriftCalculator` does.

    The window is one chunk. By default the Jensen-Shannon distance, base 2: numbers in
    bins by Doane's rule on the reference, what lies outside in one more; values that
    the reference lacks in one more. The reference is cut, in the order of time where
    its rows carry one, else as they are stored, into ten chunks, into chunks of
    `chunk_size` rows, or by `chunk_period` (h, D, W, M, Q, Y; UTC); each is compared
    with the whole, and the threshold lies 3 standard deviations above their mean,
    unless a `threshold` says where. `chi2` alarms at p < 0.05, whatever the threshold.

    Blind to missing values. Its defects are kept: a window smaller than a chunk of the
    reference alarms by its size alone, nearly always at a tenth of it (set `chunk_size`
    to a window's rows); a few rows left over after the last whole chunk are a chunk as
    well, and lift the threshold; each chunk is a part of what it is compared with. From
    10,000 reference rows on, `kolmogorov_smirnov` and `wasserstein` count in 10,000
    bins, and the latter counts one row beyond the range twice. Use `jensen_shannon`,
    which knows chance.

    Source: nannyml 0.13.1, `drift.univariate.methods`, `thresholds` and `chunk`.

    >>> import pyarrow as pa
    >>> from checks.example import gathered
    >>> rows = [float(i * 7 % 100) for i in range(100)]
    >>> before = gathered(rows).in_order(pa.chunked_array([rows]))
    >>> found = nannyml_drift(before, gathered([50.0, 60.0, 70.0, 80.0]))
    >>> round(found.value, 4), round(found.ruling.threshold, 4), found.ruling.crossed
    (0.6603, 0.4018, True)
    """
    rows = both(reference, current)
    numeric = reference.column.kind.ordered
    fit = (_NUMERIC if numeric else _CATEGORICAL).get(method)
    if fit is None:
        kind = reference.column.kind.value
        msg = f"nannyml's {method} does not compare a {kind} column"
        raise OptionError(msg)
    sides = _numbers(reference, current) if numeric else _levels(reference, current)
    if method == "chi2":
        value, p = _contingency(sides.reference, sides.current)
        figure = Figure(name="chi2 p", value=p, alarm=Alarm.BELOW, default=SIGNIFICANT)
        return ruled(figure, None, peer=PEER, rows=rows, note=f"chi2 = {value:.4g}")
    measure = fit(sides.reference)
    note = ""
    if threshold is None:
        chunks = [c for c in sides.chunks(chunk_size, chunk_period) if len(c)]
        found = [measure(chunk) for chunk in chunks]
        threshold = float(np.mean(found) + DEVIATIONS * np.std(found))
        if method == "kolmogorov_smirnov":
            threshold = min(threshold, 1.0)
        note = f"learnt from {len(chunks):,} chunks of the reference"
    figure = Figure(
        name=method,
        value=measure(sides.current),
        alarm=Alarm.ABOVE,
        default=None,
    )
    return ruled(figure, threshold, peer=PEER, rows=rows, note=note)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """Both sides in code, and where the reference's rows with a value stand."""

    reference: Coded
    current: Coded
    places: Ints
    rows: int
    times: Floats | None

    def chunks(self, size: int, period: str) -> Iterator[Coded]:
        """Cut the reference into chunks, what is left over as the last one."""
        if not len(self.places):
            cause = "the order of the reference's rows is not known"
            raise Unmeasurable(cause)
        if period != "none":
            yield from self._periods(period)
            return
        size = size if size > 0 else self.rows // CHUNKS
        if size < 1:
            cause = f"{self.rows} reference rows cannot be cut into {CHUNKS} chunks"
            raise Unmeasurable(cause)
        place, rows = self.places, self.reference
        if self.times is not None:
            rank = np.empty(self.rows, np.int64)
            rank[np.argsort(self.times, kind="stable")] = np.arange(self.rows)
            order = np.argsort(rank[place])
            place, rows = rank[place][order], rows[order]
        starts = np.searchsorted(place, np.arange(0, self.rows, size))
        yield from np.split(rows, starts[1:])

    def _periods(self, period: str) -> Iterator[Coded]:
        """Cut the reference into calendar periods."""
        if self.times is None:
            cause = "the reference's rows carry no time to cut them into periods by"
            raise Unmeasurable(cause)
        times = self.times[self.places]
        timed = np.isfinite(times)
        label = _period(times[timed].astype(np.int64), period)
        rows = self.reference[timed]
        for one in np.unique(label):
            yield rows[label == one]


def _period(times: Ints, period: str) -> Ints:
    """Number the calendar periods of times, in microseconds since 1970, UTC."""
    moments = times.astype("datetime64[us]")
    if period == "W":  # from Monday to Sunday; 1970 began on a Thursday
        return (moments.astype("datetime64[D]").astype(np.int64) + 3) // 7
    if period == "Q":
        return moments.astype("datetime64[M]").astype(np.int64) // 3
    return moments.astype(f"datetime64[{period}]").astype(np.int64)


def _levels(reference: Values, current: Values) -> _Sides:
    levels = sorted(reference.levels)
    unseen = [level for level in current.levels if level not in reference.levels]
    every = pa.array([*levels, *unseen], pa.string())
    found = [_places(array, every) for array in reference.arrays]
    rows = np.concatenate([np.empty(0, np.int64), *found])
    places = np.flatnonzero(rows >= 0)
    seen = [current.levels.get(level, 0) for level in every.to_pylist()]
    known = [reference.levels[level] for level in levels]
    return _Sides(
        reference=rows[places] if found else np.repeat(np.arange(len(levels)), known),
        current=np.repeat(np.arange(len(every)), seen),
        places=places,
        rows=len(rows),
        times=reference.times,
    )


def _places(array: pa.ChunkedArray, levels: pa.Array) -> Ints:
    """Return the place of each row's level, -1 where it has none."""
    found = pc.fill_null(pc.index_in(texts(array), value_set=levels), -1)
    return np.asarray(found, dtype=np.int64)


def _numbers(reference: Values, current: Values) -> _Sides:
    rows = in_rows(reference.column.kind, *reference.arrays)
    places = np.flatnonzero(np.isfinite(rows))
    return _Sides(
        reference=rows[places] if reference.arrays else reference.numbers,
        current=current.numbers,
        places=places,
        rows=len(rows),
        times=reference.times,
    )


Measure = Callable[[Coded], float]
"""The distance of a chunk from the reference that it was fitted on."""


def _shared(reference: Coded, distance: Callable[[Floats, Floats], float]) -> Measure:
    """Fit a distance of shares: in Doane's bins of the reference, or by its levels."""
    numeric = np.issubdtype(reference.dtype, np.floating)
    edges = np.histogram_bin_edges(reference, bins="doane") if numeric else None
    cells = 0 if numeric else int(reference.max()) + 1

    def shares(rows: Coded) -> Floats:
        if edges is not None:
            return np.histogram(rows, edges)[0] / len(rows)
        return np.bincount(rows, minlength=cells)[:cells] / len(rows)

    before = shares(reference)

    def measure(chunk: Coded) -> float:
        after = shares(chunk)
        # Rounding may leave a rest of 1e-16, and does so in NannyML as well.
        rest = 1 - after.sum()
        if rest > 0:
            return distance(np.append(before, 0), np.append(after, rest))
        return distance(before, after)

    return measure


def _jensen_shannon(reference: Coded) -> Measure:
    return _shared(reference, lambda p, q: jensen_shannon(p, q, base=2))


def _hellinger(reference: Coded) -> Measure:
    return _shared(
        reference,
        lambda p, q: math.sqrt(float(((np.sqrt(p) - np.sqrt(q)) ** 2).sum()) / 2),
    )


def _l_infinity(reference: Coded) -> Measure:
    before = np.bincount(reference)

    def measure(chunk: Coded) -> float:
        cells = max(len(before), int(chunk.max()) + 1)
        p, q = (np.bincount(rows, minlength=cells) for rows in (reference, chunk))
        return float(np.abs(p / len(reference) - q / len(chunk)).max())

    return measure


def _chi2(reference: Coded) -> Measure:
    return lambda chunk: _contingency(reference, chunk)[0]


def _contingency(reference: Coded, chunk: Coded) -> tuple[float, float]:
    """Return the chi-square statistic and p, by Yates' correction for two levels."""
    cells = max(int(reference.max()), int(chunk.max())) + 1
    table = np.stack(
        [np.bincount(rows, minlength=cells) for rows in (reference, chunk)]
    ).astype(float)
    table = table[:, table.sum(axis=0) > 0]
    degrees = table.shape[1] - 1
    if degrees == 0:
        return 0.0, 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    gap = np.abs(expected - table)
    if degrees == 1:
        gap = gap - np.minimum(0.5, gap)
    statistic = float((gap**2 / expected).sum())
    return statistic, chi_square_tail(statistic, degrees)


def _kolmogorov_smirnov(reference: Coded) -> Measure:
    ordered = np.sort(reference)
    if len(ordered) < EXACT_BELOW:
        return lambda chunk: Overlay.of(ordered, np.sort(chunk)).gap
    edges = np.linspace(ordered[0], ordered[-1], FINE + 1)
    before = np.cumsum(np.histogram(ordered, edges)[0] / len(ordered))

    def measure(chunk: Coded) -> float:
        below = np.count_nonzero(chunk < edges[0]) / len(chunk)
        after = below + np.cumsum(np.histogram(chunk, edges)[0] / len(chunk))
        return float(np.abs(before - after).max())

    return measure


def _wasserstein(reference: Coded) -> Measure:
    ordered = np.sort(reference)
    if len(ordered) < EXACT_BELOW:
        return lambda chunk: Overlay.of(ordered, np.sort(chunk)).area
    counts, edges = np.histogram(ordered, FINE)
    before = np.cumsum(counts / len(ordered))

    def measure(chunk: Coded) -> float:
        low, high = chunk[chunk < edges[0]], chunk[chunk > edges[-1]]
        # One row more than there are beyond an end (a defect, kept).
        below = (len(low) + 1) / len(chunk) if len(low) else 0.0
        above = (len(high) + 1) / len(chunk) if len(high) else 0.0
        after = below + np.cumsum(np.histogram(chunk, edges)[0] / len(chunk))
        within = float((np.abs(before - after) * (edges[1] - edges[0])).sum())
        return within + below * _area(low, edges[0]) + above * _area(-high, -edges[-1])

    return measure


def _area(beyond: Floats, end: float) -> float:
    """Return the area under the distribution function of some values below an end."""
    x = np.sort(np.append(beyond, end))
    upto = np.arange(1, len(x)) / len(x)
    return float((upto * np.diff(x)).sum())


_NUMERIC: Mapping[str, Callable[[Coded], Measure]] = {
    "jensen_shannon": _jensen_shannon,
    "kolmogorov_smirnov": _kolmogorov_smirnov,
    "wasserstein": _wasserstein,
    "hellinger": _hellinger,
}
_CATEGORICAL: Mapping[str, Callable[[Coded], Measure]] = {
    "jensen_shannon": _jensen_shannon,
    "hellinger": _hellinger,
    "l_infinity": _l_infinity,
    "chi2": _chi2,
}
