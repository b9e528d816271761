"""CSV files: separated values with a header, plain or compressed."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.csv as pacsv
from pydantic import StringConstraints

from monitor.errors import MalformedError, SourceError
from monitor.quarantine import Quarantine
from monitor.sources.base import SOURCES, Source
from monitor.sources.lines import blocks, open_quote, quoted
from monitor.sources.storage import FileOptions, StoredFile, StoredFiles
from monitor.sources.tables import FileRows, Reader, Typed, refuse_columns
from monitor.sources.texts import Kind

PACKED = ("", ".gz", ".zst", ".bz2", ".lz4")
"""What a file's name may end in beside its kind's suffix: how it is compressed."""
CSV_SUFFIXES = tuple(f"{kind}{end}" for kind in (".csv", ".tsv") for end in PACKED)
"""What CSV files are called."""

_Character = Annotated[str, StringConstraints(min_length=1, max_length=1)]
_BOM = b"\xef\xbb\xbf"


class TextOptions(FileOptions):
    """What a user may set on any source whose files keep no types."""

    types: Mapping[str, Kind] = {}
    """The types of columns: text, integer, number, boolean, date, time, unix_seconds,
    unix_millis, unix_micros, unix_nanos. Of the others the narrowest type is found that
    holds all values."""
    infer: bool = True
    """Find the types of the other columns, by reading each file once more; false
    means that there are the columns under `types` alone."""
    time_zone: str = "UTC"
    """Where the clocks stood that wrote times without a zone."""


@SOURCES.register("csv")
class CsvSource:
    """Rows in CSV files."""

    class Options(TextOptions):
        """What a user may set."""

        delimiter: _Character | None = None
        """What stands between values; a comma, or a tab in files named `.tsv`."""
        quote: _Character = '"'
        """What encloses a value with a delimiter or a line end in it."""
        header: tuple[str, ...] | None = None
        """The columns' names, for files whose first line has none."""
        nulls: tuple[str, ...] = ("", "NULL", "null", "NaN", "nan", "NA", "N/A")
        """What is written for a value that is not there, when it is not quoted."""

    @staticmethod
    def open(options: Options, *, base: Path, timestamp: str | None) -> Source:
        """Return the source; nothing is read yet."""
        reader = CsvReader(
            delimiter=options.delimiter,
            quote=options.quote,
            header=options.header,
            nulls=options.nulls,
        )
        return text_rows(reader, options, base, CSV_SUFFIXES, timestamp)


def text_rows(
    reader: Reader,
    options: TextOptions,
    base: Path,
    suffixes: tuple[str, ...],
    timestamp: str | None,
) -> Source:
    """Return the source over files that a reader reads, typed as the options say."""
    declared = tuple(options.types.items())
    form = Typed(
        reader=reader,
        declared=declared,
        zone=options.time_zone,
        infer=options.infer,
        timestamp=timestamp,
    )
    files = StoredFiles(options=options, base=base, suffixes=suffixes)
    return FileRows(files, form, timestamp)


