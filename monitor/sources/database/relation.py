"""What is read: a table or a query, and the rows of it that lie in a window."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, FromClause, and_, table, text
from sqlalchemy import column as named

from monitor.sources.database.columns import Column, Kind
from monitor.window import Window

_QUOTED = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/""",
    re.DOTALL | re.VERBOSE,
)
_DAY = timedelta(days=1)
_SHIFT = timedelta(hours=3)
"""More than any clock is put forward or back at once, where clocks are."""
_FAR = timedelta(hours=15)
"""More than any zone is away from UTC."""


def several(query: str) -> bool:
    """Tell whether a query has a `;` that is no part of a text, a name or a remark.

    >>> several("SELECT ';' AS x -- ; none"), several("SELECT 1; DROP TABLE x")
    (False, True)
    """
    return ";" in _QUOTED.sub("", query)


def of_table(name: str) -> FromClause:
    """Return a table, by its name or as `schema.name`."""
    schema, _, own = name.rpartition(".")
    return table(own, schema=schema or None)


def of_query(query: str) -> FromClause:
    """Return a query as something to select from; whatever it holds stays in it.

    Colons stay colons, and a remark at its end does not swallow the bracket.
    """
    return text(query.replace(":", r"\:") + "\n").columns().subquery("driftd_rows")


def inside(moment: Column, window: Window, zone: ZoneInfo) -> ColumnElement[bool]:
    """Return a condition that holds for every row whose time lies in a window.

    It compares the column itself, which an index answers, and may hold for rows at
    the edge that lie outside: local times that a zone had twice, dates, texts.
    """
    here: ColumnElement[Any] = named(moment.name)
    start, end = window.start.astimezone(UTC), window.end.astimezone(UTC)
    if moment.kind is Kind.LOCAL:
        slack = timedelta(0) if zone.key == "UTC" else _SHIFT
        start, end = _local(start, zone) - slack, _local(end, zone) + slack
    elif moment.kind is Kind.DATE:
        first, last = _local(start, zone).date(), _local(end, zone).date()
        return and_(here >= first, here <= last)
    elif moment.kind is Kind.WRITTEN:
        # Whole days compare alike whether a blank or a T parts them from the hours.
        first, last = (start - _FAR).date(), (end + _FAR + _DAY).date()
        return and_(here >= first.isoformat(), here < last.isoformat())
    return and_(here >= start, here < end)


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
