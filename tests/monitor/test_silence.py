"""What keeps an incident from being told, and what is told once that is over."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import main
from monitor.config.mute import MuteTime
from monitor.incident import Incident
from monitor.judgement import Judgement
from monitor.silence import Acknowledgement, Quiet, Silence
from tests.monitor.examples import FIRST, incident, verdict
from tests.monitor.world import DAY, Small, small

HOUR = timedelta(hours=1)
A, B = incident(name="a"), incident(verdict(column="wind"), name="b")


def silence(**matchers: str) -> Silence:
    return Silence(
        id="s1",
        matchers=matchers,
        starts=FIRST,
        ends=FIRST + HOUR,
        author="ada",
    )


def said(judgement: Judgement, about: Incident = A) -> Acknowledgement:
    return Acknowledgement(
        incident=about.id, judgement=judgement, author="ada", at=FIRST
    )


# ── the values ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("matchers", "covered"),
    [
        ({}, True),
        ({"column": "temp"}, True),
        ({"column": "t*", "family": "drift"}, True),
        ({"column": "t*", "family": "skew"}, False),
        ({"column": "Temp"}, False),
        ({"segment": "origin = JFK"}, False),
        ({"model": "fl[ai]ghts"}, True),
    ],
)
def test_a_silence_covers_what_all_its_matchers_match(
    matchers: dict[str, str],
    covered: bool,  # noqa: FBT001 - passed by name
) -> None:
    assert silence(**matchers).covers(A.key, FIRST) is covered


def test_a_silence_has_a_beginning_and_an_end() -> None:
    at = [FIRST - HOUR, FIRST, FIRST + HOUR]
    assert [silence().covers(A.key, one) for one in at] == [False, True, False]


def test_noise_and_the_expected_are_not_told_and_the_real_is() -> None:
    word = {
        judgement: Quiet(acknowledged={"a": said(judgement)}).reason(A, FIRST)
        for judgement in Judgement
    }
    assert word == {
        Judgement.REAL: None,
        Judgement.NOISE: "acknowledged as noise by ada",
        Judgement.EXPECTED: "acknowledged as expected by ada",
    }
    quiet = Quiet(silences=(silence(column="wind"),))
    assert quiet.reason(A, FIRST) is None
    assert quiet.reason(B, FIRST) == "silenced until 2013-05-01T01:00:00Z by ada"


@pytest.mark.parametrize(
    ("muted", "moment", "covered"),
    [
        ({"hours": "22:00-06:00"}, "2026-03-02T23:00+00:00", True),
        ({"hours": "22:00-06:00"}, "2026-03-02T05:59+00:00", True),
        ({"hours": "22:00-06:00"}, "2026-03-02T06:00+00:00", False),
        # Saturday's night reaches into Sunday, and Friday's into Saturday.
        ({"weekdays": "sat", "hours": "22:00-06:00"}, "2026-03-08T03:00+00:00", True),
        ({"weekdays": "sat", "hours": "22:00-06:00"}, "2026-03-07T03:00+00:00", False),
        ({"weekdays": ["fri-mon"]}, "2026-03-09T12:00+00:00", True),
        ({"weekdays": ["fri-mon"]}, "2026-03-10T12:00+00:00", False),
        ({"months": [12], "days_of_month": [24, 25]}, "2026-12-24T12:00+00:00", True),
        ({"months": [12], "days_of_month": [24, 25]}, "2026-11-24T12:00+00:00", False),
        # By the clock on the wall: summer time begins on 29 March in Helsinki.
        (
            {"hours": "08:00-09:00", "time_zone": "Europe/Helsinki"},
            "2026-03-28T06:30+00:00",
            True,
        ),
        (
            {"hours": "08:00-09:00", "time_zone": "Europe/Helsinki"},
            "2026-03-30T06:30+00:00",
            False,
        ),
        (
            {"hours": "08:00-09:00", "time_zone": "Europe/Helsinki"},
            "2026-03-30T05:30+00:00",
            True,
        ),
    ],
)
def test_a_mute_time_goes_by_the_clock_on_the_wall(
    muted: dict[str, Any],
    moment: str,
    covered: bool,  # noqa: FBT001 - passed by name
) -> None:
    time = MuteTime.model_validate(muted)
    assert time.covers(datetime.fromisoformat(moment)) is covered


# ── the whole of it ──────────────────────────────────────────────────────────────


def told(world: Small) -> list[str]:
    """Return why the journal was told, oldest first."""
    world.app.deliver()
    return [one.delivery.reason for one in reversed(world.app.store.deliveries())]


def quietly(folder: Path, **daily: Any) -> Any:
    return small(folder, daily={"checks": {"wasserstein": {}}, **daily})


def hush(world: Small, length: timedelta, **matchers: str) -> None:
    now = world.clock.now()
    made = replace(silence(**matchers), starts=now, ends=now + length)
    world.app.store.silences.add(made, now)


def test_what_a_silence_kept_back_is_told_when_it_is_over(tmp_path: Path) -> None:
    with quietly(tmp_path) as world:
        world.pass_day()
        hush(world, 2 * DAY, column="amount")
        world.pass_day(shift=30.0)
        assert world.app.remind() == 0
        assert told(world) == []

        world.clock.advance(DAY + 2 * HOUR)
        assert world.app.remind() == 1
        assert told(world) == ["first"]
        assert world.app.remind() == 0  # it is told once


def test_who_heard_the_start_hears_the_end_though_it_was_silenced_between(
    tmp_path: Path,
) -> None:
    with quietly(tmp_path) as world:
        world.pass_day(shift=30.0)
        hush(world, 3 * DAY)
        world.pass_day(shift=30.0)
        assert told(world) == ["first"]
        world.pass_day()
        assert told(world) == ["first", "resolved"]


def test_what_began_and_ended_in_silence_is_never_told(tmp_path: Path) -> None:
    with quietly(tmp_path) as world:
        world.pass_day()
        hush(world, 9 * DAY)
        world.pass_day(shift=30.0)
        world.pass_day()
        world.clock.advance(9 * DAY)
        assert world.app.remind() == 0
        assert told(world) == []


def test_a_repeat_comes_between_windows_and_not_of_what_somebody_looks_at(
    tmp_path: Path,
) -> None:
    with quietly(tmp_path, repeat="6h") as world:
        world.pass_day(shift=30.0)
        world.clock.advance(6 * HOUR)
        assert world.app.remind() == 1
        assert told(world) == ["first", "repeat"]

        (open_,) = world.app.store.open_incidents()
        word = replace(said(Judgement.REAL), incident=open_.id)
        assert world.app.store.silences.acknowledge(word)
        world.clock.advance(6 * HOUR)
        assert world.app.remind() == 0


def test_an_acknowledgement_outlives_a_restart_and_another_takes_its_place(
    tmp_path: Path,
) -> None:
    with quietly(tmp_path) as world:
        world.pass_day(shift=30.0)
        (open_,) = world.app.store.open_incidents()
        words = world.app.store.silences
        assert words.acknowledge(replace(said(Judgement.REAL), incident=open_.id))
        assert words.acknowledge(replace(said(Judgement.NOISE), incident=open_.id))
        assert not words.acknowledge(replace(said(Judgement.NOISE), incident="none"))
    with quietly(tmp_path) as world:
        store = world.app.store
        quiet = store.silences.quiet(FIRST, "churn")
        assert quiet.dismissed(open_)
        assert store.silences.judged() == {("churn", "noise"): 1}


def test_nobody_is_told_in_a_mute_time_nor_while_a_version_is_deployed(
    tmp_path: Path,
) -> None:
    night = {"hours": "00:00-06:00"}
    version = {"file": "version.json", "deploying": "deploying"}
    (tmp_path / "version.json").write_text('{"version": "1"}')
    with quietly(tmp_path, mute=[night]) as world:
        world.pass_day(shift=30.0)  # its window is judged at one in the morning
        assert told(world) == []
        world.clock.advance(6 * HOUR)
        assert world.app.remind() == 1
        assert told(world) == ["first"]
    (tmp_path / "driftd.db").unlink()
    with small(
        tmp_path, model={"version": version}, daily={"checks": {"wasserstein": {}}}
    ) as world:
        (tmp_path / "version.json").write_text('{"version": "1", "deploying": true}')
        world.pass_day(shift=30.0)
        assert told(world) == []
        (tmp_path / "version.json").write_text('{"version": "1"}')
        assert world.app.remind() == 1


def test_noise_speaks_for_no_retraining(tmp_path: Path) -> None:
    pipeline = {"type": "retrain", "url": "http://127.0.0.1:9/", "on": ["drift"]}
    with small(
        tmp_path,
        actions={"pipeline": {**pipeline, "after": "3d"}},
        daily={"actions": ["journal", "pipeline"], "checks": {"wasserstein": {}}},
    ) as world:
        world.pass_day(shift=30.0)
        (open_,) = world.app.store.open_incidents()
        word = replace(said(Judgement.NOISE), incident=open_.id)
        world.app.store.silences.acknowledge(word)
        for _ in range(4):
            world.pass_day(shift=30.0)
        assert world.app.store.retrainings() == []


def test_people_silence_and_acknowledge_at_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with quietly(tmp_path) as world:
        world.pass_day(shift=30.0)
        (open_,) = world.app.store.open_incidents()
    file = str(tmp_path / "driftd.yaml")

    assert main(["silence", file]) == 0
    assert "Nothing is silenced." in capsys.readouterr().out
    assert main(["silence", file, "column=amount", "--for", "2h"]) == 0
    name = capsys.readouterr().out.split()[1]
    assert main(["silence", file]) == 0
    assert "column=amount" in capsys.readouterr().out
    assert main(["silence", file, "--end", name]) == 0
    assert main(["silence", file, "--end", name]) == 2
    assert main(["ack", file, open_.id, "--as", "expected", "--comment", "sale"]) == 0
    assert "is acknowledged as expected" in capsys.readouterr().out
    with quietly(tmp_path) as world:
        events = [one.event for one in world.app.store.journal.newest(3)]
        assert events == ["acknowledged", "silence_ended", "silenced"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["colum=x", "--for", "2h"], "'colum=x' is no NAME=GLOB. Fix: did you mean"),
        (["column=x"], "a silence has an end. Fix: add --for 2h"),
        (["column=x", "--for", "2"], "'2' is not a duration"),
    ],
)
def test_a_silence_that_cannot_be_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    with quietly(tmp_path):
        pass
    assert main(["silence", str(tmp_path / "driftd.yaml"), *arguments]) == 2
    assert why in " ".join(capsys.readouterr().err.split())
