"""Counting column by column: no more than a piece for each thread is in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks import sample
from checks.bins import LevelBins
from checks.column import ColumnProfile
from checks.distinct import Distinct
from checks.profile import Bins, Profile, both, distinct, together
from checks.sample import Sample
from checks.schema import Role
from checks.segment import members
from checks.values import latest
from checks.weight import Weight, columns_of
from checks.weight import together as weighed_together
from monitor.engines.base import Counted, Fragment, Fragments

BLOCKS = 8
"""Pieces of work for each thread, at least, so that none is left alone at the end."""
CROWD = 4
"""Times more rows than are asked for, from which on ties of a key are broken early."""

TABLES = 64
"""Tables of kept rows that are held before they are put together."""

Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """The columns counted so far, and the causes of those that cannot be.

    `segments` holds the same of each segment's rows.
    """

    rows: int = 0
    columns: dict[str, ColumnProfile] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)
    segments: dict[str, "Tally"] = field(default_factory=dict)
    newest: int | None = None
    weight: Weight | None = None

    def add(self, name: str, found: ColumnProfile | str | None) -> None:
        """Add what a piece of a column came to."""
        if isinstance(found, str):
            self.causes[name] = min(found, self.causes.get(name, found))
        elif found is not None:
            self.columns[name] = both(self.columns.get(name), found)

    def reach(self, moment: int | None) -> None:
        """Note that rows come as late as a moment."""
        if moment is not None:
            self.newest = moment if self.newest is None else max(self.newest, moment)

    def weigh(self, units: Places | str | None) -> None:
        """Note what rows stand for that are counted among `rows` already."""
        if isinstance(units, np.ndarray):
            before = self.rows - len(units)
            found = Weight.of(units)
            self.weight = weighed_together(self.weight, before, found, len(units))

    def update(self, other: "Tally") -> None:
        """Add what other pieces came to."""
        self.reach(other.newest)
        self.weight = weighed_together(self.weight, self.rows, other.weight, other.rows)
        for name, found in (*other.columns.items(), *other.causes.items()):
            self.add(name, found)
        self.rows += other.rows
        for name, part in other.segments.items():
            self.segments.setdefault(name, Tally()).update(part)

    def profile(self, bins: Bins) -> Profile:
        """Return what all pieces came to."""
        return Profile(
            bins_id=bins.id,
            rows=self.rows,
            columns=self.columns,
            types={},
            unreadable=self.causes,
            newest=self.newest,
            weight=self.weight,
            segments={name: part.profile(bins) for name, part in self.segments.items()},
        )


class Division:
    """Which rows of a fragment lie in which segment, and what each of them stands for.

    Looked up when it is asked.
    """

    def __init__(self, part: Fragment, bins: Bins, schema: pa.Schema) -> None:
        """Read nothing yet."""
        self._part = part
        self._bins = bins
        self._schema = schema
        self._lock = Lock()
        self._found: dict[str, Places] | None = None
        self._units: Places | str | None = None

    @property
    def units(self) -> Places | str | None:
        """The weight of each row; None where rows bear none, or why they cannot be."""
        names, rows = self._schema.names, self._part.rows
        if not rows or not columns_of(self._bins.schema, names):
            return None
        with self._lock:
            if self._units is None:
                self._units = self._bins.units(names, self._whole, rows)
            return self._units

    @property
    def places(self) -> dict[str, Places]:
        """The places of each segment's rows; the columns are read by who asks first."""
        if not self._bins.segments:
            return {}
        with self._lock:
            if self._found is None:
                found = members(self._bins.segments, self._read, self._part.rows)
                self._found = {segment.name: places for segment, places in found}
            return self._found

    def _read(self, name: str) -> pa.ChunkedArray | None:
        if name not in self._schema.names or not self._part.rows:
            return None
        return self._whole(name)

    def _whole(self, name: str) -> pa.ChunkedArray:
        return pa.chunked_array([piece for _, piece in self._part.read([name])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What some columns of a fragment came to, and the rows of them that are kept."""

    tally: Tally
    kept: dict[str, pa.ChunkedArray]


class _Choice(NamedTuple):
    """The rows of a fragment that may be in the sample, and which ids it has."""

    places: Places
    keys: Keys
    ids: Distinct | None


class Columns:
    """The rows of a window, counted in bins and sampled, one column at a time.

    First the columns that choose the sample are looked at; then every column is read
    once, counted, and the chosen rows taken from it.
    """

    def __init__(
        self, fragments: Fragments, bins: Bins, keep: int, by: str | None
    ) -> None:
        """Read nothing yet; `keep` rows are to be sampled `by` a column."""
        self._fragments = fragments
        self._bins = bins
        self._keep = keep
        self._by = by
        self._watched = {column.name: column for column in bins.schema.profiled}
        self._ids = bins.schema.first(Role.ID)
        self._moments = bins.schema.first(Role.TIMESTAMP)
        self._encoded = frozenset(
            name for name, of in bins.columns.items() if isinstance(of, LevelBins)
        )

    def count(self, pool: Executor, threads: int) -> Counted:
        """Count and sample all the rows; raises SourceError."""
        schema = self._fragments.schema
        parts = self._fragments.parts
        chosen = Chosen(self._keep)
        ids: Distinct | None = None
        for found in in_order(pool, threads, self._choose, [(p,) for p in parts]):
            chosen.add(found.places, found.keys)
            ids = together(ids, found.ids)
        wanted = chosen.places
        names = _blocks(schema.names, -(-BLOCKS * threads // max(1, len(parts))))
        tally = Tally()
        kept = _Kept(schema, self._keep, self._by)
        work = self._work(parts, names, [places for places, _ in wanted])
        shares = in_order(pool, threads, self._share, work)
        for _, keys in wanted:
            arrays: dict[str, pa.ChunkedArray] = {}
            for _ in names:
                share = next(shares)
                tally.update(share.tally)
                arrays.update(share.kept)
            kept.add(arrays, keys)
        seen = replace(tally.profile(self._bins), ids=ids)
        return Counted(profile=self._bins.empty(schema).merge(seen), sample=kept.sample)

    def _work(
        self,
        parts: Sequence[Fragment],
        blocks: Sequence[Sequence[str]],
        wanted: Sequence[Places],
    ) -> Iterator[tuple[Any, ...]]:
        """List the pieces of work, each made when its turn comes."""
        for part, places in zip(parts, wanted, strict=True):
            division = Division(part, self._bins, self._fragments.schema)
            for i, block in enumerate(blocks):
                yield part, block, places, division, i == 0

    def _choose(self, part: Fragment) -> "_Choice":
        """Return the rows of a fragment that may be in the sample, and its ids."""
        schema, rows = self._fragments.schema, part.rows
        key = self._ids if self._ids in schema.names else None
        ids: Distinct | None = None

        def whole(name: str) -> pa.ChunkedArray:
            return pa.chunked_array([piece for _, piece in part.read([name])])

        if not rows or not self._keep:
            if rows and key is not None:
                ids = distinct(whole(key))
            return _Choice(np.empty(0, np.int64), np.empty(0, np.uint64), ids)
        keys = sample.row_keys(whole, schema, rows, self._by)
        if key is not None:
            ids = Distinct.of(keys) if key == self._by else distinct(whole(key))
        places = sample.smallest(keys, self._keep)
        if len(places) > CROWD * self._keep:
            there = sample.arrow(places)
            ties = sample.row_hashes(
                lambda name: whole(name).take(there), schema, len(places)
            )
            first = np.lexsort((ties, keys[places]))[: self._keep]
            places = np.sort(places[first])
        return _Choice(places, keys[places], ids)

    def _share(
        self,
        part: Fragment,
        names: Sequence[str],
        places: Places,
        division: Division,
        first: bool,  # noqa: FBT001 - a piece of work is a plain tuple
    ) -> Share:
        """Count some columns of a fragment, and take the chosen rows from them.

        The `first` share of a fragment also counts the rows of its segments.
        """
        divided, units = division.places, division.units
        tally = _opened(divided, units, part.rows) if first else _opened(divided)
        pieces: dict[str, list[pa.Array]] = {name: [] for name in names}
        counted = {*self._watched, self._moments}
        needed = [n for n in names if len(places) or n in counted]
        if not part.rows:
            needed = []
        seen = dict.fromkeys(names, 0)
        for name, piece in part.read(needed, self._encoded):
            column = self._watched.get(name)
            start, end = seen[name], seen[name] + len(piece)
            seen[name] = end
            if name == self._moments:
                tally.reach(latest(piece))
            if column is not None:
                some = _weights(units, slice(start, end))
                array = pa.chunked_array([piece])
                tally.add(name, self._bins.counted(column, array, some))
                for segment, rows in divided.items():
                    inside = _taken(piece, rows, start)
                    if len(inside):
                        some = _weights(units, _between(rows, start, end))
                        array = pa.chunked_array([inside])
                        found = self._bins.counted(column, array, some)
                        tally.segments[segment].add(name, found)
            taken = _taken(piece, places, start)
            if len(taken):
                pieces[name].append(plain(taken))
        schema = self._fragments.schema
        return Share(
            tally=tally,
            kept={
                name: pa.chunked_array(found, schema.field(name).type)
                for name, found in pieces.items()
            },
        )


def _opened(
    divided: Mapping[str, Places], units: Places | str | None = None, rows: int = 0
) -> Tally:
    """Begin to count rows, and those of each segment, of which so many are new.

    The rows of all columns are counted once, with the first of them.
    """
    tally = Tally(segments={name: Tally() for name in divided}, rows=rows)
    tally.weigh(units)
    if rows:
        for name, places in divided.items():
            tally.segments[name].rows = len(places)
            tally.segments[name].weigh(_weights(units, places))
    return tally


def _weights(units: Places | str | None, rows: slice | Places) -> Places | str | None:
    """Return the weights of some rows."""
    return units[rows] if isinstance(units, np.ndarray) else units


def _between(places: Places, start: int, end: int) -> Places:
    """Return those of some sorted places that lie in a stretch."""
    first, last = np.searchsorted(places, [start, end])
    return places[first:last]


class Chosen:
    """The places of the rows that are in the sample, fragment by fragment."""

    def __init__(self, size: int) -> None:
        """Choose nothing yet; so many rows are wanted."""
        self.size = size
        self._found: list[tuple[Places, Keys]] = []
        self._least = np.empty(0, np.uint64)

    def add(self, places: Places, keys: Keys) -> None:
        """Add the rows of the next fragment."""
        if len(self._least) >= self.size > 0:
            near = keys <= self._least.max()
            places, keys = places[near], keys[near]
        self._found.append((places, keys))
        least = np.concatenate([self._least, keys])
        if len(least) > self.size > 0:
            least = np.partition(least, self.size - 1)[: self.size]
        self._least = least

    @property
    def places(self) -> list[tuple[Places, Keys]]:
        """The rows of each fragment up to the size-th smallest key, ties included."""
        if len(self._least) < self.size or not len(self._least):
            return self._found
        most = self._least.max()
        return [
            (places[keys <= most], keys[keys <= most]) for places, keys in self._found
        ]


class _Kept:
    """The rows that are kept as evidence, gathered until there are too many."""

    def __init__(self, schema: pa.Schema, size: int, by: str | None) -> None:
        self._schema = schema
        self._size = size
        self._samples = [Sample.of(schema.empty_table(), size, by)]
        self._tables: list[pa.Table] = []
        self._keys: list[Keys] = []
        self._rows = 0

    def add(self, arrays: dict[str, pa.ChunkedArray], keys: Keys) -> None:
        if not len(keys) or not arrays:
            return
        columns = [arrays[name] for name in self._schema.names]
        self._tables.append(pa.table(columns, schema=self._schema))
        self._keys.append(keys)
        self._rows += len(keys)
        if self._rows > CROWD * self._size:
            self._reduce()
        elif len(self._tables) > TABLES:
            # A few rows of each of many columns take more room apart than together.
            self._tables = [pa.concat_tables(self._tables).combine_chunks()]

    def _reduce(self) -> None:
        if self._tables:
            rows = pa.concat_tables(self._tables)
            keys = np.concatenate(self._keys)
            self._samples.append(Sample.keyed(rows, keys, self._size))
            self._tables, self._keys, self._rows = [], [], 0

    @property
    def sample(self) -> Sample:
        self._reduce()
        return sample.merge(self._samples)


def in_order(
    pool: Executor,
    threads: int,
    act: Callable[..., T],
    work: Iterable[tuple[Any, ...]],
) -> Iterator[T]:
    """Do pieces of work side by side, and yield what they came to in their order."""
    waiting: deque[Future[T]] = deque()
    for arguments in work:
        waiting.append(pool.submit(act, *arguments))
        if len(waiting) > 2 * threads:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _blocks(names: Sequence[str], count: int) -> list[Sequence[str]]:
    """Cut names into about so many blocks, none of them empty; at least one block."""
    size = max(1, -(-len(names) // count))
    return [names[i : i + size] for i in range(0, len(names), size)] or [[]]


def _taken(piece: pa.Array, places: Places, start: int) -> pa.Array:
    """Take some rows from the piece of a column that begins at a row."""
    chosen = _between(places, start, start + len(piece))
    if not len(chosen):
        return piece.slice(0, 0)
    return piece.take(sample.arrow(chosen - start))


def plain(array: pa.Array) -> pa.Array:
    """Write a dictionary's values out; return any other array as it is."""
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
