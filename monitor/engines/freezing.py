"""A reference reduced: its bins fitted, its stretches of time counted, rows kept.

The columns are looked at twice: to fit their bins, and to count their rows in these.
Up to `FIT_ROWS` rows bins are fitted on every value. Of more rows that many are chosen
by a hash of their place, and the least and the greatest value of all are added to them;
what is counted, then, is every row.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.bins import ColumnBins, Floats, LevelBins, NumericBins
from checks.column import level_counts
from checks.distinct import Distinct
from checks.errors import Unmeasurable
from checks.profile import Bins, Profile, distinct, together
from checks.reference import Reference
from checks.sample import arrow
from checks.schema import Column, Role, Schema
from checks.segment import NONE_DECLARED, Declared
from checks.values import latest, mix, numbers, repeated
from checks.weight import columns_of
from monitor.engines.columns import Tally, in_order, plain
from monitor.engines.gleaning import Gleaning
from monitor.engines.local import usual_threads
from monitor.engines.stretches import Group, Stretches

FIT_ROWS = 1 << 20
"""Rows that bins are fitted on; of a longer reference these are a sample."""
FIT_LEVELS = 200_000
"""Levels of a column that are counted by name while bins are fitted on a sample."""
BLOCK = 4
"""Columns that a thread looks at together; more of a wide reference."""
BLOCKS = 64
"""Blocks of columns that a wide reference is cut into."""
WIDE = 256
"""Columns from which on a thread fits several at once."""
HELD = 1 << 26
"""Bytes of counts that a thread holds before they are reduced."""
CELLS = 1 << 14
"""Bytes that the counts of one column in one stretch take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What a reference's rows come to: reference (and bins), and the row sample.

    `stretches` holds rows of some stretches of time, in order: those that a sample of
    each would be made of.
    """

    reference: Reference
    sample: pa.Table
    stretches: Sequence[pa.Table]


class Freezing:
    """The reduction of one reference, block of columns by block of columns."""

    def __init__(
        self, rows: Stretches, schema: Schema, *, keep: int, by: str | None
    ) -> None:
        """Read nothing yet; `keep` rows are sampled `by` the hash of a column."""
        self._rows = rows
        self._schema = schema
        self._keep = keep
        self._by = by
        self._threads = usual_threads()
        self._watched = {
            column.name: column
            for column in schema.profiled
            if column.name in rows.schema.names
        }
        self._encoded = frozenset(
            name for name, of in self._watched.items() if not of.kind.ordered
        )

    def bins(self) -> tuple[Bins, dict[str, str]]:
        """Fit the bins; also return the causes of the columns that have none."""
        columns: dict[str, ColumnBins] = {}
        causes: dict[str, str] = {}
        chosen = self._fitting_places()
        with ThreadPoolExecutor(self._threads) as pool:
            # Values to be fitted on are many: one column a thread, more of a wide one.
            size = max(1, len(self._watched) // WIDE)
            blocks = [(b, chosen) for b in _cut([*self._watched], size)]
            for found in in_order(pool, self._threads, self._fit, blocks):
                for name, bins in found.items():
                    if isinstance(bins, str):
                        causes[name] = bins
                    else:
                        columns[name] = bins
        ordered = {c.name: columns[c.name] for c in self._schema if c.name in columns}
        return Bins(schema=self._schema, columns=ordered), causes

    def frozen(self, bins: Bins, causes: Mapping[str, str]) -> Frozen:
        """Count the rows in the bins, and in those of each segment."""
        self._rows.divide(bins.segments)
        groups = len(self._rows.groups)
        names = self._rows.schema.names
        kept: dict[str, pa.ChunkedArray] = {}
        parts: dict[str | None, list[Reference]] = {}
        empty = bins.empty(self._rows.schema)
        gleaning = Gleaning(self._rows, keep=self._keep, by=self._by)
        with ThreadPoolExecutor(self._threads) as pool:
            gleaning.choose(pool, self._threads)
            places = gleaning.places
            work = [
                (block, empty, bins, causes, places)
                for block in self._blocks(names, groups)
            ]
            for found in in_order(pool, self._threads, self._count, work):
                kept.update(found.kept)
                for group, reference in found.references.items():
                    parts.setdefault(group, []).append(reference)
        whole = {group: _joined(bins, found) for group, found in parts.items()}
        reference = whole.pop(None)
        segments = {name: found for name, found in whole.items() if name is not None}
        rows = pa.table([kept[name] for name in names], schema=self._rows.schema)
        return Frozen(
            reference=replace(reference, segments=segments),
            sample=gleaning.sampled(rows),
            stretches=gleaning.stretches(rows),
        )

    # ── fitting ──────────────────────────────────────────────────────────────────

    def _fitting_places(self) -> list[npt.NDArray[np.int64]] | None:
        """Choose the rows of each fragment that bins are fitted on; None for all."""
        rows = self._rows
        if rows.rows <= FIT_ROWS:
            return None
        limit = np.uint64(FIT_ROWS / rows.rows * 2.0**64)
        found, start = [], 0
        for size in rows.sizes:
            places = np.arange(start, start + size, dtype=np.uint64)
            found.append(np.flatnonzero(mix(places) < limit))
            start += size
        return found

    def _fit(
        self, names: Sequence[str], chosen: list[npt.NDArray[np.int64]] | None
    ) -> dict[str, ColumnBins | str]:
        """Fit the bins of some columns, or say why they cannot be."""
        columns = [self._watched[name] for name in names]
        fits = {column.name: _Fit(column, few=chosen is None) for column in columns}
        for number, part in enumerate(self._rows.parts):
            if not self._rows.sizes[number]:
                continue
            seen = dict.fromkeys(names, 0)
            for name, piece in part.read(names, self._encoded):
                start, end = seen[name], seen[name] + len(piece)
                seen[name] = end
                some = None
                if chosen is not None:
                    first, last = np.searchsorted(chosen[number], [start, end])
                    some = arrow(chosen[number][first:last] - start)
                fits[name].add(piece, some)
        return {name: fit.bins for name, fit in fits.items()}

    def _blocks(self, names: Sequence[str], groups: int) -> list[Sequence[str]]:
        """Cut columns into blocks that are small enough for memory."""
        wide = max(BLOCK, -(-len(names) // BLOCKS))
        even = -(-len(names) // (2 * self._threads))
        held = HELD // (CELLS * groups * self._rows.count)
        return _cut(names, max(1, min(wide, even, held)))

    # ── counting ─────────────────────────────────────────────────────────────────

    def _count(
        self,
        names: Sequence[str],
        empty: Profile,
        bins: Bins,
        causes: Mapping[str, str],
        places: Sequence[npt.NDArray[np.int64]],
    ) -> "_Block":
        """Count some columns, stretch by stretch, and take the rows that are kept."""
        block = _Block(self._rows, bins, self._watched, causes, names)
        for portion in self._rows.portions(len(names)):
            groups = self._rows.grouped(portion)
            arrays = self._rows.column(portion, names, self._encoded)
            units = self._units(portion, bins)
            starts = np.cumsum([0, *(self._rows.sizes[n] for n in portion)])
            wanted = [places[n] + starts[i] for i, n in enumerate(portion)]
            block.add(groups, arrays, np.concatenate(wanted), units)
        block.reduce(empty)
        return block

    def _units(self, portion: range, bins: Bins) -> pa.ChunkedArray | str | None:
        """Return the weight of each row of a portion, or why they cannot be had."""
        bearing = columns_of(bins.schema, self._rows.schema.names)
        if not bearing:
            return None
        read = self._rows.column(portion, bearing)
        rows = sum(self._rows.sizes[n] for n in portion)
        found = bins.units(bearing, read.__getitem__, rows)
        if isinstance(found, np.ndarray):
            return pa.chunked_array([arrow(found)])
        return found


def _cut(names: Sequence[str], size: int) -> list[Sequence[str]]:
    return [names[i : i + size] for i in range(0, len(names), size)]


class _Fit:
    """The values of one column that its bins are fitted on."""

    def __init__(self, column: Column, *, few: bool) -> None:
        self._column = column
        self._few = few
        self._levels: Counter[str] = Counter()
        self._values: list[Floats] = []
        self._times: Counter[float] = Counter()
        self._ends: tuple[float, ...] = ()
        self._cause: str | None = None

    def add(self, piece: pa.Array, some: pa.Array | None) -> None:
        """Add a piece of the column, of which only `some` rows are to be fitted on."""
        if self._cause is not None:
            return
        try:
            if not self._column.kind.ordered:
                self._levels.update(level_counts(pa.chunked_array([piece])))
                if not self._few and len(self._levels) > FIT_LEVELS:
                    # The commonest stay in front all the same (Manku and Motwani,
                    # "Approximate frequency counts over data streams", VLDB 2002).
                    kept = self._levels.most_common(FIT_LEVELS // 2)
                    self._levels = Counter(dict(kept))
            else:
                self._add_numbers(piece, some)
        except Unmeasurable as unmeasurable:
            self._cause = unmeasurable.cause

    @property
    def bins(self) -> ColumnBins | str:
        """The bins, or why there are none."""
        if self._cause is not None:
            return self._cause
        try:
            if not self._column.kind.ordered:
                return LevelBins.fit(self._levels)
            return NumericBins.fit_sorted(self._sorted())
        except Unmeasurable as unmeasurable:
            return unmeasurable.cause

    def _sorted(self) -> Floats:
        """Return the values that are fitted on, sorted, and let them go."""
        ends = () if self._few else self._ends
        often = np.array(sorted(self._times.items()), np.float64).reshape(-1, 2)
        whole = np.repeat(often[:, 0], often[:, 1].astype(np.int64))
        if not self._values and not ends:
            return whole
        values = np.concatenate([*self._values, whole, ends])
        self._values.clear()
        values.sort()
        return values

    def _add_numbers(self, piece: pa.Array, some: pa.Array | None) -> None:
        """Keep the least and the greatest value there is, and those to be fitted on."""
        values = self._numbers(piece)
        if some is not None:
            if len(values):
                ends = [*self._ends, float(values.min()), float(values.max())]
                self._ends = (min(ends), max(ends))
            piece = piece.take(some)
        seldom = repeated(pa.chunked_array([piece]), self._column.kind)
        if seldom is not None:
            for value, times in zip(*(part.tolist() for part in seldom), strict=True):
                self._times[value] += times
        else:
            self._values.append(values if some is None else self._numbers(piece))

    def _numbers(self, piece: pa.Array) -> Floats:
        values, _ = numbers(pa.chunked_array([piece]), self._column.kind)
        if len(values) and np.isfinite(values.min()) and np.isfinite(values.max()):
            return values
        return values[np.isfinite(values)]


class _Block:
    """Some columns of a reference, counted stretch by stretch and then reduced."""

    def __init__(
        self,
        rows: Stretches,
        bins: Bins,
        watched: Mapping[str, Column],
        causes: Mapping[str, str],
        names: Sequence[str],
    ) -> None:
        """Count nothing yet."""
        self._rows = rows
        self._bins = bins
        self._watched = {n: watched[n] for n in names if n in watched}
        self._causes = {n: causes[n] for n in names if n in causes}
        self._tallies: dict[str | None, list[Tally]] = {
            group: [Tally() for _ in range(rows.count)] for group in rows.groups
        }
        self._ids: dict[int, Distinct | None] = {}
        self._kept: dict[str, list[pa.Array]] = {name: [] for name in names}
        self.references: dict[str | None, Reference] = {}

    @property
    def kept(self) -> dict[str, pa.ChunkedArray]:
        """The rows that are kept as evidence, column by column."""
        schema = self._rows.schema
        return {
            name: pa.chunked_array(found, schema.field(name).type)
            for name, found in self._kept.items()
        }

    def add(
        self,
        groups: Sequence[Group],
        arrays: Mapping[str, pa.ChunkedArray],
        places: npt.NDArray[np.int64],
        units: pa.ChunkedArray | str | None,
    ) -> None:
        """Count a portion of the columns, of which the rows at `places` are kept."""
        for group in groups:
            tallies = self._tallies[group.segment]
            weights = _by_stretch(group, units)
            for stretch, start, end in group.cuts:
                tallies[stretch].rows += end - start
                tallies[stretch].weigh(weights.get(stretch))
            for name, column in self._watched.items():
                if name in self._causes:
                    continue
                for stretch, part in group.split(arrays[name]):
                    some = weights.get(stretch)
                    found = self._bins.counted(column, part, some)
                    tallies[stretch].add(name, found)
            if group.segment is None:
                self._tell_apart(group, arrays)
        for name, array in arrays.items():
            for chunk in array.take(arrow(places)).chunks:
                self._kept[name].append(plain(chunk))

    def _tell_apart(self, group: Group, arrays: Mapping[str, pa.ChunkedArray]) -> None:
        """Note the ids and the newest row of each stretch."""
        schema, tallies = self._bins.schema, self._tallies[None]
        ids, moments = schema.first(Role.ID), schema.first(Role.TIMESTAMP)
        if ids is not None and ids in arrays:
            for stretch, part in group.split(arrays[ids]):
                self._ids[stretch] = together(self._ids.get(stretch), distinct(part))
        if moments is not None and moments in arrays:
            for stretch, part in group.split(arrays[moments]):
                tallies[stretch].reach(latest(part))

    def reduce(self, empty: Profile) -> None:
        """Learn from the stretches what is kept of them, and let them go.

        `empty` is the profile of no rows at all.
        """
        for group, tallies in self._tallies.items():
            # A segment may have no rows at all; its columns are known all the same.
            for name in self._watched:
                tallies[0].add(name, empty.columns.get(name))
            blocks = [
                replace(
                    tally.profile(self._bins),
                    types=empty.types,
                    ids=self._ids.get(stretch) if group is None else None,
                    unreadable={**tally.causes, **(self._causes if tally.rows else {})},
                )
                for stretch, tally in enumerate(tallies)
            ]
            self.references[group] = Reference.of(
                self._bins, blocks, **self._rows.times
            )
        self._tallies.clear()


def _by_stretch(
    group: Group, units: pa.ChunkedArray | str | None
) -> dict[int, npt.NDArray[np.int64] | str]:
    """Return the weights of each stretch's rows; empty where rows bear none."""
    if units is None or isinstance(units, str):
        return {} if units is None else {stretch: units for stretch, *_ in group.cuts}
    return {stretch: np.asarray(part) for stretch, part in group.split(units)}


def _joined(bins: Bins, parts: Sequence[Reference]) -> Reference:
    """Put together what was learned of different columns of the same rows."""
    told = _united(parts) | {"bins": bins}
    profiles = [part.profile for part in parts]
    told["profile"] = replace(profiles[0], **_united(profiles))
    return replace(parts[0], **told)


def _united(parts: Sequence[Any]) -> dict[str, Any]:
    """Unite what is kept column by column; the rest is told by one part, or by all."""
    found: dict[str, Any] = {}
    for field in fields(parts[0]):
        told = [getattr(part, field.name) for part in parts]
        if isinstance(told[0], Mapping):
            found[field.name] = dict(sorted(i for one in told for i in one.items()))
        else:
            known = (one for one in told if one is not None and one != ())
            found[field.name] = next(known, told[0])
    return found


def freeze(
    rows: Stretches,
    schema: Schema,
    *,
    segments: Declared = NONE_DECLARED,
    keep: int,
    by: str | None,
) -> Frozen:
    """Reduce a reference; its bins have no columns where it lacks all that are watched.

    Raises SourceError.
    """
    freezing = Freezing(rows, schema, keep=keep, by=by)
    bins, causes = freezing.bins()
    return freezing.frozen(bins.divided(segments), causes)
