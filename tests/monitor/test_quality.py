"""Data that come broken, seen by the daemon: stuck, doubled, and come to a stop."""

from pathlib import Path
from typing import Any

from checks.verdict import Status, Verdict
from monitor import wording
from monitor.cycle import Turn
from tests.monitor.world import PER_DAY, log, rows, small


def failed(found: list[Any]) -> dict[tuple[str, str | None], Verdict]:
    """Return the verdicts of a day that failed."""
    (turn,) = [event for event in found if isinstance(event, Turn)]
    assert turn.assessment is not None
    verdicts = turn.assessment.verdicts
    return {(v.check, v.column): v for v in verdicts if v.status is Status.FAIL}


def quality(found: list[Any]) -> dict[str, str]:
    """Say what of a day's quality failed, as people read it."""
    return {
        check: wording.finding(verdict)
        for (check, _), verdict in failed(found).items()
        if verdict.family.value == "quality"
    }


def test_a_stream_that_stops_at_noon_is_not_fresh(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        assert failed(world.pass_day()) == {}
        log(tmp_path, world.today, rows(world.today).slice(0, PER_DAY // 2))
        told = quality(world.wait())

        assert told == {
            "freshness": "the part of the window after its newest row rose from 0.25 % "
            "to 50.2 %, the newest row came 12 h 3 min before the end, usually 3 min"
        }


def test_rows_that_are_logged_again_have_ids_that_came_before(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        world.pass_day()
        ids = [f"{world.today:%Y%m%d}-{i % 300}" for i in range(PER_DAY)]
        told = quality(world.pass_day(id=ids))

        assert (
            told["duplicate_ids"] == "rows whose id came before rose from 0 % to 25 %"
        )


def test_a_column_that_stands_still_is_named_with_its_value(tmp_path: Path) -> None:
    with small(tmp_path) as world:
        world.pass_day()
        told = quality(world.pass_day(plan=["unknown"] * PER_DAY))

        assert told == {
            "constant": "rows that hold one and the same value rose from 0 % to 100 %, "
            "always unknown"
        }
