"""The landing page: is any model in trouble, since when, how bad, and where to look."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jinja2 import Environment, PackageLoader, StrictUndefined

from checks.verdict import Status
from monitor import wording
from monitor.incident import Incident
from monitor.server.state import ModelState, ServerState
from monitor.window import Window, rfc3339

SHOWN = 12
"""Firing incidents that the page spells out for one model; the rest are a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A status as the page shows it: a sign, a word, and the class that colours it.

    The sign and the word say it without the colour.
    """

    sign: str
    word: str
    kind: str


FIRING = Mark(sign="▲", word="firing", kind="fail")
WAITING = Mark(sign="○", word="no window yet", kind="unknown")
MARKS = {
    Status.FAIL: Mark(sign="△", word="failing", kind="warn"),
    Status.WARN: Mark(sign="△", word="warning", kind="warn"),
    Status.UNKNOWN: Mark(sign="?", word="unknown", kind="unknown"),
    Status.PASS: Mark(sign="●", word="well", kind="pass"),
}


def mark(model: ModelState) -> Mark:
    """Return how a model stands; what fires comes before the last window's status."""
    if model.firing:
        return FIRING
    if all(monitor.window is None for monitor in model.monitors):
        return WAITING
    return MARKS[model.status]


def headline(models: Sequence[ModelState]) -> str:
    """Say in one line whether any model is in trouble.

    >>> headline([])
    'No model is watched'
    """
    trouble = sum(bool(model.firing) for model in models)
    well = sum(mark(model) is MARKS[Status.PASS] for model in models)
    of = wording.count(len(models), "model")
    if not models:
        return "No model is watched"
    if trouble:
        return f"{trouble} of {of} in trouble"
    return f"{of}, all well" if well == len(models) else f"{of}, none in trouble"


def length(window: Window) -> str:
    """Tell a window in the fewest words: a day by its date.

    >>> from monitor.window import parse_time
    >>> length(Window(parse_time("2013-07-01"), parse_time("2013-07-02")))
    '2013-07-01'
    >>> length(Window(parse_time("2013-07-01"), parse_time("2013-07-01T01:00")))
    '2013-07-01 00:00 to 01:00'
    """
    first, last = window.start, window.end
    if _midnight(first) and window.length == timedelta(days=1):
        return f"{first:%Y-%m-%d}"
    if _midnight(first) and _midnight(last):
        return f"{first:%Y-%m-%d} to {last - timedelta(days=1):%Y-%m-%d}"
    if first.date() == last.date():
        return f"{first:%Y-%m-%d %H:%M} to {last:%H:%M}"
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"


def landing(state: ServerState) -> str:
    """Return the page as HTML; raises StoreError."""
    models = state.models()
    ranked = sorted(models, key=lambda model: (not model.firing, model.model))
    return _PAGES.get_template("landing.html").render(
        models=ranked,
        headline=headline(models),
        trouble=any(model.firing for model in models),
        state=state,
        now=state.now(),
        shown=SHOWN,
        troubles=list(_troubles(state)),
    )


def _troubles(state: ServerState) -> Iterator[str]:
    """Say what is wrong with the daemon itself."""
    for name, trouble in state.readiness().items():
        if trouble:
            yield f"{name}: {trouble}"


def _midnight(moment: datetime) -> bool:
    return moment == moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _sentence(incident: Incident) -> str:
    """Tell an incident, without the signs by which a name can turn a line around."""
    return _TURNING.sub("\N{REPLACEMENT CHARACTER}", wording.sentence(incident))


_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


_PAGES = Environment(
    loader=PackageLoader("monitor.server"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters.update(
    mark=mark,
    length=length,
    length_of=len,
    minute=_minute,
    rfc3339=rfc3339,
    sentence=_sentence,
    thousands="{:,}".format,
)
