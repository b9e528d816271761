"""How many rows of a Parquet file fit in memory at once, however long their texts are.

A text that stands once in a dictionary may be meant by every row: a file of two
kilobytes can decode to gigabytes. What the longest of them is, the dictionary tells.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from functools import partial
from itertools import groupby, islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitor.sources.groups import whole

BATCH_ROWS = 65_536
"""Rows that are decoded at once where their values are short."""
_MOST_BYTES = 16 << 20
"""Bytes that the texts of one column may decode to at once."""


def batches(
    parts: pq.ParquetFile,
    again: Callable[[list[str]], pq.ParquetFile],
    groups: Sequence[int],
    columns: Sequence[str] | None,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of row groups in batches that fit in memory.

    `again` opens the file once more, with the dictionaries of some columns kept.
    """
    asked = set(parts.schema_arrow.names if columns is None else columns)
    texts = {f.name for f in parts.schema_arrow if f.name in asked and _is_long(f.type)}
    doubtful = {group: _doubtful(parts.metadata, group, texts) for group in groups}
    rows = dict.fromkeys(groups, BATCH_ROWS)
    if names := sorted(set().union(*doubtful.values())):
        with again(names) as kept:
            rows = {g: _rows(kept, g, some) for g, some in doubtful.items()}
    for size, some in groupby(groups, key=rows.__getitem__):
        taken = [*some]
        found = parts.iter_batches(size, row_groups=taken, columns=columns)
        yield from whole(found, sum(map(partial(_size, parts.metadata), taken)))


def _doubtful(metadata: Any, group: int, texts: Container[str]) -> list[str]:  # noqa: ANN401
    """Name the columns of a group of which one text may be long, and stand often."""
    told = metadata.row_group(group)
    chunks = [told.column(place) for place in range(told.num_columns)]
    most = min(BATCH_ROWS, told.num_rows)
    return [
        chunk.path_in_schema
        for chunk in chunks
        if chunk.path_in_schema in texts
        and chunk.has_dictionary_page
        and chunk.total_uncompressed_size * most > _MOST_BYTES
    ]


def _size(metadata: Any, group: int) -> int:  # noqa: ANN401 - pyarrow has no types
    return int(metadata.row_group(group).num_rows)


def _rows(kept: pq.ParquetFile, group: int, names: list[str]) -> int:
    """Return how many rows of a group may be decoded at once, by its dictionaries."""
    rows = BATCH_ROWS
    if not names:
        return rows
    for first in islice(kept.iter_batches(1, row_groups=[group], columns=names), 1):
        for words in first.columns:
            if pa.types.is_dictionary(words.type) and len(words.dictionary):
                longest = pc.max(pc.binary_length(words.dictionary)).as_py() or 1
                rows = min(rows, max(1, _MOST_BYTES // longest))
    return rows


def _is_long(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_long(kind.value_type)
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )
