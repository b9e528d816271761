"""What senders tell of the rows that they have dropped, and will never send."""

from http import HTTPStatus
from typing import Annotated

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Meta, Struct

from checks.traffic import DROPPED
from monitor.ingest.lost import Lost
from monitor.ingest.moments import served
from monitor.ingest.refusal import Refusal
from monitor.landing.keys import keys_of

MOST_ENTRIES = 10_000
"""Entries of a report at most."""
MOST_ROWS = 1_000_000_000
"""Rows of an entry at most."""


class _Entry(Struct):
    """Rows of about one moment."""

    rows: Annotated[int, Meta(ge=0, le=MOST_ROWS)]
    at: str | int | float | None = None


class _Report(Struct):
    """A report that is sent again, the same, until it is answered."""

    report: Annotated[str, Meta(min_length=1, max_length=128)]
    dropped: Annotated[list[_Entry], Meta(max_length=MOST_ENTRIES)]


_REPORT = msgspec.json.Decoder(_Report)


def dropped_rows(body: bytes, received: int) -> Lost:
    """Read `{"report": ID, "dropped": [{"rows", "at"}]}`; raises Refusal."""
    try:
        told = _REPORT.decode(body)
    except msgspec.ValidationError as error:
        raise _refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(HTTPStatus.BAD_REQUEST, str(error)) from None
    try:
        times = [
            received if one.at is None else served(one.at, received)
            for one in told.dropped
        ]
    except (ValueError, OverflowError):
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        raise _refused(status, "`at` is no time of a server's clock") from None
    names = [f"{place}#{told.report}" for place in range(len(times))]
    keys, known = keys_of(pa.table({"key": pa.array(names, pa.string())}), ("key",))
    return Lost(
        name=DROPPED,
        keys=keys,
        known=known,
        times=np.array(times, np.int64),
        counts=np.array([one.rows for one in told.dropped], np.int64),
    )


def _refused(status: HTTPStatus, said: str) -> Refusal:
    return Refusal(
        status,
        f"the body is no report of dropped rows ({said})",
        path="$",
        fix='send {"report": ID, "dropped": [{"rows": 12, "at": "2026-03-02T11:00Z"}]}',
    )
