"""The rows of many files as one table, whatever is written in them."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import pyarrow as pa

from monitor.errors import SourceError
from monitor.mrkdwn import visible
from monitor.quarantine import Quarantine
from monitor.sources.groups import times_of
from monitor.sources.storage import Files, StoredFile, identity, reading
from monitor.sources.texts import ARROW, COUNTED, TIME, Kind, misfit, narrowest, told
from monitor.sources.unify import conformed, unified, within
from monitor.window import Window

MOST_COLUMNS = 10_000
"""Columns that a file may have; more are refused before they fill the memory."""
ONE_TYPE = "write one type in all files"
"""What to do where files that keep types differ in one."""
_SHOWN = 20
"""Columns that are named where one is missing."""


class Format(Protocol):
    """How files of one kind are read, one at a time."""

    @property
    def noun(self) -> str:
        """What such a file is called."""
        ...

    @property
    def keeps_types(self) -> bool:
        """Whether a file says its types, so that others need not be looked at."""
        ...

    @property
    def cure(self) -> str:
        """What to do where a column is of one type here and of another there."""
        ...

    def schema(self, file: StoredFile) -> pa.Schema:
        """Return the columns of a file; raises SourceError, OSError, ArrowException."""
        ...

    def batches(
        self,
        file: StoredFile,
        schema: pa.Schema,
        span: tuple[Window, str] | None,
        left_out: Quarantine,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file, of the columns of a schema that it has.

        Rows that cannot lie in a `span` (a window, by a column) may be left away. What
        is malformed is added to `left_out`. Raises as `schema` does.
        """
        ...


class FileRows:
    """A source over files: what is common to all of their formats."""

    def __init__(self, files: Files, format: Format, timestamp: str | None) -> None:  # noqa: A002 - the word
        """Open nothing yet."""
        self._files = files
        self._format = format
        self._timestamp = timestamp
        self._remarks: tuple[str, ...] = ()

    def schema(self) -> pa.Schema:
        """Return the columns of all files, united by name."""
        return unified((f.name, self._schema(f)) for f in self._files.listed())

    def identity(self) -> str:
        """Name all files with their sizes and times of change."""
        return identity(self._files.listed())

    def remarks(self) -> tuple[str, ...]:
        """Tell what the last reading left out, and which types differ between files."""
        return self._remarks

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a window as the port promises."""
        if window is not None and self._timestamp is None:
            msg = "no column says when a row was served. Fix: give one role: timestamp"
            raise SourceError(msg, permanent=True)
        every = self._files.listed()
        held = [
            file
            for file in every
            if window is None or self._files.may_hold(file, window)
        ]
        looked_at = (held or every[-1:]) if self._format.keeps_types else every
        schemas = {file.name: self._schema(file) for file in looked_at}
        whole = unified(schemas.items())
        if window is not None:
            self._refuse_without_time(whole, every)
        wanted = _wanted(whole, every, columns)
        left_out, seen, empty = Quarantine(), 0, True
        for file in held:
            for rows, count in self._rows(file, wanted, whole, window, left_out):
                seen += count
                if rows.num_rows:
                    empty = False
                    yield rows
        if not seen and left_out.count:
            msg = (
                f"no {self._format.noun} can be read: {left_out.notes('rows')[0]}. "
                "Fix: correct what writes them, or the options of the source"
            )
            raise SourceError(msg, permanent=True)
        if empty:
            yield pa.RecordBatch.from_pylist([], schema=wanted)
        told = differing(schemas, wanted, self._format.cure)
        self._remarks = (*left_out.notes("rows"), *told)

    def _rows(
        self,
        file: StoredFile,
        wanted: pa.Schema,
        whole: pa.Schema,
        window: Window | None,
        left_out: Quarantine,
    ) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Yield a file's rows of the window, and how many there were in all."""
        by = self._timestamp if window is not None else None
        asked = wanted
        if by is not None and by in whole.names and by not in wanted.names:
            asked = wanted.append(whole.field(by))
        span = (window, by) if window is not None and by is not None else None
        with reading(file.name, self._format.noun):
            given = {
                key: pa.scalar(value, pa.string())
                for key, value in file.partitions.items()
                if key not in self._schema(file).names
            }
            for batch in self._format.batches(file, asked, span, left_out):
                rows = batch
                if span is not None:
                    place = f"{file.name}: column {by!r}"
                    times = times_of(batch, span[1], given, place)
                    rows = within(batch, times, span[0], place)
                yield conformed(rows, wanted, file.name, given), batch.num_rows
            file.refuse_less()

    def _refuse_without_time(self, whole: pa.Schema, files: list[StoredFile]) -> None:
        """Refuse a column of times that stands nowhere, and say which columns do."""
        by = self._timestamp
        if (
            not whole.names
            or by in whole.names
            or any(by in f.partitions for f in files)
        ):
            return
        shown = ", ".join(map(visible, whole.names[:_SHOWN]))
        msg = (
            f"{files[-1].name}: column {by!r} is not there, so its rows have no time. "
            f"Fix: correct `role: timestamp`; the columns are: {shown}"
        )
        raise SourceError(msg + ", …" * (len(whole) > _SHOWN), permanent=True)

    def _schema(self, file: StoredFile) -> pa.Schema:
        with reading(file.name, self._format.noun):
            found = self._format.schema(file)
            refuse_columns(file.name, found.names)  # a name may be no text at all
        return found


