"""A source whose personal columns are told as pseudonyms, whatever reads it."""

import hashlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from monitor.privacy import Personal
from monitor.window import Window


@dataclass(frozen=True, slots=True)
class Hidden:
    """Rows of a source, some of whose columns are hidden."""

    source: Any
    personal: Personal

    def schema(self) -> pa.Schema:
        """Return all columns there are; hidden ones hold texts."""
        return self._told(self.source.schema())

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a window; raises SourceError as the source does."""
        yield from map(self._batch, self.source.read(window, columns))

    def pieces(
        self, window: Window, columns: Sequence[str] | None
    ) -> Iterator[tuple[str | None, Iterator[pa.RecordBatch]]]:
        """Yield the same rows as the source's pieces; one where it has none."""
        split = getattr(self.source, "pieces", None)
        if split is None:
            yield None, self.read(window, columns)
            return
        for name, batches in split(window, columns):
            yield name, map(self._batch, batches)

    def _batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = [
            self._shown(name, array)
            for name, array in zip(batch.schema.names, batch.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self._told(batch.schema))

    def fragments(self, window: Window | None) -> Any:  # noqa: ANN401 - as the source's
        """Return the rows column by column; None where the source has batches alone."""
        split = getattr(self.source, "fragments", None)
        found = split(window) if split is not None else None
        if found is None:
            return None
        parts = [HiddenPart(part, self._shown) for part in found.parts]
        return HiddenParts(schema=self._told(found.schema), parts=parts)

    def remarks(self) -> Sequence[str]:
        """Return what the source tells of its last reading."""
        told = getattr(self.source, "remarks", None)
        return tuple(told()) if told is not None else ()

    def _shown(self, name: str, array: pa.Array) -> pa.Array:
        return self.personal.hidden(array) if name in self.personal.columns else array

    def _told(self, schema: pa.Schema) -> pa.Schema:
        return pa.schema(
            [
                pa.field(f.name, pa.string()) if f.name in self.personal.columns else f
                for f in schema
            ]
        )


@dataclass(frozen=True, slots=True)
class IdentifiedHidden(Hidden):
    """The same of a source that can tell its data from any other."""

    def identity(self) -> str:
        """Return a text that changes when the data does, or the key."""
        key = hashlib.sha256(b"driftd identity " + self.personal.key).hexdigest()[:16]
        return f"{self.source.identity()} hidden {key} {sorted(self.personal.columns)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenParts:
    """All parts of a window, in one schema."""

    schema: pa.Schema
    parts: Sequence["HiddenPart"]


@dataclass(frozen=True, slots=True)
class HiddenPart:
    """A part of a window's rows, whose columns are read one after the other."""

    part: Any
    shown: Any

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return int(self.part.rows)

    def read(
        self, columns: Sequence[str], encoded: Container[str] = ()
    ) -> Iterator[tuple[str, pa.Array]]:
        """Yield each column's values, in pieces, beside its name."""
        for name, piece in self.part.read(columns, encoded):
            yield name, self.shown(name, piece)


def hiding(source: Any, personal: Personal | None) -> Any:  # noqa: ANN401 - any source
    """Return a source that tells no personal value; itself where there are none."""
    if personal is None:
        return source
    kind = IdentifiedHidden if hasattr(source, "identity") else Hidden
    return kind(source, personal)
