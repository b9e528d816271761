"""The small languages inside a config: durations, budgets, cron lines and names."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator, PlainValidator, WithJsonSchema

from monitor.problems import mistake

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PART = r"\d+(?:\.\d+)?(?:ms|s|m|h|d|w)"
_WHOLE = re.compile(rf"(?:{_PART})+\Z")
_EACH = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_BUDGET = re.compile(rf"(\d+)\s+per\s+((?:{_PART})+)\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_LONGEST = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How often something may happen: at most `count` times in any stretch of `per`."""

    count: int
    per: timedelta

    def __str__(self) -> str:
        """Write it as it is written in a config."""
        return f"{self.count} per {spoken(self.per)}"


def duration(written: object) -> timedelta:
    """Read a stretch of time such as `90s`, `15m`, `1h30m`, `1d` or `2w`.

    >>> duration("1h30m")
    datetime.timedelta(seconds=5400)

    Raises a PydanticCustomError that shows what was written.
    """
    if isinstance(written, timedelta):
        return written
    if isinstance(written, str) and _WHOLE.match(written):
        parts = _EACH.findall(written)
        if sum(float(n) * _UNITS[u].total_seconds() for n, u in parts) < (
            _LONGEST.total_seconds()
        ):
            return sum((float(n) * _UNITS[u] for n, u in parts), timedelta(0))
    message = f"{written!r} is not a duration"
    raise mistake(message, "write for example 15m, 1h or 1d.")


def budget(written: object) -> Budget:
    """Read a budget such as `1 per 90d`.

    >>> str(budget("2 per 30d"))
    '2 per 30d'

    Raises a PydanticCustomError that shows what was written.
    """
    if isinstance(written, Budget):
        return written
    match = _BUDGET.match(written) if isinstance(written, str) else None
    if match is None or int(match[1]) == 0 or not duration(match[2]):
        message = f"{written!r} is not a budget"
        raise mistake(message, "write for example 1 per 90d.")
    return Budget(count=int(match[1]), per=duration(match[2]))


def spoken(length: timedelta) -> str:
    """Write a stretch of time as a config does.

    >>> spoken(timedelta(days=1, hours=12)), spoken(timedelta(0))
    ('1d12h', '0s')
    """
    left = length
    text = ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, _UNITS[unit])
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _positive(length: timedelta) -> timedelta:
    if length <= timedelta(0):
        message = f"{spoken(length)} is no stretch of time"
        raise mistake(message, "write a duration above zero.")
    return length


def _cron(written: str) -> str:
    try:
        _trigger(written)
    except ValueError as error:
        message = f"{written!r} is not a cron line ({error})"
        fix = "write minute, hour, day, month, weekday: `0 6 3 * *`."
        raise mistake(message, fix) from None
    return written


def _name(written: str) -> str:
    if not _NAME.match(written):
        message = f"{written!r} cannot be a name"
        fix = "use at most 100 letters, digits, `.`, `_` and `-`."
        raise mistake(message, fix)
    return written


def _number_as_text(written: object) -> object:
    if isinstance(written, float):
        message = f"{written!r} is a number here, and 1.10 would become 1.1"
        raise mistake(message, f'put it in quotes: "{written}".')
    if isinstance(written, int) and not isinstance(written, bool):
        return str(written)
    return written


_DURATION_SCHEMA = WithJsonSchema(
    {"type": "string", "pattern": f"^({_PART})+$", "examples": ["15m", "1h", "1d"]}
)

Delay = Annotated[timedelta, PlainValidator(duration), _DURATION_SCHEMA]
"""A stretch of time, possibly none."""

Duration = Annotated[
    timedelta, PlainValidator(duration), AfterValidator(_positive), _DURATION_SCHEMA
]
"""A stretch of time above zero."""

Allowance = Annotated[
    Budget,
    PlainValidator(budget),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^\\d+ per ({_PART})+$",
            "examples": ["1 per 90d"],
        }
    ),
]
"""A budget as a config writes it."""

Cron = Annotated[str, AfterValidator(_cron)]
"""A line of five cron fields, in UTC."""

Name = Annotated[str, AfterValidator(_name)]
"""A name that is safe in a URL, a metric's label and a file's name."""

Text = Annotated[str, BeforeValidator(_number_as_text)]
"""A text that may look like a whole number."""


def next_fire(cron: str, after: datetime) -> datetime:
    """Return the first time at or after a moment that a cron line names, in UTC.

    >>> next_fire("0 6 3 * *", datetime(2013, 5, 1, tzinfo=UTC)).isoformat()
    '2013-05-03T06:00:00+00:00'
    """
    found: datetime = _trigger(cron).get_next_fire_time(None, after)
    return found.astimezone(UTC)


def _trigger(cron: str) -> "CronTrigger":
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - it is slow

    return CronTrigger.from_crontab(cron, timezone="UTC")


def web_address(url: str) -> str:
    """Return a web address without its last slash; refuse anything else."""
    if not url.startswith(("https://", "http://")):
        message, fix = f"{url!r} is no web address", "write https://driftd.example.org"
        raise mistake(message, fix)
    return url.rstrip("/")
