"""JSON lines: an object a line, plain or compressed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from monitor.errors import MalformedError, SourceError
from monitor.payloads import decoded, halved
from monitor.quarantine import Quarantine
from monitor.sources.base import SOURCES, Source
from monitor.sources.csv_files import PACKED, TextOptions, text_rows
from monitor.sources.lines import blocks
from monitor.sources.storage import StoredFile
from monitor.sources.tables import MOST_COLUMNS
from monitor.sources.texts import natural

_CELLS = 1 << 21
"""Values that are made into one batch."""
_MOST_CELLS = 1 << 27
"""Values that the rows of one block may come to."""
_DOCUMENT = 16 << 20
"""Bytes of a file that may be one JSON document; a larger one is of lines."""
_DEEPEST = 100
"""Objects within objects whose parts become columns; further down is text."""
JSON_SUFFIXES = tuple(
    f"{kind}{end}" for kind in (".jsonl", ".ndjson", ".json") for end in PACKED
)
"""What files of JSON lines are called."""


@SOURCES.register("json")
class JsonSource:
    """Rows in files of JSON lines."""

    class Options(TextOptions):
        """What a user may set."""

    @staticmethod
    def open(options: Options, *, base: Path, timestamp: str | None) -> Source:
        """Return the source; nothing is read yet."""
        return text_rows(JsonReader(), options, base, JSON_SUFFIXES, timestamp)


@dataclass(frozen=True, kw_only=True)
class JsonReader:
    """Reads JSON lines block by block; a line that is malformed costs no other.

    The parts of an object are columns of their own (`user.age`), a list is its text.
    """

    noun: str = "file of JSON lines"

    def batches(
        self, file: StoredFile, columns: Sequence[str] | None, left_out: Quarantine
    ) -> Iterator[tuple[pa.RecordBatch, Sequence[int]]]:
        """Yield the rows of a file, with the number of the line of each."""
        for rows, lines in objects(file, left_out):
            flat = [row if _is_flat(row) else _flat(row) for row in rows]
            yield from batches_of(flat, lines, columns, file.name)


def objects(
    file: StoredFile, left_out: Quarantine
) -> Iterator[tuple[list[dict[str, Any]], list[int]]]:
    """Yield the objects of a file of JSON lines, and the number of the line of each."""
    with file.stream() as stream:
        for line, block in blocks(stream, file.name, left_out):
            if block.isspace():
                continue
            rows, lines = [], []
            for number, value in _values(line, block, file.name, left_out):
                place = f"{file.name}: line {number}"
                if not isinstance(value, dict):
                    told = f"a JSON {type(value).__name__}"
                    left_out.add(MalformedError("the line is no object", told), place)
                elif len(value) > MOST_COLUMNS:
                    told = f"{len(value):,} columns, and {MOST_COLUMNS:,} at most"
                    left_out.add(MalformedError("it has too many columns", told), place)
                else:
                    rows.append(value)
                    lines.append(number)
            yield rows, lines


def documents(file: StoredFile, left_out: Quarantine) -> Iterator[tuple[int, Any]]:
    """Yield the values of a file: of an array, of lines, or the one it is; numbered."""
    with file.stream() as stream:
        whole = stream.read(_DOCUMENT + 1)
    if len(whole) <= _DOCUMENT:
        try:
            value = decoded(whole)
        except MalformedError:
            pass  # no document: lines, of which each may be malformed or not
        else:
            yield from enumerate(value if isinstance(value, list) else [value], start=1)
            return
    for rows, lines in objects(file, left_out):
        yield from zip(lines, rows, strict=True)


def _values(
    line: int, block: bytes, name: str, left_out: Quarantine
) -> Iterator[tuple[int, Any]]:
    """Decode the lines of a block: all at once, or one by one where that fails."""
    texts = block.split(b"\n")
    full = [i for i, text in enumerate(texts) if text and not text.isspace()]
    try:
        values = [] if halved(block) else _DECODER.decode_lines(block)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        values = []
    if len(values) == len(full):
        yield from zip((line + i for i in full), values, strict=True)
        return
    for i in full:
        try:
            yield line + i, decoded(texts[i])
        except MalformedError as error:
            left_out.add(error, f"{name}: line {line + i}")


_DECODER = msgspec.json.Decoder()


def batches_of(
    rows: Sequence[Mapping[str, Any]],
    lines: Sequence[int],
    columns: Sequence[str] | None,
    name: str,
) -> Iterator[tuple[pa.RecordBatch, Sequence[int]]]:
    """Yield rows in batches, each column of the type of its values.

    Raises SourceError for rows that have ever other columns: a table of them would be
    far larger than they are.
    """
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    if len(names) > MOST_COLUMNS or len(names) * len(rows) > _MOST_CELLS:
        msg = (
            f"{name}: {len(rows):,} rows have {len(names):,} columns between them, "
            "each others. Fix: write keys that all rows share"
        )
        raise SourceError(msg, permanent=True)
    asked = set(names if columns is None else columns)
    wanted = [one for one in names if one in asked]
    step = max(1, _CELLS // max(1, len(wanted)))
    for start in range(0, len(rows), step):
        some = slice(start, start + step)
        yield _batch(rows[some], wanted), lines[some]


def _batch(rows: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> pa.RecordBatch:
    if not wanted:
        return pa.RecordBatch.from_struct_array(
            pa.array([{}] * len(rows), pa.struct([]))
        )
    arrays = [natural([row.get(name) for row in rows]) for name in wanted]
    return pa.RecordBatch.from_arrays(arrays, names=wanted)


_PLAIN = frozenset({str, int, float, bool, type(None)})


def _is_flat(row: Mapping[str, Any]) -> bool:
    return _PLAIN.issuperset(map(type, row.values()))


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row whose objects have become columns, and lists texts."""
    found: dict[str, Any] = {}
    waiting: list[tuple[str, int, Mapping[str, Any]]] = [("", 0, row)]
    while waiting:
        stem, depth, inner = waiting.pop()
        for key, value in inner.items():
            name = f"{stem}{key}"
            if isinstance(value, dict) and depth < _DEEPEST:
                waiting.append((f"{name}.", depth + 1, value))
            elif isinstance(value, dict | list):
                found[name] = json.dumps(value)
            else:
                found[name] = value
    return found
