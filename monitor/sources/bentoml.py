"""BentoML's monitoring logs: JSON lines of data, and the schema of them beside."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from monitor.quarantine import Quarantine
from monitor.sources.base import SOURCES, Source
from monitor.sources.csv_files import TextOptions
from monitor.sources.json_lines import JsonReader, objects
from monitor.sources.storage import Files, StoredFile, StoredFiles, reading
from monitor.sources.tables import FileRows, Typed
from monitor.sources.texts import Kind
from monitor.window import Window

_TIME = "timestamp"


@SOURCES.register("bentoml")
class BentoMLSource:
    """Rows that a service's `bentoml.monitor` logged."""

    class Options(TextOptions):
        """What a user may set: `path` is the monitor's folder, above `data`.

        The clocks of BentoML's logs have no zone: set `time_zone` to the service's.
        """

    @staticmethod
    def open(options: Options, *, base: Path, timestamp: str | None) -> Source:
        """Return the source; nothing is read yet."""
        logs = _below(options, base, "data")
        form = LoggedFormat(options=options, schemas=_below(options, base, "schema"))
        return FileRows(logs, form, timestamp)


def _below(options: TextOptions, base: Path, folder: str) -> StoredFiles:
    """Return the logs of one folder of a monitor, those that were rotated as well."""
    paths = tuple(f"{path.rstrip('/')}/{folder}" for path in options.patterns)
    told = options.model_copy(update={"path": paths})
    return StoredFiles(options=told, base=base, suffixes=("",))


@dataclass(frozen=True, kw_only=True)
class LoggedFormat:
    """Reads the logs of a monitor, with the types that its schema tells."""

    options: TextOptions
    schemas: Files
    noun: str = "log of BentoML"
    keeps_types: bool = True
    cure: str = "declare its type under `types:`"

    def schema(self, file: StoredFile) -> pa.Schema:
        """Return the columns of a log."""
        return self._typed.schema(file)

    def batches(
        self,
        file: StoredFile,
        schema: pa.Schema,
        span: tuple[Window, str] | None,
        left_out: Quarantine,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a log."""
        return self._typed.batches(file, schema, span, left_out)

    @cached_property
    def _typed(self) -> Typed:
        kinds = {_TIME: Kind.TIME, **self._told(), **self.options.types}
        return Typed(
            reader=JsonReader(noun=self.noun),
            declared=tuple(kinds.items()),
            zone=self.options.time_zone,
            infer=self.options.infer,
        )

    def _told(self) -> dict[str, Kind]:
        """Read which columns are numbers, of what the monitor says of them."""
        kinds: dict[str, Kind] = {}
        for file in self.schemas.listed():
            with reading(file.name, "schema of BentoML"):
                for records, _ in objects(file, Quarantine()):
                    for record in records:
                        for column in record.get("columns") or ():
                            if column.get("type") == "numerical":
                                kinds[str(column.get("name"))] = Kind.NUMBER
        return kinds
