"""All checks of one window: planned from the schema, measured, corrected, judged.

One check that cannot measure, or that raises, is UNKNOWN with its cause and takes no
other verdict with it.
"""

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from checks.column import ColumnProfile
from checks.correction import Correction, adjust
from checks.errors import ChecksError, Unmeasurable
from checks.evidence import Evidence
from checks.pairs import Pairs
from checks.profile import Profile
from checks.reference import Reference
from checks.registry import (
    SEGMENTED,
    WHOLE,
    Check,
    Facet,
    Subject,
    Task,
    every,
    get,
    preset,
)
from checks.rows import Values
from checks.samples import Known
from checks.schema import Role, Schema
from checks.segment import Segment
from checks.standing import by_row, looked_at
from checks.statistic import Statistic
from checks.threshold import Threshold, judge
from checks.verdict import Family, Reason, Status, Verdict
from checks.wish import STANDARD, Wish, Wishes

FEWEST_COLUMNS = 2
"""Columns below which nothing goes together."""
NO_ROWS = "the window has no rows"
FEW_IN_SEGMENT = "too few rows of the segment in the "
"""How the cause begins where a segment is too small on a side."""
WARN_SHARE = 0.5
"""Where a warning level is not given it lies at this share of the failing one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One check to be made: on which column, against which threshold.

    `segment` names the part of the rows that it is made on; None for all of them.
    `among` are the features that a check on rows compares, None for all of them.
    """

    check: Check
    threshold: Threshold
    column: str | None = None
    segment: str | None = None
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    min_rows: int = 1
    among: tuple[str, ...] | None = None


def plan(  # noqa: PLR0913 - the schema, the wishes, and what there is to measure
    schema: Schema,
    task: Task,
    wishes: Wishes = STANDARD,
    *,
    min_rows: int = 1,
    sample: bool = False,
    pairs: Sequence[str] = (),
    outcomes: bool = False,
    capture: Collection[str] = (),
) -> tuple[Entry, ...]:
    """List the checks of a window.

    Row-level checks are planned only on the columns in `pairs`, performance checks
    where `outcomes` says that there is something to make them on, and standard checks
    on rows only where `sample` says that they are kept and features are of their kinds.
    Of those on what was captured, the ones in `capture` are. Raises OptionError for a
    wish that names no check, an option that the check does not have, or no preset.
    """
    standard = [c.name for c in every() if c.default] if wishes.standard else []
    chosen = {name: Wish() for name in standard if name not in wishes.off}
    theirs = preset(wishes.preset) if wishes.preset is not None else ()
    added = {c.name: Wish() for c in theirs if c.name not in wishes.off}
    entries: list[Entry] = []
    for name, wish in {**chosen, **added, **wishes.named}.items():
        check = get(name)
        check.validate(wish.options)
        there = {
            Subject.SAMPLE: (
                (name in wishes.named or (sample and _pairable(check, schema)))
                and (not check.tasks or (outcomes and task in check.tasks))
            ),
            Subject.PAIRS: bool(pairs),
            Subject.OUTCOMES: outcomes and task in check.tasks,
            Subject.CAPTURE: name in capture,
            Subject.LABELS: outcomes and task in check.tasks,
        }
        needed = not check.needs or any(schema.first(role) for role in check.needs)
        if not (needed and there.get(check.subject, True)):
            continue
        if check.subject is Subject.PAIRS and wish.columns is None:
            columns: Sequence[str | None] = pairs
        else:
            columns = _columns(check, schema, wish, standard=name in chosen)
        entries.extend(_entry(check, wish, column, min_rows) for column in columns)
    # A check whose columns a user lists is made on all of these, whatever else is.
    listed = {name for name, wish in wishes.named.items() if wish.columns is not None}
    taken = {
        (other, entry.column)
        for entry in entries
        for other in entry.check.instead_of - listed
    }
    return tuple(e for e in entries if (e.check.name, e.column) not in taken)


def _pairable(check: Check, schema: Schema) -> bool:
    """Tell whether there are features of a check's kinds that can go together."""
    features = schema.with_role(Role.FEATURE)
    return sum(column.kind in check.kinds for column in features) >= FEWEST_COLUMNS


def _columns(
    check: Check, schema: Schema, wish: Wish, *, standard: bool
) -> Sequence[str | None]:
    """Return the columns that a check is made on; (None,) for one on the whole."""
    if check.subject in WHOLE:
        return (None,)
    if wish.columns is not None:
        return wish.columns
    kinds = check.default_kinds if standard else check.kinds
    return [
        column.name
        for column in schema.profiled
        if column.kind in kinds and column.role in check.roles
    ]


