"""Some columns of a reference, counted stretch by stretch and then reduced."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from checks.column import ColumnProfile
from checks.distinct import Distinct
from checks.profile import Bins, Profile, distinct, together
from checks.reference import Reference
from checks.sample import arrow
from checks.schema import Column, Role, Schema
from checks.values import latest
from monitor.engines.columns import Tally, plain
from monitor.engines.stretches import Group, Stretches


class Block:
    """The columns, as far as they have been looked at.

    Each portion of the rows is begun, then counted; all are reduced in the end.
    """

    def __init__(
        self, rows: Stretches, watched: Mapping[str, Column], names: Sequence[str]
    ) -> None:
        """Count nothing yet."""
        self._rows = rows
        self._watched = {n: watched[n] for n in names if n in watched}
        self._tallies: dict[str | None, list[Tally]] = {
            group: [Tally() for _ in range(rows.count)] for group in rows.groups
        }
        self._ids: dict[int, Distinct | None] = {}
        self._kept: dict[str, list[pa.Array]] = {name: [] for name in names}
        self.references: dict[str | None, Reference] = {}

    @property
    def kept(self) -> dict[str, pa.ChunkedArray]:
        """The rows that are kept as evidence, column by column."""
        schema = self._rows.schema
        return {
            name: pa.chunked_array(found, schema.field(name).type)
            for name, found in self._kept.items()
        }

    def begin(
        self,
        schema: Schema,
        groups: Sequence[Group],
        arrays: Mapping[str, pa.ChunkedArray],
        places: npt.NDArray[np.int64],
    ) -> None:
        """Look at a portion's rows, of which those at `places` are kept."""
        for group in groups:
            tallies = self._tallies[group.segment]
            for stretch, start, end in group.cuts:
                tallies[stretch].rows += end - start
            if group.segment is None:
                self._tell_apart(schema, group, arrays)
        for name, array in arrays.items():
            for chunk in array.take(arrow(places)).chunks:
                self._kept[name].append(plain(chunk))

    def count(
        self,
        bins: Bins,
        groups: Sequence[Group],
        arrays: Mapping[str, pa.ChunkedArray],
        units: pa.ChunkedArray | str | None = None,
    ) -> None:
        """Count those columns of a portion that have bins, after it was begun."""
        for group in groups:
            tallies = self._tallies[group.segment]
            weights = _by_stretch(group, units)
            for stretch, _, _ in group.cuts:
                tallies[stretch].weigh(weights.get(stretch))
            for name, array in arrays.items():
                if name not in bins.columns or name not in self._watched:
                    continue
                for stretch, part in group.split(array):
                    some = weights.get(stretch)
                    found = bins.counted(self._watched[name], part, some)
                    tallies[stretch].add(name, found)

    def counted(self, name: str, found: ColumnProfile) -> None:
        """Note what a column comes to where time does not cut the rows."""
        self._tallies[None][0].add(name, found)

    def reduce(self, bins: Bins, causes: Mapping[str, str], empty: Profile) -> None:
        """Learn from the stretches what is kept of them, and let them go.

        `causes` tell why columns have no bins; `empty` is the profile of no rows.
        """
        causes = {n: cause for n, cause in causes.items() if n in self._watched}
        for group, tallies in self._tallies.items():
            # A segment may have no rows at all; its columns are known all the same.
            for name in self._watched:
                tallies[0].add(name, empty.columns.get(name))
            blocks = [
                replace(
                    tally.profile(bins),
                    types=empty.types,
                    ids=self._ids.get(stretch) if group is None else None,
                    unreadable={**tally.causes, **(causes if tally.rows else {})},
                )
                for stretch, tally in enumerate(tallies)
            ]
            self.references[group] = Reference.of(bins, blocks, **self._rows.times)
        self._tallies.clear()

    def _tell_apart(
        self, schema: Schema, group: Group, arrays: Mapping[str, pa.ChunkedArray]
    ) -> None:
        """Note the ids and the newest row of each stretch."""
        ids, moments = schema.first(Role.ID), schema.first(Role.TIMESTAMP)
        if ids is not None and ids in arrays:
            for stretch, part in group.split(arrays[ids]):
                self._ids[stretch] = together(self._ids.get(stretch), distinct(part))
        if moments is not None and moments in arrays:
            for stretch, part in group.split(arrays[moments]):
                self._tallies[None][stretch].reach(latest(part))


def _by_stretch(
    group: Group, units: pa.ChunkedArray | str | None
) -> dict[int, npt.NDArray[np.int64] | str]:
    """Return the weights of each stretch's rows; empty where rows bear none."""
    if units is None or isinstance(units, str):
        return {} if units is None else {stretch: units for stretch, *_ in group.cuts}
    return {stretch: np.asarray(part) for stretch, part in group.split(units)}
