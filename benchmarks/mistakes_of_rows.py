"""Mistakes that mix up rows, columns or times."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from benchmarks.mistakes import Mistake, Rng, Serve, Table, number
from checks.cause import Nature
from checks.exact import Floats

N = Nature


def previous(back: int) -> Serve:
    """Serve the entity's value from some rows before."""

    def serve(values: Any, table: Table, rng: Rng) -> Any:  # noqa: ANN401
        del rng
        return (
            pd.Series(values).groupby(table["entity"]).shift(back).fillna(-1).to_numpy()
        )

    return serve


def _ago(seconds: float) -> Serve:
    """Serve the entity's value as it was so long ago."""

    def serve(values: Any, table: Table, rng: Rng) -> Any:  # noqa: ANN401
        del rng
        frame = pd.DataFrame(
            {"e": table["entity"], "t": table["at"], "v": values}
        ).astype({"t": float})
        asked = frame.assign(t=frame["t"] - seconds)
        return pd.merge_asof(asked, frame, on="t", by="e")["v_y"].fillna(-1).to_numpy()

    return serve


def _zone(name: str) -> Callable[[Floats], Floats]:
    """Return what reads local times as if they were UTC."""
    zone = ZoneInfo(name)

    def serve(values: Floats) -> Floats:
        local = [datetime.fromtimestamp(value, zone) for value in values.tolist()]
        return np.array([at.replace(tzinfo=UTC).timestamp() for at in local])

    return serve


def _day_and_month(values: Floats) -> Floats:
    swapped = []
    for value in values.tolist():
        at = datetime.fromtimestamp(value, UTC)
        if at.day <= 12:
            at = at.replace(month=at.day, day=at.month)
        swapped.append(at.timestamp())
    return np.array(swapped)


def _take(name: str) -> Serve:
    """Serve another column."""
    return lambda _v, table, _r: table[name]


OF_ROWS: tuple[Mistake, ...] = (
    Mistake(
        name="two columns swapped",
        column="temperature",
        serve=_take("humidity"),
        also={"humidity": _take("temperature")},
        natures=(N.SWAPPED,),
        says="humidity",
    ),
    Mistake(
        name="three columns in a circle",
        column="temperature",
        serve=_take("humidity"),
        also={"humidity": _take("pressure"), "pressure": _take("temperature")},
        natures=(N.SWAPPED,),
        says="humidity",
    ),
    Mistake(
        name="one column twice",
        column="temperature",
        serve=_take("humidity"),
        natures=(N.SWAPPED,),
        says="humidity",
    ),
    Mistake(
        name="the value before",
        column="walk",
        serve=previous(1),
        natures=(N.STALE,),
        says="stale",
    ),
    Mistake(
        name="two values before",
        column="walk",
        serve=previous(2),
        natures=(N.STALE,),
        says="stale",
    ),
    Mistake(
        name="as it was a day ago",
        column="walk",
        serve=_ago(86_400),
        natures=(N.STALE,),
        says="stale",
    ),
    Mistake(
        name="as it was 6 h ago",
        column="walk",
        serve=_ago(21_600),
        natures=(N.STALE,),
        says="stale",
    ),
    Mistake(
        name="the row before",
        column="amount",
        serve=lambda v, _t, _r: np.roll(v, 1),
        natures=(N.SHIFTED,),
        says="row",
    ),
    Mistake(
        name="the row after",
        column="amount",
        serve=lambda v, _t, _r: np.roll(v, -1),
        natures=(N.SHIFTED,),
        says="row",
    ),
)
"""Those that mix rows or columns up."""

_ZONES: tuple[tuple[str, Callable[[Floats], Floats], str], ...] = (
    ("5 h behind UTC", lambda x: x - 18_000, "5 h behind"),
    ("India's half hour", lambda x: x + 19_800, "5 h 30 min ahead"),
    ("Nepal's quarter", lambda x: x + 20_700, "5 h 45 min ahead"),
    ("New York's local time", _zone("America/New_York"), "4 h or 5 h behind"),
    ("Berlin's local time", _zone("Europe/Berlin"), "1 h or 2 h ahead"),
    ("Adelaide's local time", _zone("Australia/Adelaide"), "ahead"),
    ("London's local time", _zone("Europe/London"), "1 h ahead"),
)

TIMES: tuple[Mistake, ...] = (
    *(number(name, "when", serve, N.TIME_SHIFT, says) for name, serve, says in _ZONES),
    number("off by one day", "when", lambda x: x + 86_400, N.OFFSET, "day"),
    number("a day too early", "when", lambda x: x - 86_400, N.OFFSET, "day"),
    number(
        "day and month swapped",
        "when",
        _day_and_month,
        N.TRANSFORM,
        "day and month",
    ),
    number(
        "cut to the day",
        "when",
        lambda x: x // 86_400 * 86_400,
        N.ROUNDING,
        "the day",
    ),
    number(
        "cut to the hour",
        "when",
        lambda x: x // 3_600 * 3_600,
        N.ROUNDING,
        "the hour",
    ),
    number("seconds read as ms", "when", lambda x: x / 1_000, N.FACTOR, "seconds"),
    number("1970", "when", np.zeros_like, N.CONSTANT, "1970"),
)
"""Those in times."""