def refuse_columns(name: str, names: Sequence[str]) -> None:
    """Refuse a file whose columns are too many, or of which two have one name."""
    if len(names) > MOST_COLUMNS:
        msg = (
            f"{name}: {len(names):,} columns, and {MOST_COLUMNS:,} at most. "
            "Fix: write fewer"
        )
        raise SourceError(msg, permanent=True)
    if len(set(names)) < len(names):
        twins = sorted(one for one, count in Counter(names).items() if count > 1)
        msg = f"{name}: column {twins[0]!r} stands twice. Fix: name each column once"
        raise SourceError(msg, permanent=True)


def _wanted(
    whole: pa.Schema, files: Iterable[StoredFile], columns: Sequence[str] | None
) -> pa.Schema:
    """Return the columns asked for that there are; all that are stored for None."""
    if columns is None:
        return whole
    kinds = {one: pa.string() for file in files for one, _ in file.folders}
    kinds |= {one.name: one.type for one in whole}
    return pa.schema([(name, kinds[name]) for name in columns if name in kinds])


def differing(
    schemas: Mapping[str, pa.Schema], wanted: pa.Schema, cure: str
) -> Iterator[str]:
    """Name the columns that are read as text because files differ in their type."""
    unlike: dict[int, tuple[str, pa.Schema]] = {}
    for name, schema in schemas.items():  # thousands of files share a few
        unlike.setdefault(id(schema), (name, schema))
    for column in wanted:
        if not pa.types.is_string(column.type):
            continue
        kinds: dict[str, str] = {}
        for name, schema in unlike.values():
            place = schema.get_field_index(column.name)
            if place >= 0 and not pa.types.is_null(schema.field(place).type):
                kinds.setdefault(str(schema.field(place).type), name)
        if len(kinds) > 1:
            where = ", ".join(f"{kind} in {name}" for kind, name in kinds.items())
            yield f"column {column.name!r} is {where}: it is read as text. Fix: {cure}"


# ── formats that keep no types ───────────────────────────────────────────────────


