"""Files that are small and mean much: streamed, or refused, in little memory."""

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ALLOWED_MIB = 256

PROGRAM = """
import resource, sys
from pathlib import Path
from monitor.config import Plugin
from monitor.errors import SourceError
from monitor.sources.base import SOURCES, open_source

SOURCES.names()
kind, path = sys.argv[1:]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source = open_source(Plugin(type=kind, options={"path": path}), timestamp=None)
try:
    rows = sum(batch.num_rows for batch in source.read(None, None))
    told = " ".join(getattr(source, "remarks", tuple)())
except SourceError as error:
    rows, told = 0, str(error)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(rows, (after - before) >> 10, told[:300], sep="\\t")
"""


def csv_cell(path: Path) -> None:
    path.write_bytes(b"a,b\n1,2\n3," + b"x" * (100 << 20) + b"\n5,6\n")


def csv_wide(path: Path) -> None:
    names = ",".join(f"c{i}" for i in range(10_000))
    path.write_text(names + "\n" + (",".join("1" * 10_000) + "\n") * 200)


def csv_wider(path: Path) -> None:
    path.write_text(",".join(f"c{i}" for i in range(200_000)) + "\n")


def csv_gzip(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as packed:
        packed.write(b"a,b\n1,2\n")
        for _ in range(1 << 9):
            packed.write(bytes(1 << 20))


def csv_quoted(path: Path) -> None:
    path.write_bytes(b'a,b\n1,"' + (b"x" * 1_000 + b"\n") * (32 << 10) + b"\n5,6\n")


def json_deep(path: Path) -> None:
    path.write_text('{"x": 1}\n{"x": ' + "[" * 200_000 + "\n" + '{"a":' * 200_000)


def json_lines(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as packed:
        for _ in range(1 << 6):
            packed.write(b"\n" * (1 << 20))
        packed.write(b'{"x": 1}\n')


def json_sparse(path: Path) -> None:
    path.write_text("".join(f'{{"k{i}":1}}\n' for i in range(100_000)))


def parquet_long(path: Path) -> None:
    column = pa.array(np.zeros(1 << 20, np.int64))
    with pq.ParquetWriter(path, pa.schema([("x", pa.int64())])) as writer:
        table = pa.table({"x": pa.concat_arrays([column] * 16)})
        for _ in range(8):
            writer.write_table(table, row_group_size=len(table))


def parquet_wide(path: Path) -> None:
    places = pa.array(np.zeros(1 << 16, np.int32))
    words = pa.DictionaryArray.from_arrays(places, pa.array(["x" * 25_000]))
    pq.write_table(pa.table({"x": words}), path, store_schema=False)


def parquet_words(path: Path) -> None:
    places = pa.array(np.zeros(1 << 16, np.int32))
    words = pa.DictionaryArray.from_arrays(places, pa.array(["x" * 25_000]))
    pq.write_table(pa.table({"x": words}), path)


@pytest.mark.parametrize(
    "bomb",
    [
        ("csv", "a.csv", csv_cell, 2, "the line is longer than 16 MiB"),
        ("csv", "a.csv", csv_wide, 200, ""),
        ("csv", "a.csv", csv_wider, 0, "200,000 columns, and 10,000 at most"),
        ("csv", "a.csv.gz", csv_gzip, 1, "the line is longer than 16 MiB"),
        ("csv", "a.csv", csv_quoted, 1, "a quote is never closed"),
        ("json", "a.jsonl", json_deep, 1, "it is nested too deeply"),
        ("json", "a.jsonl.gz", json_lines, 1, ""),
        ("json", "a.jsonl", json_sparse, 0, "each others"),
        ("parquet", "a.parquet", parquet_long, 16 * 8 << 20, ""),
        ("parquet", "a.parquet", parquet_wide, 1 << 16, ""),
        ("parquet", "a.parquet", parquet_words, 1 << 16, ""),
    ],
    ids=lambda bomb: str(bomb[2].__name__),
)
def test_a_bomb_takes_little_memory(
    tmp_path: Path, bomb: tuple[str, str, Callable[[Path], None], int, str]
) -> None:
    kind, name, write, rows, told = bomb
    path = tmp_path / name
    write(path)
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, str(path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    found, grown, said = shown.rstrip("\n").split("\t")
    assert int(found) == rows
    assert told in said
    assert int(grown) < ALLOWED_MIB
