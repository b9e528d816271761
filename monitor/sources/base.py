"""The port to data: what every source offers, and the registry that finds them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import pyarrow as pa

from monitor.config import Plugin, options_of
from monitor.errors import PluginError, SourceError
from monitor.plugins import Options, Registry
from monitor.sources.hiding import hiding
from monitor.window import Window


class Source(Protocol):
    """A table with a time column, read by windows and never written.

    Reading the same window again gives the same rows for as long as the data stands.
    """

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows whose time lies in the window; all rows for None.

        A column that is asked for and stands nowhere is left out; one that stands in
        some of the data is null in the rest. All batches have one schema, times are in
        UTC (a time without a zone is taken to be), and a window without rows yields one
        empty batch. Raises SourceError and nothing else on purpose.
        """
        ...

    def schema(self) -> pa.Schema:
        """Return all columns there are, as `read` yields them."""
        ...


@runtime_checkable
class Identified(Protocol):
    """A source that can tell its data from any other without reading it."""

    def identity(self) -> str:
        """Return a text that changes when the data does; raises SourceError."""
        ...


class Opening(Protocol):
    """How a source is made of its options."""

    def __call__(
        self, options: Options, *, base: Path, timestamp: str | None
    ) -> Source:
        """Return the source; relative paths start from `base`."""
        ...


SOURCES: Registry[Source] = Registry("source", "monitor.sources")
"""All sources, by the `type` of their section."""


def open_source(
    section: Plugin, *, timestamp: str | None, version: str | None = None
) -> Source:
    """Return the source of a config's section.

    `timestamp` names the column that says when a row was served; `{version}` in an
    option is replaced by the model's version.

    Raises SourceError when the section cannot be used.
    """
    if version is not None:
        section = _at_version(section, version)
    try:
        options = options_of(section, SOURCES)
    except PluginError as error:
        raise SourceError(str(error), permanent=True) from error
    kind = SOURCES.get(section.type)
    # A source that is one of files has a way to open it; another is its own class.
    opening = cast("Opening", getattr(kind, "open", kind))
    opened = opening(options, base=section.base, timestamp=timestamp)
    return cast("Source", hiding(opened, section.personal))


_LEADING = frozenset("/\\*?[\0")
"""What leads into folders, or stands for other names."""


def _at_version(section: Plugin, version: str) -> Plugin:
    """Put the version in, refusing one that would lead to other files than its own."""
    options = _replaced(section.options, version)
    leads = version in ("", ".", "..") or not _LEADING.isdisjoint(version)
    if options != section.options and leads:
        msg = f"the version {version!r} cannot be part of a path"
        raise SourceError(msg, permanent=True)
    return replace(section, options=options)


def _replaced(value: Any, version: str) -> Any:  # noqa: ANN401 - any YAML value
    if isinstance(value, str):
        put = value.replace("{version}", version)
        return value if put == value else put
    if isinstance(value, Mapping):
        return {k: _replaced(v, version) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(v, version) for v in value]
    return value
