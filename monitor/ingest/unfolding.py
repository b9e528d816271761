"""Unfolds Parquet files into Arrow streams, in a process that may die of one.

It is started by its path, and knows nothing of the daemon: reading a damaged file may
end the process it is read in, and a small one may unfold to any size. Bodies come in
and answers go out through pipes, each behind a head that tells its length.
"""

import os
import resource
import struct
import sys
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq

QUESTION = struct.Struct("<QQQQ")
"""Bytes of the names, bytes of the body, rows and bytes that it may unfold to."""
ANSWER = struct.Struct("<BQ")
"""What became of it, and bytes of the answer."""
DONE, TOO_LARGE, BROKEN = 0, 1, 2
ROOM = 768 << 20
"""Bytes that may be taken beside those of the process at its start."""
_ROWS = 1 << 16


class _TooMuch(Exception):  # noqa: N818 - it is an answer
    """The file unfolds to more than is taken."""


def unfolded(body: bytes, names: list[str], rows: int, size: int) -> pa.Buffer:
    """Return some columns of a file as an Arrow stream; raises what pyarrow raises."""
    file = pq.ParquetFile(pa.BufferReader(body))
    if file.metadata.num_rows > rows:
        said = f"{file.metadata.num_rows:,} rows are too many for one request"
        raise _TooMuch(said)
    schema = file.schema_arrow
    there = [field for field in schema if field.name in names]
    texts = [one.name for one in there if _is_text(one.type)]
    # Texts stay in their dictionary, so that one long text is held once.
    file = pq.ParquetFile(pa.BufferReader(body), read_dictionary=texts)
    sink, writer, held = pa.BufferOutputStream(), None, 0
    chosen = [one.name for one in there]
    batches = file.iter_batches(_ROWS, columns=chosen, use_threads=False)
    for batch in batches if there else ():
        held += batch.nbytes
        if held > size:
            said = f"the columns unfold to more than {size:,} bytes"
            raise _TooMuch(said)
        writer = writer or pa.ipc.new_stream(sink, batch.schema)
        writer.write_batch(batch)
    (writer or pa.ipc.new_stream(sink, pa.schema(there))).close()
    return sink.getvalue()


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def answered(body: bytes, names: list[str], rows: int, size: int) -> tuple[int, bytes]:
    """Return what became of a file, and the stream or what is wrong with it."""
    try:
        return DONE, unfolded(body, names, rows, size).to_pybytes()
    except (_TooMuch, MemoryError) as error:
        return TOO_LARGE, (str(error) or "it takes too much memory").encode()
    except Exception as error:  # noqa: BLE001 - whatever the bytes lead to
        return BROKEN, str(error)[:500].encode("utf-8", "replace")


def limit() -> None:
    """Take no more memory than there is room for, where the system holds us to it."""
    with suppress(OSError, ValueError):
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - light to import
            pages = int(file.read().split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answer questions until there are no more."""
    limit()
    asked, told = sys.stdin.buffer, sys.stdout.buffer
    while len(head := asked.read(QUESTION.size)) == QUESTION.size:
        names, body, rows, size = QUESTION.unpack(head)
        wanted = asked.read(names).decode().split("\0")
        kind, answer = answered(asked.read(body), wanted, rows, size)
        told.write(ANSWER.pack(kind, len(answer)))
        told.write(answer)
        told.flush()


if __name__ == "__main__":
    main()
