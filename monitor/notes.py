"""What is told beside a window's verdicts: which of them could not have been others."""

from collections.abc import Iterable, Iterator, Sequence

from checks.ability import able, mute
from checks.correction import Correction, sharing
from checks.family import level_of
from checks.profile import Profile
from checks.reference import Reference
from checks.schema import Schema
from checks.suite import Entry
from checks.verdict import Status, Verdict
from monitor.absent import absent
from monitor.arrival import Standing
from monitor.engines.base import remarks
from monitor.feeds import Feeds
from monitor.mrkdwn import visible
from monitor.skew import Skew

NAMED = 10
"""Segments that one line names."""

_ANSWERS = (Status.PASS, Status.WARN)


def notes(  # noqa: PLR0913, PLR0917 - a window's verdicts, and what they are made from
    entries: Sequence[Entry],
    verdicts: Sequence[Verdict],
    reference: Reference,
    profile: Profile,
    alpha: float,
    correction: Correction,
) -> Iterator[str]:
    """Tell which checks could not have failed, and which segments nobody can be in."""
    judged = [
        entry
        for entry, verdict in zip(entries, verdicts, strict=True)
        if verdict.status in _ANSWERS
    ]
    spent = [
        verdict.statistic.attainable
        for verdict in verdicts
        if verdict.statistic and verdict.p_adjusted is not None
    ]
    level = level_of(alpha, sharing(spent, alpha), correction)
    yield from _too_small(judged, reference, profile, level)
    yield from _small_segments(judged, reference, profile, level)
    yield from absent(reference.bins)
    yield from _unweighed(reference.bins.schema, profile)


def _unweighed(schema: Schema, profile: Profile) -> Iterator[str]:
    """Tell of a column of weights that the window lacks."""
    for column in schema:
        if column.role.weighs and column.name not in profile.types and profile.rows:
            yield (
                f"there is no column {visible(column.name)}, which says how many rows "
                "each stands for: each was taken to stand for itself"
            )


def _too_small(
    judged: Iterable[Entry], reference: Reference, profile: Profile, level: float
) -> Iterator[str]:
    """Tell which checks of all rows could not have failed, whatever there had been."""
    whole = [entry for entry in judged if entry.segment is None]
    silent = mute(whole, reference, profile, level)
    if silent:
        first = silent[0]
        yield (
            f"the window is too small for {len(silent)} of {len(whole)} checks ever "
            f"to fail, such as {first.check.name} of {first.column}: "
            "driftd calibrate says how many rows it takes"
        )


def _small_segments(
    judged: Iterable[Entry], reference: Reference, profile: Profile, level: float
) -> Iterator[str]:
    """Name the segments in which no check could have failed: all of them in one line.

    Those that are known to be able are looked at no further.
    """
    chances: dict[str, bool] = {}
    for entry in judged:
        name = entry.segment
        if name is None or chances.get(name):
            continue
        known, found = reference.segments.get(name), profile.segments.get(name)
        column = found.columns.get(entry.column or "") if found else None
        if known is None or column is None:
            continue
        can = able(entry, known, column.rows, level)
        if can is not None:
            chances[name] = can
    small = [name for name, can in chances.items() if not can]
    if small:
        several = len(small) > 1
        yield (
            f"{len(small)} segment{'s are' if several else ' is'} too small for any of "
            f"{'their' if several else 'its'} checks of columns ever to fail: "
            f"{named(small)}: driftd calibrate says how many rows it takes"
        )


def named(names: Sequence[str]) -> str:
    """Join the first names.

    >>> named(["a", "b"]), named(["x"] * 12)[-14:]
    ('a, b', ', x and 2 more')
    """
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(visible, names[:NAMED])) + more


def of_rows(standing: Standing | None, skew: Skew) -> Iterator[str]:
    """Tell what was left out of labels, and of the rows that were compared."""
    if standing is not None:
        yield from standing.notes
    yield from skew.notes


def left_out_of(predictions: Iterable[str], feeds: Feeds) -> Iterator[str]:
    """Tell what was left out of the sources of a window, and why."""
    yield from (f"predictions: {told}" for told in predictions)
    yield from (f"labels: {told}" for told in remarks(feeds.labels))
    yield from (f"recomputed features: {told}" for told in remarks(feeds.recomputed))
