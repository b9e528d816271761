"""One file of many: their rows in order, streamed in bounded memory."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from checks.values import family_of
from monitor.landing.compaction import Shape, landed_keys
from monitor.landing.days import DayFile, keys_path, merged_name
from monitor.landing.keys import write_keys
from monitor.landing.segment import sync_folder

MOST_ROWS = 1 << 21
"""Rows of a merged file at most: their keys are sorted in memory."""
GROUP_ROWS = 1 << 16
"""Rows of a row group: a window reads whole ones, and passes over those beside it."""
GROUP_BYTES = 16 << 20
"""Bytes that the rows of a group take in memory, give or take a batch."""
_BATCH_ROWS, _BATCH_BYTES = 1 << 14, 4 << 20


class MisfitError(Exception):
    """A file cannot stand in one with those before it, or with none."""

    def __init__(self, file: DayFile, why: str) -> None:
        """Tell which file, and why."""
        super().__init__(f"{file.path}: {why}")
        self.file = file


def common_schema(run: Sequence[DayFile]) -> pa.Schema:
    """Return the columns of all files of a run; raises MisfitError at the first misfit.

    Types that differ become the one that holds both without loss. A number and a text
    do not: readers would find a column changed in rows that were landed otherwise.
    """
    kinds: dict[str, pa.DataType] = {}
    rows = 0
    for file in run:
        try:
            footer = pq.read_metadata(file.path)
            schema = footer.schema.to_arrow_schema()
        except (pa.ArrowException, OSError) as error:
            raise MisfitError(file, str(error)) from error
        rows += footer.num_rows
        if rows > MOST_ROWS and file is not run[0]:
            raise MisfitError(file, "the rows would be too many")
        if len(set(schema.names)) < len(schema.names):
            raise MisfitError(file, "a column stands twice")
        for field in schema:
            here = field.type
            kind = _widened(kinds.get(field.name, here), here)
            if kind is None:
                raise MisfitError(file, f"column {field.name!r} is {here} here")
            kinds[field.name] = kind
    return pa.schema(list(kinds.items()))


def write_merged(
    run: Sequence[DayFile], shape: Shape, goes_on: Callable[[], bool]
) -> Path | None:
    """Put a merged file in place, whole and durable; None where it is not to go on.

    Raises MisfitError for a file that is not to stand with the others, OSError and
    pyarrow's errors; then nothing has changed but for files that nobody reads.
    """
    schema = common_schema(run)
    path = run[0].path.with_name(merged_name(run[0].first, run[-1].last))
    partial = path.with_name(f".{path.stem}.partial")
    try:
        with partial.open("wb") as sink:
            with pq.ParquetWriter(sink, schema) as writer:
                for group in _groups(_rows(run, schema)):
                    if not goes_on():
                        return None
                    writer.write_table(pa.Table.from_batches(group, schema))
                    sink.flush()
                    # Little by little: a log on the same disk waits for what is synced.
                    os.fdatasync(sink.fileno())
            sink.flush()
            os.fsync(sink.fileno())
        keys = np.concatenate([landed_keys(file.path, shape) for file in run])
        write_keys(keys_path(path), keys)
        # As old as its rows: files are deleted by their age.
        changed = max(file.path.stat().st_mtime_ns for file in run)
        os.utime(partial, ns=(changed, changed))
        partial.replace(path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)
        pa.default_memory_pool().release_unused()
    return path


def _rows(run: Sequence[DayFile], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Walk over the rows of files, in their order and one schema."""
    for file in run:
        opened = pq.ParquetFile(file.path, pre_buffer=False, buffer_size=1 << 16)
        with opened:
            size = _batch_rows(opened.metadata)
            batches = opened.iter_batches(size, use_threads=False)
            while (batch := _next(batches, file)) is not None:
                yield _conformed(batch, schema, file)


def _next(batches: Iterator[pa.RecordBatch], file: DayFile) -> pa.RecordBatch | None:
    try:
        return next(batches, None)
    except (pa.ArrowException, OSError) as error:
        raise MisfitError(file, str(error)) from error


def _groups(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Gather batches until they fill a row group."""
    held: list[pa.RecordBatch] = []
    rows = taken = 0
    for batch in batches:
        if held and rows + batch.num_rows > GROUP_ROWS:
            yield held
            held, rows, taken = [], 0, 0
        held.append(batch)
        rows, taken = rows + batch.num_rows, taken + batch.nbytes
        if taken >= GROUP_BYTES:
            yield held
            held, rows, taken = [], 0, 0
    if held:
        yield held


def _batch_rows(footer: pq.FileMetaData) -> int:
    """Return how many rows of a file are read at once: few where they are wide."""
    groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
    stored = sum(int(group.total_byte_size) for group in groups) // max(
        1, int(footer.num_rows)
    )
    width = max(stored, 8 * int(footer.num_columns), 1)
    return max(64, min(_BATCH_ROWS, _BATCH_BYTES // width))


def _conformed(
    batch: pa.RecordBatch, schema: pa.Schema, file: DayFile
) -> pa.RecordBatch:
    try:
        columns = [
            batch.column(field.name).cast(field.type)
            if field.name in batch.schema.names
            else pa.nulls(batch.num_rows, field.type)
            for field in schema
        ]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise MisfitError(file, str(error)) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _widened(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    """Return the narrowest type that holds both; None where there is none."""
    if a == b or pa.types.is_null(b):
        return a
    if pa.types.is_null(a):
        return b
    if family_of(a) == family_of(b) == "number" or _alike_times(a, b):
        fields = [pa.schema([("x", a)]), pa.schema([("x", b)])]
        return pa.unify_schemas(fields, promote_options="permissive").field("x").type
    return None


def _alike_times(a: pa.DataType, b: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(a) and pa.types.is_timestamp(b) and a.tz == b.tz)