def _entry(check: Check, wish: Wish, column: str | None, min_rows: int) -> Entry:
    fail = check.threshold if wish.threshold is None else wish.threshold
    warn = min(fail, fail * WARN_SHARE) if wish.warn is None else wish.warn
    options = dict(wish.options)
    if check.peer is not None:
        # Its rule is its own: so are its threshold, and how few rows are too few.
        min_rows = 1
        options |= {} if wish.threshold is None else {"threshold": wish.threshold}
    if wish.min_rows is not None:
        min_rows = wish.min_rows
    return Entry(
        check=check,
        threshold=Threshold(fail=fail, warn=warn),
        column=column,
        options=MappingProxyType(options),
        min_rows=0 if check.any_rows else min_rows,
        among=wish.columns if check.subject is Subject.SAMPLE else None,
    )


def in_segments(
    entries: Iterable[Entry],
    segments: Iterable[Segment],
    *,
    checks: frozenset[str] | None,
    min_rows: int,
) -> Iterator[Entry]:
    """List the checks of a plan once more for each segment.

    `checks` says which; None takes those of drift and of performance. A column that
    has but one value in a segment is passed over there. Below `min_rows` rows on
    either side a check is UNKNOWN.
    """
    chosen = [
        entry
        for entry in entries
        if entry.check.subject in SEGMENTED
        and (
            entry.check.family in (Family.DRIFT, Family.PERFORMANCE)
            if checks is None
            else entry.check.name in checks
        )
    ]
    for segment in segments:
        for entry in chosen:
            if entry.column not in segment.fixed:
                yield replace(entry, segment=segment.name, min_rows=min_rows)


def evaluate(
    entries: Iterable[Entry],
    reference: Reference,
    evidence: Evidence,
    *,
    alpha: float,
    correction: Correction,
) -> list[Verdict]:
    """Make every check of the plan and judge them as one family.

    `alpha` is the chance of a false alarm that this window may take. Returns one
    verdict for each entry, in order.
    """
    entries = tuple(entries)
    measured = _measured(entries, reference, evidence)
    adjusted = iter(_adjusted(measured, correction))
    verdicts = []
    for entry, found in zip(entries, measured, strict=True):
        if isinstance(found, str):
            verdicts.append(_unknown(entry, found))
            continue
        p_adjusted = None if found.p_value is None else next(adjusted)
        status, reason = judge(found, p_adjusted, entry.threshold, alpha)
        verdicts.append(
            Verdict(
                check=entry.check.name,
                family=entry.check.family,
                column=entry.column,
                segment=entry.segment or found.segment,
                status=status,
                reason=reason,
                statistic=found,
                p_adjusted=p_adjusted,
                threshold=_limit(entry, found),
            )
        )
    return verdicts


def _limit(entry: Entry, found: Statistic) -> float | None:
    """Return the threshold that decided."""
    return found.ruling.threshold if found.ruling else entry.threshold.fail


def _adjusted(
    measured: Iterable[Statistic | str], correction: Correction
) -> list[float]:
    """Adjust the p-values of those checks that gave one."""
    found = [
        (one.p_value, one.attainable)
        for one in measured
        if isinstance(one, Statistic) and one.p_value is not None
    ]
    return adjust([p for p, _ in found], correction, [known for _, known in found])


def _unknown(entry: Entry, cause: str) -> Verdict:
    return Verdict(
        check=entry.check.name,
        family=entry.check.family,
        column=entry.column,
        segment=entry.segment,
        status=Status.UNKNOWN,
        reason=Reason.UNMEASURABLE,
        cause=cause,
        threshold=entry.threshold.fail,
    )


def _measured(
    entries: Sequence[Entry], reference: Reference, evidence: Evidence
) -> list[Statistic | str]:
    """Make every check; the rows of a column are read once for all checks of them."""
    together: dict[object, list[int]] = {}
    last: list[int] = []
    for place, entry in enumerate(entries):
        raw = entry.check.subject is Subject.VALUES
        group = together.setdefault(entry.column if raw else (), [])
        (last if entry.check.subject is Subject.VERDICTS else group).append(place)

    def made(places: Sequence[int]) -> list[Statistic | str]:
        values = evidence.values
        once = replace(evidence, values=values and functools.cache(values))
        return [_measure(entries[place], reference, once) for place in places]

    found: dict[int, Statistic | str] = {}
    groups = list(together.values())
    for places, told in zip(groups, evidence.walk(made, groups), strict=True):
        found.update(zip(places, told, strict=True))
    for place in last:
        of = {
            entries[p].column or "": one
            for p, one in sorted(found.items())
            if entries[p].check.name == entries[place].check.of
        }
        found[place] = _measure(entries[place], reference, replace(evidence, found=of))
    return [found[place] for place in range(len(entries))]


def _measure(entry: Entry, reference: Reference, evidence: Evidence) -> Statistic | str:
    """Return what a check measured, or the cause why it could not."""
    try:
        if entry.segment is not None:
            reference, evidence = _inside(entry, reference, evidence)
        statistic = _subject(entry, reference, evidence)
    except Unmeasurable as unmeasurable:
        return unmeasurable.cause
    except ChecksError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - one check never takes the others along
        return f"the check failed: {type(error).__name__}: {error}"
    rows = statistic.n_current
    if entry.check.subject is Subject.SAMPLE:
        rows = evidence.profile.rows  # of which only some were looked at
    if rows < entry.min_rows:
        return f"too few rows: {rows}, and at least {entry.min_rows} are needed"
    return statistic


