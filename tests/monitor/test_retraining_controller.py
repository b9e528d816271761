"""Retraining from a window's verdicts to a new version, as a config asks for it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import main
from monitor.demo.loopback import Answer, Loopback, Request
from monitor.retraining import State
from tests.monitor.world import Small, small

DAY = timedelta(days=1)


class Pipeline(Loopback):
    """A pipeline that takes whatever it is asked for."""

    def __init__(self) -> None:
        super().__init__(self.take)
        self.got: list[Request] = []

    def take(self, request: Request) -> Answer:
        self.got.append(request)
        return Answer(status=202)


def asking(receiver: Loopback, **policy: Any) -> dict[str, Any]:
    """Return the changes to a config that let a pipeline be asked."""
    pipeline = {
        "type": "retrain",
        "url": f"{receiver.url}/hook",
        "on": ["drift"],
        "cooldown": "1d",
        "relapse": "30d",
        **policy,
    }
    return {
        "actions": {"pipeline": pipeline},
        "daily": {"actions": ["journal", "pipeline"], "checks": {"wasserstein": {}}},
    }


def states(world: Small) -> list[State]:
    return [one.state for one in world.app.store.retrainings("churn")]


def messages(world: Small) -> list[str]:
    return [
        str(one.delivery.body["message"])
        for one in world.app.store.deliveries()
        if one.delivery.reason == "attention"
    ]


def deploy(world: Small, version: int) -> None:
    """Deploy a version whose reference is as the first one's."""
    reference = (world.folder / "reference-1.parquet").read_bytes()
    (world.folder / f"reference-{version}.parquet").write_bytes(reference)
    (world.folder / "version.txt").write_text(str(version))


def test_a_proposed_retraining_is_asked_for_once_a_person_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Pipeline() as receiver:
        with small(tmp_path, **asking(receiver, approval=True)) as world:
            world.pass_day()
            world.pass_day(shift=30.0)
            world.app.deliver()
            assert states(world) == [State.PROPOSED]
            assert receiver.got == []
            world.pass_day(shift=30.0)
            assert states(world) == [State.PROPOSED]  # nobody is asked twice
            (asked,) = world.app.store.retrainings()

        file = str(tmp_path / "driftd.yaml")
        assert main(["retrainings", file, "--approve", asked.id[:6]]) == 0
        assert main(["retrainings", file, "--approve", asked.id[:6]]) == 2
        assert "only a proposed one" in capsys.readouterr().err
        assert main(["retrainings", file, "--decline", "no-such"]) == 2
        assert "names no retraining" in capsys.readouterr().err

        again = asking(receiver, approval=True)
        with small(tmp_path, today=datetime(2027, 1, 1, tzinfo=UTC), **again) as world:
            world.app.deliver()
            assert states(world) == [State.ACCEPTED]
            assert len(receiver.got) == 1


def test_useless_retrainings_open_a_circuit_breaker_and_page_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Pipeline() as receiver:
        changes = asking(receiver, breaker=2)
        with small(tmp_path, **changes) as world:
            world.pass_day()
            for version in (2, 3):
                world.pass_day(shift=30.0)
                world.app.deliver()
                deploy(world, version)  # trained on the same, and so of no use
                world.pass_day(shift=30.0)
                world.app.deliver()
            world.pass_day(shift=30.0)
            world.pass_day(shift=30.0)
            asked = len(receiver.got)
            assert asked == 2
            assert states(world) == [State.PROMOTED] * 2
            (said,) = messages(world)
            assert "the last 2 were of no use" in said

        file = str(tmp_path / "driftd.yaml")
        assert main(["retrainings", file, "--close-breaker", "churn/pipelin"]) == 2
        assert "pipeline" in capsys.readouterr().err
        assert main(["retrainings", file, "--close-breaker", "churn/pipeline"]) == 0


def test_labels_that_came_since_are_counted_in_what_a_retraining_needs(
    tmp_path: Path,
) -> None:
    with Pipeline() as receiver:
        needs = asking(receiver, min_labels=700)
        with small(tmp_path, **needs) as world:
            # A day's labels are known a day later: each window has none as it ends.
            world.pass_day(shift=30.0)
            world.pass_day(shift=30.0)
            assert states(world) == []
            world.app.reevaluate("churn", world_period(world))
            world.pass_day(shift=30.0)
            assert states(world) == [State.REQUESTED]


def world_period(world: Small) -> Any:
    """Return the days that have passed."""
    from monitor.window import Window  # noqa: PLC0415 - one test's own

    return Window(world.today - 2 * DAY, world.today)
