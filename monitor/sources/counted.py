"""Files whose time is a whole number: seconds since 1970, or parts of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from monitor.quarantine import Quarantine
from monitor.sources.storage import FileOptions, StoredFile
from monitor.sources.tables import Format
from monitor.sources.texts import TimeUnit, timed, timed_schema
from monitor.window import Window


class CountedOptions(FileOptions):
    """What a user may set on any source whose files keep types."""

    time_unit: TimeUnit | None = None
    """What the time is counted in, where it is a number since 1970: seconds,
    milliseconds, microseconds or nanoseconds."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A format of files in which one column is told as the time that it counts."""

    format: Format
    column: str
    unit: TimeUnit

    @property
    def noun(self) -> str:
        """What such a file is called."""
        return self.format.noun

    @property
    def keeps_types(self) -> bool:
        """Whether a file says its types."""
        return self.format.keeps_types

    @property
    def cure(self) -> str:
        """What to do where types differ."""
        return self.format.cure

    def schema(self, file: StoredFile) -> pa.Schema:
        """Return the columns of a file; raises as the format does."""
        return timed_schema(self.format.schema(file), self.column, self.unit)

    def batches(
        self,
        file: StoredFile,
        schema: pa.Schema,
        span: tuple[Window, str] | None,
        left_out: Quarantine,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file; raises as the format does."""
        for batch in self.format.batches(file, schema, span, left_out):
            yield timed(batch, self.column, self.unit)


def counted(form: Format, options: CountedOptions, timestamp: str | None) -> Format:
    """Return a format whose time is told as one, where the options say it counts."""
    if options.time_unit is None or timestamp is None:
        return form
    return Counted(format=form, column=timestamp, unit=options.time_unit)
