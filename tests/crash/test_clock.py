"""Clocks that jump, and every change of summer time, double and lose nothing."""

import itertools
import json
import os
import time
import zoneinfo
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import text

from monitor.app import App, World
from monitor.config import Period
from monitor.config.mute import MuteTime
from monitor.config.scalars import next_fire
from monitor.deliver import deliver_due
from monitor.opening import read_config
from monitor.periods import containing, over
from monitor.window import Window, parse_time, rfc3339, windows_due
from tests.crash import replicas
from tests.crash.figures import note
from tests.crash.replicas import BEGIN, MODELS, WINDOW
from tests.crash.story import Sink

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
WINDOWS = min(int(os.environ.get("DRIFTD_SLOTS", "8")), 300)
SEED = int(os.environ.get("DRIFTD_SEED", "20260301"))
FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)


# ── a clock that jumps ───────────────────────────────────────────────────────────────


class Jumping:
    """A machine's clock that is set wrong at times, and right again later."""

    def __init__(self, chance: Random | None) -> None:
        self.true = BEGIN + WINDOW
        self.wrong = timedelta(0)
        self.jumps = 0
        self._chance = chance

    def now(self) -> datetime:
        return self.true + self.wrong

    def sleep(self, seconds: float) -> None:
        self.true += timedelta(seconds=seconds)

    def tick(self) -> None:
        """Let ten minutes pass; the clock may jump on the way."""
        self.true += 10 * MINUTE
        if self._chance is not None and self._chance.random() < 0.3:
            self.wrong = HOUR if self.wrong < timedelta(0) else self.wrong - HOUR
            self.jumps += 1


STATE = {
    "run": "SELECT model, window_start, status, rows FROM run ORDER BY 1, 2",
    "incident": 'SELECT model, "check", "column", state, history, opened, last_window '
    "FROM incident ORDER BY 1, 2, 3, opened",
    "transition": 'SELECT i.model, i."check", i."column", old, new, reason '
    "FROM transition t JOIN incident i ON t.incident = i.id ORDER BY 1, t.seq",
    "outbox": "SELECT model, reason, outcome FROM outbox ORDER BY model, seq",
}


def lived(folder: Path, chance: Random | None) -> tuple[dict[str, list[Any]], int]:
    """Live through all windows by a clock; return what is known, and its jumps."""
    folder.mkdir()
    url = f"sqlite:///{folder}/driftd.db"
    replicas.prepare(folder, url, WINDOWS)
    clock, rng = Jumping(chance), Random(SEED)
    sinks = {"team": Sink("team", folder / "received.jsonl")}
    with App(read_config(folder / "driftd.yaml", {}), World(clock=clock)) as app:
        end = BEGIN + (WINDOWS + 2) * WINDOW
        while clock.true < end or app.store.oldest_pending() is not None:
            for _ in app.cycle.run(min(clock.now(), BEGIN + WINDOWS * WINDOW)):
                pass
            app.remind()
            deliver_due(app.store, sinks, clock=clock, rng=rng)
            clock.tick()
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        state = {k: list(connection.execute(text(s))) for k, s in STATE.items()}
    engine.dispose()
    return state, clock.jumps


def test_a_clock_that_jumps_by_an_hour_doubles_and_loses_nothing(
    tmp_path: Path,
) -> None:
    calm, _ = lived(tmp_path / "calm", None)
    jumped, jumps = lived(tmp_path / "jumped", Random(SEED))

    assert jumps > WINDOWS
    assert jumped == calm
    assert len(jumped["run"]) == WINDOWS * len(MODELS)
    lines = (tmp_path / "jumped" / "received.jsonl").read_text().splitlines()
    ids = [json.loads(line)["id"] for line in lines]
    assert len(ids) == len(set(ids)) == len(jumped["outbox"])
    note("clock set back or forward by an hour", times=jumps, windows=len(calm["run"]))


# ── every change of summer time ──────────────────────────────────────────────────────


@cache
def changes() -> dict[str, tuple[datetime, ...]]:
    """Return when each zone's offset changes, one zone of those that do it alike."""
    alike: dict[tuple[Any, ...], str] = {}
    for name in sorted(zoneinfo.available_timezones()):
        zone = zoneinfo.ZoneInfo(name)
        steps = [FIRST + n * 14 * timedelta(days=1) for n in range(418)]
        offsets = [at.astimezone(zone).utcoffset() for at in steps]
        found = tuple(
            _change(zone, before, after)
            for (before, old), (after, new) in itertools.pairwise(
                zip(steps, offsets, strict=True)
            )
            if old != new
        )
        alike.setdefault((offsets[0], found), name)
    return {name: found for (_, found), name in alike.items() if found}


def _change(zone: zoneinfo.ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the first minute of the new offset."""
    old = before.astimezone(zone).utcoffset()
    minutes = range((after - before) // MINUTE)
    at = bisect_left(
        minutes,
        1,
        key=lambda n: (before + n * MINUTE).astimezone(zone).utcoffset() != old,
    )
    return before + at * MINUTE


def test_a_mute_time_ends_by_the_wall_clock_at_every_change_of_every_zone() -> None:
    """A quiet night begins and ends when a clock there says so."""
    looked = 0
    for name, found in changes().items():
        zone = zoneinfo.ZoneInfo(name)
        quiet = MuteTime(hours="22:00-06:00", time_zone=name)
        for change in found:
            for quarter in range(-24, 25):
                at = change + quarter * 15 * MINUTE
                offset = at.astimezone(zone).utcoffset()
                assert offset is not None
                wall = (at + offset).hour
                assert quiet.covers(at) is (wall >= 22 or wall < 6), (name, at)
            looked += 1
    assert looked > 1000
    note("change of summer time", times=looked, zones_unlike_each_other=len(changes()))


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Let the machine stand in another zone."""

    def move(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


def test_windows_periods_and_cron_know_no_summer_time(elsewhere: Any) -> None:
    """Wherever the machine stands, hours and days are all there, once, and as long."""
    for name, found in changes().items():
        elsewhere(name)
        for change in found:
            since = change.replace(minute=0) - 3 * HOUR
            due = windows_due(
                length=HOUR,
                every=HOUR,
                since=since,
                now=since + 6 * HOUR,
                delay=timedelta(0),
                done=(),
            )
            assert due == [
                Window(since + n * HOUR, since + (n + 1) * HOUR) for n in range(6)
            ]
            days = list(over(change, change + timedelta(days=3), Period.DAY))
            assert [day.length for day in days] == [24 * HOUR] * len(days)
            assert containing(change, Period.DAY) == days[0]
            assert parse_time(rfc3339(change)) == change
        assert next_fire("30 * * * *", found[0]) - found[0] <= HOUR
