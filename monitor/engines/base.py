"""The port of engines: what counting a window's rows gives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from checks.profile import Bins, Profile
from checks.sample import Sample
from monitor.window import Window


class Rows(Protocol):
    """Something that rows are read from again and again, by stretch of time.

    Every source is one; an engine needs no more of it than this.
    """

    def read(
        self, window: Window | None, columns: Sequence[str] | None
    ) -> Iterator[pa.RecordBatch]:
        """Walk over the rows of a window (None: all) in batches."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A window's rows, reduced: the profile, and a bounded sample as evidence."""

    profile: Profile
    sample: Sample


class Engine(Protocol):
    """Something that reads a window's rows once and reduces them."""

    def count(
        self,
        rows: Rows,
        window: Window | None,
        bins: Bins,
        *,
        keep: int,
        by: str | None,
    ) -> Counted:
        """Profile the rows of a window in the reference's bins.

        `keep` rows are sampled `by` the hash of a column. Raises SourceError.
        """
        ...
