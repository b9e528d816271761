"""The process that runs other people's code on served rows.

It reads an order and an Arrow stream from its standard input and writes an Arrow stream
to its standard output; what that code prints goes to stderr, whose last line says what
went wrong.
"""

import os
import resource
import sys
from typing import IO

import pyarrow as pa
from pyarrow import ipc

from monitor.order import Order
from monitor.recompute.keeper import keep
from monitor.recompute.models import opened

NICENESS = 10


def main() -> int:
    """Run one order to its end."""
    given, answer = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    os.nice(NICENESS)
    with os.fdopen(given, "rb") as source, os.fdopen(answer, "wb") as target:
        order = Order.from_json(source.readline())
        for limit in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE):
            resource.setrlimit(limit, (order.memory, order.memory))
        try:
            _run(order, source, target)
        except BaseException as error:  # noqa: BLE001 - told on stderr, in one line
            told = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
            print(told, file=sys.stderr)  # noqa: T201 - where the daemon reads it
            return 1
    return 0


def _run(order: Order, source: IO[bytes], target: IO[bytes]) -> None:
    """Hand every batch to the model, and write all of its answers."""
    model = opened(order)
    tables = []
    with ipc.open_stream(source) as batches:
        for batch in batches:
            table = model(batch)
            if table.num_rows != batch.num_rows:
                msg = f"{table.num_rows} rows came back of {batch.num_rows}"
                raise ValueError(msg)
            tables.append(table)
    # A batch without values has no type of its own: the others' holds.
    whole = pa.concat_tables(tables, promote_options="permissive")
    with ipc.new_stream(target, whole.schema) as writer:
        writer.write_table(whole)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(keep(main, seconds=float(sys.argv[1])))
