"""Iceberg tables: a snapshot of one, pruned by its partitions and statistics."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import SecretStr

from monitor.errors import SourceError
from monitor.sources.base import SOURCES
from monitor.sources.lakehouse import library, refuse_without_time, rows_of, wanted
from monitor.sources.storage import StoreOptions, is_remote, refused, short, told
from monitor.window import EPOCH, Window


@SOURCES.register("iceberg")
class IcebergSource:
    """Rows of an Iceberg table; those that a delete file hides are not among them."""

    class Options(StoreOptions):
        """What a user may set."""

        path: str | None = None
        """The table's folder, or one of its `.metadata.json` files."""
        table: str | None = None
        """The table's name in a catalog: `serving.churn`."""
        catalog: str | None = None
        """The catalog's address: `https://` for a REST catalog, or a database's URL."""
        catalog_name: str = "default"
        """The catalog's name, where one database holds several."""
        warehouse: str | None = None
        """The catalog's warehouse."""
        token: SecretStr | None = None
        """The token that a REST catalog asks for."""
        credential: SecretStr | None = None
        """The client's id and secret that a REST catalog asks for, `id:secret`."""
        snapshot: int | None = None
        """The snapshot to read; by default the newest."""
        as_of: datetime | None = None
        """Read the snapshot that was the newest at that time."""

    def __init__(self, options: Options, *, base: Path, timestamp: str | None) -> None:
        """Open nothing yet; a relative path starts from `base`."""
        if (options.path is None) is (options.table is None):
            msg = "an Iceberg table is told by `path:` or by `table:` and `catalog:`"
            raise SourceError(msg + ". Fix: set one of both", permanent=True)
        self._options = options
        self._timestamp = timestamp
        path = options.path
        if path is not None and not is_remote(path):
            path = str((base / path).absolute())
        self._path = path
        self._place = path or str(options.table)

    def schema(self) -> pa.Schema:
        """Return the columns of the table."""
        with self._reading():
            return wanted(self._place, self._stored(self._table()), None)[0]

    def identity(self) -> str:
        """Name the table and its snapshot."""
        with self._reading():
            table = self._table()
            snapshot = self._snapshot(table)
            return f"{self._place}: {table.metadata.table_uuid} snapshot {snapshot}"

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a window as the port promises."""
        with self._reading():
            table = self._table()
            stored = self._stored(table)
            refuse_without_time(self._place, stored, window, self._timestamp)
            schema, names = wanted(self._place, stored, columns)
            by = self._timestamp if window is not None else None
            if names is not None and by is not None and by not in names:
                names = [*names, by]
            scan = table.scan(
                row_filter=self._filter(stored, window),
                selected_fields=tuple(names or stored.names[:1])
                if names is not None
                else ("*",),
                snapshot_id=self._snapshot(table),
            )
            batches = scan.to_arrow_batch_reader()
            yield from rows_of(batches, schema, window, by, self._place)

    def _filter(self, stored: pa.Schema, window: Window | None) -> Any:  # noqa: ANN401
        """Return what rows of a window must satisfy, so that files are passed over."""
        said = library("pyiceberg.expressions", "iceberg")
        if window is None or self._timestamp is None:
            return said.AlwaysTrue()
        kind = stored.field(self._timestamp).type
        ends = (window.start, window.end)
        if pa.types.is_timestamp(kind):
            plain = [moment.replace(tzinfo=None) for moment in ends]
            first, last = [m.isoformat() for m in (ends if kind.tz else plain)]
            return said.And(
                said.GreaterThanOrEqual(self._timestamp, first),
                said.LessThan(self._timestamp, last),
            )
        if pa.types.is_date(kind):
            first, last = (moment.date().isoformat() for moment in ends)
            return said.And(
                said.GreaterThanOrEqual(self._timestamp, first),
                said.LessThanOrEqual(self._timestamp, last),
            )
        return said.AlwaysTrue()

    def _stored(self, table: Any) -> pa.Schema:  # noqa: ANN401
        scan = table.scan(snapshot_id=self._snapshot(table))
        io = library("pyiceberg.io.pyarrow", "iceberg")
        return io.schema_to_pyarrow(scan.projection(), include_field_ids=False)

    def _snapshot(self, table: Any) -> int | None:  # noqa: ANN401
        """Return the snapshot to read; None for a table that has none yet."""
        options = self._options
        if options.snapshot is not None:
            return options.snapshot
        if options.as_of is not None:
            moment = options.as_of
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            millis = (aware - EPOCH) // timedelta(milliseconds=1)
            found = table.snapshot_as_of_timestamp(millis)
            if found is None:
                msg = f"{self._place}: there was no snapshot yet at {aware.isoformat()}"
                raise SourceError(msg + ". Fix: set a later `as_of`", permanent=True)
            return int(found.snapshot_id)
        newest = table.current_snapshot()
        return None if newest is None else int(newest.snapshot_id)

    def _table(self) -> Any:  # noqa: ANN401 - a library that may not be there
        properties = _properties(self._options)
        if self._path is not None:
            tables = library("pyiceberg.table", "iceberg")
            where = _newest_metadata(self._path)
            return tables.StaticTable.from_metadata(where, properties)
        catalogs = library("pyiceberg.catalog", "iceberg")
        catalog = catalogs.load_catalog(self._options.catalog_name, **properties)
        return catalog.load_table(self._options.table)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn what can go wrong into a SourceError that names the table."""
        errors = library("pyiceberg.exceptions", "iceberg")
        missing = (errors.NoSuchTableError, errors.NoSuchNamespaceError)
        try:
            yield
        except (*missing, FileNotFoundError) as error:
            msg = f"{self._place}: there is no Iceberg table ({short(error)})"
            raise SourceError(msg + ". Fix: correct it", permanent=True) from error
        except (pa.ArrowException, OSError, ValueError, LookupError) as error:
            what = f"{self._place}: the Iceberg table cannot be read"
            if self._path is None or is_remote(self._path):
                raise refused(what, error) from error
            msg = f"{what} ({short(error)})"
            raise SourceError(msg, permanent=True) from error


def _newest_metadata(path: str) -> str:
    """Return the newest metadata of a table's folder on this machine."""
    if path.endswith(".metadata.json") or is_remote(path):
        return path
    folder = Path(path) / "metadata"
    if (folder / "version-hint.text").is_file():
        return path
    found = sorted(folder.glob("*.metadata.json"), key=lambda file: file.name)
    if not found:
        raise FileNotFoundError(str(folder / "*.metadata.json"))
    return str(found[-1])


def _properties(options: IcebergSource.Options) -> dict[str, str]:
    """Return the options as the library names them."""
    named = {
        "uri": options.catalog,
        "warehouse": options.warehouse,
        "token": told(options.token),
        "credential": told(options.credential),
        "s3.endpoint": options.endpoint,
        "s3.region": options.region,
        "s3.access-key-id": told(options.access_key),
        "s3.secret-access-key": told(options.secret_key),
        "s3.session-token": told(options.session_token),
        "adls.account-name": options.account,
        "adls.account-key": told(options.account_key),
    }
    found = {key: value for key, value in named.items() if value is not None}
    if options.anonymous:
        found["s3.anonymous"] = "true"
    return found
