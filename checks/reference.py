"""What windows are compared with: frozen bins, a profile, and how the stream breathes.

Rows of a stream are not independent: a storm delays a day's flights together. The
*design effect* of a column says by how much the counts of the reference's own
stretches vary more than independent rows would; a window's effective number of rows is
its rows over that (Kish, "Survey Sampling", 1965; Rao and Scott, Annals of Statistics
12, 1984, first-order correction). It is measured, never assumed.

An average over all directions is not enough: `variations` keeps what the stretches
looked like, so that it can be asked whether the stream does such things by itself.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa

from checks import codec
from checks.column import ColumnProfile, LevelProfile
from checks.compare import grouped
from checks.errors import ProfileError, Unmeasurable
from checks.profile import Bins, Profile
from checks.registry import Facet
from checks.standing import evened, missing_effect, standing
from checks.statistic import Statistic
from checks.variation import Variation, chosen

MIN_BLOCKS = 3
"""Fewer stretches than this say nothing about how they vary."""
ASKED = 0.05
"""A larger p-value is no evidence, whatever the stream does by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """How often ids came again within one stretch of a reference.

    `rows` have an id, that of `repeated` of them (an estimate where ids are very many)
    came before in the same stretch. `effect` is the design effect of that share, and
    `error` the standard error of an estimate of `repeated`.
    """

    rows: int
    repeated: float
    effect: float = 1.0
    error: float = 0.0

    @classmethod
    def of(cls, blocks: Sequence[Profile]) -> "Repeats | None":
        """Count the repeated ids of a reference's stretches; None where none are."""
        found = [block.ids for block in blocks if block.ids is not None]
        if not found:
            return None
        again = [max(0.0, ids.rows - ids.number) for ids in found]
        rows = [ids.rows for ids in found]
        counts = np.rint(np.array([np.subtract(rows, again), again]).T)
        return cls(
            rows=sum(rows),
            repeated=math.fsum(again),
            effect=_overdispersion(counts.astype(np.int64)),
            error=math.hypot(*(ids.error for ids in found)),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """A frozen reference: everything that a window's profile is compared with.

    `design_effects` and `missing_effects` map a column to the factor by which serial
    correlation inflates the variance of its values and of its missing share; absent
    means 1. `block_rows` holds the rows of the reference's own stretches of one
    window's length, in order of time; empty when the reference has no time. `segments`
    holds the reference of each declared segment's rows. `variations` and
    `missing_variations` tell how the values and the missing rows of these stretches
    vary, `quiet` which share of its length had passed after the newest row of each, and
    `repeats` of how many rows the id had come before in the same stretch. `varieties`
    tells of each of them how many rows have a value and how many different ones there
    are. `trailing` says that `profile` is not theirs, but one of earlier windows.
    """

    bins: Bins
    profile: Profile
    design_effects: Mapping[str, float] = field(default_factory=dict)
    missing_effects: Mapping[str, float] = field(default_factory=dict)
    block_rows: tuple[int, ...] = ()
    variations: Mapping[str, Variation] = field(default_factory=dict)
    missing_variations: Mapping[str, Variation] = field(default_factory=dict)
    trailing: bool = False
    segments: Mapping[str, "Reference"] = field(default_factory=dict)
    quiet: tuple[float, ...] = ()
    repeats: Repeats | None = None
    varieties: Mapping[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        bins: Bins,
        blocks: Sequence[Profile],
        *,
        timed: bool,
        centres: Sequence[int] = (),
        length: int = 0,
    ) -> "Reference":
        """Build a reference from the profiles of its stretches, in order of time.

        `timed` is False when the rows carry no time: then the stretches are mere
        portions of a file, and nothing is learned from how they differ. `centres` are
        the middles of the stretches and `length` is theirs, in microseconds, each
        beginning at a multiple of it; without them no season is looked for.
        """
        profile = blocks[0]
        for block in blocks[1:]:
            profile = profile.merge(block)
        if not timed:
            repeats = Repeats.of([profile])
            return cls(bins=bins, profile=profile, repeats=repeats)
        blocks = [_even(block) for block in blocks]
        full = [block for block in blocks if block.rows]
        values, missing = _variations(profile, blocks, centres, length)
        return cls(
            bins=bins,
            profile=profile,
            design_effects={
                name: design_effect(
                    [b.columns[name] for b in full if name in b.columns]
                )
                for name in profile.columns
            },
            missing_effects={
                name: _overdispersion(
                    np.array(
                        [
                            [b.columns[name].n, b.columns[name].missing]
                            for b in full
                            if name in b.columns
                        ]
                    )
                )
                for name in profile.columns
            },
            block_rows=tuple(block.traffic for block in full),
            variations=values,
            missing_variations=missing,
            quiet=_quiet(full, length),
            repeats=Repeats.of(full),
            varieties=_varieties(profile, full),
        )

    def column(self, name: str) -> ColumnProfile | None:
        """Return the reference profile of a column, serial correlation included."""
        column = self.profile.columns.get(name)
        return None if column is None else self.corrected(column)

    def corrected(self, column: ColumnProfile) -> ColumnProfile:
        """Return a column's profile with the design effect measured here.

        Its shares are those of what its rows stand for, and uneven weights add to the
        effect: fewer rows' worth is known (Kish's approximation).
        """
        # Each check of a column asks again, of the same two profiles.
        found = self._corrected.get(column)
        if found is None:
            found = self._corrected[column] = self._correct(column)
        return found

    def _correct(self, column: ColumnProfile) -> ColumnProfile:
        name, found = column.column.name, standing(column)
        missing = self.missing_effects.get(name, 1.0)
        told: dict[str, Any] = {
            "design_effect": self.design_effects.get(name, 1.0) * found.weight_effect,
            "missing_effect": missing * missing_effect(column),
        }
        own = column is self.profile.columns.get(name)
        if own and isinstance(found, LevelProfile):
            told["stretches"] = self.varieties.get(name, ())
        return replace(found, **told)

    @cached_property
    def _corrected(self) -> WeakKeyDictionary[ColumnProfile, ColumnProfile]:
        return WeakKeyDictionary()

    def unusual(
        self,
        found: Statistic,
        current: ColumnProfile,
        facet: Facet | None,
        *,
        at: int | None,
        average: bool = False,
    ) -> Statistic:
        """Return a statistic that is certain only where the stream never does such.

        What looks certain by the number of rows is asked a second time: would a
        stretch of the reference look like that? The larger of both p-values counts.
        `at` is the centre of the window in microseconds, None where it has no time;
        `average` that it stands for all hours and weekdays.
        """
        if facet is None or found.p_value is None or found.p_value > ASKED:
            return found
        name = current.column.name
        known = self.column(name)
        kept = self.variations if facet is Facet.VALUES else self.missing_variations
        if known is None or name not in kept:
            return found
        # Earlier windows of the same weekday bring their season along.
        tail = kept[name].tail(
            known,
            current,
            at=None if self.trailing else at,
            average=average and not self.trailing,
        )
        if tail <= found.p_value:
            return found
        return replace(found, p_value=tail, usual=True)

    def rarity(
        self, name: str, before: pa.Table, now: pa.Table, *, at: int | None
    ) -> float:
        """Return how rarely the stream takes some rows as far from others of its own.

        For rows of one part of a window beside the same part of the reference: what
        moves all rows of a day moves those of a part. 0 where nothing is known of it.
        """
        kept, column = self.variations.get(name), self.bins.schema.get(name)
        if kept is None or column is None:
            return 0.0
        known, current = (
            self.bins.counted(column, rows.column(name)) for rows in (before, now)
        )
        if not isinstance(known, ColumnProfile) or not isinstance(
            current, ColumnProfile
        ):
            return 0.0
        if not (known.n and current.n):
            return 0.0
        # What the rows of the reference lack is added to what the window's lack.
        effect = (known.n + current.n) / known.n
        return kept.tail(known, replace(current, design_effect=effect), at=at)

    def to_bytes(self, *, bare: bool = False) -> bytes:
        """Write the reference, a `bare` one without its bins; `from_bytes` reads it."""
        profile = self.profile.to_bytes()
        bins = b"" if bare else self.bins.to_bytes()
        header: dict[str, Any] = {
            "design_effects": dict(self.design_effects),
            "missing_effects": dict(self.missing_effects),
            "bins": bins.hex(),
            "profile": profile.hex(),
            "quiet": list(self.quiet),
            "repeats": asdict(self.repeats) if self.repeats else None,
        }
        if self.segments:
            header["segments"] = {
                name: part.to_bytes(bare=True).hex()
                for name, part in self.segments.items()
            }
        arrays: dict[str, codec.Array] = {
            "block_rows": np.array(self.block_rows, dtype=np.int64)
        }
        for name, stretches in self.varieties.items():
            arrays[f"variety/{name}"] = np.array(stretches, np.float64).ravel()
        kept = (("values", self.variations), ("missing", self.missing_variations))
        for facet, variations in kept:
            header[facet] = {}
            for name, one in sorted(variations.items()):
                header[facet][name] = [one.length, one.ordered]
                arrays[f"{facet}/{name}/cells"] = one.cells
                arrays[f"{facet}/{name}/counts"] = one.counts.ravel()
                arrays[f"{facet}/{name}/centres"] = one.centres
        return codec.pack("reference", header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes, bins: Bins | None = None) -> "Reference":
        """Read a stored reference; `bins` are those of one that was written bare.

        Raises ProfileError when it cannot be read.
        """
        header, arrays = codec.unpack("reference", data)
        bins = bins or Bins.from_bytes(bytes.fromhex(header["bins"]))
        return cls(
            bins=bins,
            profile=bins.read(bytes.fromhex(header["profile"])),
            design_effects=header["design_effects"],
            missing_effects=header["missing_effects"],
            block_rows=tuple(int(n) for n in arrays["block_rows"]),
            segments={
                name: cls.from_bytes(bytes.fromhex(part), bins)
                for name, part in header.get("segments", {}).items()
            },
            variations=_read(header, arrays, "values"),
            missing_variations=_read(header, arrays, "missing"),
            quiet=tuple(header.get("quiet", ())),
            repeats=Repeats(**found) if (found := header.get("repeats")) else None,
            varieties=_kept_varieties(arrays),
        )

    @cached_property
    def id(self) -> str:
        """The name that the reference's content gives it."""
        return codec.digest(self.to_bytes())

    def against(self, profile: Profile) -> "Reference":
        """Return this reference with another profile of the same bins to compare to.

        That is how drift is measured against a trailing window instead of the
        training data: bins and design effects stay. Segments are compared with the
        profile's own. Raises ProfileError when the bins differ.
        """
        if profile.bins_id != self.bins.id:
            msg = f"the profile is of bins {profile.bins_id}, not {self.bins.id}"
            raise ProfileError(msg)
        segments = {
            name: part.against(profile.segments[name])
            for name, part in self.segments.items()
            if name in profile.segments
        }
        return replace(self, profile=profile, segments=segments, trailing=True)


def _even(block: Profile) -> Profile:
    """Return a stretch as so many rows of one weight would tell of it."""
    if block.weight is None or block.weight.even:
        return block
    columns: dict[str, ColumnProfile] = {}
    for name, column in block.columns.items():
        with suppress(Unmeasurable):  # the checks of the column tell why
            columns[name] = evened(column)
    return replace(block, columns=columns)


def _variations(
    profile: Profile, blocks: Sequence[Profile], centres: Sequence[int], length: int
) -> tuple[dict[str, Variation], dict[str, Variation]]:
    """Count what the stretches of every column look like: values, and missing rows."""
    values, missing = {}, {}
    timed = len(centres) == len(blocks)
    for name, whole in profile.columns.items():
        held = [i for i, b in enumerate(blocks) if b.rows and name in b.columns]
        stretches = [blocks[i].columns[name] for i in held]
        if len(stretches) < MIN_BLOCKS:
            continue
        when = [centres[i] for i in held] if timed else []
        middles = np.array(when, dtype=np.int64)
        values[name] = Variation.of_values(whole, stretches, middles, length)
        missing[name] = Variation.of_missing(stretches, middles, length)
    return values, missing


def _read(
    header: Mapping[str, Any], arrays: Mapping[str, codec.Array], facet: str
) -> dict[str, Variation]:
    """Read the variations of one facet; a reference of an earlier version has none."""
    found = {}
    for name, (length, ordered) in header.get(facet, {}).items():
        cells = arrays[f"{facet}/{name}/cells"]
        groups = int(cells.max()) + 1 if len(cells) else 2
        found[name] = Variation(
            cells=cells,
            counts=arrays[f"{facet}/{name}/counts"].reshape(-1, groups),
            centres=arrays[f"{facet}/{name}/centres"],
            length=length,
            ordered=ordered,
        )
    return found


def _varieties(
    profile: Profile, blocks: Sequence[Profile]
) -> dict[str, tuple[tuple[int, float], ...]]:
    """Count the different values of each column of levels, stretch by stretch."""
    found = {}
    for name in profile.columns:
        columns = [blocks[i].columns.get(name) for i in chosen(len(blocks))]
        found[name] = tuple(
            (column.n, column.different or 0.0)
            for column in columns
            if isinstance(column, LevelProfile) and column.n
        )
    return {name: stretches for name, stretches in found.items() if stretches}


def _kept_varieties(
    arrays: Mapping[str, codec.Array],
) -> dict[str, tuple[tuple[int, float], ...]]:
    """Read the varieties; a reference of an earlier version has none."""
    start = "variety/"
    return {
        name.removeprefix(start): tuple(
            (int(rows), float(number)) for rows, number in held.reshape(-1, 2)
        )
        for name, held in arrays.items()
        if name.startswith(start)
    }


def _quiet(blocks: Sequence[Profile], length: int) -> tuple[float, ...]:
    """Return which share of each stretch had passed after its newest row.

    The last stretch is left out: it ends where the reference was cut off.
    """
    newest = [block.newest for block in blocks[:-1] if block.newest is not None]
    if not length:
        return ()
    return tuple(1 - (moment % length + 1) / length for moment in newest)


def design_effect(blocks: Sequence[ColumnProfile]) -> float:
    """Measure how much more a column's stretches vary than independent rows would.

    Pearson's statistic of homogeneity over stretches × groups of cells, over its
    degrees of freedom: 1 for independent rows, never below.
    """
    if len(blocks) < MIN_BLOCKS:
        return 1.0
    total = blocks[0]
    for block in blocks[1:]:
        total = total.merge(block)  # type: ignore[arg-type]
    return _overdispersion(np.stack([grouped(total, block)[1] for block in blocks]))


def _overdispersion(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    counts = counts[counts.sum(axis=1) > 0] if len(counts) else counts
    if len(counts) < MIN_BLOCKS:
        return 1.0
    counts = counts[:, counts.sum(axis=0) > 0]
    rows, columns = counts.shape
    if columns < 2:  # noqa: PLR2004 - one group cannot vary
        return 1.0
    expected = np.outer(counts.sum(axis=1) / counts.sum(), counts.sum(axis=0))
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return max(1.0, statistic / ((rows - 1) * (columns - 1)))
