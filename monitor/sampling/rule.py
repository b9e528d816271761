"""A sampling rule: what it looks at in each row before it decides.

Whether a row is kept depends on the hash of its key alone, and on the threshold that
its part of the rows has. The hash is independent of the one that chooses the rows kept
as evidence: these are a fair sample of the sampled ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from checks.bins import Floats, Ints
from checks.classes import Bools
from checks.errors import Unmeasurable
from checks.schema import Kind, Role, Schema
from checks.segment import Segment, floats, members
from checks.values import hashes, mix, texts
from monitor.config import Sampling
from monitor.ids import as_text

Read = Callable[[str], pa.ChunkedArray | None]
"""Gives a column by its name; None where there is none."""
Keys = npt.NDArray[np.uint64]

SALT = np.uint64(0xD1F7D5A3B1E00001)
"""What keeps the hash apart from every other use of the same key's hash."""
_BITS = 53
NO_TIME = np.iinfo(np.int64).min
"""The stretch of the rows without a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looked:
    """What a rule sees in some rows.

    `chance` is a number in [0, 1) that the key's hash gives, the same wherever it is
    asked for. `always` marks the rows that are kept whatever it is. `rate` is the share
    that is kept of each row's like; None where that depends on how many there are.
    Then `stretch` is the row's stretch of time and `part` its part of the rows.
    """

    chance: Floats
    always: Bools
    rate: Floats | None
    stretch: Ints
    part: Keys


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """A sampling rule, as a config describes it.

    `limit` rows are kept in each stretch of `per` microseconds; 0 where a rate decides.
    """

    key: str
    rate: float
    limit: int
    per: int
    time: str | None
    by: str | None
    at: tuple[float, ...]
    rates: tuple[tuple[str, float], ...]
    keep: tuple[Segment, ...]

    @classmethod
    def of(cls, section: Sampling, table: Schema) -> Self:
        """Read a section that fits the model's columns."""
        parts, rows = section.stratify, section.rows
        return cls(
            key=section.key(table) or "",
            rate=1.0 if section.rate is None else section.rate,
            limit=0 if rows is None else rows.count,
            per=0 if rows is None else rows.per // timedelta(microseconds=1),
            time=table.first(Role.TIMESTAMP) if rows is not None else None,
            by=None if parts is None else parts.by,
            at=() if parts is None else parts.at,
            rates=() if parts is None else tuple(parts.rates.items()),
            keep=section.kept(table),
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule looks at."""
        asked = [c.column for segment in self.keep for c in segment.conditions]
        found = [self.key, *([self.time] if self.time else []), *asked]
        return tuple(dict.fromkeys([*found, *([self.by] if self.by else [])]))

    def look(self, read: Read, rows: int) -> Looked:
        """Look at some rows.

        Where the key is not there at all nothing chooses rows: all of them are kept,
        and so are those whose key is null. Rows without the column that divides them
        are a part of their own.
        """
        key = read(self.key)
        chance, always = _chances(key, rows)
        for _, places in members(self.keep, read, rows):
            always[places] = True
        rate = None
        if not self.limit:
            rate = self._rates(read, rows)
        return Looked(
            chance=chance,
            always=always,
            rate=rate,
            stretch=self._stretches(read, rows),
            part=self._parts(read, rows),
        )

    def _rates(self, read: Read, rows: int) -> Floats:
        """Return the share that is kept of each row's like."""
        found = np.full(rows, self.rate)
        column = read(self.by) if self.by is not None and self.rates else None
        if column is None:
            return found
        try:
            if self.at:
                values = floats(column, Kind.NUMERIC)
                known = np.isfinite(values)
                each = np.array([dict(self.rates)[str(k)] for k in self._places])
                found[known] = each[np.searchsorted(self.at, values[known], "right")]
                return found
            written, levels = texts(column), [level for level, _ in self.rates]
            at = pc.fill_null(pc.index_in(written, value_set=pa.array(levels)), -1)
            each = np.array([*(rate for _, rate in self.rates), self.rate])
            return np.asarray(each[np.asarray(at)])
        except Unmeasurable:
            return found

    @property
    def _places(self) -> range:
        return range(len(self.at) + 1)

    def _parts(self, read: Read, rows: int) -> Keys:
        """Return the part that each row is limited in, as a number."""
        none = np.zeros(rows, np.uint64)
        column = read(self.by) if self.by is not None and self.limit else None
        if column is None:
            return none
        try:
            if not self.at:
                return hashes(column)
            values = floats(column, Kind.NUMERIC)
        except Unmeasurable:
            return none
        place = np.searchsorted(self.at, values, "right") + 1
        return np.where(np.isfinite(values), place, 0).astype(np.uint64)

    def _stretches(self, read: Read, rows: int) -> Ints:
        """Return the number of each row's stretch since 1970."""
        column = read(self.time) if self.time is not None else None
        if column is None:
            return np.full(rows, NO_TIME)
        try:
            values = floats(column, Kind.DATETIME)
        except Unmeasurable:
            return np.full(rows, NO_TIME)
        known = np.isfinite(values)
        found = np.full(rows, NO_TIME)
        found[known] = values[known].astype(np.int64) // self.per
        return found


def _chances(key: pa.ChunkedArray | None, rows: int) -> tuple[Floats, Bools]:
    """Return a number in [0, 1) for each key, and which rows have none."""
    if key is None:
        return np.zeros(rows), np.ones(rows, np.bool_)
    try:
        key = as_text(key)  # one log spells what another counts
        drawn = mix(hashes(key) ^ SALT)
    except Unmeasurable:
        return np.zeros(rows), np.ones(rows, np.bool_)
    missing = np.asarray(pc.is_null(key)).astype(np.bool_)
    whole = (drawn >> np.uint64(64 - _BITS)).astype(np.float64)
    return whole * 2.0**-_BITS, missing