@dataclass(frozen=True, kw_only=True)
class CsvReader:
    """Reads CSV files block by block; a line that is malformed costs no other."""

    delimiter: str | None
    quote: str
    header: tuple[str, ...] | None
    nulls: tuple[str, ...]
    noun: str = "CSV file"

    def batches(
        self, file: StoredFile, columns: Sequence[str] | None, left_out: Quarantine
    ) -> Iterator[tuple[pa.RecordBatch, Sequence[int]]]:
        """Yield the rows of a file as texts, with the number of the line of each."""
        tabs = ".tsv" in file.path.rpartition("/")[2]
        delimiter = self.delimiter or ("\t" if tabs else ",")
        names = self.header
        with file.stream() as stream:
            quote = self.quote.encode()
            found = blocks(stream, file.name, left_out, quote, delimiter.encode())
            for number, whole in found:
                line, block = number, whole
                if line == 1:
                    block = block.removeprefix(_BOM)
                if names is None:
                    names, block, line = self._headed(file.name, block, delimiter)
                parsing = _Parsing(
                    reader=self,
                    name=file.name,
                    names=names,
                    delimiter=delimiter,
                    columns=columns,
                )
                yield from parsing.rows(line, block, left_out)

    def _headed(
        self, name: str, block: bytes, delimiter: str
    ) -> tuple[tuple[str, ...], bytes, int]:
        """Take the header off the first block of a file."""
        end = block.find(b"\n") + 1 or len(block)
        try:
            while block.count(self.quote.encode(), 0, end) % 2 and end < len(block):
                end = block.find(b"\n", end) + 1 or len(block)
            head = block[:end].decode("utf-8")
            names = next(
                csv.reader([head], delimiter=delimiter, quotechar=self.quote), []
            )
        except (UnicodeDecodeError, csv.Error) as error:
            msg = (
                f"{name}: its first line is no header of a CSV file ({error}). "
                "Fix: write UTF-8, compressed only with the suffix that says so"
            )
            raise SourceError(msg, permanent=True) from error
        told = tuple(one or f"column_{i + 1}" for i, one in enumerate(names))
        refuse_columns(name, told)
        return told, block[end:], 1 + block.count(b"\n", 0, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parsing:
    """How the blocks of one file are read."""

    reader: CsvReader
    name: str
    names: Sequence[str]
    delimiter: str
    columns: Sequence[str] | None

    def rows(
        self, line: int, block: bytes, left_out: Quarantine, *, closed: bool = False
    ) -> Iterator[tuple[pa.RecordBatch, Sequence[int]]]:
        """Yield the rows of a block; `line` is the number of its first line.

        `closed` says that no quote is open at the end of any line.
        """
        if not _is_text(block):
            block = self._kept(line, block, left_out, _is_text, "it is not UTF-8")
        if not block.removeprefix(_BOM).strip(b"\r\n"):
            return
        wrong: list[tuple[int, int, str]] = []

        def kept_back(row: pacsv.InvalidRow) -> str:
            wrong.append((row.number - 1, row.actual_columns, row.text))
            return "skip"

        table = self._parsed(block, kept_back)
        starts = self._starts(line, block, table.num_rows + len(wrong))
        ran_on = any("\n" in text for _, _, text in wrong) or (
            not isinstance(starts, range) and self._runs_on(block)
        )
        if ran_on and not closed:
            # A quote that was never closed ran on into lines that may be well.
            block = self._kept(line, block, left_out, self._is_closed, _NOT_CLOSED)
            yield from self.rows(line, block, left_out, closed=True)
            return
        at = {place for place, _, _ in wrong}
        lines = [start for i, start in enumerate(starts) if i not in at]
        for place, count, _ in wrong:
            detail = f"{count} values, {len(self.names)} columns"
            why = MalformedError("the line has another number of values", detail)
            left_out.add(why, f"{self.name}: line {starts[place]}")
        for batch in table.combine_chunks().to_batches():
            yield batch, lines

    def _parsed(self, block: bytes, kept_back: object) -> pa.Table:
        asked = set(self.names if self.columns is None else self.columns)
        wanted = [name for name in self.names if name in asked]
        return pacsv.read_csv(
            pa.BufferReader(block),
            read_options=pacsv.ReadOptions(
                column_names=self.names, use_threads=False, block_size=len(block) + 1
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=self.delimiter,
                quote_char=self.reader.quote,
                newlines_in_values=True,
                invalid_row_handler=kept_back,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.string()),
                # No columns at all would mean every one of them.
                include_columns=wanted or self.names[:1],
                null_values=self.reader.nulls,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )

    def _starts(self, line: int, block: bytes, rows: int) -> Sequence[int]:
        """Return the line that each row begins on: a range where each is a line."""
        if block.count(b"\n") + (not block.endswith(b"\n")) == rows:
            return range(line, line + rows)
        quote = self.reader.quote.encode()
        starts, number, odd = [], line, 0
        for one in block.splitlines(keepends=True):
            if not odd and one.strip(b"\r\n"):
                starts.append(number)
            odd = (odd + one.count(quote)) % 2
            number += one.endswith(b"\n")
        return [*starts[:rows], *[line] * (rows - len(starts))]

    def _runs_on(self, block: bytes) -> bool:
        """Tell whether a value spans lines and does not end where its quote does."""
        after = {self.delimiter.encode(), b"\n", b"\r", b""}
        return any(
            b"\n" in value and block[end : end + 1] not in after
            for value, end in quoted(
                block, self.reader.quote.encode(), self.delimiter.encode()
            )
        )

    def _is_closed(self, one: bytes) -> bool:
        quote, delimiter = self.reader.quote.encode(), self.delimiter.encode()
        return open_quote(one, quote, delimiter) is None

    def _kept(
        self,
        line: int,
        block: bytes,
        left_out: Quarantine,
        good: Callable[[bytes], bool],
        reason: str,
    ) -> bytes:
        """Empty the lines of a block that are not good; the others keep their place."""
        found = block.split(b"\n")
        for place, one in enumerate(found):
            if not good(one):
                left_out.add(
                    MalformedError(reason), f"{self.name}: line {line + place}"
                )
                found[place] = b""
        return b"\n".join(found)


_NOT_CLOSED = "a quote is never closed"


def _is_text(some: bytes) -> bool:
    try:
        some.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
