"""Delta tables: a version of one, pruned by its partitions and statistics."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from monitor.config.scalars import Delay
from monitor.errors import SourceError
from monitor.sources.base import SOURCES
from monitor.sources.files import DATE_KEYS
from monitor.sources.lakehouse import library, refuse_without_time, rows_of, wanted
from monitor.sources.storage import (
    StoreOptions,
    account_of,
    family_of,
    is_remote,
    refused,
    short,
    told,
)
from monitor.sources.texts import TimeUnit, timed, timed_schema
from monitor.window import EPOCH, Window


@SOURCES.register("delta")
class DeltaSource:
    """Rows of a Delta table; those that a deletion vector hides are not among them."""

    class Options(StoreOptions):
        """What a user may set."""

        path: str
        """The table's folder, here or at s3://, gs:// or az://."""
        version: int | None = None
        """The version to read; by default the newest."""
        as_of: datetime | None = None
        """Read the version that was the newest at that time."""
        time_unit: TimeUnit | None = None
        """What the time is counted in, where it is a number since 1970."""
        date_partition: str | None = None
        """The partition column with the rows' date; by default date, dt, ds or day."""
        partition_slack: Delay = timedelta(days=1)
        """How far a row's time may lie outside the date of its partition."""

    def __init__(self, options: Options, *, base: Path, timestamp: str | None) -> None:
        """Open nothing yet; a relative path starts from `base`."""
        self._options = options
        self._timestamp = timestamp
        path = options.path
        self._place = path if is_remote(path) else str((base / path).absolute())

    def schema(self) -> pa.Schema:
        """Return the columns of the table."""
        with self._reading():
            return wanted(self._place, self._timed(_arrow(self._table())), None)[0]

    def identity(self) -> str:
        """Name the table and its version."""
        with self._reading():
            table = self._table()
            return f"{self._place}: {table.metadata().id} version {table.version()}"

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a window as the port promises."""
        with self._reading():
            table = self._table()
            stored = _arrow(table)
            refuse_without_time(self._place, stored, window, self._timestamp)
            schema, names = wanted(self._place, self._timed(stored), columns)
            by = self._timestamp if window is not None else None
            if names is not None and by is not None and by not in names:
                names = [*names, by]
            if names is not None and not names:
                names = stored.names[:1]  # the rows still count
            found = table.scan(names, self._predicate(table, stored, window))
            unit = self._options.time_unit
            batches = (
                timed(batch, self._timestamp, unit)
                for batch in pa.RecordBatchReader.from_stream(found)
            )
            yield from rows_of(batches, schema, window, by, self._place)

    def _timed(self, stored: pa.Schema) -> pa.Schema:
        """Return the columns as they are told: a counted time as a time."""
        return timed_schema(stored, self._timestamp, self._options.time_unit)

    def _predicate(
        self,
        table: Any,  # noqa: ANN401
        stored: pa.Schema,
        window: Window | None,
    ) -> str | None:
        """Write what rows of a window must satisfy, so that files are passed over."""
        if window is None or self._timestamp is None:
            return None
        unit = self._options.time_unit
        terms = _between(self._timestamp, stored, window.start, window.end, unit)
        named = self._options.date_partition
        keys = DATE_KEYS if named is None else (named,)
        slack = self._options.partition_slack + timedelta(days=1)
        for key in table.metadata().partition_columns:
            if key in keys and key != self._timestamp:
                first, last = window.start - slack, window.end + slack
                terms += _between(key, stored, first, last)
        return " AND ".join(terms) or None

    def _table(self) -> Any:  # noqa: ANN401 - a library that may not be there
        deltalake = library("deltalake", "delta")
        options = self._options
        scheme, remote, _ = self._place.partition("://")
        table = deltalake.DeltaTable(
            self._place,
            version=options.version,
            storage_options=_storage(options, scheme) if remote else None,
        )
        if options.as_of is not None:
            moment = options.as_of
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            table.load_as_version(aware)
        return table

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn what can go wrong into a SourceError that names the table."""
        errors = library("deltalake.exceptions", "delta")
        try:
            yield
        except errors.TableNotFoundError as error:
            msg = f"{self._place}: there is no Delta table. Fix: correct the path"
            raise SourceError(msg, permanent=True) from error
        except (errors.DeltaError, pa.ArrowException, OSError, ValueError) as error:
            what = f"{self._place}: the Delta table cannot be read"
            if is_remote(self._place):
                raise refused(what, error) from error
            msg = f"{what} ({short(error)})"
            # Files of a version that a VACUUM takes away; the next reading has a newer.
            gone = isinstance(error, pa.ArrowException) and "not found" in str(error)
            raise SourceError(msg, permanent=not gone) from error


