"""Values that a segment asks for and the reference does not have: typing errors, often.

A value that will come one day is none, so that nothing of this is ever an error.
"""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping

from checks.bins import LevelBins
from checks.profile import Bins
from checks.segment import Segment, shorten
from monitor.mrkdwn import visible

SHOWN = 5
"""Levels that are named where none is near."""


def absent(bins: Bins) -> Iterator[str]:
    """Tell of each value that is asked for and stands in no level of a column."""
    if not bins.segments:
        return
    known = {
        name: column.levels
        for name, column in bins.columns.items()
        if isinstance(column, LevelBins) and column.complete
    }
    yield from among(bins.segments, known)


def among(
    segments: Iterable[Segment], known: Mapping[str, Collection[str]]
) -> Iterator[str]:
    """Tell the same, given the levels of columns; the others are not spoken of."""
    for segment in segments:
        for condition in segment.conditions:
            levels = known.get(condition.column)
            if condition.kind.ordered or levels is None:
                continue
            for level in condition.levels:
                if level is not None and level not in levels:
                    yield _said(segment.name, condition.column, level, levels)


def _said(segment: str, column: str, level: str, levels: Collection[str]) -> str:
    """Say which value is absent, and which was probably meant."""
    asked, where = visible(shorten(level)), visible(column)
    said = f"segment {visible(segment)}: the reference has no {where} {asked!r}; "
    by_case = {one.casefold().strip(): one for one in levels}
    same = by_case.get(level.casefold().strip())
    close = [same] if same else difflib.get_close_matches(level, levels, n=1)
    if close:
        return f"{said}did you mean {visible(shorten(close[0]))!r}?"
    names = [repr(visible(shorten(one))) for one in list(levels)[:SHOWN]]
    if not names:
        return f"{said}it has no value there"
    more = f" and {len(levels) - SHOWN} more" if len(levels) > SHOWN else ""
    return f"{said}it has {', '.join(names)}{more}"