def _inside(
    entry: Entry, reference: Reference, evidence: Evidence
) -> tuple[Reference, Evidence]:
    """Return both sides of an entry's segment, where they have rows enough."""
    name = entry.segment or ""
    known, found = reference.segments.get(name), evidence.segments.get(name)
    if known is None or found is None:
        cause = "nothing was counted in this segment yet"
        raise Unmeasurable(cause)
    for side, rows in (
        ("reference", known.profile.rows),
        ("window", found.profile.rows),
    ):
        if rows < max(1, entry.min_rows):
            cause = (
                f"{FEW_IN_SEGMENT}{side}: {rows}, and at least "
                f"{max(1, entry.min_rows)} are needed"
            )
            raise Unmeasurable(cause)
    return known, found


def _subject(entry: Entry, reference: Reference, evidence: Evidence) -> Statistic:
    """Call a check on what it compares."""
    sides: tuple[Any, ...]
    match entry.check.subject:
        case Subject.COLUMN:
            sides = _column(entry, reference, evidence.profile)
        case Subject.VALUES:
            sides = _values(entry, reference, evidence)
        case Subject.TABLE | Subject.STREAM:
            sides = _whole(entry, reference, evidence)
        case Subject.SAMPLE:
            sides = _rows(entry, evidence)
        case Subject.PAIRS:
            sides = (_pairs(entry, evidence),)
        case Subject.OUTCOMES | Subject.LABELS:
            sides = evidence.labelled(entry.check.subject)
        case Subject.VERDICTS | Subject.CAPTURE as of:
            sides = (evidence.found if of is Subject.VERDICTS else evidence.captured,)
    found = entry.check.measure(*sides, **entry.options)
    if entry.check.subject is Subject.OUTCOMES:
        effect = evidence.outcome_effects.get(entry.check.name, 1.0)
        found = found.widened(evidence.outcome_weights)
        return found.widened(effect, len(reference.block_rows))
    if entry.check.subject in (Subject.COLUMN, Subject.VALUES):
        return _guarded(entry, found, reference, evidence)
    return found


def _pairs(entry: Entry, evidence: Evidence) -> Pairs:
    pairs = (evidence.pairs or {}).get(entry.column or "")
    if pairs is None:
        raise Unmeasurable(evidence.pairs_cause)
    return pairs


def _whole(entry: Entry, reference: Reference, evidence: Evidence) -> tuple[Any, ...]:
    """Return the whole of both sides, and when the window was where that matters."""
    if entry.check.subject is Subject.TABLE:
        return reference, evidence.profile
    if evidence.span is None:
        cause = "nobody said when the window began and ended"
        raise Unmeasurable(cause)
    return reference, evidence.profile, evidence.span


def _column(
    entry: Entry, reference: Reference, profile: Profile
) -> tuple[ColumnProfile, ColumnProfile]:
    """Return a column's two profiles; raises Unmeasurable where there is none."""
    name = entry.column or ""
    if profile.rows == 0:
        raise Unmeasurable(NO_ROWS)
    known = reference.column(name)
    if known is None:
        cause = reference.profile.unreadable.get(
            name, f"the reference has no usable column {name!r}"
        )
        raise Unmeasurable(cause)
    current = profile.columns.get(name)
    if current is None:
        cause = profile.unreadable.get(name, f"the window has no column {name!r}")
        raise Unmeasurable(cause)
    return known, reference.corrected(current)


def _rows(entry: Entry, evidence: Evidence) -> tuple[Known, pa.Table]:
    """Return rows of both sides; raises Unmeasurable where there are none."""
    if evidence.known is None or evidence.sample is None:
        raise Unmeasurable(evidence.sample_cause)
    if evidence.sample.num_rows == 0:
        raise Unmeasurable(NO_ROWS)
    return evidence.known.among(entry.among, entry.check.roles), evidence.sample


def _guarded(
    entry: Entry, found: Statistic, reference: Reference, evidence: Evidence
) -> Statistic:
    """Return a statistic that is certain only where the stream never does such."""
    name = entry.column or ""
    current = evidence.profile.columns[name]
    if entry.check.facet is Facet.MISSING:
        found = looked_at(found, reference.profile.columns[name], current)
    return reference.unusual(
        found, reference.corrected(current), entry.check.facet, at=evidence.centre
    )


def _values(
    entry: Entry, reference: Reference, evidence: Evidence
) -> tuple[Values, Values]:
    """Return a column's rows on both sides; raises Unmeasurable where they are not."""
    profiles = _column(entry, reference, evidence.profile)
    if evidence.values is None:
        raise Unmeasurable(evidence.values_cause)
    by_row(*profiles)
    rows = evidence.values(entry.column or "")
    known, current = (
        side.corrected(profile.design_effect)
        for side, profile in zip(rows, profiles, strict=True)
    )
    return known, current