def _arrow(table: Any) -> pa.Schema:  # noqa: ANN401
    return pa.schema(table.schema().to_arrow())


_PER_UNIT: dict[TimeUnit, tuple[timedelta, int]] = {
    "seconds": (timedelta(seconds=1), 1),
    "milliseconds": (timedelta(milliseconds=1), 1),
    "microseconds": (timedelta(microseconds=1), 1),
    "nanoseconds": (timedelta(microseconds=1), 1_000),
}
"""How long each is, and how many of it are that long."""


def _between(
    column: str,
    stored: pa.Schema,
    start: datetime,
    end: datetime,
    unit: TimeUnit | None = None,
) -> list[str]:
    """Write that a column lies in a stretch of time; nothing for other types."""
    kind = stored.field(column).type
    name = '"' + column.replace('"', '""') + '"'
    if unit is not None:
        length, many = _PER_UNIT[unit]
        first, last = ((moment - EPOCH) // length * many for moment in (start, end))
        return [f"{name} >= {first}", f"{name} <= {last}"]
    if pa.types.is_timestamp(kind):
        zone = 'Some("UTC")' if kind.tz else "None"
        return [
            f"{name} {sign} arrow_cast('{moment:%Y-%m-%dT%H:%M:%S.%f}', "
            f"'Timestamp(Microsecond, {zone})')"
            for sign, moment in ((">=", start), ("<", end))
        ]
    if pa.types.is_date(kind):
        days = ((">=", start), ("<=", end))
        return [f"{name} {sign} DATE '{day:%Y-%m-%d}'" for sign, day in days]
    if pa.types.is_string(kind) and column in DATE_KEYS:
        days = ((">=", start), ("<=", end))
        return [f"{name} {sign} '{day:%Y-%m-%d}'" for sign, day in days]
    return []


def _storage(options: DeltaSource.Options, scheme: str) -> dict[str, str]:
    """Return the options of a store as the library names them."""
    seconds = f"{options.patience.total_seconds():.0f}s"
    endpoint, family = options.endpoint, family_of(scheme)
    if family == "s3":
        named = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_REGION": options.region,
            "AWS_ACCESS_KEY_ID": told(options.access_key),
            "AWS_SECRET_ACCESS_KEY": told(options.secret_key),
            "AWS_SESSION_TOKEN": told(options.session_token),
            "AWS_SKIP_SIGNATURE": "true" if options.anonymous else None,
        }
    elif family == "gs":
        named = {
            "GOOGLE_BASE_URL": endpoint,
            "GOOGLE_SKIP_SIGNATURE": "true" if options.anonymous else None,
        }
    else:
        named = {
            "AZURE_STORAGE_ACCOUNT_NAME": account_of(options),
            "AZURE_STORAGE_ACCOUNT_KEY": told(options.account_key),
            "AZURE_STORAGE_ENDPOINT": endpoint and f"{endpoint}/{options.account}",
            "AZURE_SKIP_SIGNATURE": "true" if options.anonymous else None,
        }
    if (endpoint or "").startswith("http://"):
        named["allow_http"] = "true"
    found = {key: value for key, value in named.items() if value is not None}
    return {**found, "max_retries": "3", "retry_timeout": seconds, "timeout": seconds}