class Reader(Hashable, Protocol):
    """How files without types are read; hashable, for what was seen is remembered."""

    @property
    def noun(self) -> str:
        """What such a file is called."""
        ...

    def batches(
        self, file: StoredFile, columns: Sequence[str] | None, left_out: Quarantine
    ) -> Iterator[tuple[pa.RecordBatch, Sequence[int]]]:
        """Yield the rows as they stand, and the number of the line of each.

        Values are texts, or whatever their notation says; None means all columns.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A format whose types are declared by the user, or found by looking at it all.

    A file is looked at once for as long as it stands and the daemon runs; without
    `infer` never, and then there are the declared columns alone. Values that are not of
    their type take their row to quarantine.
    """

    reader: Reader
    declared: tuple[tuple[str, Kind], ...] = ()
    zone: str = "UTC"
    infer: bool = True
    timestamp: str | None = None
    keeps_types: bool = False
    cure: str = "declare its type under `types:`"
    _kinds: dict[str, Kind] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lay out what was declared."""
        object.__setattr__(self, "_kinds", dict(self.declared))

    @property
    def noun(self) -> str:
        """What such a file is called."""
        return self.reader.noun

    def schema(self, file: StoredFile) -> pa.Schema:
        """Return the columns of a file, with the narrowest type that holds each."""
        if not self.infer:
            return pa.schema([(name, ARROW[kind]) for name, kind in self.declared])
        found = _looked_at(self.reader, self.zone, file)
        return pa.schema([(one.name, self._kind(one)) for one in found])

    def _kind(self, one: pa.Field) -> pa.DataType:
        """Return a column's type: declared, or found."""
        if one.name in self._kinds:
            return ARROW[self._kinds[one.name]]
        # One text that is no time costs its row, and not every window.
        untimely = one.name == self.timestamp and pa.types.is_string(one.type)
        return TIME if untimely else one.type

    def batches(
        self,
        file: StoredFile,
        schema: pa.Schema,
        span: tuple[Window, str] | None,
        left_out: Quarantine,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file in the types of a schema."""
        del span
        for batch, lines in self.reader.batches(file, schema.names, left_out):
            yield typed(
                batch, lines, schema, self._kinds, self.zone, file.name, left_out
            )


def typed(  # noqa: PLR0913, PLR0917 - what a value is told by
    batch: pa.RecordBatch,
    lines: Sequence[int],
    schema: pa.Schema,
    kinds: Mapping[str, Kind],
    zone: str,
    name: str,
    left_out: Quarantine,
) -> pa.RecordBatch:
    """Return a batch in the types of a schema, less the rows that do not have them."""
    columns, bad = [], {}
    # One that nobody asked for stands for the rows alone.
    asked = [one for one in batch.schema if schema.get_field_index(one.name) >= 0]
    for one in asked:
        kind, declared = schema.field(one.name).type, kinds.get(one.name)
        unix = declared if declared in COUNTED else None
        values, places = told(batch.column(one.name), kind, unix, zone)
        columns.append(values)
        bad.update(dict.fromkeys(places, (one.name, kind)))
    if not columns:
        return batch
    rows = pa.RecordBatch.from_arrays(columns, names=[one.name for one in asked])
    for place in sorted(bad):
        left_out.add(misfit(*bad[place]), f"{name}: line {lines[place]}")
    if bad:
        rows = rows.filter(pa.array([i not in bad for i in range(len(rows))]))
    return rows


@lru_cache(maxsize=1 << 16)
def _looked_at(reader: Reader, zone: str, file: StoredFile) -> pa.Schema:
    """Return the types that a file's values are of, by reading all of it once."""
    found: dict[str, pa.DataType] = {}
    for batch, _ in reader.batches(file, None, Quarantine()):
        here = pa.schema(
            [
                (one.name, narrowest(batch.column(one.name), zone))
                for one in batch.schema
                if found.get(one.name) != pa.string()  # nothing is wider
            ]
        )
        known = pa.schema(list(found.items()))
        found = {
            one.name: one.type
            for one in unified([(file.name, known), (file.name, here)])
        }
        if len(found) > MOST_COLUMNS:
            refuse_columns(file.name, list(found))
    return _kept_once(pa.schema(list(found.items())))


@lru_cache(maxsize=1 << 10)
def _kept_once(schema: pa.Schema) -> pa.Schema:
    """Return the first of equal schemas, so that a thousand files share one."""
    return schema
