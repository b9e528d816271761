"""A reference reduced: its bins fitted, its stretches of time counted, rows kept.

Up to `FIT_ROWS` rows bins are fitted on every value, and a column is counted in them
while it is at hand. Of more rows that many are chosen by a hash of their place, and the
least and the greatest value of all are added to them; what is counted, then, is every
row, as the columns are read once more. So they are where segments or weights have to be
known before anything is counted.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.bins import ColumnBins
from checks.profile import Bins, Profile
from checks.reference import Reference
from checks.sample import arrow
from checks.schema import Schema
from checks.segment import NONE_DECLARED, Declared
from checks.values import mix
from checks.weight import columns_of
from monitor.engines.blocks import Block
from monitor.engines.columns import in_order
from monitor.engines.fitting import Fit
from monitor.engines.gleaning import Gleaning
from monitor.engines.local import usual_threads
from monitor.engines.stretches import Group, Stretches

FIT_ROWS = 1 << 20
"""Rows that bins are fitted on; of a longer reference these are a sample."""
BLOCK = 4
"""Columns that a thread looks at together; more of a wide reference."""
BLOCKS = 64
"""Blocks of columns that a wide reference is cut into."""
WIDE = 256
"""Columns from which on a thread fits several at once."""
HELD = 1 << 26
"""Bytes of counts that a thread holds before they are reduced."""
AT_HAND = 1 << 24
"""Bytes of a column, at most, that are kept from its fitting to its counting."""
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

    def frozen(self, declared: Declared) -> Frozen:
        """Fit the bins, and count the rows in them and in those of each segment."""
        names = self._rows.schema.names
        at_once = (
            self._rows.rows <= FIT_ROWS
            and not declared.columns
            and not declared.named
            and not columns_of(self._schema, names)
        )
        gleaning = Gleaning(self._rows, keep=self._keep, by=self._by)
        with ThreadPoolExecutor(self._threads) as pool:
            if at_once:
                bins, blocks = self._at_once(pool, gleaning)
            else:
                bins, blocks = self._twice(pool, gleaning, declared)
        kept = {name: found for block in blocks for name, found in block.kept.items()}
        rows = pa.table([kept[name] for name in names], schema=self._rows.schema)
        return Frozen(
            reference=_united_reference(bins, blocks),
            sample=gleaning.sampled(rows),
            stretches=gleaning.stretches(rows),
        )

    def _at_once(self, pool: Executor, gleaning: Gleaning) -> tuple[Bins, list[Block]]:
        """Fit and count each column while it is at hand."""
        gleaning.choose(pool, self._threads)
        whole = range(len(self._rows.parts))
        groups = self._rows.grouped(whole)
        work = [
            (names, groups, gleaning.places)
            for names in self._narrow(self._rows.schema.names)
        ]
        told: dict[str, ColumnBins | str] = {}
        blocks: list[Block] = []
        for some, found in in_order(pool, self._threads, self._fit_and_count, work):
            told.update(some)
            blocks += found
        bins, _ = _sorted_out(self._schema, told)
        return bins, blocks

    def _twice(
        self, pool: Executor, gleaning: Gleaning, declared: Declared
    ) -> tuple[Bins, list[Block]]:
        """Fit the bins of all columns before the first of them is counted."""
        chosen = self._fitting_places()
        told: dict[str, ColumnBins | str] = {}
        work = [(names, chosen) for names in self._narrow([*self._watched])]
        for found in in_order(pool, self._threads, self._fit, work):
            told.update(found)
        bins, causes = _sorted_out(self._schema, told)
        bins = bins.divided(declared)
        self._rows.divide(bins.segments)
        gleaning.choose(pool, self._threads)
        empty = bins.empty(self._rows.schema)
        again = [
            (names, empty, bins, causes, gleaning.places)
            for names in self._blocks(self._rows.schema.names)
        ]
        return bins, [*in_order(pool, self._threads, self._count, again)]

    def _narrow(self, names: Sequence[str]) -> list[Sequence[str]]:
        """Cut columns that are read whole: one a block, more of a wide reference."""
        return _cut(names, max(1, len(names) // WIDE))

    # ── at once ──────────────────────────────────────────────────────────────────

    def _fit_and_count(
        self,
        names: Sequence[str],
        groups: Sequence[Group],
        places: Sequence[npt.NDArray[np.int64]],
    ) -> tuple[dict[str, ColumnBins | str], list[Block]]:
        """Fit some columns, and count those at hand; the others are read again.

        Where time does not cut the rows, what was sorted to be fitted on is counted.
        """
        fits, arrays = self._at_hand(names)
        block = Block(self._rows, self._watched, [*arrays])
        whole = range(len(self._rows.parts))
        block.begin(self._schema, groups, arrays, self._rows.places(whole, places))
        late = [name for name in names if name not in arrays]
        told: dict[str, ColumnBins | str] = {}
        for name, fit in fits.items():
            if self._rows.count == 1 and arrays.pop(name, None) is not None:
                told[name], profile = fit.counted()
                if profile is not None:
                    block.counted(name, profile)
            else:
                told[name] = fit.bins()
        bins, causes = _sorted_out(self._schema, told)
        block.count(bins, groups, arrays)
        empty = bins.empty(pa.schema([self._rows.schema.field(n) for n in names]))
        block.reduce(bins, causes, empty)
        blocks = [block] if len(late) < len(names) else []
        if late:
            blocks.append(self._count(late, empty, bins, causes, places))
        return told, blocks

    def _at_hand(
        self, names: Sequence[str]
    ) -> tuple[dict[str, Fit], dict[str, pa.ChunkedArray]]:
        """Read the watched ones of some columns, and return those that are not large.

        What is not watched is not read.
        """
        watched = [name for name in names if name in self._watched]
        fits = {name: Fit(self._watched[name], few=True) for name in watched}
        held: dict[str, list[pa.Array]] = {name: [] for name in watched}
        size = dict.fromkeys(watched, 0)
        for number, part in enumerate(self._rows.parts):
            if not self._rows.sizes[number]:
                continue
            for name, piece in part.read(watched, self._encoded):
                fits[name].add(piece, None)
                size[name] += piece.nbytes
                if size[name] <= AT_HAND:
                    held[name].append(piece)
                else:
                    held.pop(name, None)
        return fits, {n: self._rows.joined(n, found) for n, found in held.items()}

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
        few = chosen is None
        fits = {name: Fit(self._watched[name], few=few) for name in names}
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
        return {name: fit.bins() for name, fit in fits.items()}

    def _blocks(self, names: Sequence[str]) -> list[Sequence[str]]:
        """Cut columns into blocks that are small enough for memory."""
        groups = len(self._rows.groups)
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
    ) -> Block:
        """Count some columns, stretch by stretch, and take the rows that are kept."""
        block = Block(self._rows, self._watched, names)
        for portion in self._rows.portions(len(names)):
            groups = self._rows.grouped(portion)
            arrays = self._rows.column(portion, names, self._encoded)
            units = self._units(portion, bins)
            wanted = self._rows.places(portion, places)
            block.begin(self._schema, groups, arrays, wanted)
            block.count(bins, groups, arrays, units)
        block.reduce(bins, causes, empty)
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


def _sorted_out(
    schema: Schema, told: Mapping[str, ColumnBins | str]
) -> tuple[Bins, dict[str, str]]:
    """Part the bins of columns, in the schema's order, from why others have none."""
    columns: dict[str, ColumnBins] = {}
    causes: dict[str, str] = {}
    for name in (column.name for column in schema if column.name in told):
        bins = told[name]
        if isinstance(bins, str):
            causes[name] = bins
        else:
            columns[name] = bins
    return Bins(schema=schema, columns=columns), causes


def _united_reference(bins: Bins, blocks: Sequence[Block]) -> Reference:
    """Put together what was learned of different columns, and of each segment."""
    groups = blocks[0].references
    whole = {
        group: _joined(bins, [block.references[group] for block in blocks])
        for group in groups
    }
    reference = whole.pop(None)
    segments = {name: found for name, found in whole.items() if name is not None}
    return replace(reference, segments=segments)


def _joined(bins: Bins, parts: Sequence[Reference]) -> Reference:
    """Put together what was learned of different columns of the same rows."""
    told = _united(parts) | {"bins": bins}
    profiles = [part.profile for part in parts]
    profile = replace(profiles[0], **_united(profiles))
    return replace(parts[0], **told | {"profile": replace(profile, bins_id=bins.id)})


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
    return Freezing(rows, schema, keep=keep, by=by).frozen(segments)
